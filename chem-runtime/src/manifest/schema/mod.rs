//! The JSON Schema (2020-12) of manifests, which editors use for completion and checks.
//!
//! It covers what is known from a single step: keys, names, step types, and the parameters of each. It accepts
//! everything that a check accepts. Only the check covers the wiring, the flow parameters that exist, and the syntax of
//! texts such as expressions.

mod values;

use chem_manifest::authored::{OnError, RetryOn};
use chem_manifest::license;
use serde_json::{Map, Value, json};

use crate::step::{Registry, StepKind, StepSpec};

/// The form of the names of flows and steps: see [`StepId`](crate::step::StepId).
const NAME: &str = "^[a-z][a-z0-9_-]{0,63}$";

/// Returns the schema of manifests that use the step types of `registry`.
///
/// ```
/// use chem_runtime::manifest::json_schema;
/// use chem_runtime::step::Registry;
///
/// let schema = json_schema(Registry::linked()?);
/// assert_eq!(schema["required"], serde_json::json!(["flow", "steps"]));
/// # Ok::<_, chem_runtime::step::DuplicateStepType>(())
/// ```
pub fn json_schema(registry: &Registry) -> Value {
    let specs: Vec<&StepSpec> = registry.iter().map(|registration| registration.spec()).collect();
    let sources: Vec<&str> = specs.iter().filter(|spec| spec.kind == StepKind::Source).map(|spec| spec.name).collect();
    let source = json!({ "properties": { "uses": { "enum": sources } } });
    let in_shards = json!({ "required": ["over"], "properties": { "over": { "type": "string" } } });
    let source = json!({ "allOf": [source, { "not": { "required": ["map"], "properties": { "map": in_shards } } }] });
    let marked = json!({ "required": ["source"], "properties": { "source": { "const": true } } });
    let mut definitions = Map::new();
    definitions.insert("step".to_owned(), step(&specs));
    definitions.insert("steps".to_owned(), steps(&source, &marked));
    definitions.insert("shards".to_owned(), shards());
    definitions.extend(values::definitions());
    for spec in &specs {
        definitions.insert(spec.name.to_owned(), values::step_type(spec));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "chem flow",
        "description": "A manifest of `chem`: which steps, in which order, with which parameters.",
        "type": "object",
        "required": ["flow", "steps"],
        "additionalProperties": false,
        "properties": {
            "flow": described(name(), "The flow's name: lower-case letters, digits, `_` and `-`, 64 characters at most."),
            "description": { "description": "What the flow is for.", "type": "string" },
            "license": {
                "description": "The license of the results: the identifier of one in SPDX, or an address.",
                "type": "string",
                "pattern": license::PATTERN,
                "examples": ["CC-BY-4.0", "CC0-1.0"],
            },
            "params": params(),
            "steps_from": {
                "description": "The modules that define further step types: the paths of Python files, or the names of installed \
                                packages.",
                "type": "array",
                "items": { "type": "string" },
                "examples": [["steps.py"]],
            },
            "environment": environment(),
            "steps": described(json!({ "$ref": "#/$defs/steps" }), "The steps, in the order in which they run."),
        },
        "$defs": definitions,
    })
}

/// Returns the schema of a list of steps. The first matches `source`, and others that do match `marked`.
fn steps(source: &Value, marked: &Value) -> Value {
    json!({
        "description": "Steps, in the order in which they run. The first is a source; `source: true` marks others.",
        "type": "array",
        "minItems": 1,
        "items": { "anyOf": [{ "$ref": "#/$defs/step" }, { "$ref": "#/$defs/shards" }] },
        // An editor that knows only older drafts ignores this, and accepts every valid manifest.
        "prefixItems": [{ "allOf": [{ "$ref": "#/$defs/step" }, source] }],
        "allOf": [{ "prefixItems": [true], "unevaluatedItems": { "if": source, "then": marked } }],
    })
}

fn step(specs: &[&StepSpec]) -> Value {
    // Editors offer these with their descriptions.
    let names: Vec<Value> =
        specs.iter().map(|spec| json!({ "const": spec.name, "description": spec.summary() })).collect();
    let by_type: Vec<Value> = specs
        .iter()
        .map(|spec| {
            json!({
                "if": { "properties": { "uses": { "const": spec.name } }, "required": ["uses"] },
                "then": { "$ref": format!("#/$defs/{}", spec.name) },
            })
        })
        .collect();
    json!({
        "type": "object",
        "required": ["id"],
        "oneOf": [{ "required": ["uses"] }, { "required": ["map"] }],
        "additionalProperties": false,
        "properties": {
            "id": described(name(), "The step's name in this flow, by which later steps speak of it."),
            "uses": { "description": "The step type. `chem steps` lists them.", "oneOf": names },
            "map": map(),
            "source": {
                "description": "Marks a further source: required of a source after the first step. It takes no input, and the \
                                steps after it take its output.",
                "type": "boolean",
            },
            "inputs": {
                "description": "What feeds the step: `input: step`, or `input: step.output`. Left out, the step before.",
                "type": ["object", "null"],
                "additionalProperties": { "type": "string" },
            },
            "with": { "description": "The step's parameters.", "type": ["object", "null"] },
            "retry": retry(),
            "timeout": described(time(), "How long the step may take, such as `10m`. Left out, as long as it needs."),
            "gate": gate(),
            "resources": resources(),
        },
        "allOf": by_type,
    })
}

/// Returns the schema of an item with steps that run in shards.
fn shards() -> Value {
    json!({
        "type": "object",
        "required": ["map"],
        "additionalProperties": false,
        "properties": { "map": {
            "description": "Steps of this flow that run in shards: each on a part of the rows of an earlier step, in a run of its own.",
            "type": "object",
            "required": ["over", "rows", "steps"],
            "additionalProperties": false,
            "properties": {
                "over": { "description": "The output whose rows are cut: `step`, or `step.output`.", "type": "string" },
                "rows": { "description": "How many rows a shard has, about.", "type": "integer", "minimum": 1 },
                "steps": {
                    "description": "The steps, each of which works row by row.",
                    "type": "array",
                    "minItems": 1,
                    "items": { "$ref": "#/$defs/step" },
                },
            },
        } },
    })
}

fn map() -> Value {
    let value = json!({ "anyOf": [{ "type": ["string", "number", "boolean"] }, { "type": "array" }] });
    json!({
        "description": "A flow that the step runs once for each combination of values, each time as a run of its own.",
        "type": "object",
        "required": ["over"],
        "oneOf": [{ "required": ["flow"] }, { "required": ["steps"] }],
        "additionalProperties": false,
        "properties": {
            "flow": { "description": "The manifest of the flow: a path, relative to this manifest.", "type": "string" },
            "steps": described(
                json!({ "$ref": "#/$defs/steps" }),
                "The steps of the flow in place of `flow`. Their only parameters are those under `over` and `params`.",
            ),
            "params": {
                "description": "Parameters of the flow that have the same value in all children.",
                "type": ["object", "null"],
                "additionalProperties": value,
            },
            "over": {
                "description": "Parameters of the flow that differ between children, each with the list of its values, \
                                or with the files that match a pattern.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": { "anyOf": [
                    { "type": "array", "minItems": 1, "items": value },
                    {
                        "description": "One value for each file that matches the pattern.",
                        "type": "object",
                        "required": ["files"],
                        "additionalProperties": false,
                        "properties": { "files": { "type": "string" } },
                        "examples": [{ "files": "data/*.csv" }],
                    },
                ] },
            },
            "take": {
                "description": "The columns of the result besides the parameters, each with the output of the flow that it takes: \
                                `step` for the number of rows of a table, or `step.column` for the value of a table of one row.",
                "type": ["object", "null"],
                "additionalProperties": { "type": "string" },
                "examples": [{ "kept": "keep", "mean_weight": "summary.mean_weight" }],
            },
            "on_error": {
                "description": "What a failed child does: `fail` fails the step, `collect` puts the error into its row.",
                "enum": OnError::NAMES,
            },
        },
    })
}

fn retry() -> Value {
    json!({
        "description": "How often the step is tried before it has failed.",
        "type": "object",
        "required": ["attempts"],
        "additionalProperties": false,
        "properties": {
            "attempts": { "description": "How often in all.", "type": "integer", "minimum": 1, "maximum": 100 },
            "backoff": described(time(), "How long to wait before the second attempt, such as `2s`."),
            "on": { "description": "Which failures are tried again.", "enum": RetryOn::NAMES },
        },
    })
}

fn gate() -> Value {
    json!({
        "description": "What a person is asked before the step runs.",
        "type": "object",
        "required": ["message"],
        "additionalProperties": false,
        "properties": {
            "message": { "description": "The question.", "type": "string" },
            "schema": { "description": "The JSON Schema of what an approval brings along.", "type": "object" },
            "signed_by": {
                "description": "The principals of the file of allowed signers one of whom must sign a decision.",
                "type": "array",
                "minItems": 1,
                "items": { "type": "string" },
            },
        },
    })
}

fn resources() -> Value {
    let count = |what: &str| json!({ "description": what, "type": "integer", "minimum": 1, "maximum": 65535 });
    json!({
        "description": "What the step needs of the machine that runs it. A cluster is asked for it.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "cpus": count("The number of processor cores."),
            "memory": {
                "description": "The memory, in units of 1024: `512M`, `4G` or `1T`.",
                "type": "string",
                "pattern": "^[0-9]+[MGT]$",
                "examples": ["4G"],
            },
            "gpus": count("The number of GPUs."),
            "time": described(time(), "The time for which a job is asked for, such as `2h`."),
        },
    })
}

fn environment() -> Value {
    json!({
        "description": "How the steps of the modules under `steps_from` run.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "python": { "description": "The Python interpreter: a path, or the name of a program.", "type": "string" },
            "lock": {
                "description": "The lock file with the packages that must be installed: `uv.lock`, or pinned requirements.",
                "type": "string",
                "examples": ["uv.lock", "requirements.lock"],
            },
            "uv": { "description": "Whether `uv run --locked` starts the interpreter.", "type": "boolean" },
            "workers": {
                "description": "The number of worker processes. Left out, one on each core.",
                "type": "integer",
                "minimum": 1,
                "maximum": 65535,
            },
        },
    })
}

fn time() -> Value {
    json!({ "type": "string", "pattern": r"^\+?[0-9]+(ms|s|m|h)$" })
}

/// Returns the schema of flow parameters: texts, numbers, Booleans, lists of them, and secrets.
fn params() -> Value {
    let scalar = ["string", "number", "boolean"];
    json!({
        "description": "Parameters of the flow, each with its value. A step takes one up as `${params.NAME}`, an \
                        expression as `params.NAME`, and `--set NAME=VALUE` gives it another value.",
        "type": ["object", "null"],
        "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$" },
        "additionalProperties": {
            "anyOf": [{ "type": scalar }, { "type": "array", "items": { "type": scalar } }, values::secret()],
        },
    })
}

fn name() -> Value {
    json!({ "type": "string", "pattern": NAME })
}

fn described(mut schema: Value, description: impl Into<String>) -> Value {
    schema["description"] = description.into().into();
    schema
}
