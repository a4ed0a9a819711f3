//! Placeholders: `${params.x}` in the texts under `with:`.
//!
//! A text that is one placeholder becomes the parameter's value, of the parameter's type. Inside a longer text a value
//! is written out. `$${` stands for `${`.

use std::ops::Range;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
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
pub fn parts(text: &str) -> Vec<Part> {
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

/// The identifiers in a text.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The names after `params.` in a text.
pub fn named_params(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("params").filter_map(|(at, found)| {
        let rest = text[at + found.len()..].trim_start().strip_prefix('.')?;
        words(rest.trim_start()).next()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
