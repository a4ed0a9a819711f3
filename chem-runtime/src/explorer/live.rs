//! Says when a run has gone on: each answer to an `EventSource` has the events after the last that it knows, and ends.
//! The browser then asks again with the position of the last one.

use std::time::{Duration, Instant};

use serde_json::json;

use super::reply::{Refusal, Reply};
use super::{Asked, Explorer};
use crate::workbench;

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
}

/// Waits for events of the run called `id`.
pub(super) fn wait(explorer: &Explorer, asked: &Asked<'_>, id: &str) -> Result<Reply, Refusal> {
    let Query { from } = asked.query()?;
    let from = asked.last_event.map_or(from, |last| last.saturating_add(1));
    let store = explorer.store.as_ref();
    let flow_id = workbench::find_run(store, id)?;
    let begun = Instant::now();
    let mut next = store.next_position(flow_id)?;
    while next <= from && begun.elapsed() < WAIT && !explorer.stop.is_cancelled() {
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
