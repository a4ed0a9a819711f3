//! Reproducible chemistry flows on an append-only event log.

// The expansion of `#[step]` names this crate from outside, also where it stands inside.
#[allow(unused_extern_crates)]
extern crate self as chem_runtime;

pub mod artifact;
pub mod engine;
pub mod event;
pub mod fingerprint;
pub mod flow;
pub mod prelude;
pub mod report;
pub mod step;
pub mod steps;
pub mod store;

pub use chem_macros::step;

/// What `#[step]` expands to speaks of these. They are no part of the interface.
#[doc(hidden)]
pub mod __private {
    pub use inventory;

    pub use crate::step::param::given;

    /// Parameters by name.
    pub type Params = serde_json::Map<String, serde_json::Value>;
}
