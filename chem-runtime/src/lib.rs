//! Reproducible chemistry flows on an append-only event log.
//!
//! A flow is a list of steps, written as a YAML manifest or built in Rust. The [`engine`] runs it and records every
//! fact as an event in a [`store`]: in memory, in SQLite, or in PostgreSQL. Each step has a deterministic fingerprint,
//! and so does the flow as a whole. Neither depends on how the flow was written or where its log is stored.
//!
//! - [Run a flow](#run-a-flow): [`engine`], [`manifest`]
//! - [Write a step](#write-a-step): [`mod@step`], [`prelude`]
//! - [Read a log](#read-a-log): [`event`], [`flow`], [`report`], [`workbench`]
//! - [Choose or make a store](#choose-or-make-a-store): [`store`]
//! - [Build a program](#build-a-program): the command line with your own steps
//!
//! # Run a flow
//!
//! An engine runs one flow on one store. [`include_flow!`](include_flow) takes a manifest into the program and checks it
//! at compile time; [`manifest::load`] reads one at run time.
//!
//! ```
//! use chem_runtime::engine::FlowEngine;
//! use chem_runtime::include_flow;
//!
//! let flow = include_flow!("../flows/demo.yaml").set("text", "aspirin");
//! let engine = FlowEngine::new().included(&flow)?;
//! let run = engine.run_to_end()?;
//! assert_eq!(engine.last_step_output("count")?.unwrap().payload_text(), r#"{"characters":7}"#);
//! println!("run {} has the fingerprint {}", run.flow_id(), run.flow_fingerprint().unwrap());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! [`FlowEngine::new`](engine::FlowEngine::new) keeps the log in memory, [`FlowEngine::on`](engine::FlowEngine::on) in a
//! store. A run that was interrupted is resumed by its id: `engine.run(flow_id)`.
//!
//! # Write a step
//!
//! A step is a function with the attribute `#[step]`. The macro derives a struct from it, which is the step in Rust:
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
//! In a manifest, the step is `uses: text.repeat`. A program has the steps of every crate that is linked into it. A
//! struct with a method can be a step, too: see [`derive(Step)`](derive@step::Step).
//!
//! # Read a log
//!
//! A log determines the state of its run, and so do the first events of a log.
//!
//! ```
//! use chem_runtime::engine::FlowEngine;
//! use chem_runtime::flow::{FlowStatus, replay};
//! use chem_runtime::steps::demo::{Characters, Seed};
//! use chem_runtime::store::{ArtifactStore, EventStore, OpenMode, RunFilter, RunIndex, StoreUrl};
//!
//! let store = "memory:".parse::<StoreUrl>()?.open(OpenMode::Create)?;
//! let engine = FlowEngine::on(store.clone()).first_step(Seed::new().with_text("CO")).add_step(Characters::new()).build()?;
//! engine.run_to_end()?;
//!
//! let newest = store.find_runs(&RunFilter::default(), None, 10)?;
//! let flow_id = newest[0].flow_id();
//! let events = store.list(flow_id)?;
//! for event in &events {
//!     println!("{} {} {}", event.position, event.kind.event_type(), event.kind.payload_text()?);
//! }
//!
//! let state = replay(flow_id, &events)?;
//! assert_eq!(state.status(), FlowStatus::Completed);
//! let output = state.step("characters").and_then(|step| step.output("main")).unwrap();
//! assert_eq!(store.read_artifact(output.hash)?.unwrap().payload_text(), r#"["C","O"]"#);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! [`report::RunReport`] is a run as data for scripts. The [`workbench`] answers questions about runs: what a run would
//! do, why a step ran, whether a run can be repeated, how two runs differ.
//!
//! # Choose or make a store
//!
//! A [`StoreUrl`](store::StoreUrl) opens a store: `sqlite:PATH`, `postgres://…`, or `memory:`. A further backend is a type
//! that implements [`EventStore`](store::EventStore), and a [`Backend`](store::Backend) that opens it. The module
//! [`store`] lists what to implement; this store is one in memory:
//!
//! ```
//! use std::sync::Arc;
//!
//! use chem_runtime::engine::FlowEngine;
//! use chem_runtime::steps::demo::Seed;
//! use chem_runtime::store::{
//!     Backend, EventStore, InMemoryEventStore, InvalidStoreUrl, OpenMode, PersistenceError, StoreUrl,
//! };
//!
//! /// A store that is new each time: `scratch:`.
//! #[derive(Debug)]
//! struct Scratch;
//!
//! impl std::fmt::Display for Scratch {
//!     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
//!         f.write_str("scratch:")
//!     }
//! }
//!
//! impl Backend for Scratch {
//!     fn schemes() -> &'static [&'static str] {
//!         &["scratch"]
//!     }
//!
//!     fn form() -> &'static str {
//!         "scratch:"
//!     }
//!
//!     fn parse(_: &str, _: &str) -> Result<Self, InvalidStoreUrl> {
//!         Ok(Self)
//!     }
//!
//!     fn open(&self, _: OpenMode) -> Result<Arc<dyn EventStore>, PersistenceError> {
//!         Ok(Arc::new(InMemoryEventStore::new()))
//!     }
//! }
//!
//! chem_runtime::register_backend!(Scratch);
//!
//! let store = "scratch:".parse::<StoreUrl>()?.open(OpenMode::Create)?;
//! FlowEngine::on(store).first_step(Seed::new().with_text("CO")).build()?.run_to_end()?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Build a program
//!
//! A program whose `main` returns `chem_runtime::cli::main()` has every `chem` command, with its own steps and stores; `chem
//! new project` writes one. `assert_flow_snapshot!` (feature `testing`) pins a flow as a regression test.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `chemistry` | yes | the step types over molecules, and an allocator that suits them; takes minutes to build |
//! | `cli` | yes | the program `chem`, and the module `cli`: its command line for a program with steps of your own |
//! | `excel` | yes | tables and molecules from Excel workbooks |
//! | `gate-schemas` | yes | gates whose answers contain data, validated against a JSON Schema. Without it, a flow with such a gate is refused |
//! | `parquet` | yes | tables as Parquet files |
//! | `postgres` | yes | the event store in PostgreSQL |
//! | `python` | yes | steps in Python, which a manifest names under `steps_from`. Without it, such a manifest is refused |
//! | `spool` | yes | the event store of machines that share a directory and no database |
//! | `sqlite` | yes | the event store in an SQLite file, where the command line keeps its log unless told otherwise |
//! | `testing` | yes | flows as regression tests: `assert_flow_snapshot!`, and the command `chem snapshot` |
//! | `ui` | yes | pages in the browser over the runs of a store: the module `explorer`, and the command `chem ui` |
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
mod configuration;
mod disk;
pub mod engine;
pub mod event;
pub mod evidence;
#[cfg(feature = "ui")]
pub mod explorer;
pub mod fingerprint;
pub mod flow;
pub mod handover;
#[cfg(any(feature = "chemistry", feature = "ui"))]
mod html;
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

/// The arrays that the columns of a [`Table`](artifact::Table) are made of.
pub use arrow_array;
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
    pub use crate::step::rows::{Driven, RowMethod, reads, row_ports};
    pub use crate::step::run_step::{Method, has_port};
    pub use crate::step::{InvalidStepId, PlannedStep, StepId};

    /// Parameters by name.
    pub type Params = serde_json::Map<String, serde_json::Value>;
}
