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

use authored::{Manifest, NoStepTypes, StepTypes};
pub use diagnostic::{Diagnostic, Findings, Label};
use links::Links;
pub use params::Override;
pub use render::{Style, render};
pub use rules::{RULES, Rule, Severity};
pub use source::{MAX_BYTES, Position, Source, Span};
pub use step_id::{InvalidStepId, StepId};

/// Parses the manifest in `source` and returns it with the span of its first key. Reports mistakes to `findings`, with
/// advice from `types`.
///
/// Returns `None` after a syntax error, because every key after the error would be reported as missing.
pub fn read(source: &Source, types: &dyn StepTypes, findings: &mut Findings) -> Option<(Manifest, Span)> {
    let document = yaml::parse(source, findings);
    if document.is_none() && findings.has_errors() {
        return None;
    }
    let start = document.as_ref().map_or(Span::default(), yaml::Node::handle);
    Some((authored::read(document.as_ref(), source, types, findings), start))
}

/// Checks everything that the text alone determines (syntax, shape, names, placeholders, wiring) and returns the
/// diagnostics from top to bottom.
pub fn check(source: &Source) -> Vec<Diagnostic> {
    let mut findings = Findings::default();
    if let Some((manifest, _)) = read(source, &NoStepTypes, &mut findings) {
        let mut params = params::resolve(manifest.params, &[], source, &mut findings);
        for message in manifest.steps.iter().filter_map(|step| Some(&step.policy.gate.as_ref()?.message)) {
            params.check(message, source, &mut BTreeSet::new(), &mut findings);
        }
        for (_, node) in manifest.steps.iter().flat_map(|step| &step.with) {
            params.check(node, source, &mut BTreeSet::new(), &mut findings);
            params.mark_named(node);
        }
        let links = Links::new(&manifest.steps, source);
        for (index, step) in manifest.steps.iter().enumerate() {
            for (_, written) in &step.inputs {
                links.find(index, written, &mut findings);
            }
        }
        params.warn_of_unused(source, &mut findings);
    }
    findings.into_sorted(source)
}
