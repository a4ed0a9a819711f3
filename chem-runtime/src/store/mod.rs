//! Event stores: persist events and artifacts.
//!
//! An [`EventStore`] has four parts, and a caller takes the part that it needs:
//!
//! - [`EventLog`] appends at an expected position, reads runs, and follows the log of all runs.
//! - [`Leases`] decides which process may write a run.
//! - [`ArtifactStore`] finds artifacts by their hashes.
//! - [`RunIndex`] finds runs, and results to reuse.
//!
//! All stores obey the same laws, which one test suite checks: the positions of a run are contiguous from 0, an append is
//! atomic, events and artifacts never change, and every store refuses the values that some store could not return
//! unchanged. The meaning of events is left to the flow. A [`StoreUrl`] opens a store by its address.
//!
//! ```
//! use chem_runtime::engine::FlowEngine;
//! use chem_runtime::store::{EventLog, EventStore, InMemoryEventStore, PersistenceError};
//! use chem_runtime::steps::demo::Seed;
//!
//! let engine = FlowEngine::new().first_step(Seed { text: "CCO".into() }).build().unwrap();
//! engine.run_to_end().unwrap();
//!
//! // Events written by one store can be appended to another, where they mean the same.
//! let other = InMemoryEventStore::new();
//! for event in engine.events().unwrap() {
//!     other.append_kind(event.flow_id, event.kind)?;
//! }
//! // A writer that is wrong about where the run is gets a conflict, and the log never forks.
//! let again = engine.events().unwrap()[0].clone();
//! assert!(matches!(other.append(again.flow_id, 0, &[again.kind.into()]), Err(PersistenceError::Conflict { .. })));
//! # Ok::<_, PersistenceError>(())
//! ```
//!
//! # Adding a backend
//!
//! In this crate or in another one, and without a change elsewhere:
//!
//! 1. Implement the four parts for the type of the store, and `EventStore`. Nine methods are required; override a provided
//!    one if the backend has a faster answer. [`admit`] checks a batch and returns what to store, and [`Writer::check`]
//!    checks the lease of its writer, and returns the one to record with the append.
//! 2. Implement [`Backend`] for the type of the store's URL: its scheme, and how to open the store.
//! 3. Write [`register_backend!`](crate::register_backend) with that type.
//!
//! A store whose log can be sealed also implements [`Attestations`], and returns itself from
//! [`EventStore::attestations`]. Without it, commands that seal or sign refuse the store.
//!
//! `memory.rs` and `memory/location.rs` are the shortest example, and `tests/src/jsonl.rs` is one in another crate. A line in
//! `tests/src/stores.rs` runs the laws, and every suite over stores, on a further backend.

// What the databases share has no other user.
#![cfg_attr(not(any(feature = "postgres", feature = "sqlite")), allow(dead_code))]

mod admit;
mod artifacts;
mod attestations;
mod cursor;
mod error;
mod event_store;
mod follow;
mod followed;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod group;
mod holder;
mod index;
mod lease;
mod log;
mod memory;
mod opening;
#[cfg(any(feature = "postgres", feature = "spool", feature = "sqlite"))]
mod packed;
mod page;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod pending;
#[cfg(feature = "postgres")]
pub mod postgres;
mod repository;
mod retry;
pub mod schema;
mod size;
#[cfg(feature = "spool")]
pub mod spool;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod stored;
mod summary;

pub use admit::{Admitted, AdmittedArtifact, admit, admit_artifacts, append_time};
pub use artifacts::{ArtifactStore, StoredArtifacts};
pub use attestations::{ArtifactRow, Attestation, Attestations, Stray};
pub use cursor::{Cursor, InvalidCursor};
pub use error::{ErrorClass, PersistenceError, UnreadableEvent, UnreadableRun};
pub use event_store::{EventStore, IntoEventStore};
pub use follow::{Follower, RunFollower};
pub use followed::Followed;
pub use holder::Holder;
pub use index::{RunIndex, StoredResult};
pub use lease::{Lease, LeaseRecord, LeaseTerms, Leases, Takeover, Writer};
pub use log::{EventLog, NewEvent};
pub use memory::InMemoryEventStore;
#[doc(hidden)]
pub use opening::BackendRegistration;
pub use opening::{Backend, InvalidStoreUrl, OpenMode, StoreUrl};
pub use repository::{FlowRepository, InMemoryFlowRepository, LoadError};
pub use retry::{RetryPolicy, with_retry};
pub use size::{Contents, FlowSize, Largest, RunSize, StoreSize, TableSize};
pub use stored::StoredEvent;
pub use summary::{FlowSummary, RunFilter};
