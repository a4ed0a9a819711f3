//! The inputs and outputs that a step has with its parameters.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::{Map, Value};

use super::{REJECT, RunProcess};
use crate::artifact::Dataset;
use crate::prelude::*;
use crate::step::{MAIN_OUTPUT, MoleculesOfTable, OutputSpec, PortSpec, REJECTS, RowsSpec, StepReturn, StepSpec};

/// What decides the shape.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Asked {
    rows: bool,
    rejects: bool,
    names_columns: bool,
    molecules: bool,
    outputs: Vec<String>,
}

/// Returns the step type with the inputs and outputs of a step that has these parameters.
pub(super) fn shape(params: &Map<String, Value>) -> &'static StepSpec {
    let is_set = |name: &str| params.get(name) == Some(&Value::Bool(true));
    let outputs = params.get("outputs").and_then(Value::as_object);
    let asked = Asked {
        rows: is_set("rows"),
        rejects: params.get("on_error").is_some_and(|value| value == REJECT),
        names_columns: params.get("columns").is_some_and(Value::is_array),
        molecules: is_set("molecules"),
        outputs: outputs.into_iter().flatten().map(|(name, _)| name.clone()).collect(),
    };
    if !asked.rows && !asked.molecules && asked.outputs.is_empty() {
        return &RunProcess::SPEC;
    }
    // A shape lives as long as the program, so each is made once.
    static KNOWN: OnceLock<Mutex<HashMap<Asked, &'static StepSpec>>> = OnceLock::new();
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(asked.clone()).or_insert_with(|| Box::leak(Box::new(asked.spec())))
}

impl Asked {
    fn spec(&self) -> StepSpec {
        if self.rows {
            let reads = if self.names_columns { RowsSpec::Columns(&[]) } else { RowsSpec::All };
            const ROWS: &[PortSpec] = &[PortSpec { rows: true, ..PortSpec::of::<Input<Table>>("table") }];
            return StepSpec {
                rows: Some(reads),
                inputs: ROWS,
                outputs: if self.rejects {
                    <WithRejects<Dataset> as StepReturn>::OUTPUTS
                } else {
                    <Dataset as StepReturn>::OUTPUTS
                },
                ..RunProcess::SPEC
            };
        }
        let molecules = MoleculesOfTable::linked().filter(|_| self.molecules).map(|linked| linked.outputs);
        let mut outputs = molecules.unwrap_or(RunProcess::SPEC.outputs).to_vec();
        for name in &self.outputs {
            outputs.push(OutputSpec::of::<Table>(Box::leak(name.clone().into_boxed_str())));
        }
        StepSpec { outputs: Box::leak(outputs.into_boxed_slice()), ..RunProcess::SPEC }
    }
}

/// Reports that the program, which answers by row, would replace the structures of an input of this kind.
pub(super) fn replaced_structures(step: &RunProcess, kind: &str) -> Option<Misfit> {
    MoleculesOfTable::replaced(kind, step.types.keys().map(String::as_str), "types")
}

/// Reports parameters that do not go together, and outputs that the program cannot write.
pub(super) fn wrong_shape(step: &RunProcess) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    let mut wrong = |param, message: String, help: &str| misfits.push(Misfit::new(param, message).with_help(help));
    let is_by_row = step.rows == Some(true);
    if is_by_row && step.types.is_empty() {
        let help = "name the columns that the program computes, such as `types: { energy: float }`";
        wrong("rows", "`rows: true` requires `types`".to_owned(), help);
    }
    if is_by_row && step.molecules == Some(true) {
        let help = "omit `molecules`: molecules that come in are molecules that come out";
        wrong("molecules", "`molecules: true` is not possible with `rows: true`".to_owned(), help);
    }
    if is_by_row && step.outputs.is_some() {
        let help = "omit `rows`, so that the program runs once";
        wrong("outputs", "`outputs` is not possible with `rows: true`".to_owned(), help);
    }
    if !is_by_row && step.batch.is_some() {
        wrong("batch", "`batch` is only possible with `rows: true`".to_owned(), "omit it, or add `rows: true`");
    }
    if !is_by_row && step.on_error.is_some() {
        wrong("on_error", "`on_error` is only possible with `rows: true`".to_owned(), "omit it, or add `rows: true`");
    }
    if step.molecules == Some(true) && MoleculesOfTable::linked().is_none() {
        wrong("molecules", "this program has no chemistry".to_owned(), "build it with the feature `chemistry`");
    }
    if step.version.is_none() && step.version_from.is_none() {
        let help =
            "add `version: NAME@VERSION`, or `version_from:` with a command that prints it, such as `[xtb, --version]`";
        wrong("version", "neither `version` nor `version_from` is given".to_owned(), help);
    }
    for name in step.outputs.iter().flatten().map(|(name, _)| name) {
        let is_plain = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|each| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '_');
        if !is_plain || [MAIN_OUTPUT, REJECTS].contains(&name.as_str()) || step.files.contains_key(name) {
            let help =
                "use lower-case letters, digits and `_`, and a name that is not `main`, `rejects` or one of `files`";
            wrong("outputs", format!("an output cannot be called `{name}`"), help);
        } else if !step.command.iter().any(|argument| argument.contains(&format!("{{{name}}}"))) {
            let help = format!("write `{{{name}}}` in `command`, where the program takes the path to write to");
            wrong("outputs", format!("the program is not told where to write the output `{name}`"), &help);
        }
    }
    misfits
}
