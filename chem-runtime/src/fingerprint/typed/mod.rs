//! Writes values, typed or JSON, as canonical text.
//!
//! serde_json silently writes NaN and infinities as `null`, and recurses until the stack overflows. The serializer here
//! writes the canonical text in one pass, and stops at the first value that a store cannot hold or that is nested too deep.
//! JSON values take the same path, since they serialize themselves.

mod key;
mod writer;

use serde::{Serialize, ser};
use serde_json::Value;

use self::writer::Writer;
use super::canonical::{CanonicalError, check_length};

/// The canonical text of a typed value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CanonicalText {
    /// The canonical JSON.
    pub(crate) text: String,
    /// Whether the value certainly reads back unchanged. It does not if a float was written as an integer.
    pub(crate) reads_back: bool,
}

/// Returns the canonical text of `value`.
///
/// ```
/// use chem_runtime::fingerprint::canonical_json;
/// use serde_json::json;
///
/// let text = canonical_json(&json!({"b": 5.0, "a": [1e-7, 0.1]}))?;
/// assert_eq!(text, r#"{"a":[1e-7,0.1],"b":5}"#);
/// # Ok::<_, chem_runtime::fingerprint::CanonicalError>(())
/// ```
///
/// # Errors
/// Fails if the value contains something that not every store can return unchanged, with its path.
pub fn canonical_json(value: &Value) -> Result<String, CanonicalError> {
    Ok(canonical_text(value)?.text)
}

/// Returns the canonical text of `value` without building its JSON first.
///
/// # Errors
/// Fails like [`to_json`] and [`canonical_json`].
pub(crate) fn canonical_text<T: Serialize + ?Sized>(value: &T) -> Result<CanonicalText, CanonicalError> {
    let mut writer = Writer::new();
    value.serialize(&mut writer)?;
    check_length(&writer.out)?;
    Ok(CanonicalText { text: writer.out, reads_back: !writer.reshaped })
}

/// Converts `value` to JSON.
///
/// # Errors
/// [`CanonicalError::NonFinite`] with the path of the first NaN or infinity, [`CanonicalError::NulCharacter`] with that of
/// the first string with U+0000, [`CanonicalError::TooDeep`] with that of the first value below
/// [`MAX_DEPTH`](super::MAX_DEPTH), and [`CanonicalError::NotJson`] for what JSON cannot represent.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Value, CanonicalError> {
    value.serialize(&mut Writer::new())?;
    serde_json::to_value(value).map_err(|error| CanonicalError::NotJson { reason: error.to_string() })
}

/// Why and where the writer stopped. Boxed, because the result of every written value has room for it.
#[derive(Debug)]
struct Stop(Box<Stopped>);

#[derive(Debug)]
struct Stopped {
    /// The segments of the path, innermost first.
    path: Vec<String>,
    why: Why,
}

#[derive(Debug)]
enum Why {
    /// The number, as text.
    NonFinite(String),
    Nul,
    TooDeep,
    Custom(String),
}

impl From<Why> for Stop {
    fn from(why: Why) -> Self {
        Self(Box::new(Stopped { path: Vec::new(), why }))
    }
}

impl From<Stop> for CanonicalError {
    fn from(Stop(stop): Stop) -> Self {
        let path: String = std::iter::once("$").chain(stop.path.iter().rev().map(String::as_str)).collect();
        match stop.why {
            Why::NonFinite(value) => Self::NonFinite { path, value },
            Why::Nul => Self::NulCharacter { path: path.replace('\0', "\\u0000") },
            Why::TooDeep => Self::too_deep(&path),
            Why::Custom(reason) => Self::NotJson { reason },
        }
    }
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.why)
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Why::Custom(message.to_string()).into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::fingerprint::MAX_DEPTH;

    #[derive(Serialize)]
    struct Row {
        name: &'static str,
        values: Vec<Option<f64>>,
        by_key: BTreeMap<&'static str, f32>,
    }

    #[test]
    fn a_nan_is_refused_with_its_path() {
        let row = Row { name: "a", values: vec![Some(1.0), None, Some(f64::NAN)], by_key: BTreeMap::new() };
        assert_eq!(
            to_json(&[row]),
            Err(CanonicalError::NonFinite { path: "$[0].values[2]".into(), value: "NaN".into() })
        );
        let row = Row { name: "a", values: vec![], by_key: [("k", f32::NEG_INFINITY)].into() };
        assert_eq!(to_json(&row), Err(CanonicalError::NonFinite { path: "$.by_key.k".into(), value: "-inf".into() }));
    }

    #[test]
    fn finite_values_pass_unchanged() {
        let row = Row { name: "a", values: vec![Some(0.5), None], by_key: [("k", 1.5)].into() };
        assert_eq!(to_json(&row), Ok(serde_json::json!({"name": "a", "values": [0.5, null], "by_key": {"k": 1.5}})));
    }

    #[test]
    fn keys_that_are_not_strings_are_an_error_not_a_panic() {
        assert!(matches!(to_json(&BTreeMap::from([((1, 2), 3)])), Err(CanonicalError::NotJson { .. })));
    }

    #[test]
    fn the_path_leads_through_variants_and_back_out_of_them() {
        #[derive(Serialize)]
        enum Shape {
            One(f64),
            Pair(f64, f64),
            Named { x: f64 },
        }
        for (value, path) in [
            (vec![Shape::Pair(0.0, 0.0), Shape::Named { x: 0.0 }, Shape::One(f64::NAN)], "$[2].One"),
            (vec![Shape::One(0.0), Shape::Pair(0.0, f64::NAN)], "$[1].Pair[1]"),
            (vec![Shape::Named { x: f64::NAN }], "$[0].Named.x"),
        ] {
            assert_eq!(to_json(&value), Err(CanonicalError::NonFinite { path: path.into(), value: "NaN".into() }));
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_refused_before_the_stack_ends() {
        #[derive(Serialize)]
        enum Chain {
            End(u8),
            Link(Box<Chain>),
            Pair(Box<Chain>, u8),
        }
        let link = |chain| Chain::Link(Box::new(chain));
        let pair = |chain| Chain::Pair(Box::new(chain), 0);
        // Every kind of link is as deep as the JSON that comes of it, to the level.
        let deepest = (0..MAX_DEPTH - 1).fold(Chain::End(0), |chain, _| link(chain));
        assert!(to_json(&deepest).is_ok_and(|json| canonical_json(&json).is_ok()));
        assert!(matches!(to_json(&link(deepest)), Err(CanonicalError::TooDeep { .. })));
        let deepest = (0..MAX_DEPTH / 2 - 1).fold(Chain::End(0), |chain, _| pair(chain));
        assert!(to_json(&link(deepest)).is_ok_and(|json| canonical_json(&json).is_ok()));
        // What canonical JSON would refuse is not followed to its end first.
        let endless = (0..2_000).fold(json!(1), |inner, _| Value::Array(vec![inner]));
        let Err(CanonicalError::TooDeep { path }) = to_json(&endless) else { panic!() };
        assert!(path.starts_with("$[0][0]") && path.ends_with('…'), "{path}");
    }

    #[test]
    fn a_nul_is_refused_with_its_path_even_in_keys() {
        let refused = |value: Value, path: &str| {
            assert_eq!(to_json(&value), Err(CanonicalError::NulCharacter { path: path.into() }));
            assert_eq!(canonical_json(&value), Err(CanonicalError::NulCharacter { path: path.into() }));
        };
        refused(json!({"rows": ["a", "b\0"]}), "$.rows[1]");
        refused(json!({"rows": {"a\0": 1}}), "$.rows.a\\u0000");
    }

    #[test]
    fn the_text_of_a_typed_value_is_that_of_its_json() {
        #[derive(Serialize)]
        enum Shape {
            Unit,
            One(f32),
            Pair(u8, i64),
            Named { z: Option<bool>, a: char },
        }
        #[derive(Serialize)]
        struct Marker;
        #[derive(Serialize)]
        struct All {
            z: (Shape, Shape, Shape, Shape),
            b: BTreeMap<u64, f64>,
            a: Option<Marker>,
            #[serde(flatten)]
            rest: BTreeMap<&'static str, Value>,
            huge: i128,
        }
        let all = All {
            z: (Shape::Unit, Shape::One(0.1), Shape::Pair(7, i64::MIN), Shape::Named { z: None, a: 'é' }),
            b: [(10, 2.5), (9, -0.0), (2, 1e300)].into(),
            a: Some(Marker),
            rest: [("aa", json!({"y": [], "x": {}})), ("\u{10000}", json!(1)), ("\u{ffff}", json!("\n"))].into(),
            huge: u64::MAX.into(),
        };
        struct Keys;
        impl Serialize for Keys {
            fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use ser::SerializeMap as _;
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry(&1.0, "f64")?;
                map.serialize_entry(&0.1_f32, "f32")?;
                map.serialize_entry(&true, "bool")?;
                map.serialize_entry(&'c', "char")?;
                map.serialize_entry(&-5, "i32")?;
                map.end()
            }
        }
        let keys = canonical_json(&serde_json::to_value(Keys).unwrap()).unwrap();
        assert_eq!(canonical_text(&Keys).map(|written| written.text), Ok(keys));
        let written = canonical_text(&all).unwrap();
        assert_eq!(written.text, canonical_json(&serde_json::to_value(&all).unwrap()).unwrap());
        assert!(!written.reads_back, "-0.0 is written as 0");
        assert!(canonical_text(&json!({"a": [1, 0.5, -3, "x", null]})).unwrap().reads_back);
        assert!(canonical_text(&i128::MAX).is_err() && canonical_text(&u128::MAX).is_err());
    }

    #[test]
    fn of_two_members_with_one_key_the_last_counts() {
        struct Twice;
        impl Serialize for Twice {
            fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([("b", 1), ("a", 2), ("b", 3)])
            }
        }
        assert_eq!(canonical_text(&Twice).unwrap().text, r#"{"a":2,"b":3}"#);
        assert_eq!(canonical_json(&to_json(&Twice).unwrap()).unwrap(), r#"{"a":2,"b":3}"#);
    }

    #[test]
    fn types_private_to_serde_json_are_written_as_the_json_they_hold() {
        /// What a number is if another crate of the program has switched on numbers of any length.
        struct Long(&'static str);
        impl Serialize for Long {
            fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use ser::SerializeStruct as _;
                let mut number = serializer.serialize_struct("$serde_json::private::Number", 1)?;
                number.serialize_field("$serde_json::private::Number", self.0)?;
                number.end()
            }
        }
        let text = |text: &str| Ok(CanonicalText { text: text.to_owned(), reads_back: false });
        for (long, expected) in
            [("1", "1"), ("-0.0", "0"), ("1e2", "100"), ("18446744073709551615", "18446744073709551615")]
        {
            assert_eq!(canonical_text(&[Long(long)]), text(&format!("[{expected}]")));
        }
        let raw = serde_json::value::RawValue::from_string(r#"{"b": [1.0], "a": "x"}"#.to_owned()).unwrap();
        assert_eq!(canonical_text(&BTreeMap::from([("raw", &raw)])), text(r#"{"raw":{"a":"x","b":[1]}}"#));
        let raw = serde_json::value::RawValue::from_string("{\"b\": \"\\u0000\"}".to_owned()).unwrap();
        assert_eq!(to_json(&[&raw]), Err(CanonicalError::NulCharacter { path: "$[0].b".into() }));
    }

    #[test]
    fn members_are_sorted_by_their_keys_and_not_by_what_is_written_of_them() {
        struct Members;
        impl Serialize for Members {
            fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let keys = ["b", "\\", "\"", "a!", "a", "\u{1}", "é", "a\"", "Z", "]", "a\\"];
                serializer.collect_map(keys.iter().zip(1..))
            }
        }
        let expected = r#"{"\u0001":6,"\"":3,"Z":9,"\\":2,"]":10,"a":5,"a!":4,"a\"":8,"a\\":11,"b":1,"é":7}"#;
        assert_eq!(canonical_text(&Members).unwrap().text, expected);
        let json: Value = serde_json::from_str(expected).unwrap();
        assert_eq!(canonical_json(&json).unwrap(), expected);
    }
}
