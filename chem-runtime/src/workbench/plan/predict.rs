//! Predicts a run step by step: what is known before the run, and what the engine would decide.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::files::NamedFiles;
use super::{
    Action, Origin, OutsideFile, Plan, PlannedChild, PlannedParam, PlannedStep, Reason, ReusedFrom, TakesOver,
};
use crate::artifact::{ArtifactSource as _, ArtifactValue as _, TableRoot};
use crate::engine::{
    CoreEngineError, DEFAULT_FLOW_NAME, EarlierResults, ReusePolicy, RunsBecause, Verdict, begin_step, earlier_rows,
    is_development,
};
use crate::event::{OutputRef, RecordedStep, StepStarted};
use crate::fingerprint::{ArtifactHash, canonical_json};
use crate::flow::{FlowDefinition, OutputAddress, ancestors_of, history_of, step_types_of};
use crate::manifest::Origins;
use crate::step::children::{ChildFlow, is_in_manifest};
use crate::step::{Files, Registry, rows_in_common};
use crate::store::{EventStore, StoredArtifacts};
use crate::workbench::WorkbenchError;
use crate::workbench::difference::{Difference, differences};
use crate::workbench::earlier::EarlierRuns;

/// Predicts what a run of `definition` on `store` would do under `policy`. `files` resolves relative paths.
///
/// `origins` are the origins of parameters; without it, as for a flow that was built in Rust, all count as explicit.
///
/// # Errors
/// Fails if the store cannot be read.
pub fn plan(
    store: &dyn EventStore,
    definition: &FlowDefinition,
    origins: Option<&Origins>,
    files: &Files,
    policy: &ReusePolicy,
) -> Result<Plan, WorkbenchError> {
    let recorded = definition.recorded().map_err(CoreEngineError::from)?;
    let flow = definition.name().unwrap_or(DEFAULT_FLOW_NAME).to_owned();
    let earlier = EarlierRuns::of(store, &flow, None)?;
    let mut walk = Walk {
        flow: &flow,
        store,
        definition,
        files,
        policy,
        earlier,
        results: EarlierResults::default(),
        done: Vec::new(),
        ended: false,
        indices: HashMap::new(),
        running: HashMap::new(),
        work: HashMap::new(),
        written: HashMap::new(),
        outside: Vec::new(),
    };
    for (index, recorded) in recorded.steps.iter().enumerate() {
        let written = origins.and_then(|origins| origins.written.get(index));
        let param = |(name, value): (&String, &Value)| PlannedParam {
            name: name.clone(),
            value: value.clone(),
            origin: match (origins, written.and_then(|written| written.get(name))) {
                (Some(origins), Some(through)) => origin(origins, through),
                (Some(_), None) => Origin::Default,
                (None, _) => Origin::File(Vec::new()),
            },
        };
        // The children of a step are planned by themselves.
        let shown = |(name, _): &(&String, &Value)| is_in_manifest(&recorded.uses, name);
        let params = recorded.params.iter().filter(shown).map(param).collect();
        walk.step(index, recorded, params)?;
    }
    let param = |(name, value): (&String, &Value)| {
        let set = origins.is_some_and(|origins| origins.overridden.contains(name));
        let origin = if set { Origin::Set(vec![name.clone()]) } else { Origin::File(Vec::new()) };
        PlannedParam { name: name.clone(), value: value.clone(), origin }
    };
    let params = recorded.params.iter().map(param).collect();
    let outside = walk.outside;
    let steps = walk.done.into_iter().map(|done| done.step).collect();
    Ok(Plan { flow, definition_hash: definition.hash(), params, steps, outside })
}

fn origin<'a>(origins: &Origins, through: impl IntoIterator<Item = &'a String> + Clone) -> Origin {
    let set: Vec<String> =
        through.clone().into_iter().filter(|name| origins.overridden.contains(*name)).cloned().collect();
    if set.is_empty() { Origin::File(through.into_iter().cloned().collect()) } else { Origin::Set(set) }
}

struct Walk<'a> {
    flow: &'a str,
    store: &'a dyn EventStore,
    definition: &'a FlowDefinition,
    files: &'a Files,
    policy: &'a ReusePolicy,
    earlier: EarlierRuns<'a>,
    /// A cache of the runs from which results come.
    results: EarlierResults,
    done: Vec<Done>,
    /// Whether a step of `done` ends the run.
    ended: bool,
    /// The index in `done` of each step id.
    indices: HashMap<String, usize>,
    /// The steps of `done` that run and are reusable, by [`kind_of_work`].
    running: HashMap<String, Vec<usize>>,
    /// The steps that the run will have finished by then, by [`work`].
    work: HashMap<String, usize>,
    /// The files that the run will have written by then, with the ids of the steps.
    written: HashMap<PathBuf, String>,
    outside: Vec<OutsideFile>,
}

/// A planned step.
struct Done {
    step: PlannedStep,
    /// The start event, if it is known.
    started: Option<StepStarted>,
    result: PlannedResult,
}

/// What is known about the outputs of a step.
enum PlannedResult {
    Outputs(Vec<OutputRef>),
    /// The outputs that the step at this index will have in the run.
    Later(usize),
}

/// What is known about the artifact at a port.
enum AtPort {
    Artifact(ArtifactHash),
    Later(OutputAddress),
}

impl Walk<'_> {
    fn step(&mut self, index: usize, recorded: &RecordedStep, params: Vec<PlannedParam>) -> Result<(), WorkbenchError> {
        let mut step = PlannedStep {
            id: recorded.id.clone(),
            uses: recorded.uses.clone(),
            version: recorded.version,
            kind: recorded.kind,
            wiring: recorded.inputs.clone(),
            params,
            fingerprint: None,
            action: Action::NotReached,
            takes_over: None,
            children: Vec::new(),
            code_changed: false,
            inputs: BTreeMap::new(),
            identity: Map::new(),
        };
        let (mut result, mut started) = (PlannedResult::Later(index), None);
        if !self.ended {
            let specs = self.definition.steps()[index].step().param_specs();
            let named = NamedFiles::of(specs, recorded, self.files);
            self.outside.extend(named.outside(&step.id, self.files));
            if let Some(error) = named.refused(self.files) {
                step.action = Action::Fail { error };
            } else if let Some((path, writer)) = named.reads_of(&self.written, self.files) {
                step.action = after_file(path, writer);
            } else {
                match self.prepare(index, &mut step) {
                    Ok(at_ports) => match &recorded.gate {
                        Some(gate) => step.action = Action::Ask { message: gate.message.clone() },
                        None => (started, result) = self.decide(index, &mut step, &at_ports)?,
                    },
                    Err(error) => step.action = Action::Fail { error },
                }
            }
            if let (Action::Reuse { .. }, Some((path, writer))) = (&step.action, named.writes_over(&self.written)) {
                step.action = after_file(path, writer);
                step.code_changed = false;
                (started, result) = (None, PlannedResult::Later(index));
            }
            if matches!(step.action, Action::Run { .. }) {
                step.children = self.children(index)?;
                named.note(&step.id, &mut self.written);
            }
        }
        self.ended |= matches!(step.action, Action::Fail { .. } | Action::Ask { .. });
        self.indices.insert(step.id.clone(), index);
        if matches!(step.action, Action::Run { .. }) && self.definition.steps()[index].step().is_reusable() {
            self.running.entry(kind_of_work(&step)).or_default().push(index);
        }
        self.done.push(Done { step, started, result });
        Ok(())
    }

    /// Predicts the children of a step that runs.
    fn children(&self, index: usize) -> Result<Vec<PlannedChild>, WorkbenchError> {
        let Some(params) = self.definition.steps()[index].step().children() else { return Ok(Vec::new()) };
        // A program with two step types of one name runs nothing.
        let Ok(registry) = Registry::linked() else { return Ok(Vec::new()) };
        let files = params.files_in(self.files);
        let planned = |child: &ChildFlow| {
            let definition = step_types_of(&child.definition, files.directory(), registry)
                .and_then(|types| FlowDefinition::from_recorded(&child.flow, &child.definition, &types));
            let definition = definition.map_err(CoreEngineError::from)?;
            Ok(PlannedChild { label: child.label(), plan: plan(self.store, &definition, None, &files, self.policy)? })
        };
        params.children.iter().map(planned).collect()
    }

    /// Determines what is known about the step's identity. The error is the reason why the step cannot start.
    fn prepare(&self, index: usize, step: &mut PlannedStep) -> Result<BTreeMap<String, AtPort>, String> {
        let mut at_ports = BTreeMap::new();
        for (port, address) in self.definition.steps()[index].inputs() {
            let from = &self.done[address.step];
            let at_port = match &from.result {
                PlannedResult::Later(later) => {
                    AtPort::Later(OutputAddress { step: *later, output: address.output.clone() })
                }
                PlannedResult::Outputs(outputs) => match outputs.iter().find(|output| output.name == address.output) {
                    Some(output) => AtPort::Artifact(output.hash),
                    None => return Err(format!("`{}` has no output `{}`", from.step.id, address.output)),
                },
            };
            at_ports.insert(port.clone(), at_port);
        }
        let planned = &self.definition.steps()[index];
        if let Some(port) = planned.history_port() {
            at_ports.insert(port.name.to_owned(), self.history(index)?);
        }
        for (port, at_port) in &at_ports {
            let hash = if let AtPort::Artifact(hash) = at_port { Some(*hash) } else { None };
            step.inputs.insert(port.clone(), hash);
        }
        step.identity = planned.step().identity(self.files).map_err(|error| format!("{error:#}"))?;
        Ok(at_ports)
    }

    /// Returns the history that the engine will feed into the step, if it is known.
    fn history(&self, index: usize) -> Result<AtPort, String> {
        let known = |index: usize| match (&self.done[index].started, &self.done[index].result) {
            (Some(started), PlannedResult::Outputs(outputs)) => Some((started, outputs.as_slice())),
            _ => None,
        };
        if let Some(step) = ancestors_of(self.definition, index).into_iter().find(|step| known(*step).is_none()) {
            // A pseudo-output that is unique to this step: its history equals no other as far as is known.
            return Ok(AtPort::Later(OutputAddress { step, output: format!("history {index}") }));
        }
        let history = history_of(self.definition, self.flow, index, known);
        let packed = history.pack().map_err(|error| error.to_string())?;
        Ok(AtPort::Artifact(packed.root.hash()))
    }

    fn decide(
        &mut self,
        index: usize,
        step: &mut PlannedStep,
        at_ports: &BTreeMap<String, AtPort>,
    ) -> Result<(Option<StepStarted>, PlannedResult), WorkbenchError> {
        let definition = self.definition.steps()[index].step();
        let work = work(step, at_ports);
        let refusal = self.policy.refusal(definition);
        let twin = self.work.get(&work).copied().filter(|_| refusal.is_none());
        let hashes: Option<BTreeMap<String, ArtifactHash>> =
            step.inputs.iter().map(|(port, hash)| Some((port.clone(), (*hash)?))).collect();
        let begun = hashes.map(|hashes| begin_step(self.definition.hash(), index, definition, self.files, hashes));
        let started = match begun.transpose() {
            Ok(started) => started,
            Err(error) => {
                step.action = Action::Fail { error: format!("{error:#}") };
                return Ok((None, PlannedResult::Later(index)));
            }
        };
        step.fingerprint = started.as_ref().map(|started| started.fingerprint);
        if definition.is_reusable() {
            self.work.entry(work.clone()).or_insert(index);
        }
        if let Some(twin) = twin {
            let source = ReusedFrom::Step(self.done[twin].step.id.clone());
            step.action = Action::Reuse { source, outputs: Vec::new(), unless_done_by: Vec::new() };
            return Ok((started, PlannedResult::Later(twin)));
        }
        let verdict = match &started {
            Some(started) => self.policy.judge(self.store, self.files, definition, started, &mut self.results)?,
            None => Verdict::Run(refusal.clone().unwrap_or(RunsBecause::NoResult)),
        };
        // The run itself will warn about results that it cannot trust.
        drop(self.results.take_doubted());
        match verdict {
            Verdict::Reuse { source, outputs, by_other_code } => {
                step.code_changed = by_other_code && is_development();
                // A twin that may itself be skipped would find the same result.
                let is_run = |index: &usize| self.policy.refusal(self.definition.steps()[*index].step()).is_some();
                let unless_done_by = self.named(self.possible_twins(step).filter(is_run));
                if self.work.get(&work) == Some(&index) {
                    self.work.remove(&work);
                }
                let (outputs, result) = match unless_done_by[..] {
                    [] => (outputs.clone(), PlannedResult::Outputs(outputs)),
                    _ => (Vec::new(), PlannedResult::Later(index)),
                };
                step.action = Action::Reuse { source: ReusedFrom::Run(source), outputs, unless_done_by };
                Ok((started, result))
            }
            Verdict::Run(because) => {
                let later = |at_port: &AtPort| match at_port {
                    AtPort::Later(address) => Some(address.step),
                    AtPort::Artifact(_) => None,
                };
                let (mut unless_known, mut unless_done_by) = (Vec::new(), Vec::new());
                if refusal.is_none() && started.is_some() {
                    unless_done_by = self.named(self.possible_twins(step));
                } else if refusal.is_none() {
                    unless_known = self.named(at_ports.values().filter_map(later));
                    unless_known.dedup();
                }
                step.takes_over = self.takes_over(index, step, started.as_ref())?;
                step.action = Action::Run { because: self.reasons(step, because)?, unless_known, unless_done_by };
                Ok((started, PlannedResult::Later(index)))
            }
        }
    }

    /// Returns the earlier result from which the step takes over rows.
    fn takes_over(
        &mut self,
        index: usize,
        step: &PlannedStep,
        started: Option<&StepStarted>,
    ) -> Result<Option<TakesOver>, WorkbenchError> {
        let definition = self.definition.steps()[index].step();
        let (Some(port), Some(reads)) = (definition.inputs().iter().find(|port| port.rows), definition.row_columns())
        else {
            return Ok(None);
        };
        // The work on rows does not depend on the rows, but on all other inputs.
        let mut hashes = BTreeMap::new();
        for (name, hash) in &step.inputs {
            match hash.or((name == port.name).then(|| ArtifactHash::from_bytes([0; 32]))) {
                Some(hash) => drop(hashes.insert(name.clone(), hash)),
                None => return Ok(None),
            }
        }
        let begun = match started {
            Some(started) => Ok(started.clone()),
            None => begin_step(self.definition.hash(), index, definition, self.files, hashes),
        };
        let Ok(begun) = begun else { return Ok(None) };
        let found = earlier_rows(self.policy, self.store, definition, &begun, &mut self.results)?;
        drop(self.results.take_doubted());
        let Some(earlier) = found else { return Ok(None) };
        let artifacts = StoredArtifacts(self.store);
        let of = artifacts.artifact(earlier.input).and_then(|root| TableRoot::of(&root));
        let input = step.inputs.get(port.name).copied().flatten();
        let rows = input.map(|input| rows_in_common(&earlier, input, &reads, &artifacts));
        // A run takes nothing over from a damaged result.
        let (Ok(of), Ok(rows)) = (of, rows.transpose()) else { return Ok(None) };
        let takes = |rows| TakesOver { source: earlier.source, of: of.rows as u64, rows };
        Ok(match rows {
            None => Some(takes(None)),
            Some(None) => None,
            Some(Some(rows)) => (rows.0 > 0).then(|| takes(Some(rows))),
        })
    }

    /// Returns the earlier steps with unknown inputs that will do the same work as `step` if their inputs turn out to be
    /// equal.
    fn possible_twins(&self, step: &PlannedStep) -> impl Iterator<Item = usize> {
        let could_be = |index: &usize| {
            let other = &self.done[*index].step;
            other.inputs.values().zip(step.inputs.values()).all(|(one, other)| one.is_none() || one == other)
        };
        self.running.get(&kind_of_work(step)).into_iter().flatten().copied().filter(could_be)
    }

    fn named(&self, indices: impl Iterator<Item = usize>) -> Vec<String> {
        indices.map(|index| self.done[index].step.id.clone()).collect()
    }

    /// Returns why a step runs: the differences from the nearest earlier run, or else the engine's reason.
    fn reasons(&self, step: &PlannedStep, because: RunsBecause) -> Result<Vec<Reason>, WorkbenchError> {
        if !matches!(because, RunsBecause::NoResult | RunsBecause::NotReusable | RunsBecause::LeavesNothing) {
            return Ok(vec![Reason::Engine(because)]);
        }
        let found = match self.earlier.with_step(&step.id)? {
            None => vec![Difference::New],
            Some((_, run)) => run.get(&step.id).map(|before| differences(before, &step.facts())).unwrap_or_default(),
        };
        let mut reasons: Vec<Reason> =
            found.into_iter().map(|difference| Reason::Differs(self.settled(difference))).collect();
        if reasons.is_empty() || because != RunsBecause::NoResult {
            reasons.push(Reason::Engine(because));
        }
        Ok(reasons)
    }

    /// Assumes that a step that runs because of a difference has different outputs.
    fn settled(&self, mut difference: Difference) -> Difference {
        if let Difference::Upstream { step, changed, .. } = &mut difference {
            let upstream = self.indices.get(step).map(|index| &self.done[*index].step.action);
            if let Some(Action::Run { because, .. }) = upstream {
                *changed |= because.iter().any(|reason| match reason {
                    Reason::Differs(Difference::Upstream { changed, .. }) => *changed,
                    Reason::Differs(_) | Reason::AfterFile { .. } => true,
                    Reason::Engine(_) => false,
                });
            }
        }
        difference
    }
}

/// Returns the action for a step whose file is written by an earlier step.
fn after_file(path: PathBuf, writer: &str) -> Action {
    let because = vec![Reason::AfterFile { path: path.display().to_string(), step: writer.to_owned() }];
    Action::Run { because, unless_known: vec![writer.to_owned()], unless_done_by: Vec::new() }
}

/// Returns a key for the work of a step without its inputs: its type, its parameters, and its wired ports.
fn kind_of_work(step: &PlannedStep) -> String {
    let ports: Vec<&String> = step.inputs.keys().collect();
    let kind = json!([step.uses, step.version, step.identity, ports]);
    // A step without a canonical form cannot start, and equals no other.
    canonical_json(&kind).unwrap_or_else(|_| step.id.clone())
}

/// Returns a key for the work of a step, as far as it is known before the run: steps with equal keys do the same work.
fn work(step: &PlannedStep, at_ports: &BTreeMap<String, AtPort>) -> String {
    let inputs: Map<String, Value> = at_ports
        .iter()
        .map(|(port, at_port)| {
            let at_port = match at_port {
                AtPort::Artifact(hash) => json!(hash),
                AtPort::Later(OutputAddress { step, output }) => json!([step, output]),
            };
            (port.clone(), at_port)
        })
        .collect();
    let work = json!({"uses": step.uses, "version": step.version, "inputs": inputs, "params": step.identity});
    // A step without a canonical form cannot start, and equals no other.
    canonical_json(&work).unwrap_or_else(|_| step.id.clone())
}
