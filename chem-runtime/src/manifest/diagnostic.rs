//! What a check has to say: one mistake, where it is, and what to write instead.

use serde::Serialize;
use serde_json::{Value, json};

use super::rules::Rule;
use super::source::{Source, Span};

/// Whether a flow can run in spite of a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, and something is probably not as it was meant.
    Warning,
}

/// A mistake in a manifest.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// The rule that it breaks.
    pub rule: &'static Rule,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// Where it is.
    pub primary: Label,
    /// Other places that have to do with it.
    pub secondary: Vec<Label>,
}

/// A place, with a few words on what is there.
#[derive(Debug, Clone)]
pub struct Label {
    /// The text.
    pub source: Source,
    /// The part of it.
    pub span: Span,
    /// The words; may be empty.
    pub text: String,
}

impl Diagnostic {
    /// A break of `rule` at `span` of `source`.
    pub fn new(rule: &'static Rule, message: impl Into<String>, source: &Source, span: Span) -> Self {
        let primary = Label { source: source.clone(), span, text: String::new() };
        Self { rule, message: message.into(), help: None, primary, secondary: Vec::new() }
    }

    /// The same with advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with words under the place.
    pub fn with_label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// The same with another place.
    pub fn with_secondary(mut self, source: &Source, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { source: source.clone(), span, text: text.into() });
        self
    }

    /// Whether it keeps the flow from running.
    pub fn is_error(&self) -> bool {
        self.rule.severity == Severity::Error
    }

    /// As `chem check --format json` prints it.
    pub fn to_json(&self) -> Value {
        let Label { source, span, .. } = &self.primary;
        let (start, end) = (source.position(span.start), source.position(span.end));
        json!({
            "code": self.rule.code,
            "severity": self.rule.severity,
            "message": self.message,
            "help": self.help,
            "file": source.name(),
            "line": start.line,
            "column": start.column,
            "end_line": end.line,
            "end_column": end.column,
        })
    }
}

/// The diagnostics of one check, as they are found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    found: Vec<Diagnostic>,
}

impl Findings {
    /// A check of a manifest that is wrong in a thousand places looks for the meant names in the first hundred only:
    /// nobody reads more, and the search costs as many comparisons as there are names.
    const SUGGESTIONS: usize = 100;

    pub(super) fn add(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// The name that was probably meant.
    pub(super) fn nearest<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        if self.found.len() < Self::SUGGESTIONS { crate::step::nearest(name, candidates) } else { None }
    }

    /// Whether there are errors in any of these groups of rules, the first two digits of their codes.
    pub(super) fn has_errors_in(&self, groups: &[&str]) -> bool {
        let is_in = |diagnostic: &&Diagnostic| groups.iter().any(|group| diagnostic.rule.code[1..].starts_with(group));
        self.found.iter().filter(is_in).any(Diagnostic::is_error)
    }

    pub(super) fn has_errors(&self) -> bool {
        self.found.iter().any(Diagnostic::is_error)
    }

    /// All of them, in the order of their places: those about overrides first, then down the manifest.
    pub(super) fn into_sorted(mut self, manifest: &Source) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| {
            let in_manifest = diagnostic.primary.source.is(manifest);
            // Overrides stay in the order in which they were given.
            let place = if in_manifest { diagnostic.primary.span } else { Span::default() };
            (in_manifest, place)
        });
        self.found
    }
}
