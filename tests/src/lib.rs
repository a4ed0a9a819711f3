//! What the suites share: the stores under test, events and values to put into them, step types for tests, programs that
//! are killed, and servers to test with.

pub mod events;
#[cfg(all(feature = "postgres", unix))]
pub mod postgres_server;
pub mod steps;
pub mod stores;
pub mod values;
