//! Describes how one step changed: its work, its result, its signals, and how it is run.

use serde_json::{Value, json};

use super::pairing::Pairing;
use super::results::{OutputChange, arrow, changes, cut, value_change};
use super::side::Step;
use crate::workbench::{Difference, differences, first_difference};

/// A step that both records have.
pub(super) struct Pair<'a> {
    pub(super) was: &'a Step,
    pub(super) is: &'a Step,
    /// The differing components of its identity.
    pub(super) differences: Vec<Difference>,
    pub(super) results: Vec<OutputChange>,
}

impl Pair<'_> {
    pub(super) fn ran(&self) -> bool {
        self.was.started.is_some() && self.is.started.is_some()
    }

    pub(super) fn ended_well(&self) -> bool {
        self.ran() && self.was.failure.is_none() && self.is.failure.is_none()
    }

    pub(super) fn name(&self) -> String {
        format!("step `{}`", self.is.id())
    }
}

/// Compares a step in both records.
pub(super) fn pair<'a>(was: &'a Step, is: &'a Step, pairing: &Pairing<'_>) -> Pair<'a> {
    let started = was.started.is_some() && is.started.is_some();
    let before = was.facts(started, |id| pairing.name_now(id));
    let after = is.facts(started, str::to_owned);
    Pair { was, is, differences: differences(&before, &after), results: changes(&was.outputs, &is.outputs) }
}

/// Whether the step did the same work with another result.
pub(super) fn is_silent(pair: &Pair<'_>) -> bool {
    pair.ended_well() && pair.differences.is_empty() && !pair.results.is_empty()
}

/// Describes another result of the same work.
pub(super) fn silent_change(pair: &Pair<'_>) -> String {
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
pub(super) fn work(pair: &Pair<'_>, pairing: &Pairing<'_>) -> Option<String> {
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
pub(super) fn policies(pair: &Pair<'_>) -> Vec<String> {
    let (was, is) = (&pair.was.recorded, &pair.is.recorded);
    let members = [
        ("retry", json!(was.retry), json!(is.retry)),
        ("timeout_ms", json!(was.timeout_ms), json!(is.timeout_ms)),
        ("gate", json!(was.gate), json!(is.gate)),
        ("resources", json!(was.resources), json!(is.resources)),
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

/// Describes changed signals of a step whose work and result are the same.
pub(super) fn signals(pair: &Pair<'_>) -> Option<String> {
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
