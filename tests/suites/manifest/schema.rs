//! The JSON Schema against the check: it refuses nothing that the check accepts, and accepts no mistake that can be seen
//! without looking further than one step.

use chem_runtime::manifest::{Style, json_schema, render};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{check_text, codes, registry};

/// The rules that the schema knows too, as long as no placeholder stands for a value.
const KNOWN: &[&str] = &[
    "E0201", "E0202", "E0203", "E0204", "E0205", "E0206", "E0401", "E0402", "E0403", "E0404", "E0405", "E0406",
    "E0501", "E0502", "E0508", "E0513",
];

/// A manifest without a mistake.
fn right() -> Value {
    json!({
        "flow": "right",
        "description": "Nothing is wrong.",
        "license": "CC-BY-4.0",
        "params": { "n": 5, "t": "logp", "l": ["logp", "tpsa"], "b": true },
        "steps": [
            { "id": "read", "uses": "lab.read", "with": { "path": "data/drugs.csv", "limit": 5 } },
            { "id": "add", "uses": "lab.describe", "inputs": { "table": "read.rejects" }, "with": {
                "properties": ["logp", "${params.t}"], "decimals": 9, "heaviest": 0.5, "names": { "logp": "x" },
                "verbose": false,
            } },
            { "id": "keep", "uses": "lab.filter", "with": { "where": "logp < params.n" },
              "retry": { "attempts": 3, "backoff": "500ms", "on": "any" }, "gate": { "message": "go on?" } },
            { "id": "some", "uses": "lab.sample", "with": { "every": 2, "except": "^a", "weights": { "a": 0.5 } } },
            { "id": "again", "uses": "lab.join", "inputs": { "right": "add" }, "with": { "on": "name" }, "timeout": "90s" },
            { "id": "more", "uses": "lab.read", "source": true, "with": { "path": "data/drugs.csv" } },
            { "id": "write", "uses": "lab.write", "with": { "path": "out.csv" } },
        ],
    })
}

/// What stands somewhere in place of what should.
fn values() -> impl Strategy<Value = Value> {
    let strings =
        ["", " ", "x", "logp", "read", "keep", "lab.read", "lab.filter", "Not A Name", "${params.n}", "${params.t}"];
    let more = ["${params.l}", "a ${params.t}", "$${params.n}", "${ params.b }", "${params.missing}", "${oops}", "5"];
    let strings: Vec<Value> = strings.iter().chain(&more).map(|text| json!(text)).collect();
    let others = [
        json!(null),
        json!(true),
        json!(0),
        json!(5),
        json!(5.0),
        json!(-1),
        json!(2.5),
        json!(300),
        json!(1e300),
        json!([]),
        json!(["logp"]),
        json!([1, null]),
        json!([["logp"]]),
        json!({}),
        json!({ "a": "x" }),
        json!({ "a": 2 }),
        json!({ "table": "read" }),
        json!({ "attempts": 2 }),
        json!({ "message": "go on?" }),
        json!("5m"),
        json!("4G"),
        json!({ "cpus": 2, "memory": "4G", "time": "2h" }),
        json!({ "id": "new", "uses": "lab.filter", "with": { "where": "logp < 1" } }),
        json!({ "id": "second", "uses": "lab.read", "with": { "path": "data/drugs.csv" } }),
        json!({ "id": "third", "uses": "lab.read", "source": true, "with": { "path": "data/drugs.csv" } }),
        json!({ "id": "fourth", "uses": "lab.describe", "source": true, "with": { "properties": ["logp"] } }),
    ];
    prop_oneof![prop::sample::select(strings), prop::sample::select(others.to_vec())]
}

/// Keys, known and unknown, that are put into mappings.
const KEYS: &[&str] = &[
    "flow",
    "id",
    "uses",
    "with",
    "inputs",
    "table",
    "where",
    "limit",
    "names",
    "logp",
    "nonsense",
    "A b",
    "retry",
    "timeout",
    "gate",
    "attempts",
    "on",
    "source",
    "resources",
    "cpus",
    "memory",
    "time",
];

#[derive(Debug, Clone)]
enum Edit {
    Replace(Value),
    Remove,
    Insert(&'static str, Value),
}

/// A place in a tree, as the number of the child to go into at each level, and what happens there.
fn edits() -> impl Strategy<Value = Vec<(Vec<usize>, Edit)>> {
    let edit = prop_oneof![
        3 => values().prop_map(Edit::Replace),
        1 => Just(Edit::Remove),
        2 => (prop::sample::select(KEYS), values()).prop_map(|(key, value)| Edit::Insert(key, value)),
    ];
    prop::collection::vec((prop::collection::vec(0..6_usize, 1..6), edit), 0..3)
}

fn apply(tree: &mut Value, path: &[usize], edit: &Edit) {
    let Some((first, rest)) = path.split_first() else { return };
    let count = tree.as_array().map_or_else(|| tree.as_object().map_or(0, serde_json::Map::len), Vec::len);
    if let (Value::Object(members), Edit::Insert(key, value), []) = (&mut *tree, edit, rest) {
        members.insert((*key).to_owned(), value.clone());
        return;
    }
    if count == 0 {
        return;
    }
    let at = first % count;
    match (&mut *tree, rest, edit) {
        (Value::Array(items), [], Edit::Remove) => drop(items.remove(at)),
        (Value::Object(members), [], Edit::Remove) => {
            let key = members.keys().nth(at).cloned().unwrap();
            members.remove(&key);
        }
        _ => {
            let child = match tree {
                Value::Array(items) => items.get_mut(at),
                Value::Object(members) => members.values_mut().nth(at),
                _ => None,
            };
            let Some(child) = child else { return };
            match (rest, edit) {
                ([], Edit::Replace(value)) => *child = value.clone(),
                _ => apply(child, rest, edit),
            }
        }
    }
}

#[test]
fn the_schema_and_the_check_agree() {
    let validator = jsonschema::draft202012::new(&json_schema(registry())).unwrap();
    let mut runner = TestRunner::deterministic();
    let (mut right_ones, mut wrong_ones) = (0, 0);
    for _ in 0..1_000 {
        let mut manifest = right();
        for (path, edit) in edits().new_tree(&mut runner).unwrap().current() {
            apply(&mut manifest, &path, &edit);
        }
        let text = manifest.to_string();
        let (checked, accepted) = (check_text(&text), validator.is_valid(&manifest));
        let said = || render(&checked.diagnostics, Style::Plain);
        if !checked.diagnostics.iter().any(|diagnostic| diagnostic.is_error()) {
            let why: Vec<String> = validator.iter_errors(&manifest).map(|error| error.to_string()).collect();
            assert!(accepted, "the check accepts this, and the schema does not: {why:?}\n{text}");
            right_ones += 1;
        } else if codes(&checked).iter().any(|code| KNOWN.contains(code)) && !placeholder_stands_for_a_value(&manifest)
        {
            assert!(!accepted, "the schema accepts this:\n{text}\n{}", said());
            wrong_ones += 1;
        }
    }
    assert!(right_ones > 100 && wrong_ones > 100, "{right_ones} right and {wrong_ones} wrong manifests are too few");
}

/// Whether another placeholder than that of the right manifest is in it, or that one has another value than text.
fn placeholder_stands_for_a_value(manifest: &Value) -> bool {
    let others = manifest.to_string().replacen("\"${params.t}\"", "", 1).contains("${");
    others || !manifest["params"]["t"].is_string()
}

#[test]
fn the_schema_is_one() {
    let schema = json_schema(registry());
    jsonschema::meta::validate(&schema).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}

#[test]
fn parameters_are_told_with_all_that_is_known_of_them() {
    let schema = json_schema(registry());
    let params = &schema["$defs"]["lab.describe"]["properties"]["with"]["properties"];
    let placeholder = json!({ "$ref": "#/$defs/placeholder" });
    assert_eq!(
        params["heaviest"],
        json!({
            "description": "Heavier molecules are left as they are. Unit: g/mol.",
            "default": 1000.0,
            "anyOf": [{ "type": "number", "minimum": 0 }, placeholder],
        })
    );
    assert_eq!(params["decimals"]["anyOf"][0], json!({ "type": "integer", "minimum": 0, "maximum": 9 }));
    assert_eq!(params["properties"]["anyOf"][0]["items"]["anyOf"][0], json!({ "enum": ["weight", "logp", "tpsa"] }));
    let every = &schema["$defs"]["lab.sample"]["properties"]["with"]["properties"]["every"];
    assert_eq!(every["examples"], json!([2.5]));
}
