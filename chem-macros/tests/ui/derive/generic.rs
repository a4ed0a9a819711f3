use chem_runtime::prelude::*;

/// Gives rows.
#[derive(Step)]
#[step("table.rows", version = 1)]
struct Rows<T> {
    /// Which.
    which: T,
}

fn main() {}
