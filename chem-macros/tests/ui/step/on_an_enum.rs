use chem_runtime::prelude::*;

/// Has an upper bound.
#[step("demo.bound", version = 1)]
pub enum Bound {
    Upper(f64),
}

fn main() {}
