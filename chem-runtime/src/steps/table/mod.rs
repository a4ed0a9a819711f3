//! Steps over tables.

mod aggregate;
mod compute;
mod file;
mod join;
mod read;
mod select;
mod sort;
mod top;
mod write;

pub use aggregate::{Aggregate, AggregateTable, Measure, aggregate_table};
pub use compute::{ComputeColumns, ComputedColumns, compute_columns};
pub use join::{JoinTable, join_table};
pub use read::{ReadTable, read_table};
pub use select::{SelectColumns, select_columns};
pub use sort::{SortKey, SortTable, sort_table};
pub use top::{TopRows, top_rows};
pub use write::{WriteTable, write_table};
