//! Placeholders filled in: a text that is one placeholder becomes the parameter's value, of the parameter's type. Inside a
//! longer text a value is written out: a number in its canonical form, so that `5` and `5.0` give one text.

use std::ops::Range;

use chem_manifest::template::Part;
use serde_json::Value;

use crate::fingerprint::canonical_json;

/// A text with its placeholders filled in.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) value: Value,
    /// For each part of the result the part of the text that it comes from, and whether that is a placeholder.
    pieces: Vec<(Range<usize>, Range<usize>, bool)>,
}

/// Fills `text`, which has these `parts`, with what `value_of` has for each parameter. `None` if a parameter has no value,
/// or one that cannot stand in text.
pub(super) fn fill<'v>(text: &str, parts: &[Part], value_of: impl Fn(&str) -> Option<&'v Value>) -> Option<Filled> {
    if let [Part::Param { name, at }] = parts {
        return Some(Filled { value: value_of(name)?.clone(), pieces: vec![(0..usize::MAX, at.clone(), true)] });
    }
    let mut filled = String::new();
    let mut pieces = Vec::new();
    for part in parts {
        let start = filled.len();
        let (at, is_placeholder) = match part {
            Part::Text(at) | Part::Bad { at, .. } => {
                filled.push_str(&text[at.clone()]);
                (at, false)
            }
            Part::Escape(at) => {
                filled.push_str("${");
                (at, true)
            }
            Part::Param { name, at } => {
                match value_of(name)? {
                    Value::String(value) => filled.push_str(value),
                    value @ (Value::Bool(_) | Value::Number(_)) => {
                        // What YAML can say of these always has a canonical form.
                        filled.push_str(&canonical_json(value).unwrap_or_default());
                    }
                    _ => return None,
                }
                (at, true)
            }
        };
        pieces.push((start..filled.len(), at.clone(), is_placeholder));
    }
    Some(Filled { value: Value::String(filled), pieces })
}

impl Filled {
    /// The part of the text that `at`, a part of the result, comes from.
    pub(super) fn origin(&self, at: &Range<usize>) -> Range<usize> {
        let start = self.piece(at.start).map_or(0, |(out, text, whole)| {
            if *whole { text.start } else { text.start + (at.start - out.start).min(text.len()) }
        });
        let last = at.end.saturating_sub(1).max(at.start);
        let end = self.piece(last).map_or(start, |(out, text, whole)| {
            if *whole { text.end } else { text.start + at.end.saturating_sub(out.start).min(text.len()) }
        });
        start..end.max(start)
    }

    fn piece(&self, offset: usize) -> Option<&(Range<usize>, Range<usize>, bool)> {
        self.pieces.iter().find(|(out, ..)| out.contains(&offset)).or(self.pieces.last())
    }
}

#[cfg(test)]
mod tests {
    use chem_manifest::template::parts;
    use serde_json::json;

    use super::*;

    fn filled(text: &str) -> Value {
        let params = json!({"t": "a b", "i": 5, "f": 5.0, "h": 0.5, "b": true, "l": ["x"]});
        fill(text, &parts(text), |name| params.get(name)).map_or(json!(null), |filled| filled.value)
    }

    #[test]
    fn a_placeholder_alone_keeps_its_type() {
        assert_eq!(filled("${params.i}"), json!(5));
        assert_eq!(filled("${ params.l }"), json!(["x"]));
        assert_eq!(filled("${params.b}"), json!(true));
    }

    #[test]
    fn inside_text_values_are_written_out() {
        assert_eq!(filled("x${params.t}/${params.i}-${params.f}-${params.h}${params.b}."), json!("xa b/5-5-0.5true."));
        assert_eq!(filled("all of ${params.l}"), json!(null));
    }

    #[test]
    fn a_dollar_is_a_dollar_and_two_escape_a_brace() {
        assert_eq!(filled("$5 {x} $ $$ $x"), json!("$5 {x} $ $$ $x"));
        assert_eq!(filled("$${params.i} $$${params.i}"), json!("${params.i} $${params.i}"));
    }

    #[test]
    fn a_place_in_the_result_is_a_place_in_the_text() {
        let text = "ab${params.t}cd$${ef";
        let filled = fill(text, &parts(text), |_| Some(&Value::Bool(false))).unwrap();
        assert_eq!(filled.value, json!("abfalsecd${ef"));
        for (out, origin) in [(1..2, "b"), (3..4, "${params.t}"), (1..8, "b${params.t}c"), (11..13, "ef"), (13..13, "")]
        {
            assert_eq!(&text[filled.origin(&out)], origin, "{out:?}");
        }
    }
}
