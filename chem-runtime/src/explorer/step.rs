//! A step of a run: what fed it, what it made, why it ran, and what it said.

use askama::Template;
use serde_json::{Value, json};

use super::frame::{Clipped, Frame, Moment, params};
use super::reply::{Page, Refusal, Reply};
use super::{Asked, Explorer};
use crate::artifact::TableRoot;
use crate::event::{FlowEvent, FlowEventKind, Usage};
use crate::fingerprint::ArtifactHash;
use crate::flow::{StepState, replay};
use crate::report::{bytes, cpu, seconds};
use crate::store::ArtifactStore;
use crate::workbench::{Difference, WorkbenchError, why};

/// Shows a step of the run called `id`.
pub(super) fn page(explorer: &Explorer, asked: &Asked<'_>, id: &str, step: &str) -> Result<Reply, Refusal> {
    let (flow_id, events) = explorer.run(id)?;
    let store = explorer.store.as_ref();
    let instance = replay(flow_id, &events)?;
    let index = instance.steps().iter().position(|state| state.id == step);
    let (Some(state), Some(recorded)) = (instance.step(step), index.and_then(|index| instance.recorded(index))) else {
        return Err(Refusal::missing(format!("the flow has no step `{step}`"), "the page of the run has its steps"));
    };
    let reason = match why(store, &instance, step, None) {
        Err(WorkbenchError::NotStarted { .. }) => None,
        reason => Some(reason?),
    };
    let usage = events.iter().rev().find_map(|event| match &event.kind {
        FlowEventKind::StepFinished(it) if it.step_id == step => it.usage.as_ref(),
        FlowEventKind::StepFailed(it) if it.step_id == step => it.usage.as_ref(),
        _ => None,
    });
    let started = state.started.as_ref();
    let inputs = recorded.inputs.iter().map(|(port, wire)| {
        let hash = started.and_then(|started| started.inputs.get(port)).copied();
        Ok(Port { name: port.clone(), of: wire.clone(), made: hash.map(|hash| Made::new(store, hash)).transpose()? })
    });
    let outputs = state.outputs.iter().map(|output| {
        let made = Some(Made::new(store, output.hash)?);
        Ok(Port { name: output.name.clone(), of: output.kind.clone(), made })
    });
    let flow = instance.initialized().map_or("?", |begun| begun.flow.as_str());
    let class = if state.reused.is_some() { "reused" } else { state.status.name() };
    let run = flow_id.to_string();
    let page = StepPage {
        frame: explorer.frame(asked, format!("{step} of {flow}"), &["why", &run, step]),
        run,
        id: step.to_owned(),
        uses: format!("{}@{}", recorded.uses, recorded.version),
        status: class.replace('_', " "),
        class,
        flow: flow.to_owned(),
        fingerprint: state.fingerprint().map(|fingerprint| fingerprint.to_string()),
        params: params(&recorded.params),
        inputs: inputs.collect::<Result<_, Refusal>>()?,
        outputs: outputs.collect::<Result<_, Refusal>>()?,
        reused: state.reused.map(|source| source.flow_id.to_string()),
        incidents: reason.as_ref().map(|why| why.lines_of_incidents()).unwrap_or_default(),
        taken_over: state.taken_over.map(|taken| {
            let all = taken.rows + taken.computed;
            (format!("{} of {all} rows, {} computed", taken.rows, taken.computed), taken.source.flow_id.to_string())
        }),
        against: reason.as_ref().and_then(|why| Some(why.against?.to_string())),
        causes: reason.as_ref().map(|why| words(&why.differences)).unwrap_or_default(),
        upstream: reason
            .iter()
            .flat_map(|why| &why.upstream)
            .map(|(step, differences)| (step.clone(), words(differences)))
            .collect(),
        usage: usage.map(took).unwrap_or_default(),
        signals: events.iter().filter_map(|event| signal(event, step)).collect(),
        failures: events.iter().filter_map(|event| failure(event, step)).collect(),
        json: json(state, reason.map(|why| why.to_json())),
    };
    Reply::page(&page, asked.form)
}

#[derive(Template)]
#[template(path = "step.html")]
struct StepPage {
    frame: Frame,
    run: String,
    flow: String,
    id: String,
    uses: String,
    /// What the step did, for people and for the style sheet.
    status: String,
    class: &'static str,
    fingerprint: Option<String>,
    params: Vec<(String, Clipped)>,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    /// The run whose result was reused.
    reused: Option<String>,
    /// How many rows were taken over, and the run that they come from.
    taken_over: Option<(String, String)>,
    /// What happened to the processes and machines that worked on it.
    incidents: Vec<String>,
    /// The run with which the step is compared.
    against: Option<String>,
    /// What differs from the step in that run.
    causes: Vec<String>,
    /// What differs in each earlier step to which the causes lead.
    upstream: Vec<(String, Vec<String>)>,
    usage: Vec<(&'static str, String)>,
    /// The signals with their data.
    signals: Vec<(String, Clipped)>,
    failures: Vec<Failed>,
    json: Value,
}

impl StepPage {
    /// Returns the inputs and the outputs, with what each is called and what its second column is.
    fn ports(&self) -> [(&'static str, &'static str, &[Port]); 2] {
        [("Inputs", "From", &self.inputs), ("Outputs", "Kind", &self.outputs)]
    }
}

/// An input or output.
struct Port {
    name: String,
    /// What feeds an input, or the kind of an output.
    of: String,
    made: Option<Made>,
}

/// An artifact.
struct Made {
    hash: String,
    short: String,
    /// The number of its rows, if it is a table.
    rows: Option<usize>,
}

/// A failed attempt.
struct Failed {
    at: Moment,
    error: String,
    causes: Vec<String>,
}

impl Made {
    fn new(store: &dyn ArtifactStore, hash: ArtifactHash) -> Result<Self, Refusal> {
        let artifact = store.read_artifact(hash)?;
        let rows = artifact.and_then(|artifact| Some(TableRoot::of(&artifact).ok()?.rows));
        Ok(Self { hash: hash.to_string(), short: hash.short(), rows })
    }
}

fn words(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(ToString::to_string).collect()
}

fn took(usage: &Usage) -> Vec<(&'static str, String)> {
    let Usage { ended, peak_memory, started, .. } = usage;
    let known = [
        ("Began", Some(Moment::from(*started).local)),
        ("Took", Some(seconds(ended.duration_since(*started)))),
        ("CPU", cpu(usage)),
        ("Memory of the process", peak_memory.map(bytes)),
    ];
    known.into_iter().filter_map(|(what, text)| Some((what, text?))).collect()
}

fn signal(event: &FlowEvent, step: &str) -> Option<(String, Clipped)> {
    match &event.kind {
        FlowEventKind::StepSignal(it) if it.step_id == step => {
            Some((it.signal.clone(), Clipped::at(it.data.to_string(), 2_000)))
        }
        _ => None,
    }
}

fn failure(event: &FlowEvent, step: &str) -> Option<Failed> {
    match &event.kind {
        FlowEventKind::StepFailed(it) if it.step_id == step => {
            Some(Failed { at: event.ts.into(), error: it.error.clone(), causes: it.causes.clone() })
        }
        _ => None,
    }
}

/// Returns the step as data: what `chem why` prints, with the inputs and outputs.
fn json(state: &StepState, why: Option<Value>) -> Value {
    json!({
        "id": state.id,
        "status": state.status.name(),
        "inputs": state.started.as_ref().map(|started| &started.inputs),
        "outputs": state.outputs,
        "why": why,
    })
}

impl Page for StepPage {
    fn json(&self) -> Value {
        self.json.clone()
    }
}
