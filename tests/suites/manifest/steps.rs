//! Steps that do nothing and have every kind of port and parameter.

use chem_runtime::prelude::*;

/// Reads a table.
#[step("lab.read", version = 1)]
pub fn read(
    /// The file with the table.
    #[param(example = "data/drugs.csv")]
    path: InputFile,
    /// How many rows to read.
    limit: Option<u32>,
) -> Result<WithRejects<Table>, StepError> {
    let _ = (path, limit);
    Ok(WithRejects { kept: Table::default(), rejects: Table::default() })
}

/// Keeps the rows for which a condition holds.
#[step("lab.filter", version = 1)]
pub fn filter(
    table: Input<Table>,
    /// The condition.
    #[param(example = "logp <= 5")]
    r#where: Expression,
) -> Result<Table, StepError> {
    let _ = r#where;
    Ok(Table::clone(&table))
}

/// Adds columns.
#[step("lab.describe", version = 1)]
pub fn describe(
    table: Input<Table>,
    /// The columns to add.
    #[param(one_of = ["weight", "logp", "tpsa"])]
    properties: Vec<String>,
    /// Digits after the point.
    #[param(default = 3, min = 0, max = 9)]
    decimals: u8,
    /// Heavier molecules are left as they are.
    #[param(default = 1000.0, min = 0.0, unit = "g/mol")]
    heaviest: f64,
    /// Names of the columns, by property.
    #[param(default = std::collections::BTreeMap::new())]
    names: std::collections::BTreeMap<String, String>,
    /// Whether to say more.
    #[param(default = false)]
    verbose: bool,
) -> Result<Table, StepError> {
    let _ = (properties, decimals, heaviest, names, verbose);
    Ok(Table::clone(&table))
}

/// Puts two tables side by side.
#[step("lab.join", version = 1)]
pub fn join(
    left: Input<Table>,
    right: Input<Table>,
    /// The column that both have.
    on: String,
) -> Result<Table, StepError> {
    let _ = (right, on);
    Ok(Table::clone(&left))
}

/// Writes a table.
#[step("lab.write", version = 1, kind = Sink)]
pub fn write(
    table: Input<Table>,
    /// The file to write.
    path: OutputFile,
) -> Result<(), StepError> {
    let _ = (table, path);
    Ok(())
}

/// Compares a table with another, if there is one.
#[step("lab.compare", version = 1)]
pub fn compare(old: Option<Input<Table>>, new: Input<Table>) -> Result<Table, StepError> {
    Ok(old.map(|old| Table::clone(&old)).unwrap_or_else(|| Table::clone(&new)))
}
