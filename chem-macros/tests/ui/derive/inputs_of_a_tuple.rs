use chem_runtime::prelude::*;

#[derive(StepInputs)]
struct Tables(Input<Table>, Input<Table>);

fn main() {}
