//! The step types that come with the runtime.

pub mod demo;
pub mod process;
pub mod table;
