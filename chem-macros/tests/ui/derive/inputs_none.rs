use chem_runtime::prelude::*;

#[derive(StepInputs)]
struct Tables;

fn main() {}
