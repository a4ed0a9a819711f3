//! Parameters are hashed in their typed, defaulted form.

use std::cell::Cell;
use std::collections::BTreeMap;

use chem_runtime::fingerprint::{ContentHash, Fingerprint, canonical_json};
use chem_runtime::flow::{StepIdentity, definition_hash};
use chem_runtime::prelude::*;
use chem_runtime::step::{Bound, Files, ParamSpec, ParamType, Registry, StepDefinition, StepId, StepSpec};
use chem_runtime::steps::demo::Text;
use chem_tests::values::{cases, finite, json, number as number_value, text};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};

use crate::spelling::respell;

/// Takes a parameter of each type.
#[step("identity.every", version = 1)]
fn every(
    /// A number.
    #[param(default = 0.5)]
    share: f64,
    /// A whole number.
    #[param(default = 3)]
    times: u32,
    /// Yes or no.
    #[param(default = true)]
    strict: bool,
    /// Text.
    #[param(default = "both ends")]
    side: String,
    /// Numbers.
    #[param(default = [1.0, 2.5])]
    weights: Vec<f64>,
    /// A number or nothing.
    limit: Option<f64>,
    /// A whole number or nothing.
    seed: Option<u64>,
) -> Result<Text, StepError> {
    Ok(Text(format!("{share} {times} {strict} {side} {weights:?} {limit:?} {seed:?}")))
}

/// Takes a file.
#[step("identity.content", version = 1)]
fn content(
    /// The file.
    source: InputFile,
    context: &ExecutionContext<'_>,
) -> Result<Text, StepError> {
    Ok(Text(String::from_utf8(source.read(context.files())?)?))
}

fn bound(step: impl Step) -> Box<dyn StepDefinition> {
    Box::new(Bound::new(StepId::new("a").unwrap(), step))
}

fn fingerprint_of(step: &dyn StepDefinition, files: &Files) -> Fingerprint {
    let (step_type, params) = (step.step_type(), step.identity(files).unwrap());
    let identity = StepIdentity {
        step_id: step.id().as_str(),
        uses: step_type.name,
        version: step_type.version,
        inputs: &BTreeMap::new(),
        params: &params,
    };
    identity.fingerprint(definition_hash(["a"])).unwrap()
}

/// The fingerprint of `identity.every` with the parameters that a manifest has.
fn written(params: &Value) -> Fingerprint {
    let registration = Registry::linked().unwrap().get("identity.every").unwrap();
    let step = registration.bind(StepId::new("a").unwrap(), params.as_object().unwrap()).unwrap();
    fingerprint_of(step.as_ref(), &Files::relative_to("."))
}

/// The same for the struct that Rust code uses.
fn built(step: &Every) -> Fingerprint {
    fingerprint_of(bound(step.clone()).as_ref(), &Files::relative_to("."))
}

fn every_step() -> impl Strategy<Value = Every> {
    let numbers = (finite(), any::<u32>(), proptest::collection::vec(finite(), 0..3));
    let options = (proptest::option::of(finite()), any::<Option<u64>>());
    (numbers, any::<bool>(), text(), options).prop_map(|((share, times, weights), strict, side, (limit, seed))| Every {
        share,
        times,
        strict,
        side,
        weights,
        limit,
        seed,
    })
}

#[test]
fn a_default_left_out_is_a_default_written_in() {
    let expected = built(&Every::default());
    let defaults = json!({
        "share": 0.5, "times": 3, "strict": true, "side": "both ends", "weights": [1.0, 2.5], "limit": null, "seed": null,
    });
    assert_eq!(written(&json!({})), expected);
    assert_eq!(written(&defaults), expected);
    for (name, value) in defaults.as_object().unwrap() {
        assert_eq!(written(&json!({ name: value })), expected, "{name}");
    }
}

#[test]
fn a_number_counts_by_its_value_and_not_by_its_spelling() {
    for (one, other) in [
        (json!({"share": 5}), json!({"share": 5.0})),
        (json!({"times": 5}), json!({"times": 5.0})),
        (json!({"weights": [5, -0.0]}), json!({"weights": [5.0, 0]})),
    ] {
        assert_eq!(written(&one), written(&other), "{one} and {other}");
    }
    for (one, other) in [
        (json!({"seed": 9_007_199_254_740_993_u64}), json!({"seed": 9_007_199_254_740_992_u64})),
        (json!({"limit": 0}), json!({})),
        (json!({"side": "5"}), json!({"side": "5.0"})),
    ] {
        assert_ne!(written(&one), written(&other), "{one} and {other}");
    }
}

#[test]
fn a_parameter_that_is_no_number_is_refused_and_does_not_turn_into_nothing() {
    for step in [
        Every { share: f64::NAN, ..Every::default() },
        Every { limit: Some(f64::NAN), ..Every::default() },
        Every { limit: Some(f64::INFINITY), ..Every::default() },
        Every { weights: vec![1.0, f64::NEG_INFINITY], ..Every::default() },
    ] {
        let told = bound(step.clone()).params().unwrap_err().to_string();
        assert!(told.contains("expected a number"), "{step:?}: {told}");
    }
}

#[test]
fn a_file_counts_by_its_content_and_not_by_its_path() {
    let fingerprint = |name: &str, content: &str| {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(name), content).unwrap();
        let files = Files::relative_to(directory.path());
        let step = bound(Content { source: name.into() });
        let sha256 = ContentHash::of(content.as_bytes());
        assert_eq!(step.identity(&files).unwrap()["source"], json!({ "sha256": sha256 }));
        fingerprint_of(step.as_ref(), &files)
    };
    assert_eq!(fingerprint("a.smi", "CCO"), fingerprint("b.smi", "CCO"));
    assert_ne!(fingerprint("a.smi", "CCO"), fingerprint("a.smi", "CCN"));
    assert_ne!(fingerprint("a.smi", "CCO\n"), fingerprint("a.smi", "CCO\r\n"));
}

/// Values of a parameter, of which the step type may refuse some.
fn values_of(ty: &ParamType, spec: &ParamSpec) -> BoxedStrategy<Value> {
    let number = |least: f64| {
        let near = (spec.min.unwrap_or(least), spec.max.unwrap_or(1e6));
        let (low, high) = (near.0.ceil() as i64, near.1.floor() as i64);
        prop_oneof![
            (low..=high).prop_map(|whole| json!(whole as f64)),
            (low..=high).prop_map(Value::from),
            (near.0..=near.1).prop_map(Value::from),
        ]
        .boxed()
    };
    // The forms that texts have in the step types of this program.
    let forms = ["CCO", "[#6]", "count", "mean(x)", "x", "x desc", "float", "x > 0", "a.csv", "s3", "x: y", "0", "1.0"];
    let texts = || {
        let forms = || select(forms.map(|text| json!(text)).to_vec());
        let other = prop_oneof![4 => forms(), 1 => text().prop_map(Value::from)];
        match spec.one_of {
            [] => other.boxed(),
            // A step with many such parameters takes a set of them only if it has a text of each.
            allowed => prop_oneof![
                20 => select(allowed.iter().map(|text| json!(text)).collect::<Vec<_>>()),
                1 => other,
            ]
            .boxed(),
        }
    };
    match ty {
        // Its identity is what the command prints.
        _ if spec.name == "version_from" => Just(json!(["echo", "x 1"])).boxed(),
        ParamType::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        ParamType::Integer { .. } | ParamType::PositiveNumber => number(0.0),
        ParamType::Number => number(-1e6),
        ParamType::Expression => prop_oneof![
            texts(),
            number_value().prop_map(|limit| json!({ "cel": "x < params.limit", "params": { "limit": limit } })),
        ]
        .boxed(),
        ParamType::InputFile => Just(json!("a.csv")).boxed(),
        ParamType::InputFiles => select(vec![json!("a.csv"), json!("*.csv"), json!(["a.csv"])]).boxed(),
        ParamType::List(inner) => vec(values_of(inner, spec), 0..4).prop_map(Value::from).boxed(),
        ParamType::Optional(inner) => prop_oneof![1 => Just(Value::Null), 4 => values_of(inner, spec)].boxed(),
        ParamType::Map(inner) => {
            let member = (select(vec!["x", "y", "model"]), values_of(inner, spec));
            vec(member, 0..3).prop_map(|members| members.into_iter().collect::<Value>()).boxed()
        }
        _ => texts(),
    }
}

/// Parameters of a step type: those that have no default, and some of the others.
fn params_of(spec: &'static StepSpec) -> BoxedStrategy<Map<String, Value>> {
    let params: Vec<_> = spec
        .params
        .iter()
        .map(|param| (any::<bool>(), values_of(&param.ty.make(), param), Just(param)).boxed())
        .collect();
    let given = |(wanted, value, param): (bool, Value, &ParamSpec)| {
        (wanted || param.required()).then(|| (param.name.to_owned(), value))
    };
    params.prop_map(move |params| params.into_iter().filter_map(given).collect()).boxed()
}

#[test]
fn the_parameters_of_every_step_type_are_the_same_before_and_after_they_are_stored() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.csv"), "x\n1\n").unwrap();
    let files = Files::relative_to(directory.path());
    for registration in Registry::linked().unwrap().iter() {
        let spec = registration.spec();
        let (id, tried, bound) = (StepId::new("a").unwrap(), Cell::new(0), Cell::new(0));
        let trip = |params: Map<String, Value>| {
            tried.set(tried.get() + 1);
            let Ok(step) = registration.bind(id.clone(), &params) else { return Ok(()) };
            bound.set(bound.get() + 1);
            let params = step.params().unwrap();
            let stored = serde_json::from_str(&canonical_json(&params.clone().into()).unwrap()).unwrap();
            let again = registration.bind(id.clone(), &stored).unwrap();
            // Debug tells 5.0 from 5, and -0.0 from 0.
            prop_assert_eq!(format!("{:?}", again.params().unwrap()), format!("{params:?}"));
            prop_assert_eq!(
                format!("{:?}", again.identity(&files).unwrap()),
                format!("{:?}", step.identity(&files).unwrap())
            );
            prop_assert_eq!(fingerprint_of(again.as_ref(), &files), fingerprint_of(step.as_ref(), &files));
            Ok(())
        };
        TestRunner::new(cases(256)).run(&params_of(spec), trip).unwrap();
        assert!(bound.get() > 0, "none of {} sets of parameters is taken by {}", tried.get(), spec.name);
    }
}

proptest! {
    #![proptest_config(cases(128))]

    #[test]
    fn rust_and_a_manifest_give_one_fingerprint(step in every_step(), seed in any::<u64>()) {
        let spelled = respell(&Value::Object(step.to_params()), seed);
        let params: Map<String, Value> = serde_json::from_str(&spelled).unwrap();
        prop_assert_eq!(written(&params.into()), built(&step), "{}", spelled);
    }

    #[test]
    fn every_parameter_counts(step in every_step()) {
        let changes = [
            Every { share: step.share.next_up(), ..step.clone() },
            Every { times: step.times ^ 1, ..step.clone() },
            Every { strict: !step.strict, ..step.clone() },
            Every { side: format!("{}x", step.side), ..step.clone() },
            Every { weights: [step.weights.clone(), vec![1.0]].concat(), ..step.clone() },
            Every { limit: Some(step.limit.map_or(0.0, f64::next_up)), ..step.clone() },
            Every { seed: Some(step.seed.map_or(0, |seed| seed ^ 1)), ..step.clone() },
        ];
        for change in &changes {
            prop_assert_ne!(built(change), built(&step), "{:?}", change);
        }
    }

    #[test]
    fn what_is_recorded_reads_back_to_the_same_step(step in every_step()) {
        let read = Every::from_params(&step.to_params()).unwrap();
        prop_assert_eq!(canonical_json(&read.to_params().into()), canonical_json(&step.to_params().into()));
        prop_assert_eq!(built(&read), built(&step));
    }

    #[test]
    fn any_value_is_a_parameter_or_a_problem(value in json()) {
        for name in ["share", "times", "strict", "side", "weights", "limit", "seed"] {
            let params = json!({ name: value });
            if let Ok(read) = Every::from_params(params.as_object().unwrap()) {
                prop_assert!(Every::from_params(&read.to_params()).is_ok());
            }
        }
    }
}
