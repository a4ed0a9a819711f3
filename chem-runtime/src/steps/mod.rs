//! The built-in step types that need no chemistry.

pub mod demo;
pub mod process;
#[cfg(feature = "python")]
mod python;
pub mod table;
