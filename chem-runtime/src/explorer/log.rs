//! The log of a run: its events, page by page.

use askama::Template;
use serde_json::{Value, json};

use super::frame::{Clipped, Frame, Moment, query};
use super::reply::{Page, Refusal, Reply};
use super::{Asked, Explorer};
use crate::event::{FlowEvent, FlowId};
use crate::flow::FlowStatus;
use crate::report::{event_json, event_words};
use crate::store::{ErrorClass, EventStore, PersistenceError};
use crate::workbench;

/// The events on a page.
const PAGE: u64 = 100;
/// The longest description to show, in characters.
const SHOWN: usize = 1_000;

#[derive(serde::Deserialize)]
struct Query {
    /// The position of the first event.
    #[serde(default)]
    from: u64,
}

/// Lists the events of the run called `id`. Reads only those on the page.
pub(super) fn page(explorer: &Explorer, asked: &Asked<'_>, id: &str) -> Result<Reply, Refusal> {
    let Query { from } = asked.query()?;
    let store = explorer.store.as_ref();
    let flow_id = workbench::find_run(store, id)?;
    let run = flow_id.to_string();
    let next = store.next_position(flow_id)?;
    let from = from.min(next.saturating_sub(1));
    let end = next.min(from.saturating_add(PAGE));
    let entries = (from..end).map(|position| Entry::read(store, flow_id, position));
    let entries = entries.collect::<Result<Vec<_>, Refusal>>()?;
    let address = |from: u64| format!("/runs/{run}/log{}", query(&[("from", Some(from.to_string()))]));
    let mut frame = explorer.frame(asked, "Log of a run", &["log", &run]);
    let is_open = entries.last().is_some_and(|last| last.is_open);
    if end == next && is_open {
        frame.live = Some(format!("/runs/{run}/live?from={next}"));
    }
    let last = next.saturating_sub(1) / PAGE * PAGE;
    let links = [
        ("First", (from > 0).then(|| address(0))),
        ("Earlier", (from > 0).then(|| address(from.saturating_sub(PAGE)))),
        ("Later", (end < next).then(|| address(end))),
        ("Last", (end < next).then(|| address(last))),
    ];
    let page = Log {
        range: (from, end.saturating_sub(1), next),
        links: links.into_iter().filter_map(|(name, href)| Some((name, href?))).collect(),
        frame,
        run,
        entries,
    };
    Reply::page(&page, asked.form)
}

#[derive(Template)]
#[template(path = "log.html")]
struct Log {
    frame: Frame,
    run: String,
    entries: Vec<Entry>,
    /// The positions of the first and the last event that are shown, and the number of all.
    range: (u64, u64, u64),
    links: Vec<(&'static str, String)>,
}

/// An event on the page.
struct Entry {
    position: u64,
    /// When it was stored, its kind, and what happened; or why it cannot be read.
    event: Result<(Moment, &'static str, Clipped), String>,
    /// Whether further events follow sooner or later.
    is_open: bool,
    json: Value,
}

impl Entry {
    fn read(store: &dyn EventStore, flow_id: FlowId, position: u64) -> Result<Self, Refusal> {
        match store.read_event(flow_id, position) {
            Ok(Some(event)) => Self::of(&event),
            Ok(None) => {
                let reason = format!("run {flow_id} has no event {position}");
                Ok(Self::unreadable(position, &PersistenceError::Corrupt { reason }))
            }
            Err(error) if error.class() == ErrorClass::Corrupt => Ok(Self::unreadable(position, &error)),
            Err(error) => Err(error.into()),
        }
    }

    fn of(event: &FlowEvent) -> Result<Self, Refusal> {
        let json = event_json(event).map_err(|error| Refusal::failed(error.to_string()))?;
        let words = Clipped::at(event_words(&event.kind), SHOWN);
        let status = event.kind.status_after();
        Ok(Self {
            position: event.position,
            event: Ok((event.ts.into(), event.kind.event_type(), words)),
            is_open: matches!(status, FlowStatus::Interrupted | FlowStatus::Waiting),
            json,
        })
    }

    fn unreadable(position: u64, error: &PersistenceError) -> Self {
        let error = error.with_causes();
        let json = json!({"position": position, "error": error});
        Self { position, event: Err(error), is_open: false, json }
    }
}

impl Page for Log {
    fn json(&self) -> Value {
        let events: Vec<&Value> = self.entries.iter().map(|entry| &entry.json).collect();
        json!({"events": events, "count": self.range.2})
    }
}
