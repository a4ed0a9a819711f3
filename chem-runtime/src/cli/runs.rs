//! Stores and runs as the command line names them.

use std::sync::Arc;

use super::args::Shared;
use super::exit::Failure;
use crate::event::{FlowEvent, FlowId};
use crate::store::{self, EventStore, StoreUrl};

/// Opens the store that the command line, or else the environment, names; makes it if it is not there yet.
pub(super) fn open_store(shared: &Shared) -> Result<Arc<dyn EventStore>, Failure> {
    Ok(store::open(&store_url(shared)?)?)
}

/// The same for commands that only read: a store that is not there is not made.
pub(super) fn open_existing_store(shared: &Shared) -> Result<Arc<dyn EventStore>, Failure> {
    let url = store_url(shared)?;
    if let StoreUrl::Sqlite(path) = &url
        && !path.exists()
    {
        return Err(Failure::no_store(format!("there is no store at `{}`", path.display()))
            .with_help("`chem run MANIFEST` makes one; `--store` names another"));
    }
    Ok(store::open(&url)?)
}

/// The address of the store that the command line, or else the environment, names.
pub(super) fn store_url(shared: &Shared) -> Result<StoreUrl, Failure> {
    Ok(StoreUrl::choose(shared.store.as_deref(), |name| std::env::var(name).ok())?)
}

/// The run that `written` means: an id, the beginning of one, or `@last`.
pub(super) fn find_run(store: &dyn EventStore, written: &str) -> Result<(FlowId, Vec<FlowEvent>), Failure> {
    let flow_id = if let Ok(flow_id) = written.parse::<FlowId>() { flow_id } else { search(store, written)? };
    let events = store.list(flow_id)?;
    if events.is_empty() {
        return Err(unknown(written));
    }
    Ok((flow_id, events))
}

fn search(store: &dyn EventStore, written: &str) -> Result<FlowId, Failure> {
    let flows = store.flows()?;
    if written == "@last" {
        let last = flows.last().ok_or_else(|| Failure::usage("the store has no runs yet"))?;
        return Ok(last.flow_id());
    }
    let prefix = written.to_ascii_lowercase();
    let mut matching = flows.iter().map(|flow| flow.flow_id()).filter(|id| id.to_string().starts_with(&prefix));
    match (matching.next(), matching.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(unknown(written)),
        (Some(first), Some(second)) => Err(Failure::usage(format!(
            "`{written}` begins the ids of several runs, `{first}` and `{second}` among them"
        ))
        .with_help("write more of the id")),
    }
}

fn unknown(written: &str) -> Failure {
    Failure::usage(format!("there is no run `{written}` in this store"))
        .with_help("`chem ls` lists the runs; `--store` says which store")
}
