use chem_runtime::prelude::*;

#[derive(StepInputs)]
struct Tables {
    left: Option<Input<Table>>,
}

fn main() {}
