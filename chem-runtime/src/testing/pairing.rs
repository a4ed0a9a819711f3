//! Matches the steps of two flows: by name, or else by work and position.

use super::side::{Side, Step};
use crate::step::listed;

/// The matched steps of two flows, and the rest.
pub(super) struct Pairing<'a> {
    /// The matched steps, in the order of the second flow.
    pub(super) pairs: Vec<(&'a Step, &'a Step)>,
    pub(super) added: Vec<&'a Step>,
    pub(super) removed: Vec<&'a Step>,
    /// The steps that the second flow has in another position.
    pub(super) moved: Vec<&'a Step>,
    before: &'a [Step],
    after: &'a [Step],
}

impl<'a> Pairing<'a> {
    pub(super) fn of(before: &'a Side, after: &'a Side) -> Self {
        let (before, after) = (before.steps.as_slice(), after.steps.as_slice());
        let mut partner: Vec<Option<usize>> =
            after.iter().map(|step| before.iter().position(|was| was.id() == step.id())).collect();
        for (index, step) in after.iter().enumerate() {
            if partner[index].is_none() {
                let free = (0..before.len()).filter(|place| !partner.contains(&Some(*place)));
                let was = free.filter(|&place| before[place].recorded.uses == step.recorded.uses);
                // Prefer the same parameters; with other parameters, the position has to match.
                let mut was: Vec<usize> = was.collect();
                was.sort_by_key(|&place| before[place].recorded.params != step.recorded.params);
                partner[index] = was.into_iter().find(|&place| {
                    before[place].recorded.params == step.recorded.params
                        || same_neighbours(place, index, before, after)
                });
            }
        }
        let kept = longest_ascent(&partner);
        let paired = || partner.iter().enumerate().filter_map(|(index, place)| Some((index, (*place)?)));
        Self {
            pairs: paired().map(|(index, place)| (&before[place], &after[index])).collect(),
            added: (0..after.len()).filter(|&index| partner[index].is_none()).map(|index| &after[index]).collect(),
            removed: (0..before.len())
                .filter(|place| !partner.contains(&Some(*place)))
                .map(|place| &before[place])
                .collect(),
            moved: paired().filter(|(index, _)| !kept.contains(index)).map(|(index, _)| &after[index]).collect(),
            before,
            after,
        }
    }

    /// Returns the name in the second flow of a step of the first.
    pub(super) fn name_now(&self, id: &str) -> String {
        self.pairs.iter().find(|(was, _)| was.id() == id).map_or(id, |(_, is)| is.id()).to_owned()
    }

    /// Whether the ids of the steps or their order differ, which moves all fingerprints.
    pub(super) fn is_another_list(&self) -> bool {
        let ids = |steps: &[Step]| steps.iter().map(|step| step.id().to_owned()).collect::<Vec<_>>();
        ids(self.before) != ids(self.after)
    }

    /// Whether a change of wire from `before` to `after` is a consequence of a step that was added, removed or moved.
    pub(super) fn explains(&self, step: &Step, before: Option<&str>, after: Option<&str>) -> bool {
        let names = |steps: &[&Step], wire: Option<&str>| {
            let id = wire.map(|wire| wire.split('.').next().unwrap_or(wire));
            steps.iter().any(|step| Some(step.id()) == id)
        };
        names(&self.added, after)
            || names(&self.removed, before)
            || [before, after].into_iter().any(|wire| names(&self.moved, wire))
            || self.moved.iter().any(|moved| moved.id() == step.id())
    }

    /// Describes how the list of steps changed, in one sentence for each change.
    pub(super) fn changes(&self) -> Vec<String> {
        let renamed = self.pairs.iter().filter(|(was, is)| was.id() != is.id());
        let mut changes: Vec<String> =
            renamed.map(|(was, is)| format!("step `{}` was renamed to `{}`", was.id(), is.id())).collect();
        let mut removed = self.removed.clone();
        for step in &self.added {
            let uses = |step: &Step| format!("`{}` (`{}`)", step.id(), step.recorded.uses);
            match removed.iter().position(|was| self.have_same_neighbours(was, step)) {
                Some(place) => {
                    changes.push(format!("step {} was replaced by step {}", uses(removed.remove(place)), uses(step)));
                }
                None => changes.push(format!(
                    "step {} was inserted {}",
                    uses(step),
                    at(self.after, step, "at the beginning")
                )),
            }
        }
        for step in removed {
            changes.push(format!(
                "step `{}` (`{}`) was removed {}",
                step.id(),
                step.recorded.uses,
                at(self.before, step, "at the beginning")
            ));
        }
        match self.moved.as_slice() {
            [] => {}
            [step] => {
                let was = self.pairs.iter().find(|(_, is)| is.id() == step.id()).map_or(*step, |(was, _)| *was);
                let first = "the beginning";
                let (was, is) = (at(self.before, was, first), at(self.after, step, first));
                changes.push(format!("step `{}` moved from {was} to {is}", step.id()));
            }
            _ => {
                let order = |steps: &[Step]| listed(&steps.iter().map(Step::id).collect::<Vec<_>>());
                let (was, is) = (order(self.before), order(self.after));
                changes.push(format!("the steps are in another order: {was} became {is}"));
            }
        }
        changes
    }

    /// Whether a step of the first flow and a step of the second have the same neighbours.
    fn have_same_neighbours(&self, was: &Step, is: &Step) -> bool {
        let place = self.before.iter().position(|step| step.id() == was.id());
        let index = self.after.iter().position(|step| step.id() == is.id());
        place.zip(index).is_some_and(|(place, index)| same_neighbours(place, index, self.before, self.after))
    }
}

/// Describes the position of a step, with `first` for the first step.
fn at(steps: &[Step], step: &Step, first: &str) -> String {
    let place = steps.iter().position(|other| other.id() == step.id()).unwrap_or_default();
    match place.checked_sub(1).and_then(|before| steps.get(before)) {
        Some(before) => format!("after `{}`", before.id()),
        None => first.to_owned(),
    }
}

/// Whether the steps before and after have the same ids.
fn same_neighbours(place: usize, index: usize, before: &[Step], after: &[Step]) -> bool {
    let around = |steps: &[Step], at: usize| {
        let id = |at: Option<usize>| at.and_then(|at| steps.get(at)).map(|step| step.id().to_owned());
        [id(at.checked_sub(1)), id(at.checked_add(1))]
    };
    around(before, place) == around(after, index)
}

/// Returns the indices of a longest ascending subsequence, skipping `None`.
fn longest_ascent(partner: &[Option<usize>]) -> Vec<usize> {
    // For each index, the longest ascent that ends there. Quadratic, which is fine for tens of steps.
    let mut ending: Vec<Vec<usize>> = Vec::new();
    for (index, place) in partner.iter().enumerate() {
        let before = ending.iter().filter(|ascent| {
            ascent.last().is_some_and(|&last| matches!((partner[last], place), (Some(was), Some(is)) if was < *is))
        });
        let mut best = before.max_by_key(|ascent| ascent.len()).cloned().unwrap_or_default();
        if place.is_some() {
            best.push(index);
        }
        ending.push(best);
    }
    ending.into_iter().max_by_key(Vec::len).unwrap_or_default()
}
