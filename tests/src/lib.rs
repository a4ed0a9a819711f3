//! What the suites share: step types for tests, a program that has them besides all others, and servers to test with.

#[cfg(all(feature = "postgres", unix))]
pub mod postgres_server;
pub mod steps;
