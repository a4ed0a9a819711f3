//! Typed values to JSON without losing a NaN.
//!
//! serde_json writes NaN and the infinities as `null` without a word, and follows a value as deep as the stack allows and
//! further. [`to_json`] walks the value first with a serializer that produces nothing, and stops at the first float that
//! JSON cannot hold and at the first value that is nested too deep.

mod key;
mod scout;

use serde::{Serialize, ser};
use serde_json::Value;

use self::scout::Scout;
use super::canonical::CanonicalError;

/// `value` as JSON.
///
/// # Errors
/// [`CanonicalError::NonFinite`] with the path of the first NaN or infinity, [`CanonicalError::TooDeep`] with that of the
/// first value below [`MAX_DEPTH`](super::MAX_DEPTH), [`CanonicalError::NotJson`] for what JSON has no form for.
pub fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Value, CanonicalError> {
    match value.serialize(&mut Scout::new()) {
        Ok(()) => serde_json::to_value(value).map_err(|error| CanonicalError::NotJson { reason: error.to_string() }),
        Err(Stop::NonFinite { path, value }) => Err(CanonicalError::NonFinite { path, value: value.to_string() }),
        Err(Stop::TooDeep { path }) => Err(CanonicalError::too_deep(&path)),
        Err(Stop::Custom(reason)) => Err(CanonicalError::NotJson { reason }),
    }
}

/// Why the walk stopped.
#[derive(Debug)]
enum Stop {
    NonFinite { path: String, value: f64 },
    TooDeep { path: String },
    Custom(String),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Stop::NonFinite { path, value } => write!(f, "{value} at {path}"),
            Stop::TooDeep { path } => write!(f, "too deep at {path}"),
            Stop::Custom(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Stop::Custom(message.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::fingerprint::{MAX_DEPTH, canonical_json};

    #[derive(Serialize)]
    struct Row {
        name: &'static str,
        values: Vec<Option<f64>>,
        by_key: BTreeMap<&'static str, f32>,
    }

    #[test]
    fn a_nan_is_refused_with_the_path_where_it_stands() {
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
}
