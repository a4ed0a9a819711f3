use chem_runtime::prelude::*;

/// Has an upper bound.
#[step("demo.bound", version = 1)]
trait Bound {}

fn main() {}
