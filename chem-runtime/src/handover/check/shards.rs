//! Looks for the runs that worked on the rows of a step.

use std::collections::{BTreeMap, HashSet};

use super::Checked;
use crate::event::{FlowEvent, FlowId};
use crate::handover::finding::Finding;
use crate::handover::read::Reading;
use crate::handover::shards::{StepInShards, cut_of, parts_of, rows_of, shard_id, steps_in_shards};

/// The runs of an export, among which the shards of a run are looked for.
struct Shards<'a> {
    runs: &'a BTreeMap<FlowId, &'a [FlowEvent]>,
    /// The run.
    run: FlowId,
    /// The steps of the run that have finished. If a shard was cut at one of them, its parts have ended.
    finished: HashSet<&'a str>,
}

impl Checked {
    /// Checks that the runs which worked on the rows of a finished step are there, and that together they have all rows.
    pub(super) fn check_shards(&mut self, runs: &[Vec<FlowEvent>], reading: &Reading) {
        let by_id: BTreeMap<FlowId, &[FlowEvent]> =
            runs.iter().filter_map(|events| Some((events.first()?.flow_id, events.as_slice()))).collect();
        for (&run, events) in &by_id {
            let steps = steps_in_shards(events);
            let finished = steps.iter().filter(|step| step.finished.is_some());
            let finished = finished.map(|step| step.started.step_id.as_str()).collect();
            let shards = Shards { runs: &by_id, run, finished };
            for step in &steps {
                let Some((position, end)) = step.finished else { continue };
                // Without data, the number of rows is not known.
                let input = end.rows.as_ref().and_then(|rows| step.started.inputs.get(&rows.port));
                let rows = input.and_then(|input| reading.rows.get(input)).copied();
                if let Err(reason) = shards.check_step(step, rows) {
                    self.findings.push(Finding::event(run.to_string(), position, reason));
                }
            }
        }
    }
}

impl Shards<'_> {
    /// Checks that the shards of a step are there, of which it has `rows`, if that is known.
    ///
    /// # Errors
    /// Returns what is missing.
    fn check_step(&self, step: &StepInShards<'_>, rows: Option<usize>) -> Result<(), String> {
        let last = self.last_of(step);
        // The other steps of a group have the shards of its first.
        if !step.is_first && last.is_none() {
            return Ok(());
        }
        let (id, mut next) = (step.started.step_id.as_str(), 1);
        for index in 0.. {
            let is_missing = match rows {
                Some(rows) => next <= rows,
                None => last.is_some_and(|last| index <= last),
            };
            if !is_missing {
                break;
            }
            let what = format!("child {index} of step `{id}`");
            next = self.check(shard_id(self.run, step, index), (self.run, id, index), &what, next)?;
        }
        Ok(())
    }

    /// Returns the index of the last shard of a step that is there.
    fn last_of(&self, step: &StepInShards<'_>) -> Option<usize> {
        let places = self.runs.iter().filter_map(|(id, events)| Some((id, events.first()?.child_of()?)));
        let of_step = places.filter(|(id, place)| {
            let is_of_step = place.parent == self.run && place.step_id == step.started.step_id;
            is_of_step && **id == shard_id(self.run, step, place.index)
        });
        of_step.map(|(_, place)| place.index).max()
    }

    /// Checks that the run `id` has this place and works on rows from `next` on and, if it was cut, that its parts do. Returns the
    /// number of the row behind them.
    ///
    /// # Errors
    /// Returns what is missing.
    fn check(&self, id: FlowId, place: (FlowId, &str, usize), what: &str, next: usize) -> Result<usize, String> {
        let Some(events) = self.runs.get(&id) else {
            return Err(format!("run {id}, {what}, is missing, with the rows from {next}"));
        };
        let found = events.first().and_then(FlowEvent::child_of);
        let is_its_place = found.map(|it| (it.parent, it.step_id.as_str(), it.index)) == Some(place);
        let last = match rows_of(events) {
            Some((first, last)) if is_its_place && first == next && first <= last => last,
            _ => return Err(format!("run {id} is not {what}, with the rows from {next}, whose id it has")),
        };
        if let Some(cut) = cut_of(events).filter(|cut| self.finished.contains(cut.step_id.as_str())) {
            let mut next = next;
            for (index, part) in parts_of(events).into_iter().enumerate() {
                next = self.check(part, (id, &cut.step_id, index), &format!("part {index} of run {id}"), next)?;
            }
            if next != last + 1 {
                return Err(format!("the parts of run {id} end before row {next}, and its rows with {last}"));
            }
        }
        Ok(last + 1)
    }
}
