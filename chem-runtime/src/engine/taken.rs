//! The children that the threads of this process run.
//!
//! A lease tells processes apart, and not the threads of one: a process may acquire again what it holds. Threads that look for
//! children at the same time, such as those of `FlowEngine::work` beside the run itself, take them here first.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::event::FlowId;

/// The ids tell the children of all stores apart, except for those of a run that several stores have: its threads then wait for
/// each other. Two handles on one store are the same store, so the store is not part of the key.
static TAKEN: LazyLock<Mutex<HashSet<FlowId>>> = LazyLock::new(Mutex::default);

/// A child that a thread of this process has taken, until this is dropped.
pub(super) struct Taken(FlowId);

impl Taken {
    /// Takes a child; `None` if another thread has it.
    pub(super) fn of(flow_id: FlowId) -> Option<Self> {
        let is_free = taken().insert(flow_id);
        // Made only if it was free: a value that is dropped gives the child back.
        is_free.then(|| Self(flow_id))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        taken().remove(&self.0);
    }
}

fn taken() -> MutexGuard<'static, HashSet<FlowId>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}
