//! From stored events to the state of a run, without keeping the events.

use super::provider::ConnectionProvider;
use super::{Inner, read};
use crate::event::FlowId;
use crate::flow::{FlowDefinition, FlowInstance, ReplayError, evolve};
use crate::store::repository::checked;
use crate::store::{FlowRepository, LoadError, StoreError};

/// Replays runs, from events that it is given or from those that a database holds.
pub struct PgFlowRepository {
    inner: Inner,
}

/// Why a stored run's state cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum StoredRunError {
    /// The log is broken, or the run is one of another flow.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PgFlowRepository {
    /// A repository over the database that `provider` leads to.
    pub fn new(provider: impl ConnectionProvider + 'static) -> Self {
        Self { inner: Inner::new(provider) }
    }

    /// The state of a stored run. Each event is let go as soon as it has had its effect.
    ///
    /// # Errors
    /// As [`FlowRepository::load`] has them, and those of the store.
    pub fn load_stored(&self, flow_id: FlowId, definition: &FlowDefinition) -> Result<FlowInstance, StoredRunError> {
        let replayed = self.inner.with_session("read", |session| {
            let mut replayed: Result<FlowInstance, ReplayError> = Ok(FlowInstance::new(flow_id));
            read::events(session, flow_id, 0, |event| {
                let before = std::mem::replace(&mut replayed, Ok(FlowInstance::new(flow_id)));
                replayed = before.and_then(|instance| evolve(instance, &event.kind));
                Ok(())
            })?;
            Ok(replayed)
        })?;
        let instance = replayed.map_err(LoadError::from)?;
        Ok(checked(instance, definition)?)
    }
}

impl FlowRepository for PgFlowRepository {}
