//! Resolves the stores and runs that the command line names.

use std::sync::Arc;

use serde_json::{Value, json};

use super::args::{Reuse, Shared};
use super::exit::Failure;
use super::store_url::store_url;
use crate::engine::ReusePolicy;
use crate::event::{FlowEvent, FlowId};
use crate::flow::{FlowDefinition, FlowStatus};
use crate::step::listed;
use crate::store::{EventStore, Holder, OpenMode, PersistenceError};

/// Opens the store named by the command line, or else by the environment.
pub(super) fn open_store(shared: &Shared, mode: OpenMode) -> Result<Arc<dyn EventStore>, Failure> {
    Ok(store_url(shared)?.open(mode)?)
}

/// Opens an existing store to read, or returns `None` if there is none.
pub(super) fn store_if_there(shared: &Shared) -> Result<Option<Arc<dyn EventStore>>, Failure> {
    match store_url(shared)?.open(OpenMode::Read) {
        Err(PersistenceError::Absent { .. }) => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

/// Returns the policy that decides which finished results replace running a step of `definition`.
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

/// Finds the run that `written` names, with its events: an id, a prefix of one, or `@last`.
pub(super) fn find_run(store: &dyn EventStore, written: &str) -> Result<(FlowId, Vec<FlowEvent>), Failure> {
    let flow_id = find_run_id(store, written)?;
    let events = store.list(flow_id)?;
    if events.is_empty() {
        return Err(unknown(written));
    }
    Ok((flow_id, events))
}

/// Finds the id of the run that `written` names. A complete id is not looked up, so the run may not exist.
pub(super) fn find_run_id(store: &dyn EventStore, written: &str) -> Result<FlowId, Failure> {
    if let Ok(flow_id) = written.parse::<FlowId>() { Ok(flow_id) } else { search(store, written) }
}

/// Returns the first event of the run that `written` names.
pub(super) fn first_event(store: &dyn EventStore, written: &str) -> Result<FlowEvent, Failure> {
    let flow_id = find_run_id(store, written)?;
    store.read_event(flow_id, 0)?.ok_or_else(|| unknown(written))
}

fn search(store: &dyn EventStore, written: &str) -> Result<FlowId, Failure> {
    if written == "@last" {
        let newest = store.newest_runs(None, None, 1)?;
        let last = newest.first().ok_or_else(|| Failure::usage("the store has no runs yet"))?;
        return Ok(last.flow_id);
    }
    match store.find_run_ids(&written.to_ascii_lowercase(), 2)?[..] {
        [only] => Ok(only),
        [] => Err(unknown(written)),
        [first, second, ..] => Err(Failure::usage(format!(
            "`{written}` begins the ids of several runs, `{first}` and `{second}` among them"
        ))
        .with_help("write more of the id")),
    }
}

/// Returns the failure for a run that is not in the store.
pub(super) fn unknown(written: &str) -> Failure {
    Failure::usage(format!("there is no run `{written}` in this store"))
        .with_help("`chem ls` lists the runs; `--store` says which store")
}

/// Returns the process that holds the lease on an interrupted run. `None` if there is no holder, if this process is the
/// holder, or if the run has another status.
pub(super) fn at_work(
    store: &dyn EventStore,
    flow_id: FlowId,
    status: FlowStatus,
) -> Result<Option<Holder>, PersistenceError> {
    if status != FlowStatus::Interrupted {
        return Ok(None);
    }
    Ok(store.lease_holder(flow_id)?.filter(|holder| *holder != Holder::this_process()))
}

/// Marks the JSON of a run as running, with its lease holder.
pub(super) fn say_running(run: &mut Value, holder: &Holder) {
    run["status"] = RUNNING.into();
    run["holder"] = json!({ "host": holder.host, "pid": holder.pid });
}

/// The status of a run that has a lease holder. The log alone cannot tell it from an interrupted run.
pub(super) const RUNNING: &str = "running";
