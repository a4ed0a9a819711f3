use chem_runtime::prelude::*;

/// Passes the columns of a table on.
#[derive(Step)]
#[step("demo.pass", version = 1)]
struct Pass;

impl RunStep for Pass {
    type Inputs = Rows<Table>;
    type Output = Table;

    fn run(&self, table: Rows<Table>, _: &ExecutionContext<'_>) -> Result<Table, StepError> {
        Ok(table.head()?)
    }
}

fn main() {}
