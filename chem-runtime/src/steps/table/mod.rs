//! Steps over tables of any records.

mod write;

pub use write::{WriteTable, write_table};
