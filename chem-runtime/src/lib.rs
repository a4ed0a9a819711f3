//! Reproducible chemistry flows on an append-only event log.

extern crate self as chem_runtime;

pub mod artifact;
pub mod event;
pub mod fingerprint;
pub mod step;
pub mod steps;
