//! Finds the causes of a difference between a run and its snapshot: a sentence each, the gravest first.
//!
//! Consequences are left out: an input that an earlier step changed, a wire that moved because a step was inserted, a
//! fingerprint that moved because it covers the list of steps.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::pairing::Pairing;
use super::results::{arrow, cut};
use super::side::Side;
use super::step_change::{Pair, is_silent, pair, policies, signals, silent_change, work};
use crate::workbench::first_difference;

/// The causes and the effect of a difference.
pub(super) struct Causes {
    /// One sentence for each cause; never empty.
    pub(super) causes: Vec<String>,
    /// The first differing rows of the first result that changed without a cause in its step's identity.
    pub(super) rows: Vec<String>,
    /// Which fingerprints and results changed.
    pub(super) effect: String,
}

/// Explains the difference between two records.
pub(super) fn causes(before: &Side, after: &Side) -> Causes {
    let pairing = Pairing::of(before, after);
    let pairs: Vec<Pair<'_>> = pairing.pairs.iter().map(|(was, is)| pair(was, is, &pairing)).collect();

    let mut causes = failures(&pairs);
    causes.extend(libraries(before, after));
    let silent: Vec<&Pair<'_>> = pairs.iter().filter(|pair| is_silent(pair)).collect();
    let rows =
        silent.first().into_iter().flat_map(|pair| &pair.results).flat_map(|change| change.rows.clone()).collect();
    causes.extend(silent.iter().map(|pair| silent_change(pair)));
    causes.extend(pairing.changes());
    let from_steps = causes.len();
    causes.extend(pairs.iter().filter_map(|pair| work(pair, &pairing)));
    causes.extend(pairs.iter().flat_map(policies));
    causes.extend(flow(before, after, causes.len() > from_steps));
    causes.extend(pairs.iter().filter_map(signals));
    let list_is_same = !pairing.is_another_list();
    if list_is_same && pairs.iter().all(Pair::ended_well) {
        causes.extend(events(before, after, causes.is_empty()));
    }
    if list_is_same && causes.is_empty() {
        causes.extend(scheme(&pairs));
    }
    if causes.is_empty() {
        causes.push(anything(before, after));
    }
    Causes { causes, rows, effect: effect(&pairs, &pairing) }
}

/// Names steps that fail now, no longer fail, or fail with another error.
fn failures(pairs: &[Pair<'_>]) -> Vec<String> {
    let failure = |pair: &Pair<'_>| match (&pair.was.failure, &pair.is.failure) {
        (None, Some(is)) => Some(format!("{} fails: {is}", pair.name())),
        (Some(was), None) if pair.is.started.is_some() => Some(format!("{} no longer fails: {was}", pair.name())),
        (Some(was), Some(is)) if was != is => {
            Some(format!("{} fails with another error: {}", pair.name(), arrow(&json!(was), &json!(is))))
        }
        _ => None,
    };
    pairs.iter().filter_map(failure).collect()
}

/// Names libraries that computed columns in both records, in different versions.
fn libraries(before: &Side, after: &Side) -> Vec<String> {
    let versions = after.pinned.libraries.iter();
    let both = versions.filter_map(|(name, is)| Some((name, before.pinned.libraries.get(name)?, is)));
    both.filter(|(_, was, is)| was != is)
        .map(|(name, was, is)| format!("library `{name}` changed from version {was} to version {is}"))
        .collect()
}

/// Describes changes of the flow outside its steps.
fn flow(before: &Side, after: &Side, steps_say_why: bool) -> Vec<String> {
    let mut said = Vec::new();
    if before.pinned.flow != after.pinned.flow {
        said.push(format!("the flow was renamed from `{}` to `{}`", before.pinned.flow, after.pinned.flow));
    }
    let (was, is) = (json!(before.definition.description), json!(after.definition.description));
    if was != is {
        said.push(match (&was, &is) {
            (Value::Null, is) => format!("a description was added to the flow: `{}`", cut(&is.to_string(), 0)),
            (was, Value::Null) => format!("the flow's description was removed: `{}`", cut(&was.to_string(), 0)),
            _ => format!("the flow's description changed: {}", arrow(&was, &is)),
        });
    }
    let (was, is) = (json!(before.definition.license), json!(after.definition.license));
    if was != is {
        said.push(format!("the license of the flow changed: {}", arrow(&was, &is)));
    }
    // If a step uses the parameter, the step's own sentence names it.
    if !steps_say_why {
        let (was, is) = (&before.definition.params, &after.definition.params);
        let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
        for name in names {
            let (was, is) = (was.get(name), is.get(name));
            if was != is {
                let change = arrow(was.unwrap_or(&Value::Null), is.unwrap_or(&Value::Null));
                said.push(format!("flow parameter `{name}`, which no step uses, changed: {change}"));
            }
        }
    }
    said
}

/// Describes events in another order or, if `alone`, any other events.
fn events(before: &Side, after: &Side, alone: bool) -> Option<String> {
    let sorted = |side: &Side| {
        let mut log = side.log.clone();
        log.sort();
        log
    };
    let same_events = sorted(before) == sorted(after);
    if before.log == after.log || !(same_events || alone) {
        return None;
    }
    let position = before.log.iter().zip(&after.log).position(|(was, is)| was != is);
    let position = position.unwrap_or_else(|| before.log.len().min(after.log.len()));
    let event = |side: &Side| match side.log.get(position) {
        Some((kind, Some(step))) => format!("`{kind}` of `{step}`"),
        Some((kind, None)) => format!("`{kind}`"),
        None => "nothing".to_owned(),
    };
    let what = if same_events { "the events come in another order" } else { "the run has other events" };
    let (was, is) = (&before.pinned.event_variants, &after.pinned.event_variants);
    Some(format!("{what}: at position {position} {} instead of {} (`{was}` → `{is}`)", event(after), event(before)))
}

/// Names a step whose fingerprint moved although none of its components changed.
fn scheme(pairs: &[Pair<'_>]) -> Option<String> {
    let moved = pairs.iter().find(|pair| pair.differences.is_empty() && pair.was.fingerprint != pair.is.fingerprint)?;
    Some(format!(
        "the fingerprint of {} moved although none of its components changed: the fingerprint scheme of chem-runtime changed",
        moved.name()
    ))
}

/// Names the first path at which the records differ: the fallback if there is no better explanation.
fn anything(before: &Side, after: &Side) -> String {
    let value = |side: &Side| serde_json::to_value(&side.pinned).unwrap_or_default();
    match first_difference(&value(before), &value(after)) {
        Some((path, was, is)) => format!("the record differs at `{path}`: {}", arrow(&was, &is)),
        None => "the snapshot has the same content in another layout".to_owned(),
    }
}

/// Lists the fingerprints and results that changed, in one line.
fn effect(pairs: &[Pair<'_>], pairing: &Pairing<'_>) -> String {
    let moved = |of: &dyn Fn(&Pair<'_>) -> bool| -> Vec<String> {
        pairs.iter().filter(|pair| of(pair)).map(|pair| format!("`{}`", pair.is.id())).collect()
    };
    let fingerprints = moved(&|pair| pair.is.fingerprint.is_some() && pair.was.fingerprint != pair.is.fingerprint);
    let fingerprints = match fingerprints.as_slice() {
        [] => "no fingerprint moved".to_owned(),
        _ if pairing.is_another_list() => "all fingerprints moved, since they cover the list of steps".to_owned(),
        all => format!("fingerprints moved: {}", all.join(", ")),
    };
    let results = match moved(&|pair| pair.ended_well() && !pair.results.is_empty()).as_slice() {
        [] => "no result changed".to_owned(),
        some => format!("results changed: {}", some.join(", ")),
    };
    format!("{fingerprints}; {results}")
}
