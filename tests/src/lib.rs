//! What the suites share: the stores under test, servers for them, a browser, events and values to put into them, step types for
//! tests, and programs that are killed.

pub mod browser;
pub mod effort;
pub mod events;
pub mod outside;
#[cfg(all(feature = "postgres", unix))]
pub mod postgres_server;
pub mod released;
pub mod repeated;
pub mod steps;
pub mod stores;
pub mod values;
