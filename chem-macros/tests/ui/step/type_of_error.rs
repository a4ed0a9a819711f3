use chem_runtime::prelude::*;

/// Fails.
#[step("demo.fail", version = 1)]
fn fail() -> Result<Table, String> {
    Err("no".to_owned())
}

fn main() {}
