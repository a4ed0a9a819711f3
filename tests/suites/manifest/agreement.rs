//! The check and the flow definition have the same rules of wiring, written for different readers.

use chem_runtime::flow::FlowDefinition;
use chem_runtime::manifest::{Style, render};
use chem_runtime::step::{PlannedStep, Registry, StepId};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::check_text;

/// Step types with parameters that are right.
fn step_types() -> Vec<(&'static str, Value)> {
    vec![
        ("lab.read", json!({"path": "data/drugs.csv"})),
        ("lab.describe", json!({"properties": ["logp"]})),
        ("lab.filter", json!({"where": "logp < 5"})),
        ("lab.join", json!({"on": "name"})),
        ("lab.compare", json!({})),
        ("lab.write", json!({"path": "out.csv"})),
        ("demo.seed", json!({})),
        ("demo.characters", json!({})),
        ("demo.count", json!({})),
    ]
}

/// A step: its type, and some of its ports with the step and the output that feed each.
type Drawn = (usize, Vec<(&'static str, usize, &'static str)>);

/// Flows of a few steps that are wired at random, and often rightly: a source comes first in most.
fn flows() -> impl Strategy<Value = Vec<Drawn>> {
    let port = prop::sample::select(vec![
        "table",
        "table",
        "left",
        "right",
        "right",
        "old",
        "new",
        "new",
        "text",
        "characters",
        "nothing",
    ]);
    let output = prop::sample::select(vec!["", "", "", ".main", ".rejects", ".nothing"]);
    let wires = prop::collection::btree_map(port, (0usize..7, output), 0..3);
    let wires = wires.prop_map(|wires| wires.into_iter().map(|(port, (from, output))| (port, from, output)).collect());
    let step = (0..step_types().len(), wires);
    (prop::sample::select(vec![0usize, 0, 0, 6, 6, 1]), prop::collection::vec(step, 0..6)).prop_map(
        |(first, mut steps)| {
            steps.insert(0, (first, Vec::new()));
            steps
        },
    )
}

/// The flow as its author would write it, and as Rust code would plan it.
fn both(drawn: &[Drawn]) -> (String, Vec<PlannedStep>) {
    let (mut text, mut planned) = (String::from("flow: drawn\nsteps:\n"), Vec::new());
    for (index, (of, wires)) in drawn.iter().enumerate() {
        let (uses, params) = step_types().swap_remove(*of);
        let inputs: Vec<(String, String)> =
            wires.iter().map(|(port, from, output)| (port.to_string(), format!("s{from}{output}"))).collect();
        let written: Map<String, Value> =
            inputs.iter().map(|(port, from)| (port.clone(), from.as_str().into())).collect();
        text += &format!("  - {{ id: s{index}, uses: {uses}, inputs: {}, with: {params} }}\n", Value::from(written));
        let registration = Registry::linked().unwrap().get(uses).unwrap();
        let id = StepId::new(format!("s{index}")).unwrap();
        let step = registration.bind(id, params.as_object().unwrap()).unwrap();
        planned.push(PlannedStep { step, inputs });
    }
    (text, planned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_check_accepts_what_a_flow_accepts(drawn in flows()) {
        let (text, planned) = both(&drawn);
        let checked = check_text(&text);
        let said = render(&checked.diagnostics, Style::Plain);
        match FlowDefinition::new(planned) {
            Ok(flow) => {
                let recorded = checked.definition.as_ref().map(|definition| definition.recorded().unwrap().steps);
                prop_assert_eq!(recorded, Some(flow.recorded().unwrap().steps), "{}\n{}", text, said);
            }
            Err(error) => prop_assert!(checked.definition.is_none(), "{error}\n{text}"),
        }
    }
}
