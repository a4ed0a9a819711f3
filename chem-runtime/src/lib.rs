//! Reproducible chemistry flows on an append-only event log.

// The expansion of `#[step]` names this crate from outside, also where it stands inside.
#[allow(unused_extern_crates)]
extern crate self as chem_runtime;

pub mod artifact;
pub mod engine;
pub mod event;
pub mod fingerprint;
pub mod flow;
pub mod records;
pub mod step;
pub mod steps;
pub mod store;
