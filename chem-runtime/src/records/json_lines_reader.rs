//! Reads JSON Lines: on each line an object, whose members are cells.

use std::collections::{HashMap, HashSet};

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::decode::not_utf8;
use super::lines::Line;
use crate::cancel;

/// An object of JSON Lines: its members in source order.
pub(super) struct Object(pub(super) Vec<(String, Value)>);

/// A line of JSON Lines.
pub(super) struct JsonLine<'a> {
    /// The number, from 1.
    pub(super) line: u64,
    /// The text of the line, without surrounding white space.
    pub(super) raw: &'a [u8],
    /// The parsed object, or the reason why the line cannot be used.
    pub(super) object: Result<Object, String>,
}

/// Returns the objects on `lines`. Skips blank lines.
pub(super) fn objects<'a>(lines: impl Iterator<Item = Line<'a>>) -> impl Iterator<Item = JsonLine<'a>> {
    lines
        .map(|Line { number, text }| (number, text.trim_ascii()))
        .filter(|(_, text)| !text.is_empty())
        .map(|(line, raw)| JsonLine { line, raw, object: object(raw) })
}

fn object(text: &[u8]) -> Result<Object, String> {
    let text = std::str::from_utf8(text).map_err(|_| not_utf8(text, None))?;
    let mut object: Object =
        serde_json::from_str(text).map_err(|error| format!("is no JSON object: {}", plain(&error)))?;
    if object.0.iter().any(|(_, value)| may_be_rounded(value)) {
        keep_digits(&mut object, text);
    }
    for (name, value) in &object.0 {
        let wrong = match value {
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
            Value::String(text) if text.contains('\0') => "the character U+0000",
            _ => continue,
        };
        return Err(format!("has {wrong} in `{name}`, which no column can hold"));
    }
    Ok(object)
}

/// Returns whether `value` may be an integer of more than 64 bits that was rounded to a float.
fn may_be_rounded(value: &Value) -> bool {
    value.is_f64() && value.as_f64().is_some_and(|float| float.abs() >= 2_f64.powi(63))
}

/// Replaces integers of more than 64 bits, which lost digits as floats, by their text in `text`.
fn keep_digits(object: &mut Object, text: &str) {
    // The text has been parsed before, so this does not fail.
    let Ok(spelled) = serde_json::from_str::<HashMap<String, &RawValue>>(text) else { return };
    for (name, value) in object.0.iter_mut().filter(|(_, value)| may_be_rounded(value)) {
        let number = spelled.get(name).map_or("", |raw| raw.get());
        if number.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit()) {
            *value = number.into();
        }
    }
}

/// Formats the error without its line number, which is always 1.
fn plain(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column", " at column")
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
                let (mut members, mut names) = (Vec::new(), HashSet::new());
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if !names.insert(name.clone()) {
                        return Err(A::Error::custom(format_args!("`{name}` stands in it twice")));
                    }
                    cancel::check_cell(members.len()).map_err(A::Error::custom)?;
                    members.push((name, value));
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::lines;
    use super::*;

    fn json_lines(text: &[u8]) -> impl Iterator<Item = JsonLine<'_>> {
        objects(lines(text))
    }

    #[test]
    fn objects_keep_the_order_of_their_members_and_their_lines() {
        let found: Vec<_> = json_lines(b"{\"b\": 1, \"a\": \"x\"}\r\n\n {} \n").collect();
        assert_eq!(found.iter().map(|line| line.line).collect::<Vec<_>>(), [1, 3]);
        let members = &found[0].object.as_ref().ok().unwrap().0;
        assert_eq!(members, &[("b".to_owned(), 1.into()), ("a".to_owned(), "x".into())]);
    }

    #[test]
    fn an_integer_keeps_its_digits() {
        let text = br#"{"a": 18446744073709551616, "b": -9223372036854775809, "c": 1e30, "d": 2.5, "e": 18446744073709551615}"#;
        let found = json_lines(text).next().unwrap().object.ok().unwrap().0;
        let values: Vec<&Value> = found.iter().map(|(_, value)| value).collect();
        let texts = [Value::from("18446744073709551616"), Value::from("-9223372036854775809")];
        assert_eq!(values, [&texts[0], &texts[1], &1e30.into(), &2.5.into(), &u64::MAX.into()]);
    }

    #[test]
    fn invalid_lines_are_refused_with_a_reason() {
        for (line, why) in [
            (b"[1]".as_slice(), "an object"),
            (b"{\"a\": 1", "EOF"),
            (b"{\"a\": 1}}", "trailing"),
            (b"{\"a\": NaN}", "expected value"),
            (b"{\"a\": 1e999}", "out of range"),
            (b"{\"a\": [1]}", "a list in `a`"),
            (b"{\"a\": {}}", "an object in `a`"),
            (b"{\"a\": \"\\u0000\"}", "U+0000"),
            (b"{\"a\": 1, \"a\": 2}", "twice"),
            (b"{\"a\": \"\xff\"}", "UTF-8"),
        ] {
            let found: Vec<_> = json_lines(line).collect();
            let reason = found[0].object.as_ref().err().unwrap();
            assert!(reason.contains(why), "{reason}");
        }
        let deep = format!("{{\"a\": {}", "[".repeat(100_000));
        assert!(json_lines(deep.as_bytes()).next().unwrap().object.is_err());
    }
}
