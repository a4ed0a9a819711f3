use chem_runtime::prelude::*;

/// Gives nothing.
#[step("demo.seed", version = 1)]
fn seed() {}

fn main() {}
