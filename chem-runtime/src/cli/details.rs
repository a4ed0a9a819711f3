//! What `chem show` prints of a run besides its results: who began it and decided, what each step took, and what covers it.

use serde_json::Value;

use super::output::{self, BAD, BOLD, DIM, GOOD, Table, styled};
use crate::event::Usage;
use crate::report::{DecisionReport, RunReport, bytes, cpu, seconds};
use crate::workbench::Covered;

/// What `chem show` prints in addition.
pub(super) struct Details {
    /// The lines for people.
    pub(super) text: String,
    /// What covers the run, for scripts.
    pub(super) evidence: Value,
}

impl Details {
    /// Describes a run that is covered by these seals and statements.
    pub(super) fn of(report: &RunReport, covered: Covered) -> Self {
        let mut text = details(report);
        if !covered.lines.is_empty() {
            text.push('\n');
        }
        let style = if covered.is_changed { BAD } else { DIM };
        for line in covered.lines {
            text.push_str(&format!("{}\n", styled(style, &output::escape(&line))));
        }
        Self { text, evidence: covered.json }
    }
}

fn details(report: &RunReport) -> String {
    let mut text = String::new();
    if let Some((operator, (begun, _))) = report.operator.as_ref().zip(report.span) {
        text.push_str(&format!("begun by {} at {begun:.0}\n", output::escape(&operator.to_string())));
    }
    let mut table = Table::new(&["step", "began", "took", "CPU", "memory"]);
    for step in &report.steps {
        let Some(usage) = &step.usage else { continue };
        let Usage { started, ended, .. } = usage;
        table.row([
            (BOLD, step.id.clone()),
            (DIM, format!("{started:.3}")),
            (DIM, seconds(ended.duration_since(*started))),
            (DIM, cpu(usage).unwrap_or_default()),
            (DIM, usage.peak_memory.map(bytes).unwrap_or_default()),
        ]);
    }
    if report.steps.iter().any(|step| step.usage.is_some()) {
        text.push_str(&format!("\n{}", table.render()));
    }
    for step in &report.steps {
        for (name, answer) in &step.answers {
            let answer = answer.lines().collect::<Vec<_>>().join(" / ").replace(char::is_control, " ");
            let said = output::escape(&format!(": `{name}` says {answer}"));
            text.push_str(&format!("\n{}{said}\n", styled(BOLD, &output::escape(&step.id))));
        }
    }
    for DecisionReport { step, approved, by, reason, data, is_signed, ts } in &report.decisions {
        let (style, verb) = if *approved { (GOOD, "approved") } else { (BAD, "rejected") };
        let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let signed = if *is_signed { ", signed" } else { "" };
        let data = data.as_ref().map(|data| format!(", with {data}")).unwrap_or_default();
        let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        // One line, whatever the reason says.
        let rest = format!("{by} at {ts:.0}{signed}{data}{reason}").replace(char::is_control, " ");
        let rest = output::escape(&rest);
        text.push_str(&format!("\n{} {}{rest}\n", styled(BOLD, &output::escape(step)), styled(style, verb)));
    }
    text
}
