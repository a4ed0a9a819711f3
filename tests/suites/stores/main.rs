//! Event stores: the laws that all of them keep, and what SQLite promises besides.
//!
//! - `laws`: one body for each law, run on every store of [`chem_tests::stores!`].
//! - `script`: one script of operations, run on all stores, whose logs must be equal.
//! - `sqlite`: what the file refuses, what is refused as a file, and several processes on one store.
//! - `durability`: a program that is killed while it appends.

mod durability;
mod laws;
mod script;
mod sqlite;
