//! What the parser says of text that is not YAML, in words for the person who wrote it.

use crate::diagnostic::Diagnostic;
use crate::rules;
use crate::source::{Source, Span};

/// The diagnostic for `info`, which the parser says at `start`, within what `bracket` opens.
pub(super) fn diagnose(source: &Source, start: usize, info: &str, bracket: Option<Span>) -> Diagnostic {
    let text = source.text();
    // At the very end there is nothing to point at; the last character that can be seen will do.
    let start = start.min(text.trim_end().len());
    let begins_line = text[..start].rsplit('\n').next().is_some_and(|before| before.trim().is_empty());
    let tab = text[..start].ends_with('\t').then(|| start - 1);
    let at = |start: usize| Span::new(start, start + text[start..].chars().next().map_or(0, char::len_utf8));
    let say = |message: &str, help: &str| {
        let diagnostic = Diagnostic::new(&rules::SYNTAX, message, source, at(start)).with_help(help);
        match bracket {
            Some(bracket) => diagnostic.with_secondary(source, bracket, "this is not closed yet"),
            None => diagnostic,
        }
    };
    if let Some((span, quoted)) = bracketed(text, start) {
        return Diagnostic::new(&rules::SYNTAX, "a list ends here, and something follows it", source, span)
            .with_help(format!("a text that begins with `[` has to be in quotes: `{quoted}`"));
    }
    match info {
        _ if info.contains("unknown anchor") => {
            Diagnostic::new(&rules::ANCHOR, "aliases have no meaning in a manifest", source, at(start))
                .with_help("a text that begins with `*` has to be in quotes")
        }
        _ if info.contains("tab") || text[start..].starts_with('\t') => {
            let span = at(tab.unwrap_or(start));
            Diagnostic::new(&rules::SYNTAX, "a tab cannot indent", source, span).with_help("use spaces")
        }
        "mapping values are not allowed in this context" => say(
            "a `:` is not expected here",
            "put a text that contains `: ` in quotes, and check the indentation of this line",
        ),
        "illegal placement of ':' indicator" => {
            say("a `:` is not expected here", "close the bracket before this, or put the text in quotes")
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
        "simple key expected" | "simple key expect ':'" => say("a `:` is missing after the key", "write `key: value`"),
        "block sequence entries are not allowed in this context" => {
            say("a list cannot begin here", "put the first `- ` on a line of its own")
        }
        "found unprintable character" => say("YAML does not allow this character", "take it away"),
        _ if info.starts_with("unexpected character") => {
            let shown = text[start..].chars().next().unwrap_or_default();
            say(&format!("a text cannot begin with `{shown}`"), "put it in quotes")
        }
        _ if begins_line => say(
            "the indentation of this line fits nothing above it",
            "indent it as far as the keys, or the `- `, that it belongs to",
        ),
        _ => Diagnostic::new(&rules::SYNTAX, format!("this cannot be read: {info}"), source, at(start)),
    }
}

/// The value around `start` that begins with a `[` and was probably meant as text, such as `[Na+].[Cl-] salt` or `[#6]`:
/// something stands behind its bracket, or a `#` in it. Its place, and the text in quotes.
fn bracketed(text: &str, start: usize) -> Option<(Span, String)> {
    // The parser may notice only at the next line.
    let lines = [start, text[..start].trim_end().len()];
    lines.into_iter().find_map(|at| {
        let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = text[begin..].lines().next().unwrap_or_default();
        let value = value_of(line);
        let offset = begin + line.len() - value.len();
        let value = value.trim_end();
        let meant = value.starts_with('[')
            && !value.contains(['\'', '"', ','])
            && match value.find(']') {
                Some(close) => !value[close + 1..].trim().is_empty() || value[..close].contains('#'),
                None => false,
            };
        meant.then(|| (Span::new(offset, offset + value.len()), format!("'{value}'")))
    })
}

/// What stands in a line of a block after its keys and dashes.
fn value_of(line: &str) -> &str {
    let mut rest = line.trim_start();
    loop {
        let after_dash = rest.strip_prefix("- ").map(str::trim_start);
        let after_key = || {
            let (key, value) = rest.split_once(": ")?;
            let is_key = key.chars().all(|next| next.is_alphanumeric() || next == '_' || next == '-');
            is_key.then(|| value.trim_start())
        };
        match after_dash.or_else(after_key) {
            Some(inner) => rest = inner,
            None => return rest,
        }
    }
}
