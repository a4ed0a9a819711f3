//! Builds the state of a run from its events.

use crate::event::{FlowEvent, FlowId};
use crate::fingerprint::DefinitionHash;
use crate::flow::{FlowDefinition, FlowInstance, ReplayError, replay};

/// Builds the state of a run from its events.
pub trait FlowRepository: Send + Sync {
    /// Returns the state of the run `flow_id` after `events`. The run must be one of `definition`.
    ///
    /// # Errors
    /// Returns [`LoadError::OtherDefinition`] if it is a run of another flow, and [`LoadError::Replay`] if its log is
    /// broken.
    fn load(
        &self,
        flow_id: FlowId,
        events: &[FlowEvent],
        definition: &FlowDefinition,
    ) -> Result<FlowInstance, LoadError> {
        checked(replay(flow_id, events)?, definition)
    }
}

/// Returns the state if it belongs to a run of `definition`.
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

/// The state of a run cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The log violates the rules for events.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The run belongs to another flow.
    #[error("run {flow_id} has the steps {recorded}, and the definition given for it has {given}")]
    OtherDefinition {
        /// The run to load.
        flow_id: FlowId,
        /// The hash of the definition recorded in the run.
        recorded: DefinitionHash,
        /// The hash of the definition that the caller passed.
        given: DefinitionHash,
    },
}

/// Replays the given events on each call, and caches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct InMemoryFlowRepository;

impl InMemoryFlowRepository {
    /// Creates a repository.
    pub fn new() -> Self {
        Self
    }
}

impl FlowRepository for InMemoryFlowRepository {}
