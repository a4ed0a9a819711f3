//! Two runs side by side: only what differs, down to the records.

use askama::Template;
use serde_json::Value;

use super::frame::{Clipped, Frame, encoded, shown};
use super::reply::{Page, Refusal, Reply};
use super::{Asked, Explorer, PICTURE};
use crate::flow::replay;
use crate::store::StoredArtifacts;
use crate::workbench::{Change, Comparison, Example, FlowFacts, OutputComparison, Side, diff};

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Query {
    before: String,
    after: String,
}

/// Compares two runs.
pub(super) fn page(explorer: &Explorer, asked: &Asked<'_>) -> Result<Reply, Refusal> {
    let Query { before, after } = asked.query()?;
    if before.is_empty() || after.is_empty() {
        return Err(Refusal::wrong("choose two runs in the list of runs, one to compare with and one to compare"));
    }
    let facts = |name: &str| -> Result<FlowFacts, Refusal> {
        let (flow_id, events) = explorer.run(name)?;
        Ok(FlowFacts::of_run(&replay(flow_id, &events)?))
    };
    let (before, after) = (facts(&before)?, facts(&after)?);
    let comparison = diff(&StoredArtifacts(explorer.store.as_ref()), &before, &after)?;
    let id = |side: &Side| side.flow_id.map(|id| id.to_string()).unwrap_or_default();
    let (first, second) = (id(&comparison.before), id(&comparison.after));
    let frame = explorer.frame(asked, "Two runs", &["diff", &first, &second]);
    Reply::page(&Compare::new(frame, comparison), asked.form)
}

#[derive(Template)]
#[template(path = "compare.html")]
struct Compare {
    frame: Frame,
    /// The two runs: id, flow and status.
    sides: [(String, String, &'static str); 2],
    is_equal: bool,
    /// What differs between the flows as a whole.
    whole: Vec<String>,
    /// The step at which the runs diverge, and why.
    parted: Option<(String, String)>,
    steps: Vec<StepChange>,
    json: Value,
}

struct StepChange {
    step: String,
    why: Vec<String>,
    outputs: Vec<OutputChange>,
}

struct OutputChange {
    name: String,
    /// The artifacts before and after.
    artifacts: [Option<String>; 2],
    words: String,
    records: Vec<RecordChange>,
    /// The number of records that differ and are not listed.
    more: usize,
}

/// A record that differs.
struct RecordChange {
    /// `added`, `removed` or `changed`.
    how: &'static str,
    name: Clipped,
    /// The columns that differ, before and after.
    values: Vec<(String, Clipped, Clipped)>,
    /// The addresses of the drawings: one, or those before and after.
    pictures: Vec<String>,
}

impl Compare {
    fn new(frame: Frame, comparison: Comparison) -> Self {
        let side = |side: &Side| {
            let id = side.flow_id.map(|id| id.to_string()).unwrap_or_default();
            (id, side.flow.clone(), side.status.map_or("planned", |status| status.name()))
        };
        let mut whole: Vec<String> = comparison.params.iter().map(|it| format!("flow {it}")).collect();
        whole.extend(comparison.added.iter().map(|step| format!("step {step} added")));
        whole.extend(comparison.removed.iter().map(|step| format!("step {step} removed")));
        whole.extend(comparison.reordered.then(|| "the steps are in another order".to_owned()));
        whole.extend(comparison.statuses().map(|(was, is)| format!("status {} → {}", was.name(), is.name())));
        let parted = comparison.parted().map(|step| (step.step.clone(), step.why_parted()));
        let steps = comparison.steps.iter().map(|step| StepChange {
            step: step.step.clone(),
            why: step.why.iter().map(ToString::to_string).collect(),
            outputs: step.outputs.iter().map(OutputChange::new).collect(),
        });
        Self {
            frame,
            sides: [side(&comparison.before), side(&comparison.after)],
            is_equal: comparison.is_empty(),
            whole,
            parted,
            steps: steps.collect(),
            json: comparison.to_json(),
        }
    }
}

impl OutputChange {
    fn new(output: &OutputComparison) -> Self {
        let (words, records, more) = match &output.change {
            Change::Records(records) => {
                (records.in_words(), records.examples.iter().map(RecordChange::new).collect(), records.more())
            }
            other => (other.details(), Vec::new(), 0),
        };
        let artifacts = [output.before, output.after].map(|hash| hash.map(|hash| hash.to_string()));
        Self { name: output.output.clone(), artifacts, words, records, more }
    }
}

impl RecordChange {
    fn new(example: &Example) -> Self {
        let drawn = |smiles: Option<&Value>| Some(format!("/depict.svg?smiles={}", encoded(smiles?.as_str()?)));
        match example {
            Example::Added(record) => Self::whole("added", record, drawn(record.get("smiles"))),
            Example::Removed(record) => Self::whole("removed", record, drawn(record.get("smiles"))),
            Example::Changed(key, columns) => {
                let values = columns.iter().map(|(column, (was, is))| (column.clone(), shown(was), shown(is)));
                let pictures = match columns.get("smiles") {
                    Some((was, is)) => [drawn(Some(was)), drawn(Some(is))].into_iter().flatten().collect(),
                    None => drawn(key.get("smiles")).into_iter().collect(),
                };
                Self { how: "changed", name: name_of(key), values: values.collect(), pictures }
            }
        }
    }

    fn whole(how: &'static str, record: &Value, picture: Option<String>) -> Self {
        Self { how, name: name_of(record), values: Vec::new(), pictures: picture.into_iter().collect() }
    }
}

/// Returns the name of a record, or its key, or the whole record if it has neither.
fn name_of(record: &Value) -> Clipped {
    shown(record.get("name").unwrap_or(record))
}

impl Page for Compare {
    fn json(&self) -> Value {
        self.json.clone()
    }
}
