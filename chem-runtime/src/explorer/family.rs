//! The children of a run: how many have which status, and the page that lists them.

use askama::Template;
use serde_json::{Value, json};

use super::frame::{Clipped, Frame, query};
use super::reply::{Page, Refusal, Reply};
use super::{Asked, Explorer};
use crate::event::FlowId;
use crate::flow::replay;
use crate::workbench::{Child, children, events_of_children};

/// The children on a page.
const PAGE: usize = 100;

/// The statuses of children, in the order in which they are counted, with their classes in the style sheet.
const STATUSES: [(&str, &str); 6] = [
    ("completed", "completed"),
    ("failed", "failed"),
    ("waiting", "waiting"),
    ("interrupted", "interrupted"),
    ("running", "running"),
    ("not begun", "pending"),
];

/// The width of the bar of all children, in the units of the drawing.
const BAR: f64 = 1000.0;

/// The children of a run at a glance.
pub(super) struct Family {
    /// The number of children.
    pub(super) count: usize,
    /// Each status that some have.
    pub(super) shares: Vec<Share>,
    /// The first children.
    pub(super) rows: Vec<ChildRow>,
    /// The address of the page with all.
    pub(super) href: String,
}

/// The children with one status.
pub(super) struct Share {
    pub(super) status: &'static str,
    pub(super) class: &'static str,
    pub(super) count: usize,
    /// The begin and the width of its part of the bar.
    pub(super) bar: (f64, f64),
    /// The address of the page with these children.
    pub(super) href: String,
}

/// A child in a list.
pub(super) struct ChildRow {
    pub(super) id: String,
    /// Its name among the children of the run, such as `score/2`.
    pub(super) name: String,
    pub(super) given: Clipped,
    pub(super) status: &'static str,
    pub(super) class: &'static str,
    pub(super) fingerprint: Option<String>,
}

impl Family {
    /// Describes the children of a run, and lists the first `shown`; `None` if there are none.
    pub(super) fn of(run: FlowId, children: &[Child], shown: usize) -> Option<Self> {
        let mut begin = 0.0;
        let mut shares = Vec::new();
        for (status, class) in STATUSES {
            let count = children.iter().filter(|child| child.status_name() == status).count();
            if count > 0 {
                let width = BAR * count as f64 / children.len() as f64;
                let href = format!("/runs/{run}/children{}", query(&[("status", Some(status.to_owned()))]));
                shares.push(Share { status, class, count, bar: (begin, width), href });
                begin += width;
            }
        }
        let rows = children.iter().take(shown).map(ChildRow::new).collect();
        let href = format!("/runs/{run}/children");
        (!children.is_empty()).then_some(Self { count: children.len(), shares, rows, href })
    }

    /// Returns the number of children that are not among the first.
    pub(super) fn more(&self) -> usize {
        self.count - self.rows.len()
    }
}

impl ChildRow {
    fn new(child: &Child) -> Self {
        let status = child.status_name();
        Self {
            id: child.flow_id.to_string(),
            name: child.name(),
            given: Clipped::new(child.label()),
            status,
            class: STATUSES.iter().find(|(name, _)| *name == status).map_or("pending", |(_, class)| class),
            fingerprint: child.flow_fingerprint.map(|fingerprint| fingerprint.short()),
        }
    }

    /// Returns whether there is such a run yet.
    pub(super) fn has_begun(&self) -> bool {
        self.class != "pending"
    }
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Query {
    status: String,
    /// The number of the first child to show, from 1.
    from: usize,
}

/// Lists the children of the run called `id`.
pub(super) fn page(explorer: &Explorer, asked: &Asked<'_>, id: &str) -> Result<Reply, Refusal> {
    let wanted: Query = asked.query()?;
    if !wanted.status.is_empty() && STATUSES.iter().all(|(name, _)| *name != wanted.status) {
        return Err(Refusal::wrong(format!("no child has the status `{}`", wanted.status)));
    }
    let (flow_id, events) = explorer.run(id)?;
    let run = flow_id.to_string();
    let instance = replay(flow_id, &events)?;
    let store = explorer.store.as_ref();
    let known = events_of_children(store, &instance)?;
    let all = children(store, &instance)?;
    let is_wanted = |child: &&Child| wanted.status.is_empty() || child.status_name() == wanted.status;
    let matching: Vec<&Child> = all.iter().filter(is_wanted).collect();
    let first = wanted.from.saturating_sub(1).min(matching.len());
    let shown: Vec<&Child> = matching.iter().skip(first).take(PAGE).copied().collect();
    let address = |from: usize| {
        let status = Some(wanted.status.clone()).filter(|status| !status.is_empty());
        format!("/runs/{run}/children{}", query(&[("status", status), ("from", Some(from.to_string()))]))
    };
    let end = first + shown.len();
    let mut frame = explorer.frame(asked, "Children of a run", &["show", &run]);
    if all.iter().any(|child| child.status_name() == "running") {
        frame.live = Some(format!("/runs/{run}/live?from={}&children={known}", events.len()));
    }
    let page = Children {
        flow: instance.initialized().map_or("?", |begun| begun.flow.as_str()).to_owned(),
        family: Family::of(flow_id, &all, 0),
        rows: shown.iter().map(|child| ChildRow::new(child)).collect(),
        range: (first + 1, end, matching.len()),
        earlier: (first > 0).then(|| address(first.saturating_sub(PAGE) + 1)),
        later: (end < matching.len()).then(|| address(end + 1)),
        json: json!({
            "children": shown.iter().map(|child| child.to_json()).collect::<Vec<_>>(),
            "count": matching.len(),
        }),
        frame,
        run,
        wanted,
    };
    Reply::page(&page, asked.form)
}

#[derive(Template)]
#[template(path = "children.html")]
struct Children {
    frame: Frame,
    run: String,
    flow: String,
    wanted: Query,
    /// `None` if the run has no children.
    family: Option<Family>,
    rows: Vec<ChildRow>,
    /// The numbers of the first and the last child that are shown, and how many there are.
    range: (usize, usize, usize),
    /// The addresses of the pages before and after this one.
    earlier: Option<String>,
    later: Option<String>,
    json: Value,
}

impl Page for Children {
    fn json(&self) -> Value {
        self.json.clone()
    }
}
