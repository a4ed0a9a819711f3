//! Checks that the steps in a `map` can run in shards: each works row by row, on the rows that are cut or on what comes out for
//! them.

use chem_manifest::authored::{AuthoredStep, InShards};
use chem_manifest::{Diagnostic, Findings, Source, Span, rules};

use crate::flow::Feed;
use crate::step::{MAIN_OUTPUT, PortSpec, StepDefinition, StepSpec};

/// Checks the steps that run in shards. `specs` has their types, and `feeds` what feeds them.
pub(super) fn check(
    steps: &[AuthoredStep],
    specs: &[Option<&'static StepSpec>],
    feeds: &[Vec<Feed>],
    source: &Source,
    findings: &mut Findings,
) {
    for (index, step) in steps.iter().enumerate() {
        let (Some(shards), Some(spec)) = (&step.shards, specs[index]) else { continue };
        let mut refuse = |message: String, at: Span, help: &str| {
            let diagnostic = Diagnostic::new(&rules::MAP_SHARDS, message, source, at);
            findings.add(diagnostic.with_secondary(source, shards.at, "in shards").with_help(help));
        };
        let name = step.written_id.as_deref().unwrap_or_default();
        let at = step.uses.as_ref().map_or(step.at, |uses| uses.span);
        let Some(port) = rows_port(spec) else {
            let message = match step.map {
                Some(_) => format!("`{name}` has children itself, so it cannot run in shards"),
                None => format!("`{}` does not work row by row, so `{name}` cannot run in shards", spec.name),
            };
            refuse(message, at, "move the step out of the `map`: after it, if it takes rows of the steps in it");
            continue;
        };
        if step.policy.gate.is_some() {
            let message = format!("`{name}` has a `gate`, and a shard cannot wait for an answer");
            refuse(message, step.at, "put the `gate` on a step before or after the `map`");
        }
        let group = |from: usize| steps[from].shards.as_ref().is_some_and(|other| is_same(other, shards));
        for feed in &feeds[index] {
            let from = &steps[feed.from];
            let written = step.inputs.iter().find(|(port, _)| port.name == feed.port);
            let at = written.map_or(at, |(_, from)| from.span);
            let id = from.written_id.as_deref().unwrap_or_default();
            let output = if feed.output == MAIN_OUTPUT { id.to_owned() } else { format!("{id}.{}", feed.output) };
            if feed.port == port.name && !group(feed.from) && output != main_less(&shards.over.text) {
                let message = format!(
                    "`{name}` takes the rows of `{output}`, and the shards are those of `{}`",
                    shards.over.text
                );
                refuse(
                    message,
                    at,
                    "take what `over` names, or the output of a step of the `map`, or move the step out of it",
                );
            } else if feed.port != port.name && group(feed.from) {
                let message = format!("`{name}` takes all rows of `{output}`, and a shard has only some of them");
                refuse(message, at, "move the step behind the `map`");
            }
        }
    }
}

/// Returns the wire of the first step of a group whose rows nothing feeds explicitly: the output that is cut into shards.
pub(super) fn default_input(step: &AuthoredStep, bound: &dyn StepDefinition) -> Option<(String, String)> {
    let shards = step.shards.as_ref().filter(|shards| shards.is_first)?;
    let port =
        bound.inputs().first().filter(|port| step.inputs.iter().all(|(written, _)| written.name != port.name))?;
    Some((port.name.to_owned(), shards.over.text.clone()))
}

fn rows_port(spec: &StepSpec) -> Option<&PortSpec> {
    spec.inputs.iter().find(|port| port.rows)
}

fn is_same(one: &InShards, other: &InShards) -> bool {
    one.at == other.at && one.group == other.group
}

/// Returns an address without the name of the main output, which goes without saying.
fn main_less(address: &str) -> &str {
    address.strip_suffix(&format!(".{MAIN_OUTPUT}")).unwrap_or(address)
}
