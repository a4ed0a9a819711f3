//! The logs of children that have completed, which do not change: each step of a group in shards looks at them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::event::{FlowEvent, FlowId};
use crate::fingerprint::Fingerprint;
use crate::flow::FlowInstance;

/// The logs of the completed children of one step, as far as they were read.
#[derive(Default)]
pub(super) struct CompletedLogs {
    /// The parent, and the fingerprint of the step.
    of: Option<(FlowId, Fingerprint)>,
    logs: Mutex<HashMap<FlowId, Arc<ChildLog>>>,
}

/// The state of a child, and its events.
pub(super) type ChildLog = (FlowInstance, Vec<FlowEvent>);

impl CompletedLogs {
    /// Returns what `kept` has for the step with `fingerprint` of `parent`. Drops the logs for another step.
    pub(super) fn of(kept: &Mutex<Arc<Self>>, parent: FlowId, fingerprint: Fingerprint) -> Arc<Self> {
        let of = Some((parent, fingerprint));
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.of != of {
            *kept = Arc::new(Self { of, logs: Mutex::default() });
        }
        kept.clone()
    }

    /// Returns the log of a child, which `read` reads unless it is known that the child has completed.
    ///
    /// # Errors
    /// Fails like `read`.
    pub(super) fn get<E>(&self, child: FlowId, read: impl FnOnce() -> Result<ChildLog, E>) -> Result<Arc<ChildLog>, E> {
        let logs = || self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(log) = logs().get(&child) {
            return Ok(log.clone());
        }
        let log = Arc::new(read()?);
        if log.0.flow_fingerprint().is_some() {
            logs().insert(child, log.clone());
        }
        Ok(log)
    }
}
