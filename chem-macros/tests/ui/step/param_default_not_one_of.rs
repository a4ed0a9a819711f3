use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed(
    /// How to put values together.
    #[param(default = ["mean", "meen"], one_of = ["mean", "median"])]
    methods: Vec<String>,
) -> Result<Table, StepError> {
    let _ = methods;
    Ok(Table::default())
}

fn main() {}
