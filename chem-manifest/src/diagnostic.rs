//! Diagnostics: a mistake, its location, and what to write instead.

use serde_json::{Value, json};

use crate::names::nearest;
use crate::rules::{self, Rule, Severity};
use crate::source::{Source, Span};

/// A mistake in a manifest.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// The rule that the manifest breaks.
    pub rule: &'static Rule,
    /// What is wrong, in the user's own names.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The location of the mistake.
    pub primary: Label,
    /// Related locations, such as the first of two duplicates.
    pub secondary: Vec<Label>,
}

/// A location in a source, with an optional note.
#[derive(Debug, Clone)]
pub struct Label {
    /// The manifest or the override that `span` points into.
    pub source: Source,
    /// The bytes to underline.
    pub span: Span,
    /// The note under the underlined bytes; may be empty.
    pub text: String,
}

impl Diagnostic {
    /// Reports a violation of `rule` at `span` of `source`.
    pub fn new(rule: &'static Rule, message: impl Into<String>, source: &Source, span: Span) -> Self {
        let primary = Label { source: source.clone(), span, text: String::new() };
        Self { rule, message: message.into(), help: None, primary, secondary: Vec::new() }
    }

    /// Adds advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds a note under the primary location.
    pub fn with_label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Adds a related location.
    pub fn with_secondary(mut self, source: &Source, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { source: source.clone(), span, text: text.into() });
        self
    }

    /// Returns whether it prevents the flow from running.
    pub fn is_error(&self) -> bool {
        self.rule.severity == Severity::Error
    }

    /// Returns the object that `chem check --format json` prints.
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

/// The diagnostics of one check, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Findings {
    found: Vec<Diagnostic>,
    errors: usize,
}

impl Findings {
    /// The number of diagnostics after which [`Findings::nearest`] gives up. A search compares the name with every
    /// candidate, which would take too long for a manifest with thousands of misspelt names.
    const SUGGESTIONS: usize = 100;

    /// The number of errors after which the check stops listing them.
    const MOST: usize = 1_000;

    /// Adds a diagnostic. After a thousand errors, adds one [`rules::TOO_MANY`] and drops the rest.
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
            let message = format!("more than {} errors; the others are not listed", Self::MOST);
            let more = Diagnostic::new(&rules::TOO_MANY, message, source, *span);
            self.found.push(more.with_help("correct these and check again"));
        }
    }

    /// Returns the candidate that was probably meant by `name`, or `None` if none is close or there are already many
    /// diagnostics.
    pub fn nearest<'a>(&self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        if self.found.len() < Self::SUGGESTIONS { nearest(name, candidates) } else { None }
    }

    /// Returns whether there are errors in any of these groups of rules; a group is the first two digits of a code.
    pub fn has_errors_in(&self, groups: &[&str]) -> bool {
        let is_in = |diagnostic: &&Diagnostic| groups.iter().any(|group| diagnostic.rule.code[1..].starts_with(group));
        self.found.iter().filter(is_in).any(Diagnostic::is_error)
    }

    /// Returns the number of errors, including those that are not listed.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Returns whether there is at least one error.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Returns whether there is an error other than those of the rules that `accepted` holds for.
    pub fn has_errors_but(&self, accepted: impl Fn(&Rule) -> bool) -> bool {
        self.errors > Self::MOST || self.found.iter().any(|found| found.is_error() && !accepted(found.rule))
    }

    /// Returns all diagnostics by location: those in overrides first, then those in the manifest from top to bottom.
    pub fn into_sorted(mut self, manifest: &Source) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| {
            let in_manifest = diagnostic.primary.source.is(manifest);
            // Overrides keep the order of the command line.
            let span = if in_manifest { diagnostic.primary.span } else { Span::default() };
            (in_manifest, span)
        });
        self.found
    }
}
