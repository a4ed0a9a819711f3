//! Compares two recorded definitions part by part.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::event::{RecordedDefinition, RecordedStep};
use crate::fingerprint::{CanonicalError, DivergenceHash, Tag, canonical_json, canonical_text, tagged_sha256};
use crate::step::children::{MAP_STEP, MapParams};

/// A part of a step that differs between two definitions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The id of the step.
    pub step: String,
    /// The part: `step`, `place` (its index), `uses`, `version`, `parameter x` or `input x`; or, of its policy, `retry`,
    /// `timeout_ms`, `gate`, `resources` or `shards`. Part of the divergence hash.
    pub part: String,
    /// The value in the first definition; `None` if the part is absent.
    pub before: Option<Value>,
    /// The value in the second definition; `None` if the part is absent.
    pub after: Option<Value>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, part, before, after } = self;
        match (part.as_str(), before, after) {
            ("step", None, _) => write!(f, "step `{step}` is new"),
            ("step", _, _) => write!(f, "step `{step}` was removed"),
            ("place", Some(before), Some(after)) => write!(f, "step `{step}` has moved from index {before} to {after}"),
            (_, Some(before), Some(after)) => write!(f, "step `{step}`: {part} {before} → {after}"),
            (_, None, Some(after)) => write!(f, "step `{step}`: {part} is new: {after}"),
            (_, Some(before), None) => write!(f, "step `{step}`: {part} was removed; it was {before}"),
            (_, None, None) => write!(f, "step `{step}`: {part}"),
        }
    }
}

/// Returns the differences between the steps of two definitions, in the order of the steps. Ignores what is not part of any
/// fingerprint: descriptions, retries, timeouts, gates, resources, shards and the texts of manifests.
pub(crate) fn changes(before: &RecordedDefinition, after: &RecordedDefinition) -> Vec<Change> {
    let whole = |step: &RecordedStep| Some(Value::String(format!("{}@{}", step.uses, step.version)));
    let mut found = Vec::new();
    for (index, step) in after.steps.iter().enumerate() {
        let mut add = |part: String, before, after| found.push(Change { step: step.id.clone(), part, before, after });
        let Some((was_at, was)) = before.steps.iter().enumerate().find(|(_, was)| was.id == step.id) else {
            add("step".into(), None, whole(step));
            continue;
        };
        if was_at != index {
            add("place".into(), Some(was_at.into()), Some(index.into()));
        }
        if was.uses != step.uses {
            add("uses".into(), Some(was.uses.clone().into()), Some(step.uses.clone().into()));
        }
        if was.version != step.version {
            add("version".into(), Some(was.version.into()), Some(step.version.into()));
        }
        let texts = |inputs: &BTreeMap<String, String>| -> BTreeMap<String, Value> {
            inputs.iter().map(|(port, from)| (port.clone(), from.clone().into())).collect()
        };
        for (port, before, after) in differing(&texts(&was.inputs), &texts(&step.inputs)) {
            add(format!("input {port}"), before, after);
        }
        let values = |step: &RecordedStep| {
            let mut params = step.params.clone();
            if step.uses == MAP_STEP {
                MapParams::forget_texts(&mut params);
            }
            params.into_iter().collect::<BTreeMap<_, _>>()
        };
        for (name, before, after) in differing(&values(was), &values(step)) {
            add(format!("parameter {name}"), before, after);
        }
    }
    for removed in before.steps.iter().filter(|step| after.steps.iter().all(|kept| kept.id != step.id)) {
        found.push(Change { step: removed.id.clone(), part: "step".into(), before: whole(removed), after: None });
    }
    found
}

/// Returns the differences between the policies of steps that both definitions have: retries, timeouts, gates, resources and
/// shards, which are not part of any fingerprint.
pub(crate) fn policy_changes(before: &RecordedDefinition, after: &RecordedDefinition) -> Vec<Change> {
    let policy = |step: &RecordedStep| -> BTreeMap<String, Value> {
        let retry = step.retry.as_ref().and_then(|retry| serde_json::to_value(retry).ok());
        let gate = step.gate.as_ref().and_then(|gate| serde_json::to_value(gate).ok());
        let resources = step.resources.as_ref().and_then(|resources| serde_json::to_value(resources).ok());
        let shards = step.shards.as_ref().and_then(|shards| serde_json::to_value(shards).ok());
        let timeout = step.timeout_ms.map(Value::from);
        let parts =
            [("retry", retry), ("timeout_ms", timeout), ("gate", gate), ("resources", resources), ("shards", shards)];
        parts.into_iter().filter_map(|(part, value)| Some((part.to_owned(), value?))).collect()
    };
    let mut found = Vec::new();
    for step in &after.steps {
        let Some(was) = before.steps.iter().find(|was| was.id == step.id) else { continue };
        let differing = differing(&policy(was), &policy(step)).into_iter();
        found.extend(differing.map(|(part, before, after)| Change { step: step.id.clone(), part, before, after }));
    }
    found
}

/// Hashes changes. The same changes have the same hash in all runs.
pub(crate) fn divergence_hash(changes: &[Change]) -> Result<DivergenceHash, CanonicalError> {
    Ok(DivergenceHash::from_bytes(tagged_sha256(Tag::Divergence, &[&canonical_text(changes)?.text])))
}

/// Returns the entries that differ between two maps, by name. Compares numbers as they are hashed: 5 equals 5.0.
fn differing(
    before: &BTreeMap<String, Value>,
    after: &BTreeMap<String, Value>,
) -> Vec<(String, Option<Value>, Option<Value>)> {
    let same = |one: Option<&Value>, other: Option<&Value>| match (one, other) {
        (Some(one), Some(other)) => {
            one == other || canonical_json(one).is_ok_and(|one| Ok(one) == canonical_json(other))
        }
        (one, other) => one == other,
    };
    let added = after.keys().filter(|name| !before.contains_key(*name));
    let names = before.keys().chain(added);
    names
        .filter(|name| !same(before.get(*name), after.get(*name)))
        .map(|name| (name.clone(), before.get(name).cloned(), after.get(name).cloned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::StepKind;

    fn step(id: &str, params: Value) -> RecordedStep {
        let params = params.as_object().cloned().unwrap_or_default();
        RecordedStep {
            id: id.into(),
            uses: "demo.x".into(),
            version: 1,
            kind: StepKind::Transform,
            inputs: BTreeMap::new(),
            params,
            retry: None,
            timeout_ms: None,
            gate: None,
            resources: None,
            shards: None,
        }
    }

    fn texts_of(before: &[RecordedStep], after: &[RecordedStep]) -> Vec<String> {
        let definition = |steps: &[RecordedStep]| RecordedDefinition { steps: steps.to_vec(), ..Default::default() };
        changes(&definition(before), &definition(after)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_part_that_differs_is_named_and_nothing_else() {
        let (a, b) = (step("a", json!({"limit": 400, "keep": 1})), step("b", json!({})));
        assert_eq!(texts_of(&[a.clone(), b.clone()], &[a.clone(), b.clone()]), [""; 0]);
        let other = step("a", json!({"limit": 500.5, "keep": 1.0, "more": true}));
        assert_eq!(
            texts_of(std::slice::from_ref(&a), std::slice::from_ref(&other)),
            ["step `a`: parameter limit 400 → 500.5", "step `a`: parameter more is new: true"]
        );
        let rewired = RecordedStep { inputs: [("in".into(), "b".into())].into(), version: 2, ..a.clone() };
        assert_eq!(
            texts_of(std::slice::from_ref(&a), &[rewired]),
            ["step `a`: version 1 → 2", "step `a`: input in is new: \"b\""]
        );
        assert_eq!(
            texts_of(&[a.clone(), b.clone()], &[b.clone(), step("c", json!({}))]),
            ["step `b` has moved from index 1 to 0", "step `c` is new", "step `a` was removed"]
        );
        let patient = RecordedStep { timeout_ms: Some(5), ..a.clone() };
        assert_eq!(texts_of(std::slice::from_ref(&a), std::slice::from_ref(&patient)), [""; 0]);
        let definition = |step: &RecordedStep| RecordedDefinition { steps: vec![step.clone()], ..Default::default() };
        let policies = |before: &RecordedStep, after: &RecordedStep| -> Vec<String> {
            policy_changes(&definition(before), &definition(after)).iter().map(ToString::to_string).collect()
        };
        assert_eq!(policies(&a, &patient), ["step `a`: timeout_ms is new: 5"]);
        assert_eq!(policies(&patient, &a), ["step `a`: timeout_ms was removed; it was 5"]);
        assert_eq!(policies(&a, &other), [""; 0]);
    }

    #[test]
    fn the_hash_depends_on_what_differs() {
        let before = RecordedDefinition { steps: vec![step("a", json!({"limit": 1}))], ..Default::default() };
        let hash = |limit: f64| {
            let after = RecordedDefinition { steps: vec![step("a", json!({"limit": limit}))], ..Default::default() };
            divergence_hash(&changes(&before, &after)).unwrap()
        };
        assert_eq!(hash(1.0), divergence_hash(&[]).unwrap());
        assert_ne!(hash(2.0), hash(1.0));
        assert_ne!(hash(2.0), hash(3.0));
    }
}
