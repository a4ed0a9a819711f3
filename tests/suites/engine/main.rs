//! The engine: what it records, how runs end, and that no power loss damages a run.
//!
//! - `shape`, `ends`: what a run looks like, and how it ends.
//! - `crash`, `anywhere`: power losses at every append, in flows of counting steps and in every flow of the repository.
//! - `behind`: steps that run while the log is being written.
//! - `progress`: what a step stores before it ends, and that it continues there.
//! - `following`: a log that is read while it grows.
//! - `given`: the stores and repositories that an engine accepts.
//! - `children`: a step that runs flows.
//! - `workers`: a step that leaves them to other processes.
//! - `retry`, `timeout`, `gates`, `branch`: retries, timeouts, questions to a person, and branches.

mod anywhere;
mod behind;
mod branch;
mod children;
mod counting;
mod crash;
mod ends;
mod following;
mod gates;
mod given;
mod history;
mod progress;
mod retry;
mod shape;
mod timeout;
mod workers;
