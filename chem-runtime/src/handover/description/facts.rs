//! What happened in the exported run, step by step.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::event::{
    EventAddress, FlowEvent, FlowEventKind, FlowId, FlowInitialized, Operator, OutputRef, RecordedStep, StepStarted,
    Usage, UserInteractionProvided,
};
use crate::handover::contents::Contents;
use crate::handover::error::HandoverError;

/// The exported run.
pub(super) struct RunFacts {
    pub(super) flow_id: FlowId,
    pub(super) initialized: FlowInitialized,
    /// When the run began and when its last event was appended.
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
    /// The steps that have started, in the order of the flow.
    pub(super) steps: Vec<StepFacts>,
    /// Whether every step has finished.
    pub(super) is_complete: bool,
}

/// A step that has started.
pub(super) struct StepFacts {
    pub(super) recorded: RecordedStep,
    pub(super) position: usize,
    pub(super) started: StepStarted,
    pub(super) outputs: Vec<OutputRef>,
    pub(super) is_finished: bool,
    /// The error of a step that failed.
    pub(super) error: Option<String>,
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) usage: Option<Usage>,
    /// Who ran it; for a reused result, who ran that.
    pub(super) operator: Option<Operator>,
    /// The event whose result was reused.
    pub(super) reused: Option<EventAddress>,
    /// The decision about its gate.
    pub(super) decision: Option<UserInteractionProvided>,
}

impl RunFacts {
    /// Returns the facts of the first run of an export.
    ///
    /// # Errors
    /// Fails if the run has not begun.
    pub(super) fn of(contents: &Contents, events: &[Vec<FlowEvent>]) -> Result<Self, HandoverError> {
        let own = events.first().map(Vec::as_slice).unwrap_or_default();
        let (Some(first), Some(last)) = (own.first(), own.last()) else {
            let flow_id = contents.export.run.parse().unwrap_or_default();
            return Err(HandoverError::Indescribable { flow_id, reason: "it has no events".into() });
        };
        let FlowEventKind::FlowInitialized(initialized) = &first.kind else {
            let reason = "its first event is not its beginning".into();
            return Err(HandoverError::Indescribable { flow_id: first.flow_id, reason });
        };
        let mut steps: BTreeMap<usize, StepFacts> = BTreeMap::new();
        let mut decisions: BTreeMap<usize, UserInteractionProvided> = BTreeMap::new();
        for event in own {
            if let FlowEventKind::UserInteractionProvided(decision) = &event.kind {
                decisions.insert(decision.step_index, decision.clone());
            }
            if let FlowEventKind::StepStarted(started) = &event.kind
                && let Some(recorded) = initialized.definition.steps.get(started.step_index)
            {
                let mut step = StepFacts {
                    recorded: recorded.clone(),
                    position: started.step_index,
                    started: started.clone(),
                    outputs: Vec::new(),
                    is_finished: false,
                    error: None,
                    began: event.ts,
                    ended: event.ts,
                    usage: None,
                    operator: initialized.environment.operator.clone(),
                    reused: None,
                    decision: decisions.get(&started.step_index).cloned(),
                };
                let later = own.iter().skip_while(|other| other.position <= event.position);
                later.for_each(|later| step.apply(later, events));
                steps.insert(started.step_index, step);
            }
        }
        Ok(Self {
            flow_id: first.flow_id,
            initialized: initialized.clone(),
            began: first.ts,
            ended: last.ts,
            steps: steps.into_values().collect(),
            is_complete: matches!(last.kind, FlowEventKind::FlowCompleted(_)),
        })
    }

    /// Returns the artifact that feeds the port of a step, with the step and the output that it comes from.
    pub(super) fn feed<'a>(&'a self, wire: &str) -> Option<(&'a StepFacts, &'a OutputRef)> {
        let (step, output) = wire.split_once('.').map_or((wire, None), |(step, output)| (step, Some(output)));
        let step = self.steps.iter().find(|other| other.recorded.id == step)?;
        let found = step.outputs.iter().find(|found| output.is_none_or(|output| found.name == output))?;
        Some((step, found))
    }

    /// Returns the error of the step that failed the run.
    pub(super) fn error(&self) -> Option<&str> {
        self.steps.iter().find_map(|step| step.error.as_deref()).filter(|_| !self.is_complete)
    }
}

impl StepFacts {
    /// Takes in an event after the start of the step.
    fn apply(&mut self, event: &FlowEvent, runs: &[Vec<FlowEvent>]) {
        let index = self.started.step_index;
        match &event.kind {
            FlowEventKind::StepFinished(finished) if finished.step_index == index => {
                (self.outputs, self.is_finished) = (finished.outputs.clone(), true);
                self.took(event.ts, finished.usage.as_ref());
            }
            FlowEventKind::StepFailed(failed) if failed.step_index == index => {
                self.error = Some(failed.error.clone());
                self.took(event.ts, failed.usage.as_ref());
            }
            FlowEventKind::StepReused(reused) if reused.step_index == index => {
                (self.outputs, self.is_finished) = (reused.outputs.clone(), true);
                (self.reused, self.ended) = (Some(reused.source), event.ts);
                self.ran_before(reused.source, runs);
            }
            _ => {}
        }
    }

    fn took(&mut self, ended: Timestamp, usage: Option<&Usage>) {
        self.ended = ended;
        if let Some(usage) = usage {
            (self.began, self.ended) = (usage.started, usage.ended);
        }
        self.usage = usage.cloned();
    }

    /// Takes over when and by whom the result at `source` was computed.
    fn ran_before(&mut self, source: EventAddress, runs: &[Vec<FlowEvent>]) {
        let of_run = |events: &&Vec<FlowEvent>| events.first().is_some_and(|first| first.flow_id == source.flow_id);
        let Some(events) = runs.iter().find(of_run) else { return };
        if let Some(FlowEventKind::FlowInitialized(initialized)) = events.first().map(|first| &first.kind) {
            self.operator.clone_from(&initialized.environment.operator);
        }
        let finished = events.iter().find(|event| event.position == source.position);
        let Some(FlowEventKind::StepFinished(result)) = finished.map(|event| &event.kind) else { return };
        let is_start = |event: &&FlowEvent| {
            event.position < source.position
                && matches!(&event.kind, FlowEventKind::StepStarted(it) if it.step_index == result.step_index)
        };
        if let (Some(started), Some(finished)) = (events.iter().rfind(is_start), finished) {
            self.began = started.ts;
            self.took(finished.ts, result.usage.as_ref());
        }
    }
}
