use chem_runtime::prelude::*;

/// Has an upper bound.
#[step("demo.bound", version = 1)]
pub struct Bound {
    upper: f64,
}

fn main() {}
