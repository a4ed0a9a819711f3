use chem_runtime::prelude::*;

#[derive(Step)]
#[step("rows", version = 0, cahce = false)]
struct Rows<'a> {
    /// Which.
    which: &'a str,
    /// How many.
    #[param(default = 0, min = 1)]
    #[param(max = 2)]
    rows: u32,
    number: f64,
    Upper: bool,
}

fn main() {}
