//! The text of a manifest: what it says, and all that is wrong with it as far as it tells by itself.
//!
//! Here a manifest becomes values with their places, and its keys, names, placeholders and wiring are checked. Step types
//! are not known here, nor what is on the disk: `chem_runtime::manifest` binds what was read to those, and
//! `include_flow!` checks this much when a crate is compiled.
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
pub mod links;
pub mod names;
pub mod params;
mod placeholders;
pub mod places;
mod reading;
mod render;
pub mod rules;
mod source;
mod step_id;
pub mod template;
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

/// Reads the manifest in `source`: what it says, and where it begins. `None` if its text cannot be read to its end, or
/// every key would be called missing that stands after that. What is wrong goes to `findings`, with advice from `types`.
pub fn read(source: &Source, types: &dyn StepTypes, findings: &mut Findings) -> Option<(Manifest, Span)> {
    let document = yaml::parse(source, findings);
    if document.is_none() && findings.has_errors() {
        return None;
    }
    let start = document.as_ref().map_or(Span::default(), yaml::Node::handle);
    Some((authored::read(document.as_ref(), source, types, findings), start))
}

/// All that is wrong with the manifest in `source`, from the top down, as far as its text tells: its syntax, its shape,
/// its names, its placeholders, and which step each input names.
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
