//! The schemas of a step's `inputs:` and `with:`, by step type.

use chem_manifest::{Findings, Source, yaml};
use serde_json::{Map, Value, json};

use super::described;
use crate::step::{ParamSpec, ParamType, StepKind, StepSpec};

/// A placeholder, by itself or in a text. Only the check looks up the name between its braces.
const PLACEHOLDER: &str = r"\$\{[ \t]*params\.[A-Za-z_][A-Za-z0-9_]{0,63}[ \t]*\}";

/// Returns the definitions that the schemas of step types refer to.
pub(super) fn definitions() -> Map<String, Value> {
    let definition =
        |description: &str, pattern: String| described(json!({ "type": "string", "pattern": pattern }), description);
    Map::from_iter([
        ("placeholder".to_owned(), definition("The value of a parameter of the flow.", format!("^{PLACEHOLDER}$"))),
        ("filled-text".to_owned(), definition("A text with parameters of the flow in it.", PLACEHOLDER.to_owned())),
    ])
}

/// Returns the schema of a step of this type.
pub(super) fn step_type(spec: &StepSpec) -> Value {
    let inputs: Map<String, Value> = spec
        .inputs
        .iter()
        .map(|port| {
            let optional = if port.optional { "; optional" } else { "" };
            let description = format!("The step that gives it `{}`{optional}.", port.kind);
            (port.name.to_owned(), json!({ "description": description, "type": "string" }))
        })
        .collect();
    let params: Map<String, Value> = spec.params.iter().map(|spec| (spec.name.to_owned(), param(spec))).collect();
    let required: Vec<&str> = spec.params.iter().filter(|param| param.required()).map(|param| param.name).collect();
    let mut with = json!({ "properties": params, "additionalProperties": false });
    let mut schema = json!({ "description": spec.help().text });
    if !required.is_empty() {
        with["type"] = "object".into();
        with["required"] = required.into();
        schema["required"] = json!(["with"]);
    }
    schema["properties"] = json!({
        "inputs": { "properties": inputs, "additionalProperties": false },
        "with": with,
    });
    if spec.kind != StepKind::Source {
        schema["properties"]["source"] = json!({ "const": false });
    }
    schema
}

/// Returns the schema of a parameter, with its description, default and example.
fn param(spec: &ParamSpec) -> Value {
    let doc: Vec<&str> = spec.doc.lines().map(str::trim).collect();
    let mut description = doc.join("\n").trim().to_owned();
    if let Some(unit) = spec.unit {
        description.push_str(&format!(" Unit: {unit}."));
    }
    let mut schema = described(value(spec, &spec.ty.make()), description.trim());
    if let Some(default) = spec.default {
        schema["default"] = default.make();
    }
    if let Some(example) = spec.example {
        schema["examples"] = json!([example_value(example)]);
    }
    schema
}

/// Parses an example as YAML; an invalid example is a text.
fn example_value(example: &str) -> Value {
    let mut findings = Findings::default();
    let node = yaml::parse(&Source::new("example", example), &mut findings);
    let value = node.and_then(|node| node.to_json()).filter(|_| !findings.has_errors());
    value.unwrap_or_else(|| example.into())
}

/// Returns the schema of a value of type `ty`, within the bounds and choices of `spec`.
fn value(spec: &ParamSpec, ty: &ParamType) -> Value {
    match ty {
        ParamType::Boolean => or_placeholder(json!({ "type": "boolean" })),
        ParamType::Integer { min, max } => {
            // A bound of the parameter replaces that of its type where it is narrower.
            let min = spec.min.filter(|bound| *bound > *min as f64).map_or(json!(min), number);
            let max = spec.max.filter(|bound| *bound < *max as f64).map_or(json!(max), number);
            or_placeholder(json!({ "type": "integer", "minimum": min, "maximum": max }))
        }
        ParamType::Number => or_placeholder(bounded(spec, json!({ "type": "number" }))),
        ParamType::PositiveNumber => or_placeholder(bounded(spec, json!({ "type": "number", "exclusiveMinimum": 0 }))),
        ParamType::Text | ParamType::Formatted(_) | ParamType::Expression if !spec.one_of.is_empty() => {
            json!({ "anyOf": [{ "enum": spec.one_of }, { "$ref": "#/$defs/filled-text" }] })
        }
        ParamType::Text | ParamType::Formatted(_) | ParamType::Expression => json!({ "type": "string" }),
        ParamType::Pattern => json!({ "type": "string" }),
        ParamType::Column => json!({ "type": "string", "minLength": 1 }),
        ParamType::InputFile | ParamType::OutputFile => path(),
        ParamType::InputFiles => or(path(), json!({ "type": "array", "items": path(), "minItems": 1 })),
        ParamType::Secret => or_placeholder(secret()),
        ParamType::List(inner) => or_placeholder(json!({ "type": "array", "items": value(spec, inner) })),
        ParamType::Map(inner) => json!({ "type": "object", "additionalProperties": value(spec, inner) }),
        ParamType::Optional(inner) => or(value(spec, inner), json!({ "type": "null" })),
    }
}

fn path() -> Value {
    json!({ "type": "string", "pattern": "\\S" })
}

/// Returns the schema of a secret, which names the environment variable that contains it.
pub(super) fn secret() -> Value {
    json!({
        "type": "object",
        "properties": { "secret": { "type": "string", "pattern": "^env:[^=]+$" } },
        "required": ["secret"],
        "additionalProperties": false,
    })
}

/// Adds the bounds of `spec` to `schema`.
fn bounded(spec: &ParamSpec, mut schema: Value) -> Value {
    for (keyword, bound) in [("minimum", spec.min), ("maximum", spec.max)] {
        if let Some(bound) = bound {
            schema[keyword] = number(bound);
        }
    }
    schema
}

/// Converts a bound to JSON, as an integer if it is one.
fn number(bound: f64) -> Value {
    if bound.fract() == 0.0 && bound.abs() < 2f64.powi(53) { (bound as i64).into() } else { bound.into() }
}

/// Returns a schema that accepts `schema`, or a placeholder for such a value.
fn or_placeholder(schema: Value) -> Value {
    or(schema, json!({ "$ref": "#/$defs/placeholder" }))
}

/// Returns a schema that accepts `one` or `other`, in a single list of choices.
fn or(one: Value, other: Value) -> Value {
    match one {
        Value::Object(mut members) => match members.remove("anyOf") {
            Some(Value::Array(mut choices)) if members.is_empty() => {
                choices.push(other);
                json!({ "anyOf": choices })
            }
            _ => json!({ "anyOf": [members, other] }),
        },
        one => json!({ "anyOf": [one, other] }),
    }
}
