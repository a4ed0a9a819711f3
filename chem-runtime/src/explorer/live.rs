//! Says when a run or one of its children has gone on: each answer to an `EventSource` has the events after the last that it
//! knows, and ends. The browser then asks again with the position of the last one, or loads the page again, which knows how far
//! the children are.

use std::time::{Duration, Instant};

use serde_json::json;

use super::reply::{Refusal, Reply};
use super::{Asked, Explorer};
use crate::event::FlowId;
use crate::flow::replay;
use crate::store::EventStore;
use crate::workbench::{self, events_of_children};

/// How long an answer waits for events.
const WAIT: Duration = Duration::from_secs(15);
/// How often the program looks whether it should stop.
const SLICE: Duration = Duration::from_millis(200);
/// How long the browser waits before it asks again, in milliseconds.
const RETRY: u32 = 1_000;

#[derive(serde::Deserialize)]
struct Query {
    /// The position of the first event that the page does not show.
    from: u64,
    /// The number of events of the run's children that the page shows; `None` if it shows none.
    children: Option<u64>,
}

/// Waits for events of the run called `id`.
pub(super) fn wait(explorer: &Explorer, asked: &Asked<'_>, id: &str) -> Result<Reply, Refusal> {
    let Query { from, children } = asked.query()?;
    let from = asked.last_event.map_or(from, |last| last.saturating_add(1));
    let store = explorer.store.as_ref();
    let flow_id = workbench::find_run(store, id)?;
    let begun = Instant::now();
    let mut family = Watched::new(children);
    let mut next = store.next_position(flow_id)?;
    while next <= from && begun.elapsed() < WAIT && !explorer.stop.is_cancelled() {
        if family.has_changed(store, flow_id)? {
            return Ok(Reply::news(format!("retry: {RETRY}\n\ndata: {}\n\n", json!({"children": true}))));
        }
        std::thread::sleep(SLICE);
        next = store.next_position(flow_id)?;
    }
    let mut text = format!("retry: {RETRY}\n\n");
    if next > from {
        let events = store.read_run(flow_id, from)?;
        for event in &events {
            let data = json!({"event_type": event.kind.event_type(), "status": event.kind.status_after().name()});
            text.push_str(&format!("id: {}\ndata: {data}\n\n", event.position));
        }
    }
    Ok(Reply::news(text))
}

/// The children of a run, which are looked at when the log has new events, and not more often than every second.
struct Watched {
    /// The number of events that they had; `None` if nothing about them is news.
    events: Option<u64>,
    /// The greatest number of an event when they were last looked at.
    newest: Option<u64>,
    next: Instant,
}

impl Watched {
    const PAUSE: Duration = Duration::from_secs(1);

    fn new(events: Option<u64>) -> Self {
        Self { events, newest: None, next: Instant::now() }
    }

    fn has_changed(&mut self, store: &dyn EventStore, flow_id: FlowId) -> Result<bool, Refusal> {
        let Some(known) = self.events.filter(|_| self.next <= Instant::now()) else { return Ok(false) };
        self.next = Instant::now() + Self::PAUSE;
        let newest = store.newest_seq()?;
        if newest.is_some() && newest == self.newest {
            return Ok(false);
        }
        self.newest = newest;
        let instance = replay(flow_id, &store.list(flow_id)?)?;
        Ok(events_of_children(store, &instance)? > known)
    }
}
