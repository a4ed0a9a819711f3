//! Prints a run: its steps, its results, and what to do next.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::CommandName;
use super::advice::Advice;
use super::args::{Format, Shared};
use super::details::Details;
use super::exit::Failure;
use super::family;
use super::output::{self, BAD, BOLD, DIM, GOOD, ODD, Table, styled};
use crate::event::{ChildOf, FlowId, TakenOver, UserInteractionRequested};
use crate::fingerprint::ArtifactHash;
use crate::flow::{FlowStatus, StepStatus};
use crate::report::{Refused, RunReport, StepReport, mark_running, seconds};
use crate::step::Expression;
use crate::step::children::{is_in_manifest, label};
use crate::store::EventStore;
use crate::workbench::{RunStatus, running_process};

/// Prints a run in the requested format, for `run`, `resume` and `show`. Text for people has `details` after the steps.
pub(super) fn print_report(
    shared: &Shared,
    report: &RunReport,
    details: Option<&Details>,
    store: &dyn EventStore,
) -> Result<(), Failure> {
    let holder = running_process(store, report.flow_id, report.status)?;
    let family = family::of(report, store)?;
    if shared.format == Format::Json {
        let mut json = report.to_json();
        json["warnings"] = serde_json::to_value(report.warnings(store)?).map_err(std::io::Error::from)?;
        if let Some(holder) = &holder {
            mark_running(&mut json, holder);
        }
        if let Some(family) = &family {
            family.describe(&mut json);
        }
        if let Some(details) = details {
            json["evidence"].clone_from(&details.evidence);
        }
        return Ok(output::print_json(&json)?);
    }
    let (status, until) = match &holder {
        Some(_) => (RunStatus::Running.name(), Some(Timestamp::now())),
        None => (report.status.name(), None),
    };
    let took = report.span.map(|(first, last)| until.unwrap_or(last).duration_since(first));
    let took = took.map(|took| format!(" {} {}", if holder.is_some() { "for" } else { "in" }, seconds(took)));
    let person = report.operator.as_ref().and_then(|operator| operator.person.as_ref());
    let begun_by = person.map(|person| format!(", begun by {}", output::escape(&person.name)));
    let by = holder.as_ref().map(|holder| format!(", by {holder}"));
    let family = family.unwrap_or_default();
    let mut text = format!(
        "{} {}{}{}{}\n",
        styled(BOLD, &output::escape(&report.flow)),
        styled(output::status_style(report.status), status),
        took.unwrap_or_default(),
        by.unwrap_or_default(),
        begun_by.unwrap_or_default(),
    );
    text.push_str(&format!("run {}\n", report.flow_id));
    if let Some(ChildOf { index, step_id, parent, given, .. }) = &report.child_of {
        let given = output::escape(&label(given));
        text.push_str(&format!("child {index} of step {step_id} of run {parent}: {given}\n"));
    }
    text.push('\n');
    text.push_str(&steps_table(report).render());
    for (run, steps) in reused(report) {
        let steps = steps.join(", ");
        let source = if run == report.flow_id { "this run".to_owned() } else { format!("run {run}") };
        text.push_str(&format!("\nreused from {source}: {steps}"));
    }
    text.push_str(if report.steps.iter().any(|step| step.reused.is_some()) { "\n" } else { "" });
    // The rows of the result say enough of children that have all ended.
    let is_open = report.steps.iter().any(|step| step.has_children() && step.status != StepStatus::FinishedOk);
    if !family.children.is_empty() && (is_open || details.is_some()) {
        text.push_str(&format!("\n{}", family::list(&family.children)));
    }
    text.push_str(&family::results(shared, report, store)?);
    for (step, taken) in report.steps.iter().filter_map(|step| Some((step, step.taken_over?))) {
        text.push_str(&format!("\n{}: {}\n", step.id, taken_over(&taken)));
    }
    if let Some(details) = details {
        text.push_str(&format!("\n{}", details.text));
    }
    if let Some(fingerprint) = report.flow_fingerprint {
        text.push_str(&format!("\nflow fingerprint {fingerprint}\n"));
    }
    for file in report.files_written(store)? {
        let path = from_here(report.directory.as_deref().unwrap_or(Path::new("")).join(&file.path));
        text.push_str(&format!("wrote {} ({} bytes)\n", output::escape(&path.display().to_string()), file.bytes));
    }
    for line in family.lines_of_set_apart() {
        text.push_str(&format!("{}\n", output::escape(&line)));
    }
    for line in family.lines_of_incidents() {
        text.push_str(&format!("{}\n", output::escape(&line)));
    }
    for Refused { step, records, used, table } in report.refused(store)? {
        let of = used.map_or_else(String::new, |used| format!(" of {}", records + used));
        text.push_str(&format!("{step} refused {records}{of} records: "));
        text.push_str(&format!("{}\n", which_and_why(shared, table)));
    }
    output::print(&text)?;
    for warning in report.warnings(store)? {
        output::say(&format!("{}: {}", styled(ODD, "warning"), output::escape(&warning.message)));
    }
    if let Some((step, message, causes)) = report.failed_step() {
        let message = format!("step `{}` failed: {message}", step.id);
        let help = Advice::text("if the cause is gone, ")
            .then_command(CommandName::Retry, &[&report.flow_id])
            .then(" retries the step; after a change to the manifest, run it again: it reuses the unchanged steps");
        let notes = [("step type", format!("{}@{}", step.uses, step.version)), ("parameters", with(step))];
        output::print_error_with(&message, causes, &notes, help.render(shared).as_deref());
    }
    if let Some(question) = report.question() {
        let (step, message) = (&question.step_id, output::escape(&question.message));
        output::say(&format!("step `{step}` waits for a decision: {message}"));
        match to_decide(report.flow_id, question).render(shared) {
            Some(how) => output::say(&how),
            None => output::say("  the store is in memory, so the run ends here; `--store` names another store"),
        }
    }
    if report.status == FlowStatus::Interrupted && holder.is_none() {
        let resume = Advice::text("continue with ").then_command(CommandName::Resume, &[&report.flow_id]);
        output::advise(shared, &resume);
    }
    Ok(())
}

/// Formats parameters as a manifest would, each shortened to a readable length.
fn with(step: &StepReport) -> String {
    const SHOWN: usize = 200;
    let is_shown = |(name, _): &(&String, &Value)| is_in_manifest(&step.uses, name);
    let params: Vec<(&String, &Value)> = step.params.iter().filter(is_shown).collect();
    let one = |(name, value): (&String, &Value)| {
        let text = match Expression::parts_of(value) {
            Some((text, None)) => text.to_owned(),
            Some((cel, Some(params))) => format!("{}, with {}", json!(cel), json!(params)),
            None => value.to_string(),
        };
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{name}: {}…", &text[..end]),
            None => format!("{name}: {text}"),
        }
    };
    if params.is_empty() { "none".to_owned() } else { params.into_iter().map(one).collect::<Vec<_>>().join("; ") }
}

/// Returns how to see the refused records.
fn which_and_why(shared: &Shared, table: ArtifactHash) -> String {
    let how = Advice::command(CommandName::Artifact, &[&table.short(), &"--rows"]).then(" lists them with the reasons");
    how.render(shared).unwrap_or_else(|| format!("artifact {}", table.short()))
}

/// Groups the reused steps by the run that their results come from.
fn reused(report: &RunReport) -> Vec<(FlowId, Vec<&str>)> {
    let mut runs: Vec<(FlowId, Vec<&str>)> = Vec::new();
    for step in &report.steps {
        let Some(source) = step.reused else { continue };
        match runs.iter_mut().find(|(run, _)| *run == source.flow_id) {
            Some((_, steps)) => steps.push(&step.id),
            None => runs.push((source.flow_id, vec![&step.id])),
        }
    }
    runs
}

/// Describes how many rows a step took over, and from where.
pub(super) fn taken_over(taken: &TakenOver) -> String {
    let (rows, all, run) = (taken.rows, taken.rows + taken.computed, taken.source.flow_id);
    format!("{rows} of {all} rows taken over from run {run}, {} computed", taken.computed)
}

/// Describes what to decide on, and how to decide.
fn to_decide(run: FlowId, question: &UserInteractionRequested) -> Advice {
    let (step, fingerprint) = (&question.step_id, question.shown.short());
    let mut advice = Advice::default();
    for (port, hash) in &question.inputs {
        advice = advice.then(format!("  {port}: ")).then_command(CommandName::Artifact, &[&hash.short()]).then("\n");
    }
    let mut approve: Vec<&dyn Display> = vec![&run, step];
    if let Some(schema) = &question.schema {
        advice = advice.then(format!("  it asks for data: {}\n", output::escape(&schema.to_string())));
        approve.extend([&"--data" as &dyn Display, &"JSON"]);
    }
    approve.extend([&"--shown" as &dyn Display, &fingerprint]);
    let mut reject: Vec<&dyn Display> = vec![&run, step];
    if !question.signed_by.is_empty() {
        let principals = output::escape(&question.signed_by.join(" or "));
        advice = advice.then(format!("  it has to be signed by {principals}\n"));
        approve.push(&"--sign");
        reject.push(&"--sign");
    }
    advice
        .then(format!("  fingerprint {fingerprint}\n  decide with "))
        .then_command(CommandName::Approve, &approve)
        .then(" or ")
        .then_command(CommandName::Reject, &reject)
}

/// Makes a path relative to the working directory, if it is inside it.
fn from_here(path: PathBuf) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here).map(Path::to_owned).unwrap_or(path)
}

fn steps_table(report: &RunReport) -> Table {
    let mut table = Table::new(&["step", "uses", "status", "fingerprint", "outputs"]);
    for step in &report.steps {
        let style = match step.status {
            StepStatus::FinishedOk => GOOD,
            StepStatus::Failed => BAD,
            StepStatus::Running | StepStatus::Waiting => ODD,
            StepStatus::Pending => DIM,
        };
        let outputs: Vec<String> =
            step.outputs.iter().map(|output| format!("{} {}", output.kind, output.hash.short())).collect();
        table.row([
            (BOLD, step.id.clone()),
            (DIM, format!("{}@{}", step.uses, step.version)),
            (style, step.status.name().to_owned()),
            (DIM, step.fingerprint.map(|fingerprint| fingerprint.short()).unwrap_or_default()),
            (DIM, outputs.join(", ")),
        ]);
    }
    table
}
