//! Steps in Python: functions that a manifest names under `steps_from:`.
//!
//! The package `chem_flow` describes the functions (`describe`), from which step types are made like those in Rust
//! (`description`, `step`), and runs them in workers (`worker`, `pool`), with which batches of rows travel as Arrow IPC streams
//! ([`arrow`](super::arrow)). `interpreter` finds the Python that does this.

mod cache;
mod declared;
mod definition;
mod describe;
mod description;
mod identity;
mod interpreter;
mod lock;
mod pool;
mod rows;
mod step;
mod whole;
mod wire;
mod worker;

use crate::step::StepProvider;

inventory::submit! {
    StepProvider { describe: describe::describe }
}
