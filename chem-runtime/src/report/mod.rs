//! Runs told to people and scripts: the one shape that `chem run`, `show` and `ls` print. What is said of step types is
//! in `steps`.

mod steps;
mod warnings;

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::artifact::{ArtifactValue as _, Table, TableRoot};
use crate::event::{EventAddress, FlowEvent, FlowId, OutputRef, UserInteractionRequested, event_variants};
use crate::fingerprint::{ArtifactHash, DefinitionHash, Fingerprint};
use crate::flow::{FlowInstance, FlowStatus, ReplayError, StepState, StepStatus, replay};
use crate::step::{FileWritten, MAIN_OUTPUT, REJECTS};
use crate::store::{EventStore, FlowSummary, StoreError, StoredArtifacts};

pub use steps::{family, output_kind, param_facts, step_reference};
pub use warnings::Warning;

/// A run as it is printed.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// The run.
    pub flow_id: FlowId,
    /// The flow's name.
    pub flow: String,
    /// How it stands.
    pub status: FlowStatus,
    /// One letter for each event.
    pub event_variants: String,
    /// Which steps, in which order.
    pub definition_hash: Option<DefinitionHash>,
    /// The flow's fingerprint once it is complete.
    pub flow_fingerprint: Option<Fingerprint>,
    /// When it began and when its latest event was stored.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The directory that the run's relative paths start from.
    pub directory: Option<PathBuf>,
    /// The steps.
    pub steps: Vec<StepReport>,
}

/// A step of a run as it is printed.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Its name.
    pub id: String,
    /// Its step type.
    pub uses: String,
    /// The step type's version.
    pub version: u32,
    /// Its parameters, defaulted, with what an approval brought along in place of what the manifest says.
    pub params: Map<String, Value>,
    /// Where it stands.
    pub status: StepStatus,
    /// Its fingerprint once it has started.
    pub fingerprint: Option<Fingerprint>,
    /// What it put out.
    pub outputs: Vec<OutputRef>,
    /// The `StepFinished` whose outputs it took over, if it was not run itself.
    pub reused: Option<EventAddress>,
    /// Why it failed, with the causes.
    pub error: Option<(String, Vec<String>)>,
    /// What a person is asked before it starts, while that is open.
    pub question: Option<UserInteractionRequested>,
}

impl RunReport {
    /// The report of the run whose events these are.
    pub fn of(flow_id: FlowId, events: &[FlowEvent]) -> Result<Self, ReplayError> {
        let instance = replay(flow_id, events)?;
        Ok(Self {
            event_variants: event_variants(events),
            span: events.first().zip(events.last()).map(|(first, last)| (first.ts, last.ts)),
            ..Self::of_instance(&instance)
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
            status: state.status,
            fingerprint: state.fingerprint(),
            outputs: state.outputs.clone(),
            reused: state.reused,
            error: state.error.clone(),
            question: state.question.clone().filter(|_| state.status == StepStatus::Waiting),
        });
        Self {
            flow_id: instance.flow_id(),
            flow: initialized.map(|initialized| initialized.flow.clone()).unwrap_or_default(),
            status: instance.status(),
            event_variants: String::new(),
            definition_hash: initialized.map(|initialized| initialized.definition_hash),
            flow_fingerprint: instance.flow_fingerprint(),
            span: None,
            directory: initialized
                .and_then(|initialized| initialized.environment.directory.as_ref())
                .map(PathBuf::from),
            steps: steps.collect(),
        }
    }

    /// The step that failed, if one did.
    pub fn failed_step(&self) -> Option<(&StepReport, &str, &[String])> {
        self.steps.iter().find_map(|step| {
            let (message, causes) = step.error.as_ref()?;
            Some((step, message.as_str(), causes.as_slice()))
        })
    }

    /// What a person has to decide before the run goes on.
    pub fn question(&self) -> Option<&UserInteractionRequested> {
        self.steps.iter().find_map(|step| step.question.as_ref())
    }

    /// The report as `run` and `show` print it for scripts.
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
        if let Some(question) = self.question() {
            let asked = json!({
                "step": question.step_id,
                "message": question.message,
                "schema": question.schema,
                "inputs": question.inputs,
                "shown": question.shown,
            });
            object.insert("question".into(), asked);
        }
        object.into()
    }

    /// The files that the run's sinks have written, in order.
    ///
    /// # Errors
    /// What the store or an artifact in it has to complain of.
    pub fn files_written(&self, store: &dyn EventStore) -> Result<Vec<FileWritten>, StoreError> {
        let mut files = Vec::new();
        let ran = self.steps.iter().filter(|step| step.reused.is_none());
        for output in ran.flat_map(|step| &step.outputs) {
            if output.kind == FileWritten::KIND
                && let Some(artifact) = store.artifact(output.hash)?
            {
                files.push(FileWritten::unpack(&artifact, &StoredArtifacts(store)).map_err(StoreError::Artifact)?);
            }
        }
        Ok(files)
    }
}

/// The records that a step could not use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused<'a> {
    /// The step.
    pub step: &'a str,
    /// How many there are.
    pub records: usize,
    /// How many it could use. `None` where its main output has no rows, as a file has none.
    pub used: Option<usize>,
    /// The table of them, with the reasons.
    pub table: ArtifactHash,
}

impl RunReport {
    /// The records that were refused, by the steps that refused any.
    ///
    /// # Errors
    /// What the store or an artifact in it has to complain of.
    pub fn refused(&self, store: &dyn EventStore) -> Result<Vec<Refused<'_>>, StoreError> {
        let rows = |output: &OutputRef| -> Result<Option<usize>, StoreError> {
            let Some(root) = store.artifact(output.hash)? else { return Ok(None) };
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

impl StepReport {
    fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "uses": self.uses,
            "version": self.version,
            "status": self.status.name(),
            "cached": self.reused.is_some(),
            "fingerprint": text(self.fingerprint),
            "outputs": self.outputs,
        })
    }
}

fn params_of(recorded: &Map<String, Value>, state: &StepState) -> Map<String, Value> {
    let approved = state.decision.as_ref().filter(|decision| decision.approved);
    let given = approved.and_then(|decision| decision.data.as_ref()?.as_object()).into_iter().flatten();
    recorded.iter().chain(given).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A run of a list, as `ls` prints it for scripts: the report without its steps.
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

/// An event as `log` prints it for scripts.
///
/// # Errors
/// Never for an event that a store has given back.
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
