//! Reports on runs for people and scripts: the representation that `chem run`, `show` and `ls` print. `steps` describes
//! step types.

#[cfg(any(feature = "cli", feature = "ui"))]
mod events;
mod functions;
mod steps;
mod warnings;
#[cfg(any(feature = "cli", feature = "ui"))]
mod words;

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::artifact::{ArtifactValue as _, Table, TableRoot};
use crate::event::{
    ChildOf, EventAddress, FlowEvent, FlowEventKind, FlowId, Operator, OutputRef, TakenOver, Usage,
    UserInteractionProvided, UserInteractionRequested, event_variants,
};
use crate::fingerprint::{ArtifactHash, DefinitionHash, Fingerprint};
use crate::flow::{FlowInstance, FlowStatus, ReplayError, StepState, StepStatus, replay};
#[cfg(any(feature = "cli", feature = "ui"))]
use crate::step::children::MAP_STEP;
use crate::step::{FileWritten, MAIN_OUTPUT, REJECTS, Shards, answer_in};
#[cfg(any(feature = "cli", feature = "ui"))]
use crate::store::Holder;
use crate::store::{ArtifactStore, FlowSummary, PersistenceError, StoredArtifacts};

#[cfg(any(feature = "cli", feature = "ui"))]
pub(crate) use events::{cpu, event_words};
pub use functions::function_reference;
#[cfg(feature = "cli")]
pub(crate) use functions::function_result;
pub use steps::step_reference;
#[cfg(feature = "cli")]
pub(crate) use steps::{family, naming_params, output_kind, param_facts, row_facts};
pub use warnings::Warning;
#[cfg(any(feature = "cli", feature = "ui"))]
pub(crate) use words::{bytes, quoted, seconds};

/// A run as it is printed.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// The id of the run.
    pub flow_id: FlowId,
    /// The name of the flow.
    pub flow: String,
    /// The step of another run that runs this one; `None` if it was begun by itself.
    pub child_of: Option<ChildOf>,
    /// The status of the run.
    pub status: FlowStatus,
    /// One letter for each event, in order.
    pub event_variants: String,
    /// The hash of the step ids in order; `None` before the first event.
    pub definition_hash: Option<DefinitionHash>,
    /// The flow fingerprint; `None` until the run is complete.
    pub flow_fingerprint: Option<Fingerprint>,
    /// When the run began, and when its latest event was stored; `None` without events.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Who began the run; `None` if it was not recorded.
    pub operator: Option<Operator>,
    /// The directory that the run's relative paths start from; `None` if it was not recorded.
    pub directory: Option<PathBuf>,
    /// The steps, in the order of the flow.
    pub steps: Vec<StepReport>,
    /// The decisions of people, in their order.
    pub decisions: Vec<DecisionReport>,
}

/// A decision of a person at a gate.
#[derive(Debug, Clone, PartialEq)]
pub struct DecisionReport {
    /// The id of the step.
    pub step: String,
    /// Whether the step may start.
    pub approved: bool,
    /// Who decided; `None` if it was not recorded.
    pub by: Option<Operator>,
    /// The reason; `None` if none was given.
    pub reason: Option<String>,
    /// The parameters that the decision sets; `None` if it sets none.
    pub data: Option<Value>,
    /// Whether the decision is signed. The signature is not checked here.
    pub is_signed: bool,
    /// When the decision was stored.
    pub ts: Timestamp,
}

/// A step of a run as it is printed.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// The id of the step.
    pub id: String,
    /// The name of the step type.
    pub uses: String,
    /// The version of the step type.
    pub version: u32,
    /// The parameters, including defaults. Data from an approval replaces the values of the manifest.
    pub params: Map<String, Value>,
    /// What programs answered to the parameters that ask them, such as for a version.
    pub answers: BTreeMap<String, String>,
    /// How the step runs in shards; `None` if it runs as a whole.
    pub shards: Option<Shards>,
    /// The status of the step.
    pub status: StepStatus,
    /// The fingerprint; `None` until the step has started.
    pub fingerprint: Option<Fingerprint>,
    /// The outputs, in order; empty until the step has finished.
    pub outputs: Vec<OutputRef>,
    /// What the latest attempt took; `None` if it was not measured.
    pub usage: Option<Usage>,
    /// The `StepFinished` event whose outputs were reused; `None` if the step was executed.
    pub reused: Option<EventAddress>,
    /// The rows that were taken over from an earlier result; `None` if all were computed, or the step has none.
    pub taken_over: Option<TakenOver>,
    /// The error message and its causes, if the step failed.
    pub error: Option<(String, Vec<String>)>,
    /// The question to answer before the step starts; `None` if no question is open.
    pub question: Option<UserInteractionRequested>,
}

impl RunReport {
    /// Creates the report of a run from its events.
    pub fn of(flow_id: FlowId, events: &[FlowEvent]) -> Result<Self, ReplayError> {
        let instance = replay(flow_id, events)?;
        let mut report = Self::of_instance(&instance);
        for event in events {
            let (index, usage) = match &event.kind {
                FlowEventKind::StepStarted(it) => {
                    if let Some(step) = report.steps.get_mut(it.step_index) {
                        let answer =
                            |(name, value): (&String, &Value)| Some((name.clone(), answer_in(value)?.to_owned()));
                        step.answers = it.params.iter().filter_map(answer).collect();
                    }
                    continue;
                }
                FlowEventKind::StepFinished(it) => (it.step_index, &it.usage),
                FlowEventKind::StepFailed(it) => (it.step_index, &it.usage),
                FlowEventKind::UserInteractionProvided(it) => {
                    report.decisions.push(DecisionReport::of(it, event.ts));
                    continue;
                }
                _ => continue,
            };
            if let Some(step) = report.steps.get_mut(index) {
                step.usage.clone_from(usage);
            }
        }
        Ok(Self {
            event_variants: event_variants(events),
            span: events.first().zip(events.last()).map(|(first, last)| (first.ts, last.ts)),
            ..report
        })
    }

    fn of_instance(instance: &FlowInstance) -> Self {
        let initialized = instance.initialized();
        let recorded = initialized.map(|initialized| initialized.definition.steps.as_slice()).unwrap_or_default();
        let steps = recorded.iter().zip(instance.steps()).map(|(recorded, state)| StepReport {
            id: state.id.clone(),
            uses: recorded.uses.clone(),
            version: recorded.version,
            params: params_of(&recorded.params, state),
            answers: BTreeMap::new(),
            shards: recorded.shards.clone(),
            status: state.status,
            fingerprint: state.fingerprint(),
            outputs: state.outputs.clone(),
            usage: None,
            reused: state.reused,
            taken_over: state.taken_over,
            error: state.error.clone(),
            question: state.question.clone().filter(|_| state.status == StepStatus::Waiting),
        });
        Self {
            flow_id: instance.flow_id(),
            flow: initialized.map(|initialized| initialized.flow.clone()).unwrap_or_default(),
            child_of: initialized.and_then(|initialized| initialized.child_of.as_deref().cloned()),
            status: instance.status(),
            event_variants: String::new(),
            definition_hash: initialized.map(|initialized| initialized.definition_hash),
            flow_fingerprint: instance.flow_fingerprint(),
            span: None,
            operator: initialized.and_then(|initialized| initialized.environment.operator.clone()),
            directory: initialized
                .and_then(|initialized| initialized.environment.directory.as_ref())
                .map(PathBuf::from),
            steps: steps.collect(),
            decisions: Vec::new(),
        }
    }

    /// Returns the failed step with its error message and causes; `None` if no step failed.
    pub fn failed_step(&self) -> Option<(&StepReport, &str, &[String])> {
        self.steps.iter().find_map(|step| {
            let (message, causes) = step.error.as_ref()?;
            Some((step, message.as_str(), causes.as_slice()))
        })
    }

    /// Returns the question that a person must answer before the run continues.
    pub fn question(&self) -> Option<&UserInteractionRequested> {
        self.steps.iter().find_map(|step| step.question.as_ref())
    }

    /// Returns whether child runs do the work of a step.
    #[cfg(any(feature = "cli", feature = "ui"))]
    pub(crate) fn has_children(&self) -> bool {
        self.steps.iter().any(StepReport::has_children)
    }

    /// Returns the report as JSON, as `run` and `show` print it.
    pub fn to_json(&self) -> Value {
        let steps: Vec<Value> = self.steps.iter().map(StepReport::to_json).collect();
        let error = self
            .failed_step()
            .map(|(step, message, causes)| json!({"step": step.id, "message": message, "causes": causes}));
        let mut object = Map::new();
        object.insert("flow_id".into(), self.flow_id.to_string().into());
        object.insert("flow".into(), self.flow.as_str().into());
        object.insert("status".into(), self.status.name().into());
        object.insert("event_variants".into(), self.event_variants.as_str().into());
        object.insert("definition_hash".into(), text(self.definition_hash));
        object.insert("flow_fingerprint".into(), text(self.flow_fingerprint));
        object.insert("steps".into(), steps.into());
        object.insert("error".into(), error.unwrap_or_default());
        if let Some(child) = &self.child_of {
            object.insert("child_of".into(), json!(child));
        }
        if let Some(operator) = &self.operator {
            object.insert("operator".into(), json!(operator));
        }
        if !self.decisions.is_empty() {
            object.insert("decisions".into(), self.decisions.iter().map(DecisionReport::to_json).collect());
        }
        if let Some(question) = self.question() {
            let asked = json!({
                "step": question.step_id,
                "message": question.message,
                "schema": question.schema,
                "inputs": question.inputs,
                "shown": question.shown,
                "signed_by": question.signed_by,
            });
            object.insert("question".into(), asked);
        }
        object.into()
    }

    /// Returns the files that the run's sinks have written, in order. Excludes reused steps.
    ///
    /// # Errors
    /// Returns the error of the store, or of an artifact in it.
    pub fn files_written(&self, store: &dyn ArtifactStore) -> Result<Vec<FileWritten>, PersistenceError> {
        let mut files = Vec::new();
        let ran = self.steps.iter().filter(|step| step.reused.is_none());
        for output in ran.flat_map(|step| &step.outputs) {
            if output.kind == FileWritten::KIND
                && let Some(artifact) = store.read_artifact(output.hash)?
            {
                files
                    .push(FileWritten::unpack(&artifact, &StoredArtifacts(store)).map_err(PersistenceError::Artifact)?);
            }
        }
        Ok(files)
    }
}

/// The records that a step refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused<'a> {
    /// The id of the step.
    pub step: &'a str,
    /// The number of refused records.
    pub records: usize,
    /// The number of accepted records; `None` if the main output has no rows, as a file has none.
    pub used: Option<usize>,
    /// The table of the refused records, with the reasons.
    pub table: ArtifactHash,
}

impl RunReport {
    /// Returns the refused records of each step that refused any.
    ///
    /// # Errors
    /// Returns the error of the store, or of an artifact in it.
    pub fn refused(&self, store: &dyn ArtifactStore) -> Result<Vec<Refused<'_>>, PersistenceError> {
        let rows = |output: &OutputRef| -> Result<Option<usize>, PersistenceError> {
            let Some(root) = store.read_artifact(output.hash)? else { return Ok(None) };
            // Only tables have chunks.
            Ok(TableRoot::of(&root).ok().map(|root| root.rows))
        };
        let mut refused = Vec::new();
        for step in &self.steps {
            let output = |name: &str| step.outputs.iter().find(|output| output.name == name);
            let Some(table) = output(REJECTS).filter(|table| table.kind == Table::KIND) else { continue };
            let records = rows(table)?.unwrap_or_default();
            if records > 0 {
                let used = output(MAIN_OUTPUT).map_or(Ok(None), rows)?;
                refused.push(Refused { step: &step.id, records, used, table: table.hash });
            }
        }
        Ok(refused)
    }
}

impl DecisionReport {
    fn of(decision: &UserInteractionProvided, ts: Timestamp) -> Self {
        let UserInteractionProvided { approved, by, data, reason, signed, step_id, .. } = decision.clone();
        Self { step: step_id, approved, by, reason, data, is_signed: signed.is_some(), ts }
    }

    fn to_json(&self) -> Value {
        let Self { step, approved, by, reason, data, is_signed, ts } = self;
        json!({
            "step": step,
            "approved": approved,
            "by": by,
            "reason": reason,
            "data": data,
            "signed": is_signed,
            "ts": ts.to_string(),
        })
    }
}

impl StepReport {
    /// Returns whether child runs do the work of the step.
    #[cfg(any(feature = "cli", feature = "ui"))]
    pub(crate) fn has_children(&self) -> bool {
        self.uses == MAP_STEP || self.shards.is_some()
    }

    fn to_json(&self) -> Value {
        let mut json = json!({
            "id": self.id,
            "uses": self.uses,
            "version": self.version,
            "status": self.status.name(),
            "cached": self.reused.is_some(),
            "fingerprint": text(self.fingerprint),
            "outputs": self.outputs,
            "taken_over": self.taken_over,
        });
        if let Some(usage) = &self.usage {
            json["usage"] = json!(usage);
        }
        if let Some(shards) = &self.shards {
            json["shards"] = json!(shards);
        }
        if !self.answers.is_empty() {
            json["answers"] = json!(self.answers);
        }
        json
    }
}

fn params_of(recorded: &Map<String, Value>, state: &StepState) -> Map<String, Value> {
    let approved = state.decision.as_ref().filter(|decision| decision.approved);
    let given = approved.and_then(|decision| decision.data.as_ref()?.as_object()).into_iter().flatten();
    recorded.iter().chain(given).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Returns a run of a list as JSON, as `ls` prints it: the report without its steps.
pub fn summary_json(summary: &FlowSummary) -> Value {
    let definition_hash = match &summary.first.kind {
        crate::event::FlowEventKind::FlowInitialized(initialized) => Some(initialized.definition_hash),
        _ => None,
    };
    json!({
        "flow_id": summary.flow_id().to_string(),
        "flow": summary.flow(),
        "status": summary.status().name(),
        "event_variants": summary.event_variants,
        "definition_hash": text(definition_hash),
        "flow_fingerprint": text(summary.flow_fingerprint()),
    })
}

/// Marks the JSON of a run as running, with the process that holds its lease. The log alone cannot tell such a run from an
/// interrupted one.
#[cfg(any(feature = "cli", feature = "ui"))]
pub(crate) fn mark_running(run: &mut Value, holder: &Holder) {
    run["status"] = "running".into();
    run["holder"] = json!({ "host": holder.host, "pid": holder.pid });
}

/// Returns an event as JSON, as `log` prints it.
///
/// # Errors
/// Never for an event that a store has returned.
pub fn event_json(event: &FlowEvent) -> Result<Value, crate::fingerprint::CanonicalError> {
    Ok(json!({
        "seq": event.seq,
        "flow_id": event.flow_id.to_string(),
        "position": event.position,
        "ts": event.ts.to_string(),
        "event_type": event.kind.event_type(),
        "payload": event.kind.payload()?,
    }))
}

fn text(value: Option<impl Serialize + std::fmt::Display>) -> Value {
    value.map(|value| value.to_string().into()).unwrap_or_default()
}
