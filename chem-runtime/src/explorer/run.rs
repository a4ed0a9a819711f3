//! A run: its steps with their times, what it was given, who was involved, and what came of it.

use askama::Template;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::family::Family;
use super::frame::{Clipped, Frame, Moment, encoded, params};
use super::graph::{self, Graph};
use super::reply::{Page, Refusal, Reply};
use super::{Asked, Explorer};
use crate::event::{BranchCreated, Environment, FlowEvent, FlowEventKind, FlowInitialized, Usage};
use crate::flow::replay;
use crate::report::{RunReport, StepReport, bytes, mark_running, seconds};
use crate::step::children::label;
use crate::workbench::{self, RunStatus, covered, events_of_children, running_process};

/// The width of the bar of the whole run, in the units of the drawing.
const BAR: f64 = 1000.0;
/// The most children to list. Their own page has all.
const MOST_CHILDREN: usize = 20;

/// Shows the run called `id`.
pub(super) fn page(explorer: &Explorer, asked: &Asked<'_>, id: &str) -> Result<Reply, Refusal> {
    let (flow_id, events) = explorer.run(id)?;
    let id = flow_id.to_string();
    let store = explorer.store.as_ref();
    let report = RunReport::of(flow_id, &events)?;
    let holder = running_process(store, flow_id, report.status)?;
    let status = RunStatus::of(report.status, holder.is_some());
    let mut json = report.to_json();
    if let Some(holder) = &holder {
        mark_running(&mut json, holder);
    }
    let warnings = report.warnings(store)?;
    json["warnings"] = json!(warnings);
    let covered = covered(store, flow_id)?;
    json["evidence"] = covered.json;
    // How far the children are is read before their states, so that no change is missed in between.
    let (mut known, mut family, mut set_apart, mut incidents) = (None, None, Vec::new(), Vec::new());
    if report.has_children() || report.child_of.is_some() {
        let instance = replay(flow_id, &events)?;
        if report.has_children() {
            known = Some(events_of_children(store, &instance)?);
        }
        let logged = workbench::Family::of(store, &events, &instance)?;
        logged.describe(&mut json);
        set_apart = logged.lines_of_set_apart();
        incidents = logged.lines_of_incidents();
        family = Family::of(flow_id, &logged.children, MOST_CHILDREN);
    }

    let mut frame = explorer.frame(asked, format!("Run of {}", report.flow), &["show", &id]);
    if matches!(status, RunStatus::Running | RunStatus::Waiting | RunStatus::Interrupted) {
        let known = known.map(|known| format!("&children={known}")).unwrap_or_default();
        frame.live = Some(format!("/runs/{flow_id}/live?from={}{known}", events.len()));
    }
    let begun = events.first().and_then(|event| match &event.kind {
        FlowEventKind::FlowInitialized(begun) => Some(begun),
        _ => None,
    });
    let span = report.span.map(|(first, last)| {
        let until = if holder.is_some() { Timestamp::now() } else { last };
        (first, until)
    });
    let refused = report.refused(store)?.into_iter().map(|refused| RefusedRecords {
        step: refused.step.to_owned(),
        records: refused.records,
        of: refused.used.map(|used| used + refused.records),
        table: refused.table.to_string(),
    });
    let page = Run {
        status,
        took: span.map(|(first, until)| seconds(until.duration_since(first))),
        began: span.map(|(first, _)| first.into()),
        holder: holder.map(|holder| holder.to_string()),
        description: begun.and_then(|begun| begun.definition.description.clone()),
        params: begun.map(|begun| params(&begun.definition.params)).unwrap_or_default(),
        facts: begun.map(facts).unwrap_or_default(),
        child: report.child_of.as_ref().map(|child| ChildFacts {
            index: child.index,
            step: child.step_id.clone(),
            parent: child.parent.to_string(),
            href: format!("/runs/{}/steps/{}", child.parent, encoded(&child.step_id)),
            given: Clipped::new(label(&child.given)),
        }),
        family,
        covered: covered.lines,
        is_changed: covered.is_changed,
        audit: explorer.command(&["audit", &id]),
        events: events.len(),
        branch: events.get(1).and_then(branch).map(|branch| (branch.parent.to_string(), branch.step_id.clone())),
        graph: begun.and_then(|begun| Graph::of(&begun.definition.steps)),
        steps: report.steps.iter().map(|step| StepRow::new(step, span)).collect(),
        set_apart,
        incidents,
        refused: refused.collect(),
        files: report.files_written(store)?.iter().map(|file| (file.path.to_string(), bytes(file.bytes))).collect(),
        warnings: warnings.into_iter().map(|warning| warning.message).collect(),
        decide: report.question().map(|question| {
            let shown = question.shown.short();
            let mut words = vec!["approve", &id, &question.step_id];
            if question.schema.is_some() {
                words.extend(["--data", "JSON"]);
            }
            words.extend(["--shown", &shown]);
            if !question.signed_by.is_empty() {
                words.push("--sign");
            }
            explorer.command(&words)
        }),
        resume: (status == RunStatus::Interrupted).then(|| explorer.command(&["resume", &id])),
        retry: explorer.command(&["retry", &id]),
        frame,
        id,
        report,
        json,
    };
    Reply::page(&page, asked.form)
}

#[derive(Template)]
#[template(path = "run.html")]
struct Run {
    frame: Frame,
    report: RunReport,
    id: String,
    status: RunStatus,
    began: Option<Moment>,
    took: Option<String>,
    /// The process that is running it.
    holder: Option<String>,
    description: Option<String>,
    /// The flow parameters with their values.
    params: Vec<(String, Clipped)>,
    /// What is known of the program, the machine and the person that began the run.
    facts: Vec<(&'static str, String)>,
    /// The run from which this one branches, and the step at which it does.
    branch: Option<(String, String)>,
    /// What the parent says of this run, if it is a child.
    child: Option<ChildFacts>,
    family: Option<Family>,
    /// What covers the run: seals and statements.
    covered: Vec<String>,
    /// Whether something is not as it was sealed or stated.
    is_changed: bool,
    /// The command that checks what covers the run.
    audit: String,
    /// The number of events.
    events: usize,
    graph: Option<Graph>,
    steps: Vec<StepRow>,
    /// What to say of the rows that steps set apart.
    set_apart: Vec<String>,
    /// What happened to the processes and machines that worked on it.
    incidents: Vec<String>,
    refused: Vec<RefusedRecords>,
    /// The files that were written, with their sizes.
    files: Vec<(String, String)>,
    warnings: Vec<String>,
    /// The command that answers the open question.
    decide: Option<String>,
    /// The command that continues the run.
    resume: Option<String>,
    /// The command that retries the failed step.
    retry: String,
    json: Value,
}

/// A step in the list of steps.
struct StepRow {
    href: String,
    took: Option<String>,
    /// The begin and the width of its bar.
    bar: Option<(f64, f64)>,
}

/// A child as its parent describes it.
struct ChildFacts {
    index: usize,
    step: String,
    parent: String,
    /// The address of the step that runs it.
    href: String,
    /// What distinguishes it from the other children.
    given: Clipped,
}

/// The records that a step refused.
struct RefusedRecords {
    step: String,
    records: usize,
    of: Option<usize>,
    table: String,
}

impl StepRow {
    fn new(step: &StepReport, span: Option<(Timestamp, Timestamp)>) -> Self {
        let usage = step.usage.as_ref().filter(|_| step.reused.is_none());
        Self {
            href: format!("steps/{}", encoded(&step.id)),
            took: usage.map(|usage| seconds(usage.ended.duration_since(usage.started))),
            bar: usage.zip(span).map(|(usage, span)| bar(usage, span)),
        }
    }
}

/// Returns the begin and the width of a step's bar. A bar is wide enough to be seen.
fn bar(usage: &Usage, (first, last): (Timestamp, Timestamp)) -> (f64, f64) {
    const LEAST: f64 = 4.0;
    let part = |of: SignedDuration| of.as_secs_f64() / last.duration_since(first).as_secs_f64().max(1e-3);
    let begin = (part(usage.started.duration_since(first)) * BAR).clamp(0.0, BAR - LEAST);
    let width = (part(usage.ended.duration_since(usage.started)) * BAR).clamp(LEAST, BAR - begin);
    (begin, width)
}

fn facts(begun: &FlowInitialized) -> Vec<(&'static str, String)> {
    let Environment { directory, libraries, manifest, operator, platform, release } = &begun.environment;
    let libraries: Vec<String> = libraries.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let known = [
        ("Begun by", operator.as_ref().map(ToString::to_string)),
        ("Manifest", manifest.clone()),
        ("Directory", directory.clone()),
        ("Program", Some(release.clone())),
        ("Platform", Some(platform.clone())),
        ("Libraries", Some(libraries.join(", "))),
        ("License", begun.definition.license.clone()),
    ];
    known.into_iter().filter_map(|(what, text)| Some((what, text.filter(|text| !text.is_empty())?))).collect()
}

fn branch(event: &FlowEvent) -> Option<&BranchCreated> {
    match &event.kind {
        FlowEventKind::BranchCreated(branch) => Some(branch),
        _ => None,
    }
}

impl Run {
    fn href(&self, step: &str) -> String {
        format!("steps/{}", encoded(step))
    }

    fn has_results(&self) -> bool {
        !self.set_apart.is_empty() || !self.refused.is_empty() || !self.files.is_empty()
    }

    /// Returns what the step did: whether its result was reused, or else its status.
    fn state(&self, step: &StepReport) -> String {
        self.class(step).replace('_', " ")
    }

    fn class(&self, step: &StepReport) -> &'static str {
        if step.reused.is_some() { "reused" } else { step.status.name() }
    }
}

impl Page for Run {
    fn json(&self) -> Value {
        self.json.clone()
    }
}
