use chem_runtime::prelude::*;

#[step("seed", version = 0)]
async fn seed(
    name: &str,
    /// How many.
    #[param(default = 0, min = 1)]
    rows: u32,
) -> Table {
    let _ = (name, rows);
    Table::default()
}

fn main() {}
