//! Resolves the step that each input names. Whether that step has the output, and of which kind, needs step types and is
//! checked in `chem_runtime::manifest`.

use std::collections::HashMap;

use crate::authored::{AuthoredStep, Written};
use crate::diagnostic::{Diagnostic, Findings};
use crate::names::listed;
use crate::rules;
use crate::source::{Source, Span};
use crate::text_spans::span_of;

/// The source of an input.
#[derive(Debug, Clone)]
pub struct Link {
    /// The index of the step that feeds the input, always an earlier one.
    pub from: usize,
    /// The span of that step's name.
    pub at: Span,
    /// The named output; `None` for the main one.
    pub output: Option<Written>,
}

/// Resolves the step names of inputs.
#[derive(Debug)]
pub struct Links<'a> {
    steps: &'a [AuthoredStep],
    source: &'a Source,
    /// The index of each step by its id.
    indices: HashMap<&'a str, usize>,
}

impl<'a> Links<'a> {
    /// Indexes `steps` by id.
    pub fn new(steps: &'a [AuthoredStep], source: &'a Source) -> Self {
        let mut indices = HashMap::new();
        for (index, step) in steps.iter().enumerate() {
            if let Some(id) = &step.written_id {
                indices.entry(id.as_str()).or_insert(index);
            }
        }
        Self { steps, source, indices }
    }

    /// Resolves `written`, an input of the step at `index`. Returns `None` and reports to `findings` if it names no
    /// earlier step.
    pub fn find(&self, index: usize, written: &Written, findings: &mut Findings) -> Option<Link> {
        // An id with a dot has already been reported as invalid; inputs may still refer to it.
        let (name, output) = match written.text.split_once('.') {
            Some((name, output)) if !self.indices.contains_key(written.text.as_str()) => (name, Some(output)),
            _ => (written.text.as_str(), None),
        };
        let part = |start: usize, end: usize| span_of(self.source, written.span, &written.text, &(start..end));
        let at = part(0, name.len());
        let output =
            output.map(|output| Written { text: output.to_owned(), span: part(name.len() + 1, written.text.len()) });
        match self.indices.get(name) {
            Some(&from) if from < index => return Some(Link { from, at, output }),
            Some(&from) => self.not_earlier(index, from, name, at, findings),
            None => self.unknown_step(index, name, at, findings),
        }
        None
    }

    fn unknown_step(&self, index: usize, name: &str, span: Span, findings: &mut Findings) {
        let earlier: Vec<(&str, Span)> =
            self.steps[..index].iter().filter_map(|step| Some((step.id.as_ref()?.as_str(), step.at))).collect();
        let message = format!("there is no step `{name}`");
        let mut diagnostic = Diagnostic::new(&rules::UNKNOWN_STEP, message, self.source, span);
        match findings.nearest(name, earlier.iter().map(|(id, _)| *id)) {
            Some(nearest) => {
                if let Some((_, at)) = earlier.iter().find(|(id, _)| *id == nearest) {
                    diagnostic = diagnostic.with_secondary(self.source, *at, "a step with a similar name");
                }
                diagnostic = diagnostic.with_help(format!("did you mean `{nearest}`?"));
            }
            None if earlier.is_empty() => {}
            None => {
                let names: Vec<&str> = earlier.iter().map(|(id, _)| *id).collect();
                diagnostic = diagnostic.with_help(format!("the steps before this one: {}", listed(&names)));
            }
        }
        findings.add(diagnostic);
    }

    fn not_earlier(&self, index: usize, from: usize, name: &str, span: Span, findings: &mut Findings) {
        let diagnostic = if from == index {
            let message = format!("`{name}` takes its own output");
            Diagnostic::new(&rules::OWN_STEP, message, self.source, span)
                .with_help("take the output of an earlier step")
        } else {
            let message = format!("`{name}` runs after this step");
            Diagnostic::new(&rules::LATER_STEP, message, self.source, span)
                .with_secondary(self.source, self.steps[from].at, "defined here")
                .with_help("steps run in the order of the manifest: move it before this one")
        };
        findings.add(diagnostic);
    }
}
