//! One text for one value, however it is spelled.

use std::cmp::Ordering;

use chem_runtime::artifact::{ArtifactValue as _, JsonArtifact};
use chem_runtime::event::FlowEventKind;
use chem_runtime::fingerprint::{canonical_json, write_canonical_f64};
use chem_tests::events::one_of_each;
use chem_tests::values::{cases, finite, json, number, text};
use proptest::collection::btree_set;
use proptest::prelude::*;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Number, Value};

use crate::spelling::respell;

fn canonical(value: &Value) -> String {
    canonical_json(value).unwrap()
}

/// Whether two numbers are one value. An integer is compared as one: 2^53 + 1 is not the float 2^53.
fn same_number(a: &Number, b: &Number) -> bool {
    let integer = |number: &Number| match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(integer), ..) => Some(i128::from(integer)),
        (_, Some(integer), _) => Some(i128::from(integer)),
        (.., Some(float)) if float.fract() == 0.0 && float.abs() < 1e36 => Some(float as i128),
        _ => None,
    };
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.as_f64() == b.as_f64(),
        _ => false,
    }
}

/// Whether two values are one.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// The canonical text by another way: object by object, after sorting the members.
fn reference(value: &Value) -> String {
    let parts = |parts: Vec<String>| parts.join(",");
    match value {
        Value::Number(number) if number.is_f64() => {
            let mut text = String::new();
            assert!(write_canonical_f64(&mut text, number.as_f64().unwrap()));
            text
        }
        Value::Array(items) => format!("[{}]", parts(items.iter().map(reference).collect())),
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| key.chars().collect::<Vec<char>>());
            let member =
                |(key, member): (&String, &Value)| format!("{}:{}", Value::from(key.as_str()), reference(member));
            format!("{{{}}}", parts(members.into_iter().map(member).collect()))
        }
        leaf => leaf.to_string(),
    }
}

/// A value whose objects serialize in an order of their own, as those of Rust types do.
#[derive(Deserialize)]
struct Shuffled(Value, u64);

impl JsonArtifact for Shuffled {
    const KIND: &'static str = "shuffled";
}

impl Serialize for Shuffled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(value, seed) = self;
        let shuffled = |value: &Value| Self(value.clone(), *seed);
        match value {
            Value::Array(items) => serializer.collect_seq(items.iter().map(shuffled)),
            Value::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_by_key(|(key, _)| {
                    key.bytes().fold(*seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
                });
                serializer.collect_map(members.into_iter().map(|(key, member)| (key, shuffled(member))))
            }
            leaf => leaf.serialize(serializer),
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn json_and_typed_values_have_the_text_of_a_reference_writer(value in json(), seed in any::<u64>()) {
        let expected = reference(&value);
        prop_assert_eq!(&canonical(&value), &expected);
        let packed = Shuffled(value, seed).pack().unwrap();
        prop_assert_eq!(packed.root.payload_text(), expected);
    }

    #[test]
    fn the_text_reads_back_to_the_value_and_is_written_again_as_it_was(value in json()) {
        let text = canonical(&value);
        let read: Value = serde_json::from_str(&text).unwrap();
        prop_assert!(same(&read, &value), "{} reads back as another value", text);
        prop_assert_eq!(canonical(&read), text);
    }

    #[test]
    fn equal_values_in_different_spellings_have_one_text(value in json(), seed in any::<u64>()) {
        let spelled = respell(&value, seed);
        let read: Value = serde_json::from_str(&spelled).unwrap();
        prop_assert_eq!(canonical(&read), canonical(&value), "{}", spelled);
    }

    #[test]
    fn two_numbers_have_one_text_if_and_only_if_they_are_one(a in number(), b in number()) {
        let (Value::Number(x), Value::Number(y)) = (&a, &b) else { unreachable!() };
        prop_assert_eq!(canonical(&a) == canonical(&b), same_number(x, y), "{} and {}", a, b);
    }

    #[test]
    fn neighbours_among_floats_have_different_texts(float in finite()) {
        let (text, next) = (canonical(&float.into()), canonical(&float.next_up().into()));
        prop_assert_ne!(&text, &next);
        prop_assert_eq!(text.parse::<f64>(), Ok(float));
    }

    #[test]
    fn a_fraction_has_as_few_digits_as_can_be(float in finite()) {
        if float.fract() == 0.0 {
            return Ok(());
        }
        let text = canonical(&float.into());
        let mantissa: String = text.split('e').next().unwrap().chars().filter(char::is_ascii_digit).collect();
        let digits = mantissa.trim_matches('0').len();
        let fewer = format!("{float:.*e}", digits.saturating_sub(2));
        prop_assert!(digits == 1 || fewer.parse() != Ok(float), "{} could be {}", text, fewer);
    }

    #[test]
    fn an_integer_is_written_digit_for_digit(unsigned in any::<u64>(), signed in any::<i64>()) {
        prop_assert_eq!(canonical(&unsigned.into()), unsigned.to_string());
        prop_assert_eq!(canonical(&signed.into()), signed.to_string());
    }

    #[test]
    fn a_large_float_is_written_as_the_integer_that_it_is(mantissa in 1_u64..1 << 53, exponent in 0_u32..74) {
        let float = mantissa as f64 * 2f64.powi(exponent as i32);
        prop_assert_eq!(canonical(&float.into()), (u128::from(mantissa) << exponent).to_string());
    }

    #[test]
    fn keys_stand_in_the_order_of_their_code_points(keys in btree_set(text(), 0..12)) {
        let object: Value = keys.iter().map(|key| (key.clone(), Value::Null)).collect::<serde_json::Map<_, _>>().into();
        let mut sorted: Vec<&String> = keys.iter().collect();
        sorted.sort_by(|a, b| by_code_point(a, b));
        let members: Vec<String> = sorted.iter().map(|key| format!("{}:null", canonical(&key.as_str().into()))).collect();
        prop_assert_eq!(canonical(&object), format!("{{{}}}", members.join(",")));
    }

    #[test]
    fn nothing_stands_between_the_parts(value in json()) {
        let text = canonical(&value);
        prop_assert!(text.chars().all(|character| character >= ' '));
        let (mut in_string, mut escaped) = (false, false);
        for character in text.chars() {
            prop_assert!(in_string || character != ' ', "{}", text);
            in_string ^= character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
        }
    }
}

/// The order of two texts by their code points. That of UTF-16, which others take, puts U+10000 before U+FFFF.
fn by_code_point(a: &str, b: &str) -> Ordering {
    let points = |text: &str| text.chars().map(u32::from).collect::<Vec<_>>();
    points(a).cmp(&points(b))
}

/// Numbers of few digits are written by a shorter way, to the same text.
#[test]
fn a_number_of_few_digits_has_the_text_that_any_number_has() {
    let slowly = |value: f64| match value {
        0.0 => "0".to_owned(),
        whole if whole.fract() == 0.0 => format!("{whole:.0}"),
        small if small.abs() < 1e-5 => format!("{small:e}"),
        _ => format!("{value}"),
    };
    let few = (-2_000_000_000_000_000_i64..2_000_000_000_000_000, 0..9_i32);
    let few = few.prop_map(|(digits, decimals)| digits as f64 / 10_f64.powi(decimals));
    let small = (-30_000_i64..30_000).prop_map(|digits| digits as f64 / 1e7);
    let any = any::<f64>().prop_filter("a finite number", |value| value.is_finite());
    proptest!(ProptestConfig::with_cases(20_000), |(value in prop_oneof![few, small, any])| {
        let mut text = String::new();
        prop_assert!(write_canonical_f64(&mut text, value));
        prop_assert_eq!(&text, &slowly(value));
        prop_assert_eq!(text.parse::<f64>().unwrap(), value);
    });
}

/// The fields of stored types stand in the order of their names, so that no member of an event is moved to its place.
#[test]
fn events_are_written_in_canonical_order_as_they_come() {
    macro_rules! as_it_comes {
        ($kind:expr, $($variant:ident)*) => {
            match $kind { $(FlowEventKind::$variant(payload) => serde_json::to_string(payload).unwrap(),)* }
        };
    }
    for kind in one_of_each() {
        let text = as_it_comes!(&kind,
            FlowInitialized StepStarted StepFinished StepFailed StepSignal FlowCompleted StepReused RetryScheduled
            BranchCreated UserInteractionRequested UserInteractionProvided StepProgressed
        );
        assert_eq!(text, kind.payload_text().unwrap());
    }
}
