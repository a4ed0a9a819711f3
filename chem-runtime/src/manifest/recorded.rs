//! Restores the manifest of a stored run from the definition that the run recorded when it began.

use std::collections::BTreeMap;

use chem_manifest::StepId;
use chem_manifest::document::{Environment, Gate, Manifest, MapOver, Resources, Retry, RetryOn, Shards, Step};
use chem_manifest::license::is_license;
use serde_json::{Map, Value};

use crate::event::{self, FlowInitialized, RecordedDefinition, RecordedStep, StepKind, StepSources};
use crate::step::children::{MAP_STEP, MapParams};
use crate::step::{Expression, InvalidStepId, MAIN_OUTPUT};

/// Returns a manifest that repeats the run that began with `initialized`: its steps get the same fingerprints if
/// relative paths start from the same directory and the files are unchanged.
///
/// The parameters of the steps are those of the run, with placeholders filled in and defaults written out. The flow
/// parameters are those that expressions name, with the run's values. A flow name that is invalid in a manifest is
/// replaced by a similar one.
///
/// # Errors
/// [`InvalidStepId`] for a step whose id is invalid in a manifest.
pub fn manifest_of_run(initialized: &FlowInitialized) -> Result<Manifest, InvalidStepId> {
    let RecordedDefinition { description, license, params, step_sources, steps, .. } = &initialized.definition;
    let flow = StepId::like(&initialized.flow).map_or_else(|| StepId::new("flow"), Ok)?;
    let mut writer = Writer { recorded: params, named: Map::new() };
    let mut written: Vec<Step> = Vec::new();
    for step in steps {
        let before = written.last().map(|before| before.id.as_str());
        let is_first = step.shards.as_ref().is_some_and(|shards| shards.group == step.id);
        let fed = step.shards.as_ref().filter(|_| is_first).map(|shards| shards.over.as_str());
        written.push(writer.step(step, before, fed.or(before))?);
    }
    let license = license.clone().filter(|license| is_license(license));
    let (steps_from, environment) = step_sources.clone().map_or_else(Default::default, |sources| {
        let StepSources { from, python, lock, uv, workers } = sources;
        (from, Environment { python, lock, uv, workers })
    });
    let description = description.clone();
    Ok(Manifest { flow, description, license, params: writer.named, steps_from, environment, steps: written })
}

struct Writer<'r> {
    /// The flow parameters of the run.
    recorded: &'r Map<String, Value>,
    /// The flow parameters that expressions name.
    named: Map<String, Value>,
}

impl Writer<'_> {
    /// Converts a step after the step `before`, which the output `fed` feeds by default.
    fn step(&mut self, step: &RecordedStep, before: Option<&str>, fed: Option<&str>) -> Result<Step, InvalidStepId> {
        let map = if step.uses == MAP_STEP { self.map(&step.params) } else { None };
        Ok(Step {
            id: StepId::new(&step.id)?,
            uses: if map.is_some() { None } else { Some(step.uses.clone()) },
            // The first step needs no mark.
            source: step.kind == StepKind::Source && before.is_some(),
            inputs: inputs(&step.inputs, fed),
            with: match &map {
                Some(_) => Map::new(),
                None => step.params.iter().map(|(name, value)| (name.clone(), self.value(value))).collect(),
            },
            map,
            retry: step.retry.as_ref().map(|retry| Retry {
                attempts: retry.attempts,
                backoff_ms: retry.backoff_ms,
                on: match retry.on {
                    event::RetryOn::Transient => RetryOn::Transient,
                    event::RetryOn::Any => RetryOn::Any,
                },
            }),
            timeout_ms: step.timeout_ms,
            gate: step.gate.as_ref().map(|gate| Gate {
                message: literal(&gate.message),
                schema: gate.schema.as_ref().and_then(Value::as_object).cloned(),
                signed_by: gate.signed_by.clone(),
            }),
            resources: step.resources.map(|event::Resources { cpus, gpus, memory_mib, time_ms }| Resources {
                cpus,
                memory_mib,
                gpus,
                time_ms,
            }),
            shards: step.shards.as_ref().map(|shards| {
                let event::Shards { group, over, rows } = shards.clone();
                Shards { group, over, rows }
            }),
        })
    }

    /// Converts the recorded parameters of a step with `map:`.
    fn map(&mut self, recorded: &Map<String, Value>) -> Option<MapOver> {
        let MapParams { flow, on_error, over, params, steps, take, .. } = MapParams::read(recorded).ok()?;
        let taken = take.into_iter().map(|(column, taken)| {
            let part = taken.member.or(Some(taken.output).filter(|output| output != MAIN_OUTPUT));
            (column, part.map_or(taken.step.clone(), |part| format!("{}.{part}", taken.step)))
        });
        Some(MapOver {
            flow: if flow.is_empty() { None } else { Some(literal(&flow)) },
            // Their placeholders are those of the parameters here.
            steps: steps.map(|steps| steps.0).unwrap_or_default(),
            params: params.iter().map(|(name, value)| (name.clone(), self.value(value))).collect(),
            over: over.into_iter().map(|(name, values)| (name, self.value(&Value::Array(values)))).collect(),
            take: taken.collect(),
            on_error,
        })
    }

    /// Converts a recorded value to the form in which a manifest writes it.
    fn value(&mut self, value: &Value) -> Value {
        if let Some(cel) = self.expression(value) {
            return cel.into();
        }
        match value {
            Value::String(text) => literal(text).into(),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(members) => {
                let member = |(name, member): (&String, &Value)| (name.clone(), self.value(member));
                Value::Object(members.iter().map(member).collect())
            }
            other => other.clone(),
        }
    }

    /// Returns the text of an expression and makes its parameters flow parameters; `None` if `value` is not an
    /// expression with parameters, or if one of these has another value elsewhere in the flow.
    fn expression(&mut self, value: &Value) -> Option<String> {
        let (cel, params) = Expression::parts_of(value)?;
        let params = params?;
        let fits = |(name, value): (&String, &Value)| {
            let other = self.recorded.get(name).or_else(|| self.named.get(name));
            // An object cannot be the parameter of an expression.
            !value.is_object() && other.is_none_or(|other| other == value)
        };
        if !params.iter().all(fits) {
            return None;
        }
        self.named.extend(params.clone());
        Some(literal(cel))
    }
}

/// Returns the inputs of a step. Omits a single input that is the output which feeds the first port by default.
fn inputs(recorded: &BTreeMap<String, String>, before: Option<&str>) -> BTreeMap<String, String> {
    if recorded.len() == 1 && recorded.values().next().map(String::as_str) == before {
        return BTreeMap::new();
    }
    recorded.clone()
}

/// Escapes `text`, which filling in placeholders restores.
fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::Environment;
    use crate::fingerprint::DefinitionHash;
    use crate::manifest::to_yaml;

    /// Returns the manifest of a run of these steps in a flow with these parameters.
    fn yaml(flow: &str, params: Value, steps: Value) -> String {
        let definition = json!({ "params": params, "steps": steps });
        let initialized = FlowInitialized {
            child_of: None,
            definition: serde_json::from_value(definition).unwrap(),
            definition_hash: DefinitionHash::from_bytes([0; 32]),
            environment: Environment::default(),
            flow: flow.to_owned(),
            step_count: 0,
        };
        to_yaml(&manifest_of_run(&initialized).unwrap()).unwrap()
    }

    fn step(id: &str, kind: &str, inputs: Value, params: Value) -> Value {
        json!({ "id": id, "uses": "lab.it", "version": 1, "kind": kind, "inputs": inputs, "params": params })
    }

    #[test]
    fn what_goes_without_saying_is_not_said() {
        let steps = json!([
            step("a", "source", json!({}), json!({})),
            step("b", "transform", json!({ "table": "a" }), json!({})),
            step("c", "transform", json!({ "table": "b.rejects" }), json!({})),
            step("d", "transform", json!({ "table": "a" }), json!({})),
            step("e", "sink", json!({ "left": "d", "right": "b" }), json!({})),
            step("f", "source", json!({}), json!({})),
            step("g", "sink", json!({ "table": "f" }), json!({})),
        ]);
        let yaml = yaml("wired", json!({ "unused": 1 }), steps);
        assert_eq!(
            yaml,
            "flow: wired\nsteps:\n- id: a\n  uses: lab.it\n- id: b\n  uses: lab.it\n- id: c\n  uses: lab.it\n  inputs:\n    \
             table: b.rejects\n- id: d\n  uses: lab.it\n  inputs:\n    table: a\n- id: e\n  uses: lab.it\n  inputs:\n    \
             left: d\n    right: b\n- id: f\n  uses: lab.it\n  source: true\n- id: g\n  uses: lab.it\n"
        );
    }

    #[test]
    fn texts_stay_what_they_are() {
        let params =
            json!({ "text": "${params.x} $${y}", "list": ["${", { "key": "$$" }], "secret": { "secret": "env:T" } });
        let yaml = yaml("It is", json!({}), json!([step("a", "source", json!({}), params)]));
        assert_eq!(
            yaml,
            "flow: it-is\nsteps:\n- id: a\n  uses: lab.it\n  with:\n    list:\n    - $${\n    - key: $$\n    secret:\n      \
             secret: env:T\n    text: $${params.x} $$${y}\n"
        );
    }

    #[test]
    fn parameters_of_expressions_become_parameters_of_the_flow_where_they_agree() {
        let over = |limit: i64| json!({ "where": { "cel": "x < params.limit", "params": { "limit": limit } } });
        let steps =
            json!([step("a", "source", json!({}), over(5)), step("b", "sink", json!({ "table": "a" }), over(6))]);
        let expected = "flow: two\nparams:\n  limit: 5\nsteps:\n- id: a\n  uses: lab.it\n  with:\n    where: x < params.limit\n- \
                        id: b\n  uses: lab.it\n  with:\n    where:\n      cel: x < params.limit\n      params:\n        limit: 6\n";
        for params in [json!({ "limit": 5, "other": "x" }), json!({})] {
            assert_eq!(yaml("two", params, steps.clone()), expected);
        }
    }
}
