//! Replays the stored events of a run without keeping them.

use super::provider::ConnectionProvider;
use super::{Inner, read};
use crate::event::FlowId;
use crate::flow::{FlowDefinition, FlowInstance, ReplayError, evolve};
use crate::store::repository::checked;
use crate::store::{FlowRepository, LoadError, PersistenceError};

/// Replays runs from given events or from those in a database.
pub struct PgFlowRepository {
    inner: Inner,
}

/// Why the state of a stored run cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum StoredRunError {
    /// The log is invalid, or the run belongs to another flow.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PersistenceError),
}

impl PgFlowRepository {
    /// Creates a repository over the database of `provider`.
    pub fn new(provider: impl ConnectionProvider + 'static) -> Self {
        Self { inner: Inner::new(provider) }
    }

    /// Replays a stored run. Drops each event as soon as it is applied.
    ///
    /// # Errors
    /// As [`FlowRepository::load`], and the errors of the store.
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
