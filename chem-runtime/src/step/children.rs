//! The children of a step with `map:`: what the log records of them, and how the step has them run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use chem_manifest::authored::OnError;
use chem_manifest::document::Steps;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::StepError;
use super::files::Files;
use crate::cancel::CancelToken;
use crate::event::{FlowId, OutputRef, RecordedDefinition, RecordedStep, Resources};
use crate::fingerprint::{Fingerprint, to_json};

/// The name by which the log records a step with `map:`.
pub(crate) const MAP_STEP: &str = "flow.map";

/// How long to wait before asking again about children that other processes run.
const PAUSE: Duration = Duration::from_millis(200);

/// The column with the fingerprint of each child.
pub(crate) const FINGERPRINT: &str = "flow_fingerprint";

/// The column with the error of each child that failed.
pub(crate) const ERROR: &str = "error";

/// The parameters of a step with `map:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapParams {
    /// The children, in the order of their rows.
    pub(crate) children: Vec<ChildFlow>,
    /// The path of the manifest of the flow; empty if its steps are in place.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) flow: String,
    /// What to do when a child fails.
    #[serde(default)]
    pub(crate) on_error: OnError,
    /// The parameters that differ between children, each with its values.
    pub(crate) over: BTreeMap<String, Vec<Value>>,
    /// The parameters that all children get.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) params: Map<String, Value>,
    /// The steps of the flow as the manifest writes them in place; `None` if it has a manifest of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) steps: Option<Steps>,
    /// What to take from the outputs, by the name of the column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) take: BTreeMap<String, Taken>,
    /// The text of the manifest of the flow when the run began, in no fingerprint; `None` if its steps are in place, or if an
    /// earlier release began the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
}

/// Returns whether the recorded parameter called `name` of a step of type `uses` is one of its manifest: what a step with `map:`
/// finds behind `flow` is recorded among them too.
pub(crate) fn is_in_manifest(uses: &str, name: &str) -> bool {
    uses != MAP_STEP || !["children", "text"].contains(&name)
}

/// The flow of a child.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChildFlow {
    /// The resolved definition.
    pub(crate) definition: RecordedDefinition,
    /// The name of the flow.
    pub(crate) flow: String,
    /// The values of the parameters that differ between children.
    pub(crate) given: Map<String, Value>,
}

/// What a column takes from each child.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// The column of the output, a table of one row, or the member of an object; `None` for the number of rows of a table,
    /// or for an output that is a single value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) member: Option<String>,
    /// The name of the output.
    pub(crate) output: String,
    /// The id of the step.
    pub(crate) step: String,
}

impl MapParams {
    /// Reads the parameters from those of a recorded step.
    ///
    /// # Errors
    /// Returns what is wrong with them.
    pub(crate) fn read(params: &Map<String, Value>) -> Result<Self, String> {
        serde_json::from_value(Value::Object(params.clone())).map_err(|error| error.to_string())
    }

    pub(crate) fn write(&self) -> Result<Map<String, Value>, StepError> {
        match to_json(self)? {
            Value::Object(params) => Ok(params),
            _ => Err(StepError::new("the parameters of a `map` are no object")),
        }
    }

    /// Removes the texts of manifests from the recorded parameters of a step, and from those of the steps of its children: what
    /// such a text says is in the definitions of the children.
    pub(crate) fn forget_texts(params: &mut Map<String, Value>) {
        params.remove("text");
        let children = params.get_mut("children").and_then(Value::as_array_mut).into_iter().flatten();
        let steps = children.filter_map(|child| child.pointer_mut("/definition/steps")?.as_array_mut()).flatten();
        for step in steps.filter(|step| step["uses"] == MAP_STEP) {
            if let Some(params) = step.get_mut("params").and_then(Value::as_object_mut) {
                Self::forget_texts(params);
            }
        }
    }

    /// Returns the columns of the output.
    pub(crate) fn columns(&self) -> Vec<&str> {
        let given = self.over.keys().chain(self.take.keys()).map(String::as_str);
        let error = (self.on_error == OnError::Collect).then_some(ERROR);
        given.chain([FINGERPRINT]).chain(error).collect()
    }

    /// Returns what each child needs of a machine: the most that the step itself, a step of a child or one of its own children asks
    /// for.
    pub(crate) fn needs(&self, own: Option<Resources>) -> Resources {
        let steps = self.children.iter().flat_map(|child| &child.definition.steps);
        let most = |most: Resources, step: &RecordedStep| {
            let inner = nested(step).map(|params| params.needs(None));
            step.resources.into_iter().chain(inner).fold(most, Resources::and)
        };
        steps.fold(own.unwrap_or_default(), most)
    }

    /// Returns the names that no taken column can have.
    pub(crate) fn reserved(name: &str) -> bool {
        [FINGERPRINT, ERROR].contains(&name)
    }
}

impl ChildFlow {
    /// Returns what distinguishes the child, such as `fingerprint=ecfp4, max_weight=300`.
    pub(crate) fn label(&self) -> String {
        label(&self.given)
    }

    /// Returns the number of runs below the child.
    pub(crate) fn runs(&self) -> usize {
        let inner = self.definition.steps.iter().filter_map(nested).flat_map(|params| params.children);
        inner.map(|child| 1 + child.runs()).sum()
    }
}

/// Returns the children of a step of a child.
fn nested(step: &RecordedStep) -> Option<MapParams> {
    if step.uses == MAP_STEP { MapParams::read(&step.params).ok() } else { None }
}

/// Returns the given values as a person reads them.
pub(crate) fn label(given: &Map<String, Value>) -> String {
    let one = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}={text}"),
        value => format!("{name}={value}"),
    };
    given.iter().map(one).collect::<Vec<_>>().join(", ")
}

impl MapParams {
    /// Returns the directory of the flow's manifest, relative to that of the manifest with `map:`.
    fn directory(&self) -> PathBuf {
        Path::new(&self.flow).parent().map(Path::to_owned).unwrap_or_default()
    }

    /// Returns the files of the children, if `files` are those of the run.
    pub(crate) fn files_in(&self, files: &Files) -> Files {
        files.below(&self.directory())
    }

    /// Returns the directory of the flow's manifest, if `base` is that of the manifest with `map:`.
    pub(crate) fn directory_in(&self, base: &Path) -> PathBuf {
        let below = self.directory();
        if below.as_os_str().is_empty() { base.to_owned() } else { base.join(below) }
    }
}

/// Runs the children of a step.
pub(crate) trait Children: Send + Sync {
    /// Runs the child at `index` to its end, unless it has ended or another process runs it.
    ///
    /// # Errors
    /// Fails if the log cannot be read or written, and if `cancel` asks to stop.
    fn advance(&self, index: usize, cancel: &CancelToken) -> Result<Advance, StepError>;

    /// Waits before the next look at children that other processes run.
    ///
    /// # Errors
    /// Fails if waiting is of no use.
    fn wait(&self, _cancel: &CancelToken) -> Result<(), StepError> {
        std::thread::sleep(PAUSE);
        Ok(())
    }
}

/// What became of a child.
pub(crate) enum Advance {
    /// It has ended.
    Ended(ChildEnd),
    /// Another process runs it.
    Held,
}

/// The end of a child.
pub(crate) struct ChildEnd {
    /// The id of the run.
    pub(crate) flow_id: FlowId,
    /// The fingerprint of the run, and the outputs of each step; or why it failed.
    pub(crate) result: Result<(Fingerprint, BTreeMap<String, Vec<OutputRef>>), ChildFailure>,
}

/// Why a child failed.
pub(crate) struct ChildFailure {
    /// The step that failed.
    pub(crate) step: String,
    /// Its error.
    pub(crate) error: String,
    /// Whether another attempt may succeed.
    pub(crate) transient: bool,
    /// The number of processes that died at the step, if that is why it failed.
    pub(crate) deaths: u32,
}
