//! A place to run single steps in.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use chem_runtime::artifact::{ArtifactValue, Table};
use chem_runtime::chemistry::ReadMolecules;
use chem_runtime::step::{CancelToken, ExecutionContext, Files, Inputs, Silent, Step, StepError, StepId, StepOutput};
use serde_json::{Map, Value};

/// Runs `step` in `directory` over what earlier steps put out.
pub fn run(step: &impl Step, directory: &Path, inputs: &[(&str, &StepOutput)]) -> Result<Vec<StepOutput>, StepError> {
    let (id, files, cancel) = (StepId::new("it").unwrap(), Files::relative_to(directory), CancelToken::default());
    let mut wired = Inputs::default();
    for (port, output) in inputs {
        wired.wire(*port, output.packed.root.hash(), output.handed.clone());
    }
    step.execute(&ExecutionContext::new(&id, &wired, &HashMap::new(), &files, &cancel, &Silent))
}

/// `molecules.read` with these parameters and the defaults of the others.
pub fn read(path: &str, params: &[(&str, Value)]) -> ReadMolecules {
    let mut all: Map<String, Value> = params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    all.insert("path".to_owned(), path.into());
    ReadMolecules::from_params(&all).unwrap()
}

/// What `molecules.read` makes of a file with this name and content: the molecules, and the rejects.
pub fn read_file(name: &str, content: &[u8], params: &[(&str, Value)]) -> Result<(Arc<Table>, Arc<Table>), StepError> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(name), content).unwrap();
    let outputs = run(&read(name, params), directory.path(), &[])?;
    Ok((table(&outputs[0]), table(&outputs[1])))
}

/// The table that a step handed on.
pub fn table(output: &StepOutput) -> Arc<Table> {
    Table::take(output.handed.as_ref().unwrap()).unwrap()
}

/// The texts of a column; an empty one where there is none.
pub fn texts(table: &Table, column: &str) -> Vec<String> {
    table.texts(column).unwrap().iter().map(|value| value.unwrap_or_default().to_owned()).collect()
}

/// The whole numbers of a column, all of which are there.
pub fn integers(table: &Table, column: &str) -> Vec<i64> {
    table.integers(column).unwrap().iter().map(|value| value.unwrap()).collect()
}

/// The numbers of a column, all of which are there.
pub fn floats(table: &Table, column: &str) -> Vec<f64> {
    table.floats(column).unwrap().iter().map(|value| value.unwrap()).collect()
}
