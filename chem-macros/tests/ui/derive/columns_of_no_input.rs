use chem_runtime::prelude::*;

/// Gives rows.
#[derive(Step)]
#[step("table.rows", version = 1)]
struct Rows {
    /// The column.
    #[param(columns_of = "letf")]
    column: ColumnName,
}

#[derive(StepInputs)]
struct Tables {
    left: Input<Table>,
    right: Input<Table>,
}

impl RunStep for Rows {
    type Inputs = Tables;
    type Output = Table;

    fn run(&self, _: Tables, _: &ExecutionContext<'_>) -> Result<Table, StepError> {
        Err(StepError::new("nothing"))
    }
}

fn main() {}
