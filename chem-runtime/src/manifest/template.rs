//! Fills in placeholders. A text that is a single placeholder becomes the parameter's value, with the parameter's type.
//! Inside a longer text, a value keeps its spelling in the manifest or the override: `1.10` stays `1.10`.

use std::ops::Range;

use chem_manifest::params::Param;
use chem_manifest::template::Part;
use serde_json::Value;

/// A text with its placeholders filled in.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) value: Value,
    /// For each part of the result, its range, the range of the text that it comes from, and whether that is a
    /// placeholder.
    pieces: Vec<(Range<usize>, Range<usize>, bool)>,
}

/// Fills in `text`, which consists of `parts`, with the parameters from `param_of`. Returns `None` if a parameter has
/// no value, or one that cannot be part of a text.
pub(super) fn fill<'p>(text: &str, parts: &[Part], param_of: impl Fn(&str) -> Option<&'p Param>) -> Option<Filled> {
    if let [Part::Param { name, at }] = parts {
        let value = param_of(name)?.value.clone()?;
        return Some(Filled { value, pieces: vec![(0..usize::MAX, at.clone(), true)] });
    }
    fill_text(text, parts, param_of)
}

/// Like [`fill`], but the result is always text, even that of a single placeholder.
pub(super) fn fill_text<'p>(
    text: &str,
    parts: &[Part],
    param_of: impl Fn(&str) -> Option<&'p Param>,
) -> Option<Filled> {
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
                filled.push_str(param_of(name)?.spelling()?);
                (at, true)
            }
        };
        pieces.push((start..filled.len(), at.clone(), is_placeholder));
    }
    Some(Filled { value: Value::String(filled), pieces })
}

impl Filled {
    /// Returns the range of the text that `at`, a range of the result, comes from.
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
    use chem_manifest::params::{self, Params};
    use chem_manifest::template::parts;
    use chem_manifest::yaml::{Node, NodeValue, parse};
    use chem_manifest::{Findings, Override, Source};
    use serde_json::json;

    use super::*;

    fn params() -> Params {
        let manifest = "{t: a b, i: 5, f: 5.0, n: 1.10, z: 007, e: 1e3, x: 0x1F, y: True, q: \"1.10\", l: [x]}";
        let source = Source::new("m.yaml", manifest);
        let mut findings = Findings::default();
        let Some(Node { value: NodeValue::Map(entries), .. }) = parse(&source, &mut findings) else { panic!() };
        let set = [Override::new("e=2.50")];
        params::resolve(Some(entries), &set, &source, &mut findings)
    }

    fn filled(text: &str) -> Value {
        let params = params();
        fill(text, &parts(text), |name| params.get(name)).map_or(json!(null), |filled| filled.value)
    }

    #[test]
    fn a_placeholder_alone_keeps_its_type() {
        assert_eq!(filled("${params.i}"), json!(5));
        assert_eq!(filled("${ params.l }"), json!(["x"]));
        assert_eq!(filled("${params.y}"), json!(true));
    }

    #[test]
    fn inside_text_values_are_spelled_as_they_are_given() {
        assert_eq!(
            filled(
                "x${params.t}/${params.i}-${params.f}-v${params.n} b${params.z} ${params.x} ${params.y} ${params.q}."
            ),
            json!("xa b/5-5.0-v1.10 b007 0x1F True 1.10.")
        );
        assert_eq!(filled("e${params.e}"), json!("e2.50"), "an override has a spelling of its own");
        assert_eq!(filled("all of ${params.l}"), json!(null));
    }

    #[test]
    fn a_dollar_is_a_dollar_and_two_escape_a_brace() {
        assert_eq!(filled("$5 {x} $ $$ $x"), json!("$5 {x} $ $$ $x"));
        assert_eq!(filled("$${params.i} $$${params.i}"), json!("${params.i} $${params.i}"));
    }

    #[test]
    fn a_place_in_the_result_is_a_place_in_the_text() {
        let text = "ab${params.y}cd$${ef";
        let params = params();
        let filled = fill(text, &parts(text), |name| params.get(name)).unwrap();
        assert_eq!(filled.value, json!("abTruecd${ef"));
        for (out, origin) in [(1..2, "b"), (3..4, "${params.y}"), (1..7, "b${params.y}c"), (10..12, "ef"), (12..12, "")]
        {
            assert_eq!(&text[filled.origin(&out)], origin, "{out:?}");
        }
    }
}
