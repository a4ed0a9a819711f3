use chem_runtime::prelude::*;

/// Gives rows.
#[derive(Step)]
#[step("table.rows", version = 1, source)]
struct Rows {
    /// How many.
    #[param(default = 1)]
    rows: u32,
}

fn main() {}
