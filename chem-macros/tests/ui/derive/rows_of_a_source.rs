use chem_runtime::prelude::*;

/// Gives rows.
#[derive(Step)]
#[step("demo.rows", version = 1, source, rows)]
struct Given;

impl RunRows for Given {
    type Inputs = Rows<Table>;
    type Output = Table;

    fn run(&self, table: Rows<Table>, _: &ExecutionContext<'_>) -> Result<RowWork<Table>, StepError> {
        Ok(table.each(|_, _| Ok(BatchOutput::all())))
    }
}

fn main() {}
