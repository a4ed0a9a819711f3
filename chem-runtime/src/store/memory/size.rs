//! Measures the in-memory store, in bytes of text.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use super::State;
use crate::artifact::Artifact;
use crate::event::{FlowEvent, FlowId};
use crate::store::summary::flow_begun_by;
use crate::store::{Contents, FlowSize, Largest, RunSize, StoreSize, TableSize};

pub(super) fn size(state: &State) -> StoreSize {
    let table = |name: &str, rows: usize, bytes: u64| TableSize {
        name: name.to_owned(),
        rows: rows as u64,
        is_estimate: false,
        bytes,
        index_bytes: 0,
    };
    let tables = vec![
        table("event_log", state.log.len(), state.flows.values().flatten().map(event_bytes).sum()),
        table("workflow_step_artifacts", state.artifacts.len(), state.artifacts.values().map(artifact_bytes).sum()),
    ];
    StoreSize::new(begun(state).count() as u64, tables)
}

pub(super) fn largest(state: &State, limit: usize) -> Largest {
    let mut artifacts: HashMap<FlowId, (u64, u64)> = HashMap::new();
    for (hash, flow_id) in &state.produced_by {
        let (count, bytes) = artifacts.entry(*flow_id).or_default();
        *count += 1;
        *bytes += state.artifacts.get(hash).map_or(0, artifact_bytes);
    }
    let mut runs: Vec<RunSize> = begun(state)
        .map(|(flow_id, events)| {
            let (artifacts, artifact_bytes) = artifacts.get(flow_id).copied().unwrap_or_default();
            let (count, event_bytes) = (events.len() as u64, events.iter().map(event_bytes).sum());
            RunSize {
                flow_id: *flow_id,
                flow: events.first().and_then(|first| flow_begun_by(&first.kind)).map(str::to_owned),
                contents: Contents { events: count, event_bytes, artifacts, artifact_bytes },
            }
        })
        .collect();
    let mut flows: BTreeMap<Option<String>, FlowSize> = BTreeMap::new();
    for RunSize { flow, contents, .. } in &runs {
        let none = FlowSize { flow: flow.clone(), runs: 0, contents: Contents::default() };
        let of_flow = flows.entry(flow.clone()).or_insert(none);
        of_flow.runs += 1;
        of_flow.contents.events += contents.events;
        of_flow.contents.event_bytes += contents.event_bytes;
        of_flow.contents.artifacts += contents.artifacts;
        of_flow.contents.artifact_bytes += contents.artifact_bytes;
    }
    // The sort is stable, so flows of equal size stay ordered by name.
    let mut flows: Vec<FlowSize> = flows.into_values().collect();
    flows.sort_by_key(|flow| Reverse(flow.contents.bytes()));
    flows.truncate(limit);
    runs.sort_by_key(|run| (Reverse(run.contents.bytes()), run.flow_id));
    runs.truncate(limit);
    Largest { flows, runs }
}

/// Iterates over the runs that have an event. An append without events leaves an entry without events.
fn begun(state: &State) -> impl Iterator<Item = (&FlowId, &Vec<FlowEvent>)> {
    state.flows.iter().filter(|(_, events)| !events.is_empty())
}

fn event_bytes(event: &FlowEvent) -> u64 {
    // Every admitted event has a canonical text.
    event.kind.payload_text().map_or(0, |text| text.len() as u64)
}

fn artifact_bytes(artifact: &Artifact) -> u64 {
    let metadata = artifact.metadata().map_or(0, |metadata| metadata.to_string().len());
    (artifact.payload_text().len() + metadata) as u64
}
