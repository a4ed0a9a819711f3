//! Parses the text of a manifest and reports every mistake that the text alone reveals.
//!
//! This crate turns YAML into values with spans and checks keys, names, placeholders and wiring. It knows no step types
//! and reads no data files: `chem_runtime::manifest` resolves the result against those, and `include_flow!` runs these
//! checks at compile time.
//!
//! ```
//! use chem_manifest::{Source, Style, check};
//!
//! let source = Source::new("hello.yaml", "flow: hello\nsteps:\n  - id: seed\n    use: demo.seed\n");
//! let found = check(&source);
//! assert!(found[0].render(Style::Plain).starts_with("error[E0202]: a step has no key `use`\n --> hello.yaml:4:5"));
//! ```

pub mod authored;
mod diagnostic;
pub mod document;
pub mod license;
pub mod links;
pub mod names;
pub mod params;
mod placeholders;
mod reading;
mod render;
pub mod rules;
mod source;
mod step_id;
pub mod template;
pub mod text_spans;
mod time;
mod values;
pub mod yaml;

use std::collections::BTreeSet;

use authored::{AuthoredStep, Manifest, NoStepTypes, StepSources, StepTypes};
pub use diagnostic::{Diagnostic, Findings, Label};
use links::Links;
pub use params::Override;
pub use render::{Style, render};
pub use rules::{RULES, Rule, Severity};
pub use source::{MAX_BYTES, Position, Source, Span};
pub use step_id::{InvalidStepId, StepId};
pub use time::parse_time;

/// The YAML of a manifest.
#[derive(Debug)]
pub struct Parsed<'s> {
    source: &'s Source,
    /// `None` for an empty file.
    document: Option<yaml::Node>,
}

impl<'s> Parsed<'s> {
    /// Parses the manifest in `source`. Reports mistakes to `findings`.
    ///
    /// Returns `None` after a syntax error, because every key after the error would be reported as missing.
    pub fn of(source: &'s Source, findings: &mut Findings) -> Option<Self> {
        let document = yaml::parse(source, findings);
        (document.is_some() || !findings.has_errors()).then_some(Self { source, document })
    }

    /// Returns the modules that define further step types. [`read`](Self::read) reports what is wrong with them.
    pub fn step_sources(&self) -> StepSources {
        authored::step_sources(self.document.as_ref(), self.source)
    }

    /// Returns the manifest with the span of its first key. Reports mistakes to `findings`, with advice from `types`.
    pub fn read(&self, types: &dyn StepTypes, findings: &mut Findings) -> (Manifest, Span) {
        let start = self.document.as_ref().map_or(Span::default(), yaml::Node::handle);
        (authored::read(self.document.as_ref(), self.source, types, findings), start)
    }
}

/// Parses and reads the manifest in `source`: see [`Parsed`].
pub fn read(source: &Source, types: &dyn StepTypes, findings: &mut Findings) -> Option<(Manifest, Span)> {
    Some(Parsed::of(source, findings)?.read(types, findings))
}

/// Checks everything that the text alone determines (syntax, shape, names, placeholders, wiring) and returns the
/// diagnostics from top to bottom.
pub fn check(source: &Source) -> Vec<Diagnostic> {
    let mut findings = Findings::default();
    if let Some((manifest, _)) = read(source, &NoStepTypes, &mut findings) {
        let mut params = params::resolve(manifest.params, &[], source, &mut findings);
        check_steps(&manifest.steps, &mut params, source, &mut findings);
    }
    findings.into_sorted(source)
}

/// Checks the placeholders and the wiring of the steps of a flow with these parameters, and of flows in place.
fn check_steps(steps: &[AuthoredStep], params: &mut params::Params, source: &Source, findings: &mut Findings) {
    for message in steps.iter().filter_map(|step| Some(&step.policy.gate.as_ref()?.message)) {
        params.check(message, source, &mut BTreeSet::new(), findings);
    }
    for node in steps.iter().flat_map(AuthoredStep::values) {
        params.check(node, source, &mut BTreeSet::new(), findings);
        params.mark_named(node);
    }
    let links = Links::new(steps, source);
    for (index, step) in steps.iter().enumerate() {
        for (_, written) in &step.inputs {
            links.find(index, written, findings);
        }
    }
    for map in steps.iter().filter_map(|step| step.map.as_ref()).filter(|map| !map.steps().is_empty()) {
        let mut inner = params::resolve(Some(map.first_values()), &[], source, findings);
        check_steps(map.steps(), &mut inner, source, findings);
    }
    params.warn_of_unused(source, findings);
}
