//! Resolves the stores and runs that the command line names.

use std::sync::Arc;

use super::args::{Reuse, Shared};
use super::exit::Failure;
use crate::engine::ReusePolicy;
use crate::event::{FlowEvent, FlowId};
use crate::flow::FlowDefinition;
use crate::step::listed;
use crate::store::{EventStore, OpenMode, PersistenceError};
use crate::workbench::{self, LookupError};

/// Opens the store named by the command line, or else by the environment.
pub(super) fn open_store(shared: &Shared, mode: OpenMode) -> Result<Arc<dyn EventStore>, Failure> {
    Ok(shared.store_url()?.open(mode)?)
}

/// Opens an existing store to read, or returns `None` if there is none.
pub(super) fn store_if_there(shared: &Shared) -> Result<Option<Arc<dyn EventStore>>, Failure> {
    match shared.store_url()?.open(OpenMode::Read) {
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
    if reuse.no_reuse_rows {
        policy = policy.computing_all_rows();
    }
    Ok(policy)
}

/// Finds the run that the user names, with its events.
pub(super) fn find_run(store: &dyn EventStore, name: &str) -> Result<(FlowId, Vec<FlowEvent>), Failure> {
    let flow_id = workbench::find_run(store, name)?;
    Ok((flow_id, store.list(flow_id)?))
}

/// Returns the first event of the run that the user names.
pub(super) fn first_event(store: &dyn EventStore, name: &str) -> Result<FlowEvent, Failure> {
    let flow_id = workbench::find_run(store, name)?;
    Ok(store.read_event(flow_id, 0)?.ok_or_else(|| LookupError::UnknownRun { name: name.to_owned() })?)
}
