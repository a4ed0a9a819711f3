//! Event stores: the laws that all of them obey, and what SQLite guarantees beyond them.
//!
//! - `laws`: one test body per law, run on every store of [`chem_tests::stores!`].
//! - `merge`: runs that are split over stores come together.
//! - `script`: one script of operations, run on all stores, whose logs must be equal.
//! - `spool`: machines that are silent, and what killed processes leave in a directory that machines share.
//! - `sqlite`: what the file rejects, which files are rejected, and several processes on one store.
//! - `durability`: a process that is killed while it appends.
//! - `alarms`: writers and sealers that are killed leave a log whose audit finds nothing.

mod alarms;
mod durability;
mod laws;
mod merge;
mod script;
mod spool;
mod sqlite;
