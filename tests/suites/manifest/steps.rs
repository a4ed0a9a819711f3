//! Steps that do nothing and have every kind of port and parameter.

use chem_runtime::prelude::*;
use chem_runtime::step::same_columns;

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

/// Makes a table with these columns.
#[step("lab.make", version = 1, columns = columns_made)]
pub fn make_table(
    /// Their names.
    columns: Vec<String>,
) -> Result<WithRejects<Table>, StepError> {
    let _ = columns;
    Ok(WithRejects { kept: Table::default(), rejects: Table::default() })
}

fn columns_made(step: &MakeTable, _: &ColumnContext<'_>) -> Columns {
    Columns::known(step.columns.iter().map(String::as_str))
}

/// Puts a column after another.
#[step("lab.add", version = 1, columns = columns_with_one_more)]
pub fn add_column(
    table: Input<Table>,
    /// The column to add.
    column: String,
    /// The column that it stands after.
    #[param(default = "name")]
    after: ColumnName,
) -> Result<Table, StepError> {
    let _ = (column, after);
    Ok(Table::clone(&table))
}

fn columns_with_one_more(step: &AddColumn, context: &ColumnContext<'_>) -> Columns {
    context.input("table").with([step.column.as_str()])
}

/// Marks the rows for which conditions hold.
#[step("lab.mark", version = 1, columns = same_columns)]
pub fn mark_rows(
    table: Input<Table>,
    /// The conditions, by mark.
    marks: std::collections::BTreeMap<String, Expression>,
    /// A condition over columns that the step makes itself.
    #[param(columns_of = [])]
    also: Option<Expression>,
) -> Result<Table, StepError> {
    let _ = (marks, also);
    Ok(Table::clone(&table))
}

/// Matches the rows of two tables.
#[step("lab.match", version = 1)]
pub fn match_tables(
    left: Input<Table>,
    right: Input<Table>,
    /// Columns that both have.
    #[param(columns_of = ["left", "right"])]
    on: Vec<ColumnName>,
    /// A column that the right table has.
    #[param(columns_of = "right")]
    value: ColumnName,
    /// A column of one or the other.
    note: Option<ColumnName>,
) -> Result<Table, StepError> {
    let _ = (right, on, value, note);
    Ok(Table::clone(&left))
}

/// Takes rows at random.
#[step("lab.sample", version = 1)]
pub fn sample_rows(
    table: Input<Table>,
    /// How many rows come for each that is taken.
    #[param(example = "2.5")]
    every: PositiveNumber,
    /// Rows whose name fits are left out.
    except: Option<Pattern>,
    /// Weights, by kind.
    #[param(min = 0, max = 1, default = std::collections::BTreeMap::new())]
    weights: std::collections::BTreeMap<String, f64>,
) -> Result<Table, StepError> {
    let _ = (every, except, weights);
    Ok(Table::clone(&table))
}

/// Takes the first rows of a table that fit.
#[step("lab.numbered", version = 1, columns = same_columns)]
pub fn numbered_rows(
    table: Input<Table>,
    /// Which rows fit.
    r#where: Expression,
    /// The column that says which are first.
    by: ColumnName,
    /// How many to take.
    #[param(min = 1)]
    top: u32,
) -> Result<Table, StepError> {
    let _ = (r#where, by, top);
    Ok(Table::clone(&table))
}
