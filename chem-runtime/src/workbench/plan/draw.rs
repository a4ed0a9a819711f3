//! Formats a plan as a graph, for Graphviz and for Mermaid.

use std::fmt::Write as _;

use super::{Action, Plan, PlannedStep};
use crate::event::StepKind;
use crate::workbench::facts::step_of;

/// Formats the plan for Graphviz: an arrow for each input, and bold outlines for steps that run.
pub fn to_dot(plan: &Plan) -> String {
    let mut text = format!("digraph {} {{\n  rankdir=LR;\n  node [shape=box, style=rounded];\n", quoted(&plan.flow));
    for step in &plan.steps {
        let label = format!("{}\n{}@{}", step.id, step.uses, step.version);
        let style = match step.action {
            Action::Reuse { .. } => "style=\"rounded,dashed\"",
            Action::Run { .. } => "style=\"rounded,bold\"",
            Action::Fail { .. } => "style=\"rounded,bold\", color=red",
            Action::Ask { .. } => "style=\"rounded,bold\", color=orange",
            Action::NotReached => "style=\"rounded,dotted\"",
        };
        let shape = match step.kind {
            StepKind::Source => ", shape=ellipse",
            StepKind::Transform => "",
            StepKind::Sink => ", shape=note",
        };
        // Writing to a `String` cannot fail, here and below.
        let tooltip = quoted(&format!("{}: {}", step.action.name(), step.action.reasons().join("; ")));
        let _ = writeln!(text, "  {} [label={}, {style}{shape}, tooltip={tooltip}];", quoted(&step.id), quoted(&label));
    }
    for (step, port, wire) in wires(plan) {
        let (from, to) = (quoted(step_of(wire)), quoted(&step.id));
        let _ = writeln!(text, "  {from} -> {to} [label={}];", quoted(&wire_label(step, port, wire)));
    }
    text.push_str("}\n");
    text
}

/// Formats the plan for Mermaid, which Markdown viewers display.
pub fn to_mermaid(plan: &Plan) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for step in &plan.steps {
        let label = format!("{}<br/>{}@{}", step.id, step.uses, step.version);
        let (open, close) = match step.kind {
            StepKind::Source => ("([", "])"),
            StepKind::Transform => ("(", ")"),
            StepKind::Sink => ("[/", "/]"),
        };
        let _ = writeln!(text, "  {}{open}\"{label}\"{close}:::{}", node(&step.id), step.action.name());
    }
    for (step, port, wire) in wires(plan) {
        let label = wire_label(step, port, wire);
        let label = if label.is_empty() { String::new() } else { format!("|{label}|") };
        let _ = writeln!(text, "  {} -->{label} {}", node(step_of(wire)), node(&step.id));
    }
    text.push_str("  classDef run stroke-width:3px\n  classDef reuse stroke-dasharray:4 4\n");
    text.push_str("  classDef fail stroke:#c00,stroke-width:3px\n  classDef ask stroke:#d80,stroke-width:3px\n  classDef not_reached stroke-dasharray:1 4\n");
    text
}

fn wires(plan: &Plan) -> impl Iterator<Item = (&PlannedStep, &String, &String)> {
    plan.steps.iter().flat_map(|step| step.wiring.iter().map(move |(port, wire)| (step, port, wire)))
}

/// Returns the label of an arrow: the output if it is not the main one, and the port if there are several.
fn wire_label(step: &PlannedStep, port: &str, wire: &str) -> String {
    let output = wire.split_once('.').map(|(_, output)| output.to_owned());
    let port = (step.wiring.len() > 1).then(|| port.to_owned());
    [output, port].into_iter().flatten().collect::<Vec<_>>().join(" → ")
}

/// Quotes a text for Graphviz.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

/// Returns a name for a node that is not a keyword of Mermaid, such as `end`.
fn node(id: &str) -> String {
    format!("step_{}", id.replace('-', "__"))
}
