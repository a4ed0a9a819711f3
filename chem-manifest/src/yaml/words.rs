//! Translates the parser's syntax errors for the author of a manifest.

use crate::diagnostic::Diagnostic;
use crate::rules;
use crate::source::{Source, Span};

/// Returns the diagnostic for the parser's message `info` at `start`. `bracket` is the innermost open bracket.
pub(super) fn diagnose(source: &Source, start: usize, info: &str, bracket: Option<Span>) -> Diagnostic {
    let text = source.text();
    // At the end of the text there is nothing to underline: point behind the last visible character.
    let start = start.min(text.trim_end().len());
    let before = text[..start].rsplit('\n').next().unwrap_or_default();
    let begins_line = before.trim().is_empty();
    let at = |start: usize| Span::new(start, start + text[start..].chars().next().map_or(0, char::len_utf8));
    let syntax = |message: &str, help: &str| {
        let diagnostic = Diagnostic::new(&rules::SYNTAX, message, source, at(start)).with_help(help);
        match bracket {
            Some(bracket) => diagnostic.with_secondary(source, bracket, "this bracket is not closed"),
            None => diagnostic,
        }
    };
    if let Some((span, quoted)) = bracketed(text, start) {
        return Diagnostic::new(&rules::SYNTAX, "unexpected text after a list", source, span)
            .with_help(format!("quote text that begins with `[`: `{quoted}`"));
    }
    match info {
        _ if info.contains("unknown anchor") => {
            Diagnostic::new(&rules::ANCHOR, "aliases are not allowed in a manifest", source, at(start))
                .with_help("quote text that begins with `*`")
        }
        _ if info.ends_with("must be followed by a valid YAML whitespace") => {
            let span = at(offending_tab(text, start));
            Diagnostic::new(&rules::SYNTAX, "expected a space, found a tab", source, span).with_help("use spaces")
        }
        _ if info.contains("tab") || text[start..].starts_with('\t') || (begins_line && before.contains('\t')) => {
            let span = at(offending_tab(text, start));
            Diagnostic::new(&rules::SYNTAX, "tabs cannot be used for indentation", source, span).with_help("use spaces")
        }
        "mapping values are not allowed in this context" => {
            syntax("unexpected `:`", "quote text that contains `: `, and check the indentation of this line")
        }
        "illegal placement of ':' indicator" => {
            syntax("unexpected `:`", "close the bracket before it, or quote the text")
        }
        "while scanning a quoted scalar, found unexpected end of stream" => {
            syntax("unclosed quote", "add the closing quote")
        }
        "invalid indentation in quoted scalar"
        | "while scanning a quoted scalar, found unexpected document indicator" => {
            syntax("the quoted text does not end on its line", "add the closing quote")
        }
        "while parsing a quoted scalar, found unknown escape character" => {
            syntax("unknown escape after `\\`", "write `\\\\` for a backslash, or use single quotes")
        }
        "invalid trailing content after double-quoted scalar" => {
            syntax("unexpected text after the closing quote", "quote the whole text")
        }
        "misplaced bracket" => syntax("unmatched closing bracket", "remove it, or quote the text"),
        "while parsing a flow sequence, expected ',' or ']'" => {
            syntax("expected `,` or `]`", "close the `[`, or put a `,` between two values")
        }
        "while parsing a flow mapping, did not find expected ',' or '}'" => {
            syntax("expected `,` or `}`", "close the `{`, or put a `,` between two entries")
        }
        "simple key expected" | "simple key expect ':'" => syntax("expected `:` after the key", "write `key: value`"),
        "block sequence entries are not allowed in this context" => {
            syntax("a list cannot begin here", "put the first `- ` on a new line")
        }
        "found unprintable character" => syntax("YAML does not allow this character", "remove it"),
        _ if info.starts_with("unexpected character") => {
            let first = text[start..].chars().next().unwrap_or_default();
            syntax(&format!("unquoted text cannot begin with `{first}`"), "quote it")
        }
        _ if begins_line => syntax(
            "the indentation of this line matches nothing above it",
            "indent it like the keys or list items that it belongs to",
        ),
        _ => Diagnostic::new(&rules::SYNTAX, format!("invalid YAML: {info}"), source, at(start)),
    }
}

/// Returns the offset of the tab that caused an error at `start`. The parser reports the position after the tab, or the
/// start of the scalar that the tab interrupts, on an earlier line.
fn offending_tab(text: &str, start: usize) -> usize {
    let mut offset = text[..start].rfind('\n').map_or(0, |end| end + 1);
    let inside = text[offset..start].trim_end_matches('\t');
    if !inside.trim().is_empty() && text[offset + inside.len()..].starts_with('\t') {
        return offset + inside.len();
    }
    for line in text[offset..].split_inclusive('\n') {
        let content = line.trim_start();
        if let Some(tab) = line[..line.len() - content.len()].find('\t').filter(|_| !content.is_empty()) {
            return offset + tab;
        }
        offset += line.len();
    }
    start
}

/// Finds the value around `start` that begins with a `[` but was probably meant as text, such as `[Na+].[Cl-] salt` or
/// `[#6]`: text follows the closing bracket, or a `#` is inside. Returns its span and its quoted form.
fn bracketed(text: &str, start: usize) -> Option<(Span, String)> {
    // The parser may report the error on the next line.
    let lines = [start, text[..start].trim_end().len()];
    lines.into_iter().find_map(|at| {
        let begin = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let line = text[begin..].lines().next().unwrap_or_default();
        let value = value_of(line);
        let offset = begin + line.len() - value.len();
        let value = value.trim_end();
        let is_text = value.starts_with('[')
            && !value.contains(['\'', '"', ','])
            && match value.find(']') {
                Some(close) => !value[close + 1..].trim().is_empty() || value[..close].contains('#'),
                None => false,
            };
        is_text.then(|| (Span::new(offset, offset + value.len()), format!("'{value}'")))
    })
}

/// Returns the rest of a block-style line after its keys and dashes.
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

#[cfg(test)]
mod tests {
    use crate::diagnostic::Findings;
    use crate::source::Source;
    use crate::yaml::parse;

    #[test]
    fn a_tab_is_reported_where_it_is() {
        let (indents, separates) = ("tabs cannot be used for indentation", "expected a space, found a tab");
        for (text, message, line, column) in [
            ("flow: it\nsteps:\n\t- id: read\n", indents, 3, 1),
            // The parser reports these at the preceding scalar, which the line could continue.
            ("flow: it\nsteps:\n  - id: read\n\tuses: x\n", indents, 4, 1),
            ("flow: it\nsteps:\n  - id: read\n  \tuses: x\n", indents, 4, 3),
            ("flow: it\n\t\n\n\tname: x\n", indents, 4, 1),
            ("flow: it\nsteps:\n  -\tid: read\n   \tuses: x\n", indents, 4, 4),
            ("flow: |\n\tone\n", indents, 2, 1),
            // The parser reports these after the tabs.
            ("steps:\n  - with:\n\t\tpath: a\n", indents, 3, 1),
            ("flow: 3\n\n# note\n\tsteps: x\n", indents, 4, 1),
            ("? \tflow\n", indents, 1, 3),
            ("steps:\n  - list: [a,\n\tb]\n", indents, 3, 1),
            ("steps:\n  - text: \"one\n\ttwo\"\n", indents, 3, 1),
            ("steps:\n  - text: |\n      one\n\ttwo\n", indents, 4, 1),
            ("steps:\n  -\t\t- a\n", separates, 2, 4),
            ("flow:\tit\n", separates, 1, 6),
        ] {
            let source = Source::new("flow.yaml", text);
            let mut findings = Findings::default();
            parse(&source, &mut findings);
            let found: Vec<_> = findings.into_sorted(&source).iter().map(|it| it.to_json()).collect();
            let [found] = &found[..] else { panic!("{text:?}: {found:?}") };
            let at = (&found["message"], &found["line"], &found["column"]);
            assert_eq!(at, (&message.into(), &line.into(), &column.into()), "{text:?}");
        }
    }
}
