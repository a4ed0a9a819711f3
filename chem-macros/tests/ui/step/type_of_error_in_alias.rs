use chem_runtime::prelude::*;

type Result<T> = std::result::Result<T, String>;

/// Fails.
#[step("demo.fail", version = 1)]
fn fail() -> Result<Table> {
    Err("no".to_owned())
}

fn main() {}
