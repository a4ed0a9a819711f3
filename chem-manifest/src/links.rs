//! Which step each input names. Whether that step has the output, and of which kind, is for those who know step types.

use std::collections::HashMap;

use crate::authored::{AuthoredStep, Written};
use crate::diagnostic::{Diagnostic, Findings};
use crate::names::listed;
use crate::places::place;
use crate::rules;
use crate::source::{Source, Span};

/// What an input is wired to.
#[derive(Debug, Clone)]
pub struct Link {
    /// The place of the step, which is an earlier one.
    pub from: usize,
    /// Where its name stands.
    pub at: Span,
    /// The output that is named; none for the main one.
    pub output: Option<Written>,
}

/// Finds the steps that inputs name.
#[derive(Debug)]
pub struct Links<'a> {
    steps: &'a [AuthoredStep],
    source: &'a Source,
    /// The place of each step by its id.
    places: HashMap<&'a str, usize>,
}

impl<'a> Links<'a> {
    /// Between these steps.
    pub fn new(steps: &'a [AuthoredStep], source: &'a Source) -> Self {
        let mut places = HashMap::new();
        for (index, step) in steps.iter().enumerate() {
            if let Some(id) = &step.written_id {
                places.entry(id.as_str()).or_insert(index);
            }
        }
        Self { steps, source, places }
    }

    /// What an input of the step at `index` is wired to by what is `written` there; none if that is wrong, which is then in
    /// `findings`.
    pub fn find(&self, index: usize, written: &Written, findings: &mut Findings) -> Option<Link> {
        // A name that has a dot is wrong, which has been said, and is still a name.
        let (name, output) = match written.text.split_once('.') {
            Some((name, output)) if !self.places.contains_key(written.text.as_str()) => (name, Some(output)),
            _ => (written.text.as_str(), None),
        };
        let part = |start: usize, end: usize| place(self.source, written.span, &written.text, &(start..end));
        let at = part(0, name.len());
        let output =
            output.map(|output| Written { text: output.to_owned(), span: part(name.len() + 1, written.text.len()) });
        match self.places.get(name) {
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
            Some(meant) => {
                if let Some((_, at)) = earlier.iter().find(|(id, _)| *id == meant) {
                    diagnostic = diagnostic.with_secondary(self.source, *at, "this step is meant, perhaps");
                }
                diagnostic = diagnostic.with_help(format!("did you mean `{meant}`?"));
            }
            None if earlier.is_empty() => {}
            None => {
                let names: Vec<&str> = earlier.iter().map(|(id, _)| *id).collect();
                diagnostic = diagnostic.with_help(format!("the steps before this one: {}", listed(&names)));
            }
        }
        findings.add(diagnostic);
    }

    fn not_earlier(&self, index: usize, place: usize, name: &str, span: Span, findings: &mut Findings) {
        let diagnostic = if place == index {
            let message = format!("`{name}` takes its own output");
            Diagnostic::new(&rules::OWN_STEP, message, self.source, span)
                .with_help("take the output of an earlier step")
        } else {
            let message = format!("`{name}` runs after this step");
            Diagnostic::new(&rules::LATER_STEP, message, self.source, span)
                .with_secondary(self.source, self.steps[place].at, "it stands here")
                .with_help("steps run in the order in which they stand; put it before this one")
        };
        findings.add(diagnostic);
    }
}
