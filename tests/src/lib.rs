//! What the suites share: the stores under test, events and values to put into them, step types for tests, and programs
//! that are killed.

pub mod events;
pub mod steps;
pub mod stores;
pub mod values;
