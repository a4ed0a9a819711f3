//! Reproducible chemistry flows on an append-only event log.
//!
//! A flow is a list of steps, written as a YAML manifest or built in Rust. The [`engine`] runs it and records every
//! fact as an event in a [`store`]: in memory, in SQLite, or in PostgreSQL. Each step has a deterministic fingerprint,
//! and so does the flow as a whole. Neither depends on how the flow was written or where its log is stored.
//!
//! A step is a function with the attribute `#[step]`:
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
//! A struct with a method can be a step, too: see [`derive(Step)`](derive@step::Step). A program has the steps of every
//! crate that is linked into it.
//!
//! Where to look next:
//!
//! - [`mod@step`]: writing steps
//! - [`engine`]: running flows
//! - [`store`]: storing logs
//! - [`flow`]: what events mean
//! - [`fingerprint`]: what makes two runs equal
#![cfg_attr(feature = "cli", doc = "- [`cli`]: building your own program with the `chem` commands")]
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `chemistry` | yes | the step types over molecules, and an allocator that suits them; takes minutes to build |
//! | `cli` | yes | the program `chem`, and the module `cli`: its command line for a program with steps of your own |
//! | `gate-schemas` | yes | gates whose answers contain data, validated against a JSON Schema. Without it, a flow with such a gate is refused |
//! | `parquet` | yes | tables as Parquet files |
//! | `postgres` | yes | the event store in PostgreSQL |
//! | `sqlite` | yes | the event store in an SQLite file, where the command line keeps its log unless told otherwise |
//! | `testing` | no | flows as regression tests, for `[dev-dependencies]` |
//!
//! Without features, the crate runs flows of table steps and of your own, with a log in memory or in a store of your own.

// The expansion of `#[step]` names this crate by its external path, even inside the crate.
#[allow(unused_extern_crates)]
extern crate self as chem_runtime;

pub mod artifact;
mod cancel;
#[cfg(feature = "chemistry")]
pub mod chemistry;
#[cfg(feature = "cli")]
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
/// The allocator of the `chem` program. Use it in your own programs that work on molecules, which make many small
/// allocations on all cores at once.
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: chem_runtime::Allocator = chem_runtime::Allocator;
/// ```
#[cfg(feature = "chemistry")]
pub use mimalloc::MiMalloc as Allocator;

/// Used by the expansion of `#[step]`; not part of the public interface.
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
