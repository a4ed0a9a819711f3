//! What a check has to say: one mistake, where it is, and what to write instead.

use serde_json::{Value, json};

use crate::names::nearest;
use crate::rules::{self, Rule, Severity};
use crate::source::{Source, Span};

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
pub struct Findings {
    found: Vec<Diagnostic>,
    errors: usize,
}

impl Findings {
    /// A check of a manifest that is wrong in a thousand places looks for the meant names in the first hundred only:
    /// nobody reads more, and the search costs as many comparisons as there are names.
    const SUGGESTIONS: usize = 100;

    /// Whoever is told of a thousand errors is not helped by the next.
    const MOST: usize = 1_000;

    /// Adds one. Of errors beyond a thousand, only that there are more.
    pub fn add(&mut self, diagnostic: Diagnostic) {
        if !diagnostic.is_error() {
            self.found.push(diagnostic);
            return;
        }
        self.errors += 1;
        if self.errors <= Self::MOST {
            self.found.push(diagnostic);
        } else if self.errors == Self::MOST + 1 {
            let Label { source, span, .. } = &diagnostic.primary;
            let message = format!("there are more than {} errors; the others are not listed", Self::MOST);
            let more = Diagnostic::new(&rules::TOO_MANY, message, source, *span);
            self.found.push(more.with_help("correct these, and check again"));
        }
    }

    /// The name that was probably meant.
    pub fn nearest<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        if self.found.len() < Self::SUGGESTIONS { nearest(name, candidates) } else { None }
    }

    /// Whether there are errors in any of these groups of rules, the first two digits of their codes.
    pub fn has_errors_in(&self, groups: &[&str]) -> bool {
        let is_in = |diagnostic: &&Diagnostic| groups.iter().any(|group| diagnostic.rule.code[1..].starts_with(group));
        self.found.iter().filter(is_in).any(Diagnostic::is_error)
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Whether there are errors.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// All of them, in the order of their places: those about overrides first, then down the manifest.
    pub fn into_sorted(mut self, manifest: &Source) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| {
            let in_manifest = diagnostic.primary.source.is(manifest);
            // Overrides stay in the order in which they were given.
            let place = if in_manifest { diagnostic.primary.span } else { Span::default() };
            (in_manifest, place)
        });
        self.found
    }
}
