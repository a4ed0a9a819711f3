use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(
    /// How heavy it is.
    weight: f32,
) -> Result<Table, StepError> {
    let _ = weight;
    Ok(Table::default())
}

fn main() {}
