use chem_runtime::prelude::*;

#[derive(Debug, Clone, PartialEq)]
struct Unit;

/// Gives rows.
#[derive(Step)]
#[step("table.rows", version = 1, source)]
struct Rows {
    /// Which.
    unit: Unit,
}

impl RunStep for Rows {
    type Inputs = ();
    type Output = Table;

    fn run(&self, _: (), _: &ExecutionContext<'_>) -> Result<Table, StepError> {
        Err(StepError::new("nothing"))
    }
}

fn main() {}
