//! Placeholders: `${params.x}` in the texts under `with:`.
//!
//! A text that is one placeholder becomes the parameter's value, of the parameter's type. Inside a longer text a value
//! is written out: a number in its canonical form, so that `5` and `5.0` give one text. `$${` stands for `${`.

use std::ops::Range;

use serde_json::Value;

use crate::fingerprint::canonical_json;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Text that stands for itself.
    Text(Range<usize>),
    /// `$${`.
    Escape(Range<usize>),
    /// `${params.NAME}`.
    Param {
        /// The name.
        name: String,
        /// All of the placeholder.
        at: Range<usize>,
    },
    /// `${` without the rest of a placeholder, and why.
    Bad {
        /// What there is of it.
        at: Range<usize>,
        /// What is wrong with it.
        message: String,
    },
}

/// The parts of `text`. Most texts are one.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut plain_from = 0;
    let mut from = 0;
    while let Some(found) = text[from..].find("${").map(|at| at + from) {
        let escaped = found > plain_from && text.as_bytes()[found - 1] == b'$';
        let start = if escaped { found - 1 } else { found };
        if start > plain_from {
            parts.push(Part::Text(plain_from..start));
        }
        let end = if escaped {
            parts.push(Part::Escape(start..found + 2));
            found + 2
        } else {
            let (part, end) = placeholder(text, found);
            parts.push(part);
            end
        };
        (plain_from, from) = (end, end);
    }
    if plain_from < text.len() {
        parts.push(Part::Text(plain_from..text.len()));
    }
    parts
}

/// The placeholder that begins at `start`, and where it ends.
fn placeholder(text: &str, start: usize) -> (Part, usize) {
    let inner = start + 2;
    let Some(end) = text[inner..].find(['}', '\n']).map(|at| at + inner).filter(|end| text[*end..].starts_with('}'))
    else {
        let end = text[inner..].find(char::is_whitespace).map_or(text.len(), |at| at + inner);
        return (Part::Bad { at: start..end, message: "the placeholder has no `}`".to_owned() }, end);
    };
    let at = start..end + 1;
    let written = text[inner..end].trim();
    let name = written
        .strip_prefix("params.")
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-'));
    match name {
        Some(name) => (Part::Param { name: name.to_owned(), at }, end + 1),
        None => (Part::Bad { at, message: format!("`${{{written}}}` is not a parameter of the flow") }, end + 1),
    }
}

/// A text with its placeholders filled in.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) value: Value,
    /// For each part of the result the part of the text that it comes from, and whether that is a placeholder.
    pieces: Vec<(Range<usize>, Range<usize>, bool)>,
}

/// A list stands in the middle of a text, at this range of it.
#[derive(Debug)]
pub(super) struct ListInText(pub(super) String, pub(super) Range<usize>);

/// Fills `text`, whose `parts` are all good, with what `value_of` has for each parameter.
pub(super) fn fill<'v>(text: &str, parts: &[Part], value_of: impl Fn(&str) -> &'v Value) -> Result<Filled, ListInText> {
    if let [Part::Param { name, at }] = parts {
        return Ok(Filled { value: value_of(name).clone(), pieces: vec![(0..usize::MAX, at.clone(), true)] });
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
                match value_of(name) {
                    Value::String(value) => filled.push_str(value),
                    value @ (Value::Bool(_) | Value::Number(_)) => {
                        // What YAML can say of these always has a canonical form.
                        filled.push_str(&canonical_json(value).unwrap_or_default());
                    }
                    _ => return Err(ListInText(name.clone(), at.clone())),
                }
                (at, true)
            }
        };
        pieces.push((start..filled.len(), at.clone(), is_placeholder));
    }
    Ok(Filled { value: Value::String(filled), pieces })
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
    use serde_json::json;

    use super::*;

    fn filled(text: &str) -> Value {
        let params = json!({"t": "a b", "i": 5, "f": 5.0, "h": 0.5, "b": true, "l": ["x"]});
        fill(text, &parts(text), |name| &params[name])
            .map_or_else(|list| json!({ "list": list.0 }), |filled| filled.value)
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
        assert_eq!(filled("all of ${params.l}"), json!({"list": "l"}));
    }

    #[test]
    fn a_dollar_is_a_dollar_and_two_escape_a_brace() {
        assert_eq!(filled("$5 {x} $ $$ $x"), json!("$5 {x} $ $$ $x"));
        assert_eq!(filled("$${params.i} $$${params.i}"), json!("${params.i} $${params.i}"));
    }

    #[test]
    fn what_is_no_placeholder_is_noticed() {
        for (text, bad) in [
            ("a ${x} b", "${x}"),
            ("${params.}", "${params.}"),
            ("${param.x}", "${param.x}"),
            ("${params.x y}", "${params.x y}"),
            ("a ${params.x b", "${params.x"),
            ("${", "${"),
            ("é${é}é", "${é}"),
        ] {
            let found = parts(text).into_iter().find_map(|part| match part {
                Part::Bad { at, .. } => Some(text[at].to_owned()),
                _ => None,
            });
            assert_eq!(found.as_deref(), Some(bad), "{text}");
        }
    }

    #[test]
    fn a_place_in_the_result_is_a_place_in_the_text() {
        let text = "ab${params.t}cd$${ef";
        let filled = fill(text, &parts(text), |_| &Value::Bool(false)).unwrap();
        assert_eq!(filled.value, json!("abfalsecd${ef"));
        for (out, origin) in [(1..2, "b"), (3..4, "${params.t}"), (1..8, "b${params.t}c"), (11..13, "ef"), (13..13, "")]
        {
            assert_eq!(&text[filled.origin(&out)], origin, "{out:?}");
        }
    }
}
