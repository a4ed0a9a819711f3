//! Diagnostics as people read them, in the manner of rustc.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet, normalize_untrusted_str};

use super::diagnostic::{Diagnostic, Label, Severity};
use super::source::{Source, Span};

/// Whether text for a terminal has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// Text alone.
    #[default]
    Plain,
    /// With ANSI colours.
    Coloured,
}

impl Diagnostic {
    /// The diagnostic with the lines that it is about, underlined.
    pub fn render(&self, style: Style) -> String {
        let level = match self.rule.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = level
            .primary_title(&self.message)
            .id(self.rule.code)
            .elements([] as [Snippet<'_, annotate_snippets::Annotation<'_>>; 0]);
        for source in self.sources() {
            group = group.element(self.snippet(source));
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

    /// The sources that it points into, that of the primary label first.
    fn sources(&self) -> Vec<&Source> {
        let mut sources = vec![&self.primary.source];
        for label in &self.secondary {
            if !sources.iter().any(|source| source.is(&label.source)) {
                sources.push(&label.source);
            }
        }
        sources
    }

    /// The lines of `source` that have labels, and those between them.
    fn snippet<'a>(&'a self, source: &'a Source) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let labels = || std::iter::once(&self.primary).chain(&self.secondary).filter(|label| label.source.is(source));
        let whole = labels().map(|label| label.span).reduce(|a, b| Span::new(a.start.min(b.start), a.end.max(b.end)));
        let (lines, start, number) = source.lines_around(whole.unwrap_or_default());
        let annotate = |label: &'a Label| {
            let kind =
                if std::ptr::eq(label, &self.primary) { AnnotationKind::Primary } else { AnnotationKind::Context };
            let at = |offset: usize| lines.floor_char_boundary(offset.saturating_sub(start).min(lines.len()));
            let words = (!label.text.is_empty()).then_some(label.text.as_str());
            kind.span(at(label.span.start)..at(label.span.end)).label(words)
        };
        Snippet::source(lines).line_start(number).path(source.name()).annotations(labels().map(annotate))
    }
}

/// All of `diagnostics`, each with its source, with an empty line between two.
pub fn render(diagnostics: &[Diagnostic], style: Style) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.render(style) + "\n").collect::<Vec<_>>().join("\n")
}
