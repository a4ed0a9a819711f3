//! Steps over tables.

mod aggregate;
mod compute;
mod file;
mod filter;
mod join;
mod pivot;
mod read;
mod select;
mod sort;
mod split;
mod top;
mod union;
mod unite;
mod unpivot;
mod write;

pub use aggregate::{Aggregate, AggregateTable, Measure, aggregate_table};
pub use compute::{ComputeColumns, ComputedColumns, compute_columns};
pub use filter::{FilterRows, filter_rows};
pub use join::{JoinTable, join_table};
pub use pivot::{PivotTable, pivot_table};
pub use read::{ReadTable, read_table};
pub use select::{SelectColumns, select_columns};
pub use sort::{SortKey, SortTable, sort_table};
pub use split::{Part, SplitRows, split_rows};
pub use top::{TopRows, top_rows};
pub use union::{UniteTables, unite_tables};
pub use unpivot::{UnpivotTable, unpivot_table};
pub use write::{WriteTable, write_table};
