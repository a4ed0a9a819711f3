//! JSON values for property tests: ordinary ones and edge cases.

use chem_runtime::fingerprint::{MAX_DEPTH, canonical_json};
use proptest::collection::vec;
use proptest::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// Generates numbers, with known edge cases among them.
pub fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => select(vec![
            json!(0), json!(-0.0), json!(1), json!(1.0), json!(-1), json!(u64::MAX), json!(i64::MIN), json!(i64::MAX),
            json!(9_007_199_254_740_992_u64), json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992.0),
            json!(-9_007_199_254_740_993_i64), json!(18_446_744_073_709_551_616.0), json!(-9_223_372_036_854_775_808.0),
            json!(1e15), json!(1e16), json!(1e17), json!(1e21), json!(1e22), json!(1e23), json!(1e300), json!(-1e300),
            json!(f64::MAX), json!(f64::MIN_POSITIVE), json!(5e-324), json!(-5e-324), json!(1e-5), json!(9.999e-6),
            json!(1e-7), json!(0.1), json!(0.1 + 0.2), json!(4_503_599_627_370_495.5), json!(2.5), json!(0.1_f32),
        ]),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        2 => finite().prop_map(Value::from),
        1 => (-1_000_000_i32..1_000_000, 0_i32..8).prop_map(|(digits, places)| json!(f64::from(digits) / 10f64.powi(places))),
    ]
}

/// Generates finite floats.
pub fn finite() -> impl Strategy<Value = f64> {
    POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO
}

/// Generates text without U+0000.
pub fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => select(vec![
            "", "a", "A", " ", "é", "e\u{301}", "\u{ffff}", "\u{10000}", "\u{e000}", "\u{10ffff}", "\u{2028}", "\u{feff}",
            "\u{7f}", "\u{1}\u{1f}", "\\", "\"", "\\u0000", "/", "null", "1", "1.0", "%00", "'; --", "\r\n\t\u{8}\u{c}",
        ]).prop_map(str::to_owned),
        2 => vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().filter(|&c| c != '\0').collect()),
        1 => "[a-z_]{1,8}",
    ]
}

/// Generates values that have a canonical form and may be the data of an event, which is itself one level deep.
pub fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        4 => number(),
        4 => text().prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::Array),
            vec((text(), inner), 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop_oneof![
        12 => tree.boxed(),
        1 => number().prop_flat_map(|leaf| (1..MAX_DEPTH).prop_map(move |depth| nested(leaf.clone(), depth))).boxed(),
        1 => (text(), 100_usize..2_000).prop_map(|(text, times)| json!([text.repeat(times)])).boxed(),
    ]
}

/// Returns `leaf` inside `depth` arrays and objects.
pub fn nested(leaf: Value, depth: usize) -> Value {
    (0..depth).fold(leaf, |inner, level| if level % 2 == 0 { Value::Array(vec![inner]) } else { json!({ "k": inner }) })
}

/// One segment of the path to a value inside another.
#[derive(Debug, Clone)]
pub enum Place {
    Index(usize),
    Key(String),
}

/// Generates paths into a value. No segment needs quoting.
pub fn way() -> impl Strategy<Value = Vec<Place>> {
    vec(prop_oneof![(0_usize..4).prop_map(Place::Index), "[a-z]{1,4}".prop_map(Place::Key)], 0..6)
}

/// Formats a path as errors do.
pub fn path(way: &[Place]) -> String {
    way.iter().fold("$".to_owned(), |path, place| match place {
        Place::Index(index) => format!("{path}[{index}]"),
        Place::Key(key) => format!("{path}.{key}"),
    })
}

/// Returns a value with `planted` at the path `way`, and harmless siblings on both sides.
pub fn plant(planted: Value, way: &[Place]) -> Value {
    way.iter().rev().fold(planted, |inner, place| match place {
        Place::Index(index) => {
            let mut items = vec![json!(0.5); index + 2];
            items[*index] = inner;
            Value::Array(items)
        }
        Place::Key(key) => {
            let mut members: Map<String, Value> =
                [("A".to_owned(), json!(1)), ("~".to_owned(), json!("x"))].into_iter().collect();
            members.insert(key.clone(), inner);
            Value::Object(members)
        }
    })
}

/// Returns a configuration with `number` cases, or as many as `PROPTEST_CASES` says. Failures are printed, and not saved
/// beside the sources.
pub fn cases(number: u32) -> ProptestConfig {
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { config } else { ProptestConfig { cases: number, ..config } }
}

/// Generates values that may be a few levels deep in an event, as parameters are.
pub fn shallow() -> impl Strategy<Value = Value> {
    json().prop_filter("too deep", |value| canonical_json(&json!([[[[value]]]])).is_ok())
}
