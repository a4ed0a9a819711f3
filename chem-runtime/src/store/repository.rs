//! From events to the state of a run.

use crate::event::{FlowEvent, FlowId};
use crate::fingerprint::DefinitionHash;
use crate::flow::{FlowDefinition, FlowInstance, ReplayError, replay};

/// Makes the state of a run from its events.
pub trait FlowRepository: Send + Sync {
    /// The state that `events` tell of the run `flow_id`, which has to be a run of `definition`.
    ///
    /// # Errors
    /// [`LoadError::OtherDefinition`] if it is a run of another flow, [`LoadError::Replay`] if its log is broken.
    fn load(
        &self,
        flow_id: FlowId,
        events: &[FlowEvent],
        definition: &FlowDefinition,
    ) -> Result<FlowInstance, LoadError> {
        checked(replay(flow_id, events)?, definition)
    }
}

/// The state, if it is the one of a run of `definition`.
pub(super) fn checked(instance: FlowInstance, definition: &FlowDefinition) -> Result<FlowInstance, LoadError> {
    match instance.initialized() {
        Some(initialized) if initialized.definition_hash != definition.hash() => Err(LoadError::OtherDefinition {
            flow_id: instance.flow_id(),
            recorded: initialized.definition_hash,
            given: definition.hash(),
        }),
        _ => Ok(instance),
    }
}

/// Why a run's state cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The log is broken.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The run is one of another flow.
    #[error("run {flow_id} has the steps {recorded}, and the definition given for it has {given}")]
    OtherDefinition {
        /// The run.
        flow_id: FlowId,
        /// The hash of its recorded definition.
        recorded: DefinitionHash,
        /// The hash of the definition given for it.
        given: DefinitionHash,
    },
}

/// Replays from the events it is given, and keeps nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct InMemoryFlowRepository;

impl InMemoryFlowRepository {
    /// A repository.
    pub fn new() -> Self {
        Self
    }
}

impl FlowRepository for InMemoryFlowRepository {}

impl<R: FlowRepository + ?Sized> FlowRepository for std::sync::Arc<R> {
    fn load(
        &self,
        flow_id: FlowId,
        events: &[FlowEvent],
        definition: &FlowDefinition,
    ) -> Result<FlowInstance, LoadError> {
        (**self).load(flow_id, events, definition)
    }
}
