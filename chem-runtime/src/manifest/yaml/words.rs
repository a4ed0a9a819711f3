//! What the parser says of text that is not YAML, in words for the person who wrote it.

use crate::manifest::diagnostic::Diagnostic;
use crate::manifest::rules;
use crate::manifest::source::{Source, Span};

/// The diagnostic for `info`, which the parser says at `start`.
pub(super) fn diagnose(source: &Source, start: usize, info: &str) -> Diagnostic {
    let text = source.text();
    // At the very end there is nothing to point at; the last character that can be seen will do.
    let start = if start >= text.trim_end().len() { text.trim_end().len() } else { start };
    let character = text[start..].chars().next();
    let line = source.position(start);
    let before = text[..start].lines().last().unwrap_or_default();
    let span = Span::new(start, start + character.map_or(0, char::len_utf8));
    let say = |message: &str, help: &str| Diagnostic::new(&rules::SYNTAX, message, source, span).with_help(help);
    if info.contains("unknown anchor") {
        return Diagnostic::new(&rules::ANCHOR, "aliases have no meaning in a manifest", source, span)
            .with_help("a text that begins with `*` has to be in quotes");
    }
    match info {
        _ if info.contains("tab") || character == Some('\t') => say("a tab cannot indent", "use spaces"),
        "mapping values are not allowed in this context" => say(
            "a `:` is not expected here",
            "put a text that contains `: ` in quotes, and check the indentation of this line",
        ),
        "illegal placement of ':' indicator" => {
            say("a `:` is not expected here", "a `[` or `{` before it may not be closed")
        }
        "while scanning a quoted scalar, found unexpected end of stream" => {
            say("the text in quotes does not end", "close it with the quote that it begins with")
        }
        "invalid indentation in quoted scalar"
        | "while scanning a quoted scalar, found unexpected document indicator" => {
            say("the text in quotes does not end on its line", "close it with the quote that it begins with")
        }
        "while parsing a quoted scalar, found unknown escape character" => say(
            "the text in quotes has a `\\` that means nothing",
            "write `\\\\` for a backslash, or use single quotes",
        ),
        "invalid trailing content after double-quoted scalar" => {
            say("something follows the text in quotes", "put all of it in quotes")
        }
        "misplaced bracket" => say("this bracket closes nothing", "take it away, or put the text in quotes"),
        "while parsing a flow sequence, expected ',' or ']'" => {
            say("a `,` or `]` is missing here", "close the `[`, or put a `,` between two values")
        }
        "while parsing a flow mapping, did not find expected ',' or '}'" => {
            say("a `,` or `}` is missing here", "close the `{`, or put a `,` between two entries")
        }
        "while parsing a block mapping, did not find expected key" => {
            say("a key is expected here", "write `key: value`, as far in as the keys above it")
        }
        "while parsing a block collection, did not find expected '-' indicator" => {
            say("a `- ` is expected here", "begin each value of the list with `- `, as far in as those above it")
        }
        "simple key expected" | "simple key expect ':'" => say("a `:` is missing after the key", "write `key: value`"),
        "block sequence entries are not allowed in this context" => {
            say("a list cannot begin here", "put the first `- ` on a line of its own")
        }
        "found unprintable character" => say("there is a character here that YAML does not allow", "take it away"),
        _ if info.starts_with("unexpected character") => {
            let shown = character.map(String::from).unwrap_or_default();
            say(&format!("a text cannot begin with `{shown}`"), "put it in quotes")
        }
        _ if line.column > 1 && before.trim().is_empty() => {
            say(&format!("this line cannot be read: {info}"), "check its indentation")
        }
        _ => Diagnostic::new(&rules::SYNTAX, format!("this cannot be read: {info}"), source, span),
    }
}
