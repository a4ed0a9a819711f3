//! The engine: what it records, how it ends, and that no loss of power can hurt it.
//!
//! - `shape`, `ends`: what a run looks like, and how it ends.
//! - `crash`, `anywhere`: power that goes at any append, in flows of counting steps and in every flow of the repository.
//! - `behind`: steps that work while the log is written.
//! - `following`: a log that is read while it grows.
//! - `retry`, `timeout`, `gates`, `branch`: runs that are tried again, stopped, asked about, and taken elsewhere.

mod anywhere;
mod behind;
mod branch;
mod counting;
mod crash;
mod ends;
mod following;
mod gates;
mod history;
mod retry;
mod shape;
mod timeout;
