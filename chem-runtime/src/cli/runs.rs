//! Stores and runs as the command line names them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::args::{Reuse, Shared};
use super::exit::Failure;
use crate::engine::ReusePolicy;
use crate::event::{FlowEvent, FlowId};
use crate::flow::{FlowDefinition, FlowStatus};
use crate::step::listed;
use crate::store::{self, EventStore, Holder, StoreError, StoreUrl};

/// Opens the store that the command line, or else the environment, names; makes it if it is not there yet.
pub(super) fn open_store(shared: &Shared) -> Result<Arc<dyn EventStore>, Failure> {
    Ok(store::open(&store_url(shared)?)?)
}

/// The same for commands that go on with a run: a store that is not there is not made.
pub(super) fn open_existing_store(shared: &Shared) -> Result<Arc<dyn EventStore>, Failure> {
    Ok(store::open_existing(&store_url(shared)?)?)
}

/// The same for commands that only read, from a store that may be kept from writing.
pub(super) fn open_store_to_read(shared: &Shared) -> Result<Arc<dyn EventStore>, Failure> {
    Ok(store::open_to_read(&store_url(shared)?)?)
}

/// The store that the command line, or else the environment, names, if it is there.
pub(super) fn store_if_there(shared: &Shared) -> Result<Option<Arc<dyn EventStore>>, Failure> {
    match store::open_to_read(&store_url(shared)?) {
        Err(StoreError::Absent { .. }) => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

/// Which finished results stand in for running a step of `definition`.
pub(super) fn reuse_policy(reuse: &Reuse, definition: &FlowDefinition) -> Result<ReusePolicy, Failure> {
    if reuse.no_cache {
        return Ok(ReusePolicy::never());
    }
    let known: Vec<&str> = definition.steps().iter().map(|step| step.step().id().as_str()).collect();
    let mut policy = ReusePolicy::wherever_possible();
    for step in &reuse.refresh {
        if !known.contains(&step.as_str()) {
            return Err(Failure::usage(format!("the flow has no step `{step}` to refresh"))
                .with_help(format!("it has {}", listed(&known))));
        }
        policy = policy.refreshing(step);
    }
    Ok(policy)
}

/// The address of the store that the command line, or else the environment, names.
pub(super) fn store_url(shared: &Shared) -> Result<StoreUrl, Failure> {
    Ok(StoreUrl::choose(shared.store.as_deref(), |name| std::env::var(name).ok())?)
}

/// The run that `written` means: an id, the beginning of one, or `@last`.
pub(super) fn find_run(store: &dyn EventStore, written: &str) -> Result<(FlowId, Vec<FlowEvent>), Failure> {
    let flow_id = find_run_id(store, written)?;
    let events = store.list(flow_id)?;
    if events.is_empty() {
        return Err(unknown(written));
    }
    Ok((flow_id, events))
}

/// The same without its events: a whole id is not looked for.
pub(super) fn find_run_id(store: &dyn EventStore, written: &str) -> Result<FlowId, Failure> {
    if let Ok(flow_id) = written.parse::<FlowId>() { Ok(flow_id) } else { search(store, written) }
}

/// How the run began that `written` means.
pub(super) fn first_event(store: &dyn EventStore, written: &str) -> Result<FlowEvent, Failure> {
    let flow_id = find_run_id(store, written)?;
    store.event(flow_id, 0)?.ok_or_else(|| unknown(written))
}

fn search(store: &dyn EventStore, written: &str) -> Result<FlowId, Failure> {
    if written == "@last" {
        let newest = store.newest(None, None, 1)?;
        let last = newest.first().ok_or_else(|| Failure::usage("the store has no runs yet"))?;
        return Ok(last.flow_id);
    }
    match store.flows_with_prefix(&written.to_ascii_lowercase(), 2)?[..] {
        [only] => Ok(only),
        [] => Err(unknown(written)),
        [first, second, ..] => Err(Failure::usage(format!(
            "`{written}` begins the ids of several runs, `{first}` and `{second}` among them"
        ))
        .with_help("write more of the id")),
    }
}

/// The failure for a run that is not there.
pub(super) fn unknown(written: &str) -> Failure {
    Failure::usage(format!("there is no run `{written}` in this store"))
        .with_help("`chem ls` lists the runs; `--store` says which store")
}

/// The process that is at work on a run that has not ended, if it is another one.
pub(super) fn at_work(
    store: &dyn EventStore,
    flow_id: FlowId,
    status: FlowStatus,
) -> Result<Option<Holder>, StoreError> {
    if status != FlowStatus::Interrupted {
        return Ok(None);
    }
    Ok(store.holder(flow_id)?.filter(|holder| *holder != Holder::this_process()))
}

/// What the JSON of a run says where a process is at work on it.
pub(super) fn say_running(run: &mut Value, holder: &Holder) {
    run["status"] = RUNNING.into();
    run["holder"] = json!({ "host": holder.host, "pid": holder.pid });
}

/// The status of a run that a process is at work on. The log alone cannot tell it from one that was interrupted.
pub(super) const RUNNING: &str = "running";
