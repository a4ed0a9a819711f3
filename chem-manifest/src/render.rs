//! Renders diagnostics for people, in the style of rustc.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

use crate::diagnostic::{Diagnostic, Label};
use crate::rules;
use crate::rules::Severity;
use crate::source::{Source, Span};

/// Whether rendered text has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// No escape sequences.
    #[default]
    Plain,
    /// ANSI colours.
    Coloured,
}

/// The longest source text to print around one label, or from the first to the last of several, in bytes.
const LONGEST_SHOWN: usize = 1 << 16;

impl Diagnostic {
    /// Renders the diagnostic with its source lines and underlined spans.
    pub fn render(&self, style: Style) -> String {
        let level = match self.rule.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(&self.message).id(self.rule.code));
        for source in self.sources() {
            let labels =
                || std::iter::once(&self.primary).chain(&self.secondary).filter(|label| label.source.is(source));
            let together: Vec<&Label> = labels().collect();
            if lines_of(source, &together).0.len() <= LONGEST_SHOWN {
                group = self.show(group, source, &together);
            } else {
                group = labels().fold(group, |group, label| self.show(group, source, &[label]));
            }
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
        }
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        };
        renderer.render(&[group])
    }

    /// Returns the distinct sources of the labels, that of the primary label first.
    fn sources(&self) -> Vec<&Source> {
        let mut sources = vec![&self.primary.source];
        for label in &self.secondary {
            if !sources.iter().any(|source| source.is(&label.source)) {
                sources.push(&label.source);
            }
        }
        sources
    }

    /// Adds the lines of `source` from the first to the last of `labels`, or only the position if they are longer than
    /// [`LONGEST_SHOWN`].
    fn show<'a>(&'a self, group: Group<'a>, source: &'a Source, labels: &[&'a Label]) -> Group<'a> {
        if self.rule == &rules::UNREADABLE {
            // There is no text to show.
            return group.element(Origin::path(source.name()));
        }
        let (lines, start, number) = lines_of(source, labels);
        if lines.len() > LONGEST_SHOWN {
            let position = source.position(labels.first().map_or(start, |label| label.span.start));
            return group.element(Origin::path(source.name()).line(position.line).char_column(position.column));
        }
        let annotations = labels.iter().map(|label| {
            let kind =
                if std::ptr::eq(*label, &self.primary) { AnnotationKind::Primary } else { AnnotationKind::Context };
            let at = |offset: usize| lines.floor_char_boundary(offset.saturating_sub(start).min(lines.len()));
            let words = (!label.text.is_empty()).then_some(label.text.as_str());
            kind.span(at(label.span.start)..at(label.span.end)).label(words)
        });
        let snippet: Snippet<'a, Annotation<'a>> = Snippet::source(lines);
        group.element(snippet.line_start(number).path(source.name()).annotations(annotations))
    }
}

/// Returns the lines from the first of `labels` to the last: their text, its byte offset, and the number of its first
/// line.
fn lines_of<'a>(source: &'a Source, labels: &[&Label]) -> (&'a str, usize, usize) {
    let whole = labels.iter().map(|label| label.span).reduce(|a, b| Span::new(a.start.min(b.start), a.end.max(b.end)));
    source.lines_around(whole.unwrap_or_default())
}

/// Renders all of `diagnostics`, separated by empty lines.
pub fn render(diagnostics: &[Diagnostic], style: Style) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.render(style) + "\n").collect::<Vec<_>>().join("\n")
}
