//! A manifest as a value: `serde_yaml` and our reader see the same values, in what is written by hand and in what the
//! program writes, and where they do not, the difference has a name.

use std::path::{Path, PathBuf};

use chem_runtime::manifest::{Manifest, Source, document, to_yaml};
use chem_runtime::step::{Registry, StepId};
use chem_tests::repeated::{definition_of, fingerprints, manifest_of, manifest_of_definition, run};
use chem_tests::values;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};

use super::{check_with, directory, registry};
use crate::table::manifests;

/// What our reader makes of `text`.
fn ours(text: &str) -> Result<Manifest, String> {
    let read = Manifest::read(&Source::new("flow.yaml", text));
    read.map_err(|found| found.iter().map(|found| found.message.clone()).collect::<Vec<_>>().join("; "))
}

/// What `serde_yaml` makes of it.
fn serdes(text: &str) -> Result<Manifest, String> {
    serde_yaml::from_str(text).map_err(|error| error.to_string())
}

/// The manifests at `directory`, with their paths.
fn in_directory(directory: PathBuf) -> Vec<(String, String)> {
    let paths = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    paths.map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn both_readers_see_the_same_values_in_every_right_manifest() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all: Vec<(String, String)> =
        ["flows", "flows/rdkit", "chem-runtime/src/cli/templates/project", "tests/suites/manifest/right"]
            .into_iter()
            .flat_map(|directory| in_directory(root.join(directory)))
            .collect();
    let examples = Registry::linked().unwrap().iter().filter_map(|registration| {
        let spec = registration.spec();
        Some((spec.name.to_owned(), spec.help().example.clone()?))
    });
    all.extend(examples);
    assert!(all.len() > 20, "{} manifests", all.len());
    for (name, text) in all {
        let read = ours(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(Ok(&read), serdes(&text).as_ref(), "{name}");
        let written = to_yaml(&read).unwrap();
        assert_eq!((Ok(&read), Ok(&read)), (ours(&written).as_ref(), serdes(&written).as_ref()), "{name}\n{written}");
    }
}

/// A value of a parameter, by what each reader makes of it.
fn as_parameter(value: &str) -> [Result<Value, String>; 2] {
    let text = format!("flow: it\nsteps:\n  - id: seed\n    uses: demo.seed\n    with:\n      text: {value}\n");
    [ours(&text), serdes(&text)].map(|read| read.map(|mut read| read.steps.remove(0).with.remove("text").unwrap()))
}

/// YAML 1.2's core schema is what our reader has. `serde_yaml` has it with a few forms of numbers more and one less, and
/// takes what our reader refuses.
#[test]
fn where_the_readers_differ_is_known() {
    use serde_json::json;
    for (value, read) in [
        ("no", json!("no")),
        ("y", json!("y")),
        ("Off", json!("Off")),
        ("~", json!(null)),
        ("True", json!(true)),
        ("1_000", json!("1_000")),
        ("12:30", json!("12:30")),
        ("2026-01-01", json!("2026-01-01")),
        ("0x1F", json!(31)),
        ("0o14", json!(12)),
        ("+12", json!(12)),
        ("1e3", json!(1000.0)),
        (".5", json!(0.5)),
        ("-0.0", json!(-0.0)),
        ("18446744073709551615", json!(u64::MAX)),
        ("-9223372036854775808", json!(i64::MIN)),
        ("'5'", json!("5")),
        ("<<", json!("<<")),
        ("{ '<<': 1 }", json!({ "<<": 1 })),
    ] {
        assert_eq!(as_parameter(value), [Ok(read.clone()), Ok(read)], "{value}");
    }
    for (value, our, serdes, difference) in [
        ("007", json!(7), json!("007"), "leading zeros: a number by the core schema"),
        ("0b11", json!("0b11"), json!(3), "binary: in no schema of YAML 1.2"),
        ("-0x1F", json!("-0x1F"), json!(-31), "a signed hexadecimal: in no schema"),
    ] {
        assert_eq!(as_parameter(value), [Ok(our), Ok(serdes)], "{value}: {difference}");
    }
    for (value, serdes, difference) in [
        ("1e400", json!("1e400"), "a number beyond the largest: text to serde_yaml"),
        ("!!str 5", json!("5"), "a tag"),
        ("&a x", json!("x"), "an anchor"),
        ("{ <<: 1 }", json!({ "<<": 1 }), "a merge key"),
    ] {
        let [our, theirs] = as_parameter(value);
        assert!(our.is_err(), "{value}: {difference}");
        assert_eq!(theirs, Ok(serdes), "{value}: {difference}");
    }
    for refused in [
        ".inf",
        "-.INF",
        ".nan",
        "18446744073709551616",
        "-9223372036854775809",
        "{ a: 1, a: 2 }",
        "{ 1: one }",
        "{ true: one }",
        "[1",
        "*a",
        "!!int x",
    ] {
        let [our, theirs] = as_parameter(refused);
        assert!(our.is_err() && theirs.is_err(), "{refused}: {our:?}, {theirs:?}");
    }
}

/// What a value of serde may not be, as our reader has it.
#[test]
fn both_readers_refuse_the_same_shapes() {
    let step = "steps:\n  - id: seed\n    uses: demo.seed\n";
    for wrong in [
        String::new(),
        "flow: it\n".to_owned(),
        format!("flow: null\n{step}"),
        format!("flow: 5\n{step}"),
        format!("flow: It\n{step}"),
        format!("flow: it\nflow: it\n{step}"),
        format!("flow: it\ndescription:\n{step}"),
        format!("flow: it\ndescription: 5\n{step}"),
        format!("flow: it\nlicense: mine alone\n{step}"),
        format!("flow: it\nlicense: 5\n{step}"),
        format!("flow: it\nparams: [a]\n{step}"),
        format!("flow: it\nstep: 1\n{step}"),
        format!("flow: it\n{step}---\nflow: it\n{step}"),
        format!("flow: it\n{step}    timeout: 5\n"),
        format!("flow: it\n{step}    timeout:\n"),
        format!("flow: it\n{step}    timeout: 5d\n"),
        format!("flow: it\n{step}    retry: 3\n"),
        format!("flow: it\n{step}    retry: {{ backoff: 1s }}\n"),
        format!("flow: it\n{step}    retry: {{ attempts: two }}\n"),
        format!("flow: it\n{step}    retry: {{ attempts: 2, on: all }}\n"),
        format!("flow: it\n{step}    gate:\n"),
        format!("flow: it\n{step}    gate: {{ message: 5 }}\n"),
        format!("flow: it\n{step}    gate: {{ message: Go on?, schema: true }}\n"),
        format!("flow: it\n{step}    inputs: {{ text: 5 }}\n"),
        format!("flow: it\n{step}    with: [a]\n"),
    ] {
        let (our, theirs) = (ours(&wrong), serdes(&wrong));
        assert!(our.is_err() && theirs.is_err(), "{wrong}\n{our:?}\n{theirs:?}");
    }
    let empty = "flow: it\nparams:\nsteps:\n  - id: seed\n    uses: demo.seed\n    inputs:\n    with:\n";
    let manifest = Manifest::new(StepId::new("it").unwrap(), vec![seed(Map::new())]);
    assert_eq!([ours(empty), serdes(empty)], [Ok(manifest.clone()), Ok(manifest)]);
}

fn seed(with: Map<String, Value>) -> document::Step {
    document::Step { with, ..document::Step::new(StepId::new("seed").unwrap(), "demo.seed") }
}

/// Texts that some reader of YAML takes for something else, or that some writer spoils.
fn text() -> impl Strategy<Value = String> {
    let odd = [
        "no",
        "yes",
        "y",
        "on",
        "null",
        "~",
        "true",
        "False",
        "1e3",
        "1e400",
        "-1E+999",
        "0x10",
        "0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
        "0o7",
        "0b1",
        "007",
        "-00",
        "1_000",
        "12:30:45",
        "2026-11-29",
        ".5",
        ".inf",
        "-.nan",
        "=",
        "<<",
        "- a",
        "? a",
        ": a",
        "a: b",
        "a #b",
        "#",
        "*a",
        "&a",
        "!a",
        "|",
        ">",
        "%a",
        "@a",
        "`a`",
        "[a",
        "{a",
        "'",
        "\"",
        "\\",
        "--- a",
        "...",
        " a ",
        "a ",
        "\ta",
        "\n",
        "\n\n",
        "a\n",
        "a\n\n",
        "\na",
        " a\n b\n",
        "a\n b",
        "a \n b",
        "a\r\nb",
        "a\rb",
        "\u{85}",
        "a\u{2028}b",
        "\u{feff}a",
        "é😀",
        "\u{7f}",
        "${params.x}",
        "$${",
        "a\tb\n\tc",
    ];
    let lines = vec("[ a-c#:\\-\t]{0,8}", 0..5).prop_map(|lines| lines.join("\n"));
    let long = (1usize..400).prop_map(|times| "long text ".repeat(times));
    prop_oneof![4 => select(odd.to_vec()).prop_map(str::to_owned), 4 => values::text(), 2 => lines, 1 => long, 1 => "[0-9eE+\\-._xo]{1,40}"]
}

/// A key. libyaml reads none of more than 1024 characters within brackets.
fn key() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.chars().take(150).collect())
}

/// Any value that a parameter of a step can have. Placeholders have a test of their own.
fn value() -> impl Strategy<Value = Value> {
    let text = || text().prop_map(|text| text.replace("${", "$${"));
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        3 => values::number(),
        5 => text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            btree_map(key(), inner, 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn manifest() -> impl Strategy<Value = Manifest> {
    let members = || btree_map(key(), value(), 0..3).prop_map(|members| members.into_iter().collect::<Map<_, _>>());
    let scalar = prop_oneof![any::<bool>().prop_map(Value::from), values::number(), text().prop_map(Value::from)];
    let param = prop_oneof![3 => scalar.clone(), 1 => vec(scalar, 0..4).prop_map(Value::Array)];
    let params = btree_map("[a-z_][a-z0-9_]{0,9}", param, 0..4);
    let retry =
        (1u32..=100, 0u64..=2_592_000_000, any::<bool>()).prop_map(|(attempts, backoff_ms, any)| document::Retry {
            attempts,
            backoff_ms,
            on: if any { document::RetryOn::Any } else { document::RetryOn::Transient },
        });
    let gate = (text(), proptest::option::of(members()), vec("[a-z]{1,3}(@[a-z0-9.]{1,9})?", 0..3));
    let gate = gate.prop_map(|(message, schema, signed_by)| {
        let message = message.replace("${", "$${");
        document::Gate { message, schema, signed_by }
    });
    let times = prop_oneof![1u64..=2_592_000_000, (1u64..=720).prop_map(|hours| hours * 3_600_000)];
    let (count, mib) =
        (|| proptest::option::of(1u32..=65_535), prop_oneof![1u64..=1 << 30, (1u64..=1024).prop_map(|it| it << 20)]);
    let resources = (count(), proptest::option::of(mib), count(), proptest::option::of(times.clone()));
    let resources =
        resources.prop_map(|(cpus, memory_mib, gpus, time_ms)| document::Resources { cpus, memory_mib, gpus, time_ms });
    let policy = (
        proptest::option::of(retry),
        proptest::option::of(times),
        proptest::option::of(gate),
        proptest::option::of(resources),
    );
    let literal = || text().prop_map(|text| text.replace("${", "$${"));
    let cell = prop_oneof![any::<bool>().prop_map(Value::from), values::number(), literal().prop_map(Value::from)];
    let given = btree_map("[a-z_][a-z0-9_]{0,9}", cell.clone(), 0..3);
    let over = btree_map("[a-z_][a-z0-9_]{0,9}", vec(cell, 1..3).prop_map(Value::Array), 1..3);
    let map = (proptest::option::of(literal()), given, over, btree_map(key(), text(), 0..3), any::<bool>());
    let inner = || vec![document::Step::new(StepId::new("inner").unwrap(), "lab.it")];
    let map = map.prop_map(move |(flow, params, over, take, collect)| document::MapOver {
        steps: if flow.is_none() { inner() } else { Vec::new() },
        flow,
        params: params.into_iter().collect(),
        over: over.into_iter().collect(),
        take,
        on_error: if collect { document::OnError::Collect } else { document::OnError::Fail },
    });
    let what = prop_oneof![4 => text().prop_map(Ok), 1 => map.prop_map(Err)];
    let shards = proptest::option::of((1_usize..9, any::<bool>()));
    let step = (what, any::<bool>(), btree_map(key(), "(\\.[a-z]{1,3})?", 0..3), members(), (policy, shards));
    let name =
        || "[a-z][a-z0-9_-]{0,9}|null|true|no|y|e3".prop_filter("an id is text", |name| StepId::new(name).is_ok());
    let license = proptest::option::of("[A-Za-z0-9][A-Za-z0-9.+-]{0,9}|https?://[!-~]{1,9}");
    let flow = (name(), (proptest::option::of(text()), license), params, vec(step, 1..3), name());
    flow.prop_map(|(flow, (description, license), params, drawn, id)| {
        let mut steps: Vec<document::Step> = Vec::new();
        for (index, (what, source, inputs, with, (policy, shards))) in drawn.into_iter().enumerate() {
            let (retry, timeout_ms, gate, resources) = policy;
            let before = steps.last().map(|before| before.id.clone());
            let inputs =
                inputs.into_iter().filter_map(|(port, output)| Some((port, format!("{}{output}", before.as_ref()?))));
            let inputs = inputs.collect();
            let id = if index == 0 { id.clone() } else { format!("{id}-{index}") };
            let id = StepId::new(id).unwrap();
            let (uses, map): (Option<String>, Option<document::MapOver>) = match what {
                Ok(uses) => (Some(uses), None),
                Err(map) => (None, Some(map)),
            };
            let with = if map.is_some() { Map::new() } else { with };
            // A step in shards begins a group, or joins that of the step before.
            let joined = steps.last().and_then(|before| before.shards.clone());
            let shards = shards.zip(before).map(|((rows, joins), before)| {
                let begun = document::Shards { group: id.to_string(), over: before.to_string(), rows };
                joined.filter(|_| joins).unwrap_or(begun)
            });
            let step =
                document::Step { id, uses, map, source, inputs, with, retry, timeout_ms, gate, resources, shards };
            steps.push(step);
        }
        let params = params.into_iter().collect();
        Manifest { description, license, params, ..Manifest::new(StepId::new(flow).unwrap(), steps) }
    })
}

proptest! {
    #![proptest_config(chem_tests::values::cases(500))]

    #[test]
    fn what_is_written_is_what_both_readers_read(manifest in manifest()) {
        let yaml = to_yaml(&manifest).unwrap();
        for read in [ours(&yaml), serdes(&yaml)] {
            prop_assert_eq!(read.as_ref(), Ok(&manifest), "{}", yaml);
        }
        let json = serde_json::to_string(&manifest).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Manifest>(&json).unwrap(), &manifest);
    }

    /// Any text that a run recorded comes to the step again, `${` and all.
    #[test]
    fn a_recorded_text_comes_back(text in text()) {
        let with = Map::from_iter([("text".to_owned(), text.replace("${", "$${").into())]);
        let yaml = to_yaml(&Manifest::new(StepId::new("it").unwrap(), vec![seed(with)])).unwrap();
        let definition = definition_of(&yaml, Path::new("."), registry());
        prop_assert_eq!(&definition.recorded().unwrap().steps[0].params["text"], &Value::from(text));
        prop_assert_eq!(manifest_of_definition(&definition), yaml);
    }
}

/// Manifests that a value can be, and that no text is: a reader would refuse it.
#[test]
fn what_no_manifest_can_say_is_refused() {
    let nested = (0..100).fold(Value::Null, |inner, _| Value::from(vec![inner]));
    for (with, refused) in [
        (serde_json::json!({ "text": "${params.x}" }), "the flow has no parameter `x`"),
        (serde_json::json!({ "text": nested }), "nest"),
        (serde_json::json!({ "text": "x".repeat(5 << 20) }), "larger than 4 MiB"),
    ] {
        let manifest = Manifest::new(StepId::new("it").unwrap(), vec![seed(with.as_object().unwrap().clone())]);
        let error = to_yaml(&manifest).unwrap_err().to_string();
        assert!(error.contains(refused), "{error}");
    }
}

/// Runs each right manifest, and what its log gives as a manifest.
#[test]
fn every_right_manifest_is_repeated_from_its_log() {
    for (name, text, overrides) in manifests("right") {
        let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
        let definition = check_with(&text, &overrides).definition.unwrap();
        let recorded = definition.recorded().unwrap();
        let events = run(definition, &directory());
        let yaml = manifest_of(&events);
        let again = definition_of(&yaml, &directory(), registry());
        assert_eq!(again.recorded().unwrap().steps, recorded.steps, "{name}\n{yaml}");
        assert_eq!(fingerprints(&run(again, &directory())), fingerprints(&events), "{name}\n{yaml}");
    }
}
