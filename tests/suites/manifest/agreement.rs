//! The check of a manifest and the flow definition have one set of wiring rules, and report problems to different readers.

use chem_runtime::flow::{FlowDefinition, FlowDefinitionError};
use chem_runtime::manifest::{Style, render};
use chem_runtime::step::{PlannedStep, Registry, StepId};
use chem_tests::repeated::manifest_of_definition;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{check_text, codes};

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

/// A step: its type, whether it is marked as a source, and for some of its ports how many steps back the one is that feeds
/// it, and which output.
type Drawn = (usize, bool, Vec<(&'static str, usize, &'static str)>);

/// Flows of a few steps, wired at random. Most choices are right ones, so that many flows are, and many nearly.
fn flows() -> impl Strategy<Value = Vec<Drawn>> {
    let wires = |ports: &'static [&'static str]| {
        let output = prop_oneof![20 => Just(""), 2 => Just(".main"), 2 => Just(".rejects"), 1 => Just(".nothing")];
        let back = prop_oneof![20 => Just(1usize), 8 => Just(2), 2 => Just(3), 1 => Just(0), 1 => Just(9)];
        let wires = prop::collection::btree_map(prop::sample::select(ports), (back, output), 0..3);
        wires.prop_map(|wires| wires.into_iter().map(|(port, (back, output))| (port, back, output)).collect())
    };
    let of_tables = prop_oneof![5 => Just(1usize), 5 => Just(2), 4 => Just(5)]
        .prop_flat_map(move |of| (Just(of), wires(&["table"])));
    let joins = (Just(3usize), wires(&["left", "right", "right"]));
    let compares = (Just(4usize), wires(&["old", "new", "new"]));
    let odd = (0..step_types().len(), wires(&["text", "characters", "nothing"]));
    let unmarked = prop_oneof![12 => of_tables, 3 => joins, 6 => compares, 1 => odd];
    let sources = (prop_oneof![4 => Just(0usize), 1 => Just(6)], prop::bool::weighted(0.8));
    let step = prop_oneof![
        20 => unmarked.clone().prop_map(|(of, wires)| (of, false, wires)),
        1 => unmarked.prop_map(|(of, wires)| (of, true, wires)),
        4 => sources.prop_map(|(of, marked)| (of, marked, Vec::new())),
    ];
    let first = prop::sample::select(vec![0usize, 0, 0, 0, 0, 0, 0, 0, 6, 1]);
    let first = (first, prop::bool::weighted(0.1));
    (first, prop::collection::vec(step, 0..6)).prop_map(|((first, marked), mut steps)| {
        steps.insert(0, (first, marked, Vec::new()));
        steps
    })
}

/// The flow as its author would write it, and as Rust code would plan it.
fn both(drawn: &[Drawn]) -> (String, Vec<PlannedStep>) {
    let (mut text, mut planned) = (String::from("flow: drawn\nsteps:\n"), Vec::new());
    for (index, (of, source, wires)) in drawn.iter().enumerate() {
        let (uses, mut params) = step_types().swap_remove(*of);
        if uses == "lab.write" {
            params["path"] = format!("out/{index}.csv").into();
        }
        let inputs: Vec<(String, String)> = wires
            .iter()
            .map(|(port, back, output)| (port.to_string(), format!("s{}{output}", index.wrapping_sub(*back))))
            .collect();
        let written: Map<String, Value> =
            inputs.iter().map(|(port, from)| (port.clone(), from.as_str().into())).collect();
        let mark = if *source { "source: true, " } else { "" };
        text +=
            &format!("  - {{ id: s{index}, uses: {uses}, {mark}inputs: {}, with: {params} }}\n", Value::from(written));
        let registration = Registry::linked().unwrap().get(uses).unwrap();
        let id = StepId::new(format!("s{index}")).unwrap();
        let step = registration.bind(id, params.as_object().unwrap()).unwrap();
        planned.push(PlannedStep { step, inputs, source: *source, policy: Default::default() });
    }
    (text, planned)
}

/// The rules of the check that report what keeps steps from making a flow.
fn codes_of(error: &FlowDefinitionError) -> &'static [&'static str] {
    match error {
        FlowDefinitionError::FirstStepNotSource { .. } => &["E0501"],
        FlowDefinitionError::SourceAfterFirst { .. } => &["E0502"],
        FlowDefinitionError::NotSource { .. } => &["E0513"],
        FlowDefinitionError::UnknownStep { .. } => &["E0503", "E0504", "E0505"],
        // Nothing names the sink if it is the step before.
        FlowDefinitionError::WiredToSink { .. } => &["E0506", "E0509"],
        FlowDefinitionError::UnknownOutput { .. } => &["E0507"],
        FlowDefinitionError::UnknownPort { .. } => &["E0508"],
        FlowDefinitionError::OpenPort { .. } => &["E0509"],
        FlowDefinitionError::WrongKind { .. } => &["E0510"],
        other => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(chem_tests::values::cases(1_000))]

    /// The manifest of a recorded flow says only what does not go without saying, and is wired as the flow was.
    #[test]
    fn a_recorded_flow_is_wired_again_by_its_manifest(drawn in flows()) {
        let (text, planned) = both(&drawn);
        if let Ok(flow) = FlowDefinition::new(planned) {
            let yaml = manifest_of_definition(&flow.with_name("drawn"));
            let again = check_text(&yaml).definition.map(|again| again.recorded().unwrap().steps);
            prop_assert_eq!(again, check_text(&text).definition.map(|flow| flow.recorded().unwrap().steps), "{}", yaml);
        }
    }

    #[test]
    fn the_check_accepts_what_a_flow_accepts(drawn in flows()) {
        let (text, planned) = both(&drawn);
        let checked = check_text(&text);
        let said = render(&checked.diagnostics, Style::Plain);
        prop_assert!(!codes(&checked).contains(&"E0512"), "{}\n{}", text, said);
        match FlowDefinition::new(planned) {
            Ok(flow) => {
                let recorded = checked.definition.as_ref().map(|definition| definition.recorded().unwrap().steps);
                prop_assert_eq!(recorded, Some(flow.recorded().unwrap().steps), "{}\n{}", text, said);
            }
            Err(error) => {
                prop_assert!(checked.definition.is_none(), "{error}\n{text}");
                let reported = codes(&checked).iter().any(|code| codes_of(&error).contains(code));
                prop_assert!(reported, "{error}\n{text}\n{said}");
            }
        }
    }
}
