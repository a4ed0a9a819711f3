use chem_runtime::prelude::*;

/// Gives a table.
#[step("demo.seed", version = 1)]
fn seed() -> Table {
    Table::default()
}

fn main() {}
