use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(
    /// How heavy it is.
    #[param(default = "heavy")]
    weight: f64,
) -> Result<Table, StepError> {
    let _ = weight;
    Ok(Table::default())
}

fn main() {}
