//! The list of runs.

use askama::Template;
use serde_json::{Value, json};

use super::frame::{Frame, Moment, query};
use super::reply::{Page, Refusal, Reply};
use super::{Asked, Explorer};
use crate::report::{mark_running, seconds, summary_json};
use crate::store::{FlowSummary, PersistenceError, RunFilter};
use crate::workbench::{ListedRun, Listing, RunQuery, RunStatus, list_runs};

/// The number of runs on a page.
const PAGE: usize = 50;
/// The maximum number of runs to look through for a page, so that a text that is rare does not read the whole store.
const MOST_READ: usize = 2_000;

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Query {
    flow: String,
    status: String,
    text: String,
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
    let listing = list_runs(explorer.store.as_ref(), &query, |run| has_text(run, &text))?;
    let mut command = vec!["ls"];
    if !wanted.flow.is_empty() {
        command.extend(["--flow", &wanted.flow]);
    }
    command.extend(status.iter().flat_map(|status| ["--status", status.name()]));
    let frame = explorer.frame(asked, "Runs", &command);
    Reply::page(&Runs::new(frame, wanted, listing), asked.form)
}

/// Returns whether the id of a run, or what its first event says of the flow, its parameters and who began it, contains a text
/// in lower case.
fn has_text(run: &FlowSummary, text: &str) -> bool {
    text.is_empty()
        || run.flow_id().to_string().contains(text)
        || run.first.kind.payload_text().is_ok_and(|payload| payload.to_lowercase().contains(text))
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
    json: Value,
}

impl Runs {
    fn new(frame: Frame, wanted: Query, listing: Listing) -> Self {
        let Listing { runs, next, unreadable } = listing;
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let older = next.map(|before| {
            let values =
                [("flow", given(&wanted.flow)), ("status", given(&wanted.status)), ("text", given(&wanted.text))];
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
        let Query { flow, status, text, before } = &self.wanted;
        !flow.is_empty() || !status.is_empty() || !text.is_empty() || before.is_some()
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
        Self {
            id: summary.flow_id().to_string(),
            flow: summary.flow().unwrap_or("?").to_owned(),
            status,
            began: summary.first.ts.into(),
            took: seconds(until.duration_since(summary.first.ts)),
            fingerprint: summary.flow_fingerprint().map(|fingerprint| fingerprint.short()),
            json,
        }
    }
}

impl Page for Runs {
    fn json(&self) -> Value {
        let runs: Vec<&Value> = self.rows.iter().map(|row| &row.json).collect();
        json!({"runs": runs, "older": self.older, "unreadable": self.unreadable})
    }
}
