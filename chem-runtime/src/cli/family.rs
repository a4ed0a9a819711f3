//! Prints the children of a run, and the table of what they put out.

use anstyle::Style;
use serde_json::Value;

use super::CommandName;
use super::advice::Advice;
use super::args::Shared;
use super::exit::Failure;
use super::output::{self, BAD, BOLD, DIM, Table};
use crate::artifact::{self, ArtifactValue as _};
use crate::fingerprint::Fingerprint;
use crate::flow::replay;
use crate::report::{RunReport, StepReport};
use crate::step::children::MAP_STEP;
use crate::store::{EventStore, StoredArtifacts};
use crate::workbench::{Child, Family};

/// The most children, and rows of a result, that are printed.
const SHOWN: usize = 100;

/// Reads what there is to say of the children of a run, and of the processes that worked on it; `None` for a run that has no children
/// and is none, whose log is not read.
pub(super) fn of(report: &RunReport, store: &dyn EventStore) -> Result<Option<Family>, Failure> {
    if !report.has_children() && report.child_of.is_none() {
        return Ok(None);
    }
    let events = store.list(report.flow_id)?;
    Ok(Some(Family::of(store, &events, &replay(report.flow_id, &events)?)?))
}

/// Returns a table of the children.
pub(super) fn list(children: &[Child]) -> String {
    let mut table = Table::new(&["child", "given", "status", "run", "flow fingerprint"]);
    for child in children.iter().take(SHOWN) {
        let style = child.status.map_or(DIM, output::status_style);
        table.row([
            (BOLD, child.name()),
            (Style::new(), child.label()),
            (style, child.status_name().to_owned()),
            (DIM, child.flow_id.to_string()),
            (DIM, child.flow_fingerprint.map(|fingerprint| fingerprint.short()).unwrap_or_default()),
        ]);
    }
    let more = children.len().saturating_sub(SHOWN);
    if more > 0 { format!("{}and {more} more\n", table.render()) } else { table.render() }
}

/// Returns the results of the steps with `map:` that have finished.
pub(super) fn results(shared: &Shared, report: &RunReport, store: &dyn EventStore) -> Result<String, Failure> {
    let mut text = String::new();
    for step in report.steps.iter().filter(|step| step.uses == MAP_STEP) {
        text.push_str(&result(shared, step, store)?);
    }
    Ok(text)
}

fn result(shared: &Shared, step: &StepReport, store: &dyn EventStore) -> Result<String, Failure> {
    let Some(output) = step.outputs.first() else { return Ok(String::new()) };
    let Some(artifact) = store.read_artifact(output.hash)? else { return Ok(String::new()) };
    let rows = artifact::Table::unpack(&artifact, &StoredArtifacts(store))?;
    let names: Vec<&str> = rows.columns().iter().map(|column| &*column.name).collect();
    let mut table = Table::new(&names);
    for row in 0..rows.rows().min(SHOWN) {
        table.row(names.iter().zip(rows.row(row)).map(|(name, value)| cell(name, &value)));
    }
    let mut text = format!("\n{}", table.render());
    let artifact = Advice::command(CommandName::Artifact, &[&output.hash.short(), &"--rows"]);
    let advice = match rows.rows().saturating_sub(SHOWN) {
        0 => artifact.then(" prints this table as CSV"),
        more => artifact.then(format!(" prints {more} more rows, as CSV")),
    };
    text.push_str(&advice.render(shared).map(|advice| format!("{advice}\n")).unwrap_or_default());
    Ok(text)
}

fn cell(name: &str, value: &Value) -> (Style, String) {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => match text.parse::<Fingerprint>() {
            Ok(fingerprint) => return (DIM, fingerprint.short()),
            Err(_) => text.clone(),
        },
        value => value.to_string(),
    };
    (if name == "error" { BAD } else { Style::new() }, text)
}
