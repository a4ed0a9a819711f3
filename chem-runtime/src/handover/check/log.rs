//! The events of an export: their proof, their order, and the results that they take over.

use std::collections::BTreeMap;

use super::Checked;
use crate::event::{FlowEvent, FlowEventKind};
use crate::evidence::{Checkpoint, Digest, RunProof, Witness, root_with, verify_inclusion};
use crate::fingerprint::canonical_text;
use crate::flow::replay;
use crate::handover::contents::Contents;
use crate::handover::error::HandoverError;
use crate::handover::family::children_of;
use crate::handover::finding::Finding;
use crate::handover::names;
use crate::handover::read::Reading;

impl Checked {
    /// Compares the events with the checkpoint.
    pub(super) fn check_proof(
        &mut self,
        contents: &Contents,
        reading: &Reading,
        witness: Option<&Witness>,
    ) -> Result<(), HandoverError> {
        let Ok(checkpoint) = contents.checkpoint.statement.parse::<Checkpoint>() else {
            self.findings.push(Finding::attestation(names::CHECKPOINT, "it is not a checkpoint"));
            return Ok(());
        };
        let mut known: Vec<(u64, Digest)> =
            contents.runs.iter().flat_map(|log| &log.events).map(|logged| (logged.index, logged.leaf)).collect();
        known.sort_unstable_by_key(|(index, _)| *index);
        if root_with(checkpoint.size, &known, &contents.hashes) != Some(checkpoint.root) {
            self.findings.push(Finding::proof(format!(
                "the events and the hashes in `{}` do not give the root in `{}`",
                names::PATHS,
                names::CHECKPOINT
            )));
        }
        for log in &contents.runs {
            let name = names::last_of(&log.run);
            let text = reading.texts.get(&name).and_then(|text| str::from_utf8(text).ok());
            let proved = text.and_then(RunProof::parts_of).zip(log.events.last());
            let is_proved = proved.is_some_and(|((index, hashes, own), last)| {
                own == checkpoint
                    && index == last.index
                    && verify_inclusion(&hashes, index, checkpoint.size, &last.leaf, &checkpoint.root)
            });
            if !is_proved {
                self.findings.push(Finding::file(name, "it does not prove the last event of the run"));
            }
        }
        let kept = match witness {
            Some(witness) => witness.newest(&checkpoint.origin)?,
            None => None,
        };
        self.witnessed = kept
            .filter(|kept| kept.checkpoint.size == checkpoint.size)
            .map(|kept| kept.checkpoint.root == checkpoint.root);
        if self.witnessed == Some(false) {
            let reason = "the checkpoint that was kept outside the store has another root for the same events";
            self.findings.push(Finding::attestation(names::CHECKPOINT, reason));
        }
        self.checkpoint = Some((checkpoint, contents.checkpoint.ts));
        Ok(())
    }

    /// Replays the runs. Returns their events; `None` if one cannot be read.
    pub(super) fn check_runs(&mut self, contents: &Contents) -> Option<Vec<Vec<FlowEvent>>> {
        let mut runs = Vec::new();
        for log in &contents.runs {
            let mut events: Vec<FlowEvent> = Vec::with_capacity(log.events.len());
            for (position, row) in (0..).zip(log.rows()) {
                match row.clone().decode() {
                    Ok(event) => events.push(event),
                    Err(error) => {
                        self.findings.push(Finding::event(&log.run, position, error.to_string()));
                        return None;
                    }
                }
            }
            let replayed = events.first().map(|first| replay(first.flow_id, &events));
            match replayed {
                None => self.findings.push(Finding::file(names::events_of(&log.run), "it has no events")),
                Some(Err(error)) => self.findings.push(Finding::event(&log.run, error.position, error.reason)),
                Some(Ok(_)) => {}
            }
            runs.push(events);
        }
        Some(runs)
    }

    /// Compares each reused result with the event that computed it, and looks for each of which rows were taken over.
    pub(super) fn check_results(&mut self, runs: &[Vec<FlowEvent>]) {
        let all = runs.iter().flatten().map(|event| ((event.flow_id, event.position), &event.kind));
        let all: BTreeMap<_, _> = all.collect();
        for event in runs.iter().flatten() {
            let (source, outputs) = match &event.kind {
                FlowEventKind::StepReused(reused) => (reused.source, Some(&reused.outputs)),
                FlowEventKind::StepFinished(finished) => {
                    match finished.rows.as_ref().and_then(|rows| rows.taken_over) {
                        Some(taken) => (taken.source, None),
                        None => continue,
                    }
                }
                _ => continue,
            };
            let is_result = match all.get(&(source.flow_id, source.position)) {
                Some(FlowEventKind::StepFinished(found)) => outputs.is_none_or(|outputs| found.outputs == *outputs),
                _ => false,
            };
            if !is_result {
                let (run, position) = (event.flow_id.to_string(), event.position);
                let (of, at) = (source.flow_id, source.position);
                let reason = format!("event {at} of run {of} does not have the result that it takes over");
                self.findings.push(Finding::event(run, position, reason));
            }
        }
    }

    /// Looks for the children of each run, and compares them with what their parent says of them.
    pub(super) fn check_children(&mut self, runs: &[Vec<FlowEvent>]) {
        let begun = |events: &Vec<FlowEvent>| match events.first().map(|first| (first.flow_id, &first.kind)) {
            Some((id, FlowEventKind::FlowInitialized(begun))) => Some((id, begun.clone())),
            _ => None,
        };
        let all: BTreeMap<_, _> = runs.iter().filter_map(begun).collect();
        for events in runs {
            let Some(parent) = events.first().map(|first| first.flow_id) else { continue };
            let finished = |step: &str| {
                events.iter().find(|event| matches!(&event.kind, FlowEventKind::StepFinished(it) if it.step_id == step))
            };
            for (id, step, index, child) in children_of(events) {
                let reason = match (all.get(&id), finished(&step)) {
                    (None, None) => continue,
                    (None, Some(_)) => format!("run {id}, child {index} of step `{step}`, is missing"),
                    (Some(found), _) => {
                        let place = found.child_of.as_ref().map(|it| (it.parent, it.step_id.as_str(), it.index));
                        let is_its_place = place == Some((parent, step.as_str(), index));
                        let texts = (canonical_text(&child.definition), canonical_text(&found.definition));
                        let is_its_flow = matches!(texts, (Ok(one), Ok(other)) if one.text == other.text);
                        if is_its_place && is_its_flow {
                            continue;
                        }
                        format!("run {id} is not child {index} of step `{step}`, whose id it has")
                    }
                };
                let position = finished(&step).map_or(0, |event| event.position);
                self.findings.push(Finding::event(parent.to_string(), position, reason));
            }
        }
    }
}
