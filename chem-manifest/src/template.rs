//! Placeholders: `${params.x}` in the texts under `with:`.
//!
//! A text that consists of one placeholder becomes the parameter's value, with the parameter's type. Inside a longer
//! text the value is inserted as text. `$${` is a literal `${`.

use std::ops::Range;

/// A part of a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// Literal text.
    Text(Range<usize>),
    /// `$${`.
    Escape(Range<usize>),
    /// `${params.NAME}`.
    Param {
        /// The parameter.
        name: String,
        /// The bytes of the whole placeholder.
        at: Range<usize>,
    },
    /// `${` that does not begin a valid placeholder.
    Bad {
        /// The bytes of the malformed placeholder.
        at: Range<usize>,
        /// What is wrong with it.
        message: String,
    },
}

/// Splits `text` into its parts, in order. Most texts have one.
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

/// Parses the placeholder that begins at `start`, and returns it with the offset of its end.
fn placeholder(text: &str, start: usize) -> (Part, usize) {
    let inner = start + 2;
    let Some(end) = text[inner..].find(['}', '\n']).map(|at| at + inner).filter(|end| text[*end..].starts_with('}'))
    else {
        let end = text[inner..].find(char::is_whitespace).map_or(text.len(), |at| at + inner);
        return (Part::Bad { at: start..end, message: "the placeholder has no `}`".to_owned() }, end);
    };
    let at = start..end + 1;
    let content = text[inner..end].trim();
    let name = content
        .strip_prefix("params.")
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-'));
    match name {
        Some(name) => (Part::Param { name: name.to_owned(), at }, end + 1),
        None => (Part::Bad { at, message: format!("`${{{content}}}` is not a parameter of the flow") }, end + 1),
    }
}

/// Returns the identifiers and numbers in a text.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Returns the names that follow `params.` in a text.
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
    fn malformed_placeholders_are_found() {
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
