//! Flows: which steps, wired how; what a run's state is; what happens next; and what an event means.
//!
//! Everything here is pure. The engine is a loop around [`decide`] and [`evolve`], and [`replay`] is a fold of the
//! latter. A definition is needed to go on with a run, and never to know its state.

mod decide;
mod definition;
mod evolve;
mod identity;
mod instance;

pub use decide::{Decision, decide};
pub use definition::{FlowDefinition, FlowDefinitionError, FlowStep, OutputAddress, build_flow_definition_auto};
pub use evolve::{ReplayError, evolve, replay};
pub use identity::{StepIdentity, definition_hash, flow_fingerprint};
pub use instance::{FlowInstance, FlowStatus, StepState, StepStatus};
