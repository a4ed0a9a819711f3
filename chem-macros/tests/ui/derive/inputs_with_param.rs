use chem_runtime::prelude::*;

#[derive(StepInputs)]
struct Tables {
    left: Input<Table>,
    rows: u32,
}

fn main() {}
