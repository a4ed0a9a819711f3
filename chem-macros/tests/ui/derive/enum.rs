use chem_runtime::prelude::*;

/// Gives rows.
#[derive(Step)]
#[step("table.rows", version = 1)]
enum Rows {
    All,
    Some,
}

fn main() {}
