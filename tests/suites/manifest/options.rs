//! What a check hands on besides: overrides, origins, JSON.

use chem_runtime::manifest::Style;
use serde_json::json;

use super::{check_text, check_with, codes};

const FLOW: &str = "\
flow: it
params: { library: data/drugs.csv, limit: 5, heaviest: 500.5, loud: false, properties: [logp] }
steps:
  - { id: read, uses: lab.read, with: { path: '${params.library}', limit: '${params.limit}' } }
  - { id: add, uses: lab.describe, with: { properties: '${params.properties}', verbose: '${params.loud}' } }
  - { id: keep, uses: lab.filter, with: { where: 'weight < params.heaviest' } }
";

/// The parameters of the flow after `overrides`.
fn params(overrides: &[&str]) -> serde_json::Value {
    let checked = check_with(FLOW, overrides);
    let message = checked.diagnostics.iter().map(|diagnostic| diagnostic.render(Style::Plain)).collect::<String>();
    json!(checked.definition.expect(&message).params())
}

#[test]
fn an_override_takes_the_type_of_what_it_replaces() {
    assert_eq!(params(&["limit=7"])["limit"], json!(7));
    assert_eq!(params(&["heaviest=7"])["heaviest"], json!(7), "a whole number is a number");
    assert_eq!(params(&[" loud = true"])["loud"], json!(true));
    assert_eq!(params(&["properties=[tpsa, weight]"])["properties"], json!(["tpsa", "weight"]));
    assert_eq!(params(&["library=data/more.csv", "library=data/drugs.csv"])["library"], json!("data/drugs.csv"));
}

#[test]
fn text_is_taken_as_it_is() {
    let flow = "flow: it\nparams: { x: a }\nsteps:\n  - { id: s, uses: demo.seed, with: { text: '${params.x}' } }\n";
    for text in ["5", "true", "[a", "a=b", "", "'q'", "*x", " padded "] {
        let checked = check_with(flow, &[&format!("x={text}")]);
        assert_eq!(checked.definition.unwrap().params()["x"], json!(text));
    }
}

#[test]
fn the_origin_of_every_value_is_known() {
    let checked = check_with(FLOW, &["limit=7"]);
    let origins = checked.origins;
    assert_eq!(origins.overridden.iter().collect::<Vec<_>>(), ["limit"]);
    let read = &origins.written[0];
    assert_eq!(read["limit"].iter().collect::<Vec<_>>(), ["limit"]);
    assert_eq!(origins.written[2]["where"].iter().collect::<Vec<_>>(), ["heaviest"]);
    assert!(!origins.written[1].contains_key("decimals"), "a default is not written");
}

#[test]
fn only_what_an_expression_names_becomes_part_of_it() {
    let checked = check_with(FLOW, &["heaviest=300"]);
    let recorded = checked.definition.unwrap().recorded().unwrap();
    assert_eq!(
        recorded.steps[2].params["where"],
        json!({ "cel": "weight < params.heaviest", "params": { "heaviest": 300 } })
    );
}

#[test]
fn json_has_the_place_from_one() {
    let checked = check_text("# é\nflow: it\nsteps:\n  - id: é\n    uses: demo.seed\n");
    assert_eq!(codes(&checked), ["E0206"]);
    let mut json = checked.diagnostics[0].to_json();
    json["help"] = json["help"].is_string().into();
    assert_eq!(
        json,
        json!({
            "code": "E0206", "severity": "error", "message": "`é` cannot name a step", "help": true,
            "file": "flow.yaml", "line": 4, "column": 9, "end_line": 4, "end_column": 10,
        })
    );
}
