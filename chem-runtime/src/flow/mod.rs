//! Flow definitions, the state of a run, and the two functions that drive it: [`decide`] and [`evolve`].
//!
//! Everything here is pure. The engine is a loop around [`decide`] and [`evolve`], and [`replay`] is a fold of [`evolve`].
//! Continuing a run requires its definition; computing its state does not.
//!
//! ```
//! use chem_runtime::engine::FlowEngine;
//! use chem_runtime::flow::{Decision, FlowStatus, StepStatus, decide, replay};
//! use chem_runtime::steps::demo::{Characters, Seed};
//!
//! let engine = FlowEngine::new().first_step(Seed { text: "CCO".into() }).add_step(Characters {}).build()?;
//! engine.run_to_end()?;
//!
//! // Any prefix of a log determines a state, and the state determines what happens next.
//! let (flow_id, events) = (engine.default_flow(), engine.events()?);
//! let after_three = replay(flow_id, &events[..3])?;
//! assert_eq!(after_three.step("seed").unwrap().status, StepStatus::FinishedOk);
//! assert_eq!(decide(&after_three), Decision::Start(1));
//! assert_eq!(replay(flow_id, &events)?.status(), FlowStatus::Completed);
//! # Ok::<_, chem_runtime::engine::CoreEngineError>(())
//! ```

mod answer;
mod decide;
mod definition;
mod divergence;
mod error;
mod evolve;
mod finished;
mod history;
mod identity;
mod instance;
mod proof;
mod shard;
mod wired;
mod wiring;

pub use answer::AnswerError;
pub(crate) use answer::{check_answer, check_schema};
pub use decide::{Decision, decide};
pub use definition::{FlowDefinition, build_flow_definition_auto, step_types};
pub(crate) use definition::{step_types_in, step_types_of};
pub use divergence::Change;
pub(crate) use divergence::divergence_hash;
pub(crate) use divergence::{changes, policy_changes};
pub use error::FlowDefinitionError;
pub(crate) use evolve::evolve_own;
pub use evolve::{ReplayError, evolve, replay};
pub(crate) use history::{ancestors_of, history_of};
pub use identity::{StepIdentity, definition_hash, flow_fingerprint};
pub use instance::{FlowInstance, StepState, StepStatus};
pub(crate) use shard::{ShardGroup, rows_port};
pub use wired::{FlowStep, OutputAddress};
pub(crate) use wiring::{Doubled, Feed, Problem, Shape, ToWire, check as check_wiring};

pub use crate::event::FlowStatus;
