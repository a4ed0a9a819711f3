//! Reproducible chemistry flows on an append-only event log.
//!
//! A flow is a list of steps, written as a YAML manifest or built in Rust. The [`engine`] runs it and records every fact
//! in an event [`store`]: in memory, in SQLite, or in PostgreSQL. Every step has a deterministic fingerprint, every flow
//! an aggregate one, and both are the same however the flow was written and wherever its log lives.
//!
//! A step is a function:
//!
//! ```
//! use chem_runtime::engine::FlowEngine;
//! use chem_runtime::prelude::*;
//! use chem_runtime::steps::demo::{Seed, Text};
//!
//! /// Repeats a text.
//! #[step("text.repeat", version = 1)]
//! fn repeat(
//!     text: Input<Text>,
//!     /// How often.
//!     #[param(default = 2, min = 1)]
//!     times: u32,
//! ) -> Result<Text, StepError> {
//!     Ok(Text(text.0.repeat(times as usize)))
//! }
//!
//! let engine = FlowEngine::new().first_step(Seed::new().with_text("CO")).add_step(Repeat::new().with_times(3)).build()?;
//! engine.run_to_end()?;
//! assert_eq!(engine.last_step_output("repeat")?.unwrap().payload_text(), "\"COCOCO\"");
//! # Ok::<_, chem_runtime::engine::CoreEngineError>(())
//! ```
//!
//! A struct with a method is one too, by [`derive(Step)`](derive@step::Step). A program has the steps of the crates that it links.
//!
//! Where to look: [`mod@step`] for writing steps, [`engine`] for running flows, [`store`] for where logs live, [`flow`] for
//! what events mean, [`fingerprint`] for what makes two runs equal, and [`cli`] for a program of one's own.

// The expansion of `#[step]` names this crate from outside, also where it stands inside.
#[allow(unused_extern_crates)]
extern crate self as chem_runtime;

pub mod artifact;
mod cancel;
#[cfg(feature = "chemistry")]
pub mod chemistry;
pub mod cli;
pub mod engine;
pub mod event;
pub mod fingerprint;
pub mod flow;
pub mod manifest;
pub mod prelude;
mod process;
pub mod records;
pub mod report;
pub mod step;
pub mod steps;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod workbench;

pub use chem_macros::{include_flow, step};
/// What the `chem` program allocates memory with, for programs of one's own that work on molecules: these are many small
/// allocations on all cores at once.
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: chem_runtime::Allocator = chem_runtime::Allocator;
/// ```
#[cfg(feature = "chemistry")]
pub use mimalloc::MiMalloc as Allocator;

/// What `#[step]` expands to speaks of these. They are no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use inventory;

    pub use crate::step::into_step::unnamed;
    pub use crate::step::param::{given, named_columns};
    pub use crate::step::run_step::{Method, has_port};
    pub use crate::step::{InvalidStepId, PlannedStep, StepId};

    /// Parameters by name.
    pub type Params = serde_json::Map<String, serde_json::Value>;
}
