//! The list of runs.

use askama::Template;
use serde_json::{Value, json};

use super::family::Family;
use super::frame::{Frame, Moment, query};
use super::reply::{Form, Page, Refusal, Reply};
use super::{Asked, Explorer};
use crate::event::{ChildOf, FlowEventKind, FlowId};
use crate::flow::replay;
use crate::report::{mark_running, seconds, summary_json};
use crate::step::children::{MAP_STEP, label};
use crate::store::{EventStore, FlowSummary, PersistenceError, RunFilter};
use crate::workbench::{ListedRun, Listing, RunQuery, RunStatus, children, list_runs};

/// The number of runs on a page.
const PAGE: usize = 50;
/// The maximum number of runs to look through for a page, so that a text that is rare does not read the whole store.
const MOST_READ: usize = 2_000;
/// The maximum number of children to look at for a page. Those of further runs are only counted.
const MOST_CHILDREN: usize = 1_000;
/// The children of a run that are named below it. Their own page has all.
const NAMED: usize = 10;
/// The value of `children` for a list with the children as rows.
const LISTED: &str = "listed";

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Query {
    flow: String,
    status: String,
    text: String,
    /// `listed` for a list with the children of runs as rows; otherwise they are folded into those of their parents.
    children: String,
    before: Option<u64>,
}

/// Lists the newest runs that match the query.
pub(super) fn page(explorer: &Explorer, asked: &Asked<'_>) -> Result<Reply, Refusal> {
    let wanted: Query = asked.query()?;
    let status = match wanted.status.as_str() {
        "" => None,
        name => match RunStatus::ALL.into_iter().find(|status| status.name() == name) {
            Some(status) => Some(status),
            None => return Err(Refusal::wrong(format!("no run has the status `{name}`"))),
        },
    };
    let flow = Some(wanted.flow.clone()).filter(|flow| !flow.is_empty());
    let filter = RunFilter { flow, ..RunFilter::default() };
    let query = RunQuery { filter, status, before: wanted.before, limit: PAGE, most_read: MOST_READ };
    let text = wanted.text.to_lowercase();
    let is_listed = match wanted.children.as_str() {
        "" => false,
        LISTED => true,
        other => return Err(Refusal::wrong(format!("children are `{LISTED}` or folded, not `{other}`"))),
    };
    let accepts = |run: &FlowSummary| (is_listed || run.child_of().is_none()) && has_text(run, &text);
    let listing = list_runs(explorer.store.as_ref(), &query, accepts)?;
    let mut command = vec!["ls"];
    command.extend(is_listed.then_some("--tree"));
    if !wanted.flow.is_empty() {
        command.extend(["--flow", &wanted.flow]);
    }
    command.extend(status.iter().flat_map(|status| ["--status", status.name()]));
    let frame = explorer.frame(asked, "Runs", &command);
    let mut page = Runs::new(frame, wanted, listing);
    let mut budget = MOST_CHILDREN;
    for row in page.rows.iter_mut().filter(|_| asked.form == Form::Html) {
        row.family = row.read_family(explorer.store.as_ref(), &mut budget)?;
    }
    Reply::page(&page, asked.form)
}

/// Returns whether the id of a run, or what its first event says of the flow, its parameters and who began it, contains a text
/// in lower case.
fn has_text(run: &FlowSummary, text: &str) -> bool {
    text.is_empty()
        || run.flow_id().to_string().contains(text)
        || run.first.kind.payload_text().is_ok_and(|payload| payload.to_lowercase().contains(text))
}

/// Returns the number of children that the steps of a flow run, from the first event of a run.
fn children_in(first: &FlowEventKind) -> usize {
    let FlowEventKind::FlowInitialized(begun) = first else { return 0 };
    let maps = begun.definition.steps.iter().filter(|step| step.uses == MAP_STEP);
    maps.filter_map(|step| Some(step.params.get("children")?.as_array()?.len())).sum()
}

#[derive(Template)]
#[template(path = "runs.html")]
struct Runs {
    frame: Frame,
    wanted: Query,
    statuses: [RunStatus; 5],
    rows: Vec<Row>,
    /// The address of the runs before these; `None` if there are no more.
    older: Option<String>,
    unreadable: Vec<String>,
}

struct Row {
    id: String,
    flow: String,
    status: RunStatus,
    began: Moment,
    took: String,
    fingerprint: Option<String>,
    /// The step of another run that runs this one.
    child_of: Option<ChildOf>,
    flow_id: FlowId,
    /// The number of children that its steps run if their results are not reused.
    children: usize,
    /// The children, if the page has read them.
    family: Option<Family>,
    json: Value,
}

impl Runs {
    fn new(frame: Frame, wanted: Query, listing: Listing) -> Self {
        let Listing { runs, next, unreadable } = listing;
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let older = next.map(|before| {
            let values = [
                ("flow", given(&wanted.flow)),
                ("status", given(&wanted.status)),
                ("text", given(&wanted.text)),
                ("children", given(&wanted.children)),
            ];
            format!("/runs{}", query(&[&values[..], &[("before", Some(before.to_string()))]].concat()))
        });
        Self {
            frame,
            wanted,
            statuses: RunStatus::ALL,
            rows: runs.into_iter().map(Row::new).collect(),
            older,
            unreadable: unreadable.iter().map(PersistenceError::with_causes).collect(),
        }
    }

    fn is_narrowed(&self) -> bool {
        let Query { flow, status, text, children, before } = &self.wanted;
        [flow, status, text, children].iter().any(|value| !value.is_empty()) || before.is_some()
    }
}

impl Row {
    fn new(run: ListedRun) -> Self {
        let status = run.status();
        let ListedRun { summary, holder } = run;
        let until = if holder.is_some() { jiff::Timestamp::now() } else { summary.last.ts };
        let mut json = summary_json(&summary);
        if let Some(holder) = &holder {
            mark_running(&mut json, holder);
        }
        if let Some(child) = summary.child_of() {
            json["child_of"] = json!(child);
        }
        Self {
            id: summary.flow_id().to_string(),
            flow: summary.flow().unwrap_or("?").to_owned(),
            status,
            began: summary.first.ts.into(),
            took: seconds(until.duration_since(summary.first.ts)),
            fingerprint: summary.flow_fingerprint().map(|fingerprint| fingerprint.short()),
            child_of: summary.child_of().cloned(),
            flow_id: summary.flow_id(),
            children: children_in(&summary.first.kind),
            family: None,
            json,
        }
    }

    /// Reads the children of the run, and takes their number from the budget; `None` if there are none or too many.
    fn read_family(&self, store: &dyn EventStore, budget: &mut usize) -> Result<Option<Family>, Refusal> {
        if self.children == 0 || self.children > *budget {
            return Ok(None);
        }
        *budget -= self.children;
        let instance = replay(self.flow_id, &store.list(self.flow_id)?)?;
        Ok(Family::of(self.flow_id, &children(store, &instance)?, NAMED))
    }

    /// Returns what distinguishes a child from the others.
    fn given(&self) -> String {
        self.child_of.as_ref().map(|child| label(&child.given)).unwrap_or_default()
    }
}

impl Page for Runs {
    fn json(&self) -> Value {
        let runs: Vec<&Value> = self.rows.iter().map(|row| &row.json).collect();
        json!({"runs": runs, "older": self.older, "unreadable": self.unreadable})
    }
}
