//! The built-in step types that need no chemistry.

mod arrow;
pub mod demo;
pub mod process;
#[cfg(feature = "python")]
mod python;
pub mod table;
