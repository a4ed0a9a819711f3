//! What is asked of runs: whether a step may be spared, what a run would do, why a step ran, whether a run can be
//! repeated, and where two part.
//!
//! - `code`: results of other code than the program has, and who is told of them.
//! - `diff`: what lies between two runs, found without reading what is equal.
//! - `pieces`: flows of steps that are made up, every component of which a test can change.
//! - `verify`: repeated runs, with faults put into the program and into the log.
//! - `reuse`: which results stand in for running a step, and what the log says of it.
//! - `trust`: what somebody who may write the store can make others believe.
//! - `trace`: what became of each record, and `random_flows` of those in flows that are made up.
//! - `plan`: a plan and the run that follows never disagree, and both name the component that changed.

mod code;
mod diff;
mod pieces;
mod plan;
#[cfg(feature = "chemistry")]
mod random_flows;
mod reuse;
mod steps;
#[cfg(feature = "chemistry")]
mod trace;
mod trust;
mod verify;
