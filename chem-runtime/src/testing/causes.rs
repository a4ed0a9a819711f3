//! Finds the causes of a difference between a run and its snapshot: a sentence each, the gravest first.
//!
//! Consequences are left out: an input that an earlier step changed, a wire that moved because a step was inserted, a
//! fingerprint that moved because it covers the list of steps.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::pairing::Pairing;
use super::results::{OutputChange, arrow, changes, cut, value_change};
use super::side::{Side, Step};
use crate::workbench::{Difference, differences, first_difference};

/// The causes and the effect of a difference.
pub(super) struct Causes {
    /// One sentence for each cause; never empty.
    pub(super) causes: Vec<String>,
    /// The first differing rows of the first result that changed without a cause in its step's identity.
    pub(super) rows: Vec<String>,
    /// Which fingerprints and results changed.
    pub(super) effect: String,
}

/// A step that both records have.
struct Pair<'a> {
    was: &'a Step,
    is: &'a Step,
    /// The differing components of its identity.
    differences: Vec<Difference>,
    results: Vec<OutputChange>,
}

impl Pair<'_> {
    fn ran(&self) -> bool {
        self.was.started.is_some() && self.is.started.is_some()
    }

    fn ended_well(&self) -> bool {
        self.ran() && self.was.failure.is_none() && self.is.failure.is_none()
    }

    fn name(&self) -> String {
        format!("step `{}`", self.is.id())
    }
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

fn pair<'a>(was: &'a Step, is: &'a Step, pairing: &Pairing<'_>) -> Pair<'a> {
    let started = was.started.is_some() && is.started.is_some();
    let before = was.facts(started, |id| pairing.name_now(id));
    let after = is.facts(started, str::to_owned);
    Pair { was, is, differences: differences(&before, &after), results: changes(&was.outputs, &is.outputs) }
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

/// Whether the step did the same work with another result.
fn is_silent(pair: &Pair<'_>) -> bool {
    pair.ended_well() && pair.differences.is_empty() && !pair.results.is_empty()
}

fn silent_change(pair: &Pair<'_>) -> String {
    let under = if pair.was.fingerprint == pair.is.fingerprint {
        "under the same fingerprint"
    } else {
        "for the same inputs, parameters and version"
    };
    format!("{} gave another result {under}: {}; raise its `version`", pair.name(), summary(&pair.results))
}

fn summary(results: &[OutputChange]) -> String {
    results.iter().map(|change| change.summary.as_str()).collect::<Vec<_>>().join("; ")
}

/// Describes how the identity of a step changed, without the consequences of other changes.
fn work(pair: &Pair<'_>, pairing: &Pairing<'_>) -> Option<String> {
    let consequence = |difference: &Difference| match difference {
        Difference::Upstream { .. } | Difference::History | Difference::Started { .. } | Difference::New => true,
        Difference::Wiring { before, after, .. } => pairing.explains(pair.is, before.as_deref(), after.as_deref()),
        _ => false,
    };
    // Another step type has other parameters; those that the manifest leaves out are noise.
    let another_type = pair.differences.iter().any(|difference| matches!(difference, Difference::StepType { .. }));
    let noise = |difference: &Difference| match difference {
        Difference::Parameter { name, .. } => another_type && is_defaulted(name, pair),
        other => consequence(other),
    };
    let causes: Vec<&Difference> = pair.differences.iter().filter(|difference| !noise(difference)).collect();
    let mut said: Vec<String> = causes.iter().map(|difference| component(difference, pair)).collect();
    if said.is_empty() && pair.ran() {
        said = written(pair);
    }
    // If nothing else differs, the new version explains the result.
    if let ([Difference::Version { .. }], [_]) = (causes.as_slice(), pair.differences.as_slice())
        && pair.ended_well()
    {
        said.push(match pair.results.as_slice() {
            [] => "the result is the same".to_owned(),
            results => format!("the result is another: {}", summary(results)),
        });
    }
    (!said.is_empty()).then(|| format!("{}: {}", pair.name(), said.join("; ")))
}

fn component(difference: &Difference, pair: &Pair<'_>) -> String {
    let recorded = &pair.is.recorded;
    let value = |value: &Value| cut(&value.to_string(), 0);
    match difference {
        Difference::Parameter { name, before, after } => match (before, after) {
            (Some(before), Some(after)) if is_defaulted(name, pair) => {
                format!("the default of parameter `{name}` of `{}` changed: {}", recorded.uses, arrow(before, after))
            }
            (None, Some(after)) if is_defaulted(name, pair) => {
                format!("`{}` has the new parameter `{name}`, with the default `{}`", recorded.uses, value(after))
            }
            (Some(before), None) if is_defaulted(name, pair) => {
                format!("parameter `{name}` of `{}` was removed; its default was `{}`", recorded.uses, value(before))
            }
            (Some(before), Some(after)) => format!("parameter `{name}` changed: {}", arrow(before, after)),
            (before, after) => {
                let value = |it: &Option<Value>| {
                    it.as_ref().map_or_else(|| "nothing".to_owned(), |it| format!("`{}`", value(it)))
                };
                format!("parameter `{name}` changed: {} → {}", value(before), value(after))
            }
        },
        Difference::File { name, before, after } => match (&before.path, &after.path) {
            (Some(was), Some(is)) if was != is => {
                format!("parameter `{name}` names the file `{is}` instead of `{was}`")
            }
            (_, Some(path)) => format!("the content of the input file `{path}` changed"),
            _ => format!("the content of the input file `{name}` changed"),
        },
        Difference::Version { before, after } => {
            format!("the version of `{}` changed: {before} → {after}", recorded.uses)
        }
        Difference::StepType { before, after } => format!("the step type changed: `{before}` → `{after}`"),
        Difference::Wiring { port, before, after } => {
            let wire =
                |wire: &Option<String>| wire.as_ref().map_or_else(|| "nothing".to_owned(), |wire| format!("`{wire}`"));
            format!("input `{port}` comes from {} instead of {}", wire(after), wire(before))
        }
        other => other.to_string(),
    }
}

/// Whether a parameter, or the parameter that contains it, has its default in both records.
fn is_defaulted(name: &str, pair: &Pair<'_>) -> bool {
    let top = name.split(['.', '[']).next().unwrap_or(name);
    let is_param = |step: &Step| step.recorded.params.contains_key(top);
    let is_given = |step: &Step| step.given.iter().any(|given| given == top);
    (is_param(pair.was) || is_param(pair.is)) && !is_given(pair.was) && !is_given(pair.is)
}

/// Describes parameters whose spelling changed and whose identity did not, such as the path of a file.
fn written(pair: &Pair<'_>) -> Vec<String> {
    let (mut was, mut is) = (pair.was.facts(false, str::to_owned), pair.is.facts(false, str::to_owned));
    for facts in [&mut was, &mut is] {
        facts.wiring.clear();
        facts.inputs.clear();
    }
    if pair
        .differences
        .iter()
        .any(|difference| matches!(difference, Difference::Parameter { .. } | Difference::File { .. }))
    {
        return Vec::new();
    }
    let found = differences(&was, &is).into_iter().filter(|found| matches!(found, Difference::Parameter { .. }));
    let mut said: Vec<String> =
        found.map(|found| format!("{}; the content is the same", component(&found, pair))).collect();
    let only = |these: &Step, those: &Step| -> Vec<String> {
        these.given.iter().filter(|name| !those.given.contains(name)).cloned().collect()
    };
    let given = only(pair.is, pair.was)
        .into_iter()
        .map(|name| format!("the manifest now sets parameter `{name}` to its default"));
    let left = only(pair.was, pair.is)
        .into_iter()
        .map(|name| format!("the manifest no longer sets parameter `{name}`, whose default is the same"));
    said.extend(given.chain(left));
    said
}

/// Describes changes in how a step is run, which no fingerprint covers.
fn policies(pair: &Pair<'_>) -> Vec<String> {
    let (was, is) = (&pair.was.recorded, &pair.is.recorded);
    let members = [
        ("retry", json!(was.retry), json!(is.retry)),
        ("timeout_ms", json!(was.timeout_ms), json!(is.timeout_ms)),
        ("gate", json!(was.gate), json!(is.gate)),
        ("kind", json!(was.kind), json!(is.kind)),
    ];
    let change = |(name, was, is): (&str, Value, Value)| {
        let (path, inner_was, inner_is) = first_difference(&was, &is)?;
        let path = path.strip_prefix('$').unwrap_or_default();
        Some(match (was, is) {
            (Value::Null, is) => format!("{} has a `{name}`: `{}`", pair.name(), cut(&is.to_string(), 0)),
            (was, Value::Null) => format!("{} has no `{name}` any more: `{}`", pair.name(), cut(&was.to_string(), 0)),
            _ => format!("`{name}{path}` of {} changed: {}", pair.name(), arrow(&inner_was, &inner_is)),
        })
    };
    members.into_iter().filter_map(change).collect()
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

/// Describes changed signals of a step whose work and result are the same.
fn signals(pair: &Pair<'_>) -> Option<String> {
    let (was, is) = (&pair.was.signals, &pair.is.signals);
    if was == is || !pair.ended_well() || !pair.differences.is_empty() || !pair.results.is_empty() {
        return None;
    }
    let step = pair.name();
    let sorted = |signals: &[(String, Value)]| {
        let mut texts: Vec<String> = signals.iter().map(|(name, data)| format!("{name} {data}")).collect();
        texts.sort();
        texts
    };
    let names = |signals: &[(String, Value)]| {
        signals.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    if sorted(was) == sorted(is) {
        return Some(format!("{step} sent its signals in another order: {} → {}", names(was), names(is)));
    }
    let differing = was.iter().zip(is).find(|(was, is)| was != is);
    Some(match differing {
        Some(((was_name, was), (is_name, is))) if was_name == is_name => {
            let change = value_change(was, is).unwrap_or_default();
            format!("{step} sent signal `{is_name}` with other data: {change}")
        }
        _ => format!("{step} sent other signals: {} → {}", names_or_none(&names(was)), names_or_none(&names(is))),
    })
}

fn names_or_none(names: &str) -> &str {
    if names.is_empty() { "none" } else { names }
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
