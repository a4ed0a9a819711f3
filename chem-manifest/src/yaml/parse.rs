//! Builds nodes from the events of the YAML parser.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput};

use super::scalar::{BadNumber, plain};
use super::spans::{Offsets, first_line, quoted};
use super::{Key, MAX_DEPTH, Node, NodeValue, words};
use crate::diagnostic::{Diagnostic, Findings};
use crate::rules;
use crate::source::{MAX_BYTES, Source, Span};

/// Parses the single document in `source`. Returns `None` if there is no document, or if it cannot be parsed to its end,
/// which is reported to `findings`.
pub fn parse(source: &Source, findings: &mut Findings) -> Option<Node> {
    if source.text().len() > MAX_BYTES {
        let message = format!("the manifest is larger than {} MiB", MAX_BYTES >> 20);
        findings.add(Diagnostic::new(&rules::TOO_LARGE, message, source, Span::default()));
        return None;
    }
    let mut reader = Reader {
        events: Parser::new_from_str(source.text()),
        offsets: Offsets::of(source.text()),
        source,
        findings,
        open: Vec::new(),
    };
    // `Stop` carries no error: the cause is already in `findings`.
    reader.document().unwrap_or_default()
}

/// Parsing cannot continue, and the cause has been reported.
struct Stop;

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    offsets: Offsets,
    source: &'a Source,
    findings: &'a mut Findings,
    /// The opening bracket of each list and mapping that is still open; `None` for those in block style.
    open: Vec<Option<Span>>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Option<Node>, Stop> {
        let mut document = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(document),
                Event::DocumentStart(_) if document.is_some() => {
                    let message = "expected one document, found a second";
                    self.add(&rules::SEVERAL_DOCUMENTS, message, span, "remove the `---` or `...`");
                    return Err(Stop);
                }
                Event::DocumentStart(_) => {
                    let (event, span) = self.next()?;
                    document = Some(self.node(event, span, 0)?);
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        match self.events.next_event() {
            Some(Ok((event, span))) => {
                let span = Span::new(self.offsets.byte(span.start.index()), self.offsets.byte(span.end.index()));
                Ok((event, span))
            }
            Some(Err(error)) => {
                self.syntax(&error);
                Err(Stop)
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Stop> {
        let refused = self.refuse_properties(&event, span);
        let mut node = match event {
            Event::Scalar(text, style, ..) => self.scalar(text.into_owned(), style, span),
            Event::SequenceStart(..) => self.list(span, depth)?,
            Event::MappingStart(..) => self.map(span, depth)?,
            _ => {
                let help = "write the value itself, or use a parameter of the flow";
                self.add(&rules::ANCHOR, "aliases are not allowed in a manifest", span, help);
                Node { span, value: NodeValue::Invalid }
            }
        };
        if refused {
            node.value = NodeValue::Invalid;
        }
        Ok(node)
    }

    /// Reports an anchor or a tag, and returns whether there was one.
    fn refuse_properties(&mut self, event: &Event<'a>, span: Span) -> bool {
        let (anchor, tagged) = match event {
            Event::Scalar(_, _, anchor, tag) => (*anchor > 0, tag.is_some()),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => (*anchor > 0, tag.is_some()),
            _ => (false, false),
        };
        let at = first_line(self.source, span);
        if anchor {
            let help = "repeat the value where it is needed, or use a parameter of the flow";
            self.add(&rules::ANCHOR, "anchors are not allowed in a manifest", at, help);
        }
        if tagged {
            let help = "remove it; quote a value to make it text";
            self.add(&rules::TAG, "tags are not allowed in a manifest", at, help);
        }
        anchor || tagged
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, span: Span) -> Node {
        let span = self.trimmed(style, span);
        if text.contains('\0') {
            let help = "remove the `\\0`";
            self.add(&rules::NUL_CHARACTER, "text contains U+0000, which no store can hold", span, help);
            return Node { span, value: NodeValue::Invalid };
        }
        if style != ScalarStyle::Plain {
            return Node { span, value: NodeValue::Text(text) };
        }
        let value = plain(&text).unwrap_or_else(|bad| {
            let (message, help) = match bad {
                BadNumber::NotANumber => ("`.nan` can be neither compared nor stored", "omit the value"),
                BadNumber::Infinite => ("infinity cannot be stored", "write a number that is large enough"),
                BadNumber::TooLong => (
                    "the integer does not fit into 64 bits",
                    "quote it if it is a name, or write it as a float, such as `1e20`",
                ),
            };
            self.add(&rules::NUMBER, message, span, help);
            NodeValue::Invalid
        });
        Node { span, value }
    }

    fn list(&mut self, span: Span, depth: usize) -> Result<Node, Stop> {
        self.enter(span, depth)?;
        let mut items: Vec<Node> = Vec::new();
        loop {
            let (event, end) = self.next()?;
            if event == Event::SequenceEnd {
                self.open.pop();
                let whole = self.whole(
                    span,
                    end,
                    b']',
                    items.first().map(|item| item.span),
                    items.last().map(|item| item.span),
                );
                return Ok(Node { span: whole, value: NodeValue::List(items) });
            }
            items.push(self.node(event, end, depth + 1)?);
        }
    }

    fn map(&mut self, span: Span, depth: usize) -> Result<Node, Stop> {
        self.enter(span, depth)?;
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut seen: HashMap<String, Span> = HashMap::new();
        let (mut first, mut last) = (None, None);
        loop {
            let (event, at) = self.next()?;
            if event == Event::MappingEnd {
                self.open.pop();
                let whole = self.whole(span, at, b'}', first, last);
                return Ok(Node { span: whole, value: NodeValue::Map(entries) });
            }
            let key = self.node(event, at, depth + 1)?;
            let (event, at) = self.next()?;
            let value = self.node(event, at, depth + 1)?;
            first = first.or(Some(key.span));
            last = Some(Span::new(key.span.start, value.span.end.max(key.span.end)));
            let Some(key) = self.key(key) else { continue };
            if let Some(first) = seen.get(&key.name) {
                let message = format!("duplicate key `{}`", key.name);
                self.findings.add(
                    Diagnostic::new(&rules::DUPLICATE_KEY, message, self.source, key.span)
                        .with_secondary(self.source, *first, "first used here")
                        .with_help("remove one of the two"),
                );
                continue;
            }
            seen.insert(key.name.clone(), key.span);
            entries.push((key, value));
        }
    }

    fn key(&mut self, node: Node) -> Option<Key> {
        let span = first_line(self.source, node.span);
        match node.value {
            NodeValue::Text(name) if name == "<<" && self.source.slice(node.span) == name => {
                self.add(&rules::ANCHOR, "merge keys are not allowed in a manifest", span, "write the keys themselves");
                None
            }
            NodeValue::Text(name) => Some(Key { name, span }),
            NodeValue::Invalid => None,
            _ => {
                let message = format!("expected a key, which is text, found {}", node.describe());
                self.add(&rules::KEY_NOT_TEXT, message, span, "quote it to make it text");
                None
            }
        }
    }

    /// Records that a list or mapping begins.
    ///
    /// # Errors
    /// Reports and stops if it is nested too deeply.
    fn enter(&mut self, span: Span, depth: usize) -> Result<(), Stop> {
        let bracket = self.source.slice(span).starts_with(['[', '{']);
        self.open.push(bracket.then(|| Span::new(span.start, span.start + 1)));
        if depth < MAX_DEPTH {
            return Ok(());
        }
        let message = format!("values are nested deeper than {MAX_DEPTH} levels");
        self.add(
            &rules::TOO_DEEP,
            message,
            Span::new(span.start, span.start),
            "check for a bracket that is not closed",
        );
        Err(Stop)
    }

    /// Shortens the parser's span of a scalar: a quoted scalar ends at its quote (the parser includes a comment after
    /// it), any other at its last visible character.
    fn trimmed(&self, style: ScalarStyle, span: Span) -> Span {
        let raw = self.source.slice(span);
        let len = match style {
            ScalarStyle::SingleQuoted => quoted(raw, '\''),
            ScalarStyle::DoubleQuoted => quoted(raw, '"'),
            ScalarStyle::Plain | ScalarStyle::Literal | ScalarStyle::Folded => raw.trim_end().len(),
        };
        Span::new(span.start, span.start + len)
    }

    /// Returns the span of a whole list or mapping: from bracket to bracket in flow style, from the first element to the
    /// end of the last in block style.
    fn whole(&self, start: Span, end: Span, bracket: u8, first: Option<Span>, last: Option<Span>) -> Span {
        if start.end > start.start && self.source.text().as_bytes().get(end.start) == Some(&bracket) {
            return Span::new(start.start, end.start + 1);
        }
        match (first, last) {
            (Some(first), Some(last)) => Span::new(first.start, last.end),
            _ => start,
        }
    }

    fn syntax(&mut self, error: &ScanError) {
        let start = self.offsets.byte(error.marker().index());
        let bracket = self.open.last().copied().flatten();
        self.findings.add(words::diagnose(self.source, start, error.info(), bracket));
    }

    fn add(&mut self, rule: &'static rules::Rule, message: impl Into<String>, span: Span, help: &str) {
        self.findings.add(Diagnostic::new(rule, message, self.source, span).with_help(help));
    }
}
