use chem_runtime::prelude::*;
use chem_runtime::steps::demo::Text;

/// Passes a text on.
#[step("demo.pass", version = 1, rows)]
fn pass(text: Rows<Text>) -> Result<RowWork<Table>, StepError> {
    Ok(text.each(|_, _| Ok(BatchOutput::all())))
}

fn main() {}
