use chem_runtime::prelude::*;

#[derive(StepInputs)]
enum Tables {
    Left(Input<Table>),
}

fn main() {}
