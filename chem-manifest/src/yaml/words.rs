//! What the parser says of text that is not YAML, in words for the person who wrote it.

use crate::diagnostic::Diagnostic;
use crate::rules;
use crate::source::{Source, Span};

/// The diagnostic for `info`, which the parser says at `start`, within what `bracket` opens.
pub(super) fn diagnose(source: &Source, start: usize, info: &str, bracket: Option<Span>) -> Diagnostic {
    let text = source.text();
    // At the very end there is nothing to point at; the last character that can be seen will do.
    let start = start.min(text.trim_end().len());
    let before = text[..start].rsplit('\n').next().unwrap_or_default();
    let begins_line = before.trim().is_empty();
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
        _ if info.ends_with("must be followed by a valid YAML whitespace") => {
            let span = at(offending_tab(text, start));
            Diagnostic::new(&rules::SYNTAX, "expected a space, found a tab", source, span).with_help("use spaces")
        }
        _ if info.contains("tab") || text[start..].starts_with('\t') || (begins_line && before.contains('\t')) => {
            let span = at(offending_tab(text, start));
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

/// Returns the tab to point at for an error at `start`. The parser reports a tab where it stops reading, behind the tab,
/// or where the text begins that the tab interrupts, on an earlier line.
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

#[cfg(test)]
mod tests {
    use crate::diagnostic::Findings;
    use crate::source::Source;
    use crate::yaml::parse;

    #[test]
    fn a_tab_is_reported_where_it_is() {
        let (indents, separates) = ("a tab cannot indent", "expected a space, found a tab");
        for (text, message, line, column) in [
            ("flow: it\nsteps:\n\t- id: read\n", indents, 3, 1),
            // The parser reports these at the text above, which the line could continue.
            ("flow: it\nsteps:\n  - id: read\n\tuses: x\n", indents, 4, 1),
            ("flow: it\nsteps:\n  - id: read\n  \tuses: x\n", indents, 4, 3),
            ("flow: it\n\t\n\n\tname: x\n", indents, 4, 1),
            ("flow: it\nsteps:\n  -\tid: read\n   \tuses: x\n", indents, 4, 4),
            ("flow: |\n\tone\n", indents, 2, 1),
            // And these behind the tabs.
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
