//! The built-in step types that need no chemistry.

pub mod demo;
pub mod process;
pub mod table;
