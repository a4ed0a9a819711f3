//! Finds the columns of a table by name.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::Column;

/// The index of each column by its name, built when the first column is looked up. A step that names each of 100,000
/// columns would otherwise search all of them for each.
#[derive(Debug, Clone, Default)]
pub(super) struct NameIndex(OnceLock<Arc<HashMap<Arc<str>, usize>>>);

impl NameIndex {
    /// Returns the index of the column called `name` among `columns`, which must be the same in every call.
    pub(super) fn of(&self, columns: &[Column], name: &str) -> Option<usize> {
        let indices = || columns.iter().enumerate().map(|(index, column)| (column.name.clone(), index)).collect();
        self.0.get_or_init(|| Arc::new(indices())).get(name).copied()
    }
}

/// The index follows from the columns, which are compared themselves.
impl PartialEq for NameIndex {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crate::artifact::{Column, ColumnType, Table, Values};

    fn wide(columns: usize) -> Table {
        let column =
            |index| (Column::new(&format!("c{index}"), ColumnType::Integer), Values::empty(ColumnType::Integer));
        Table::new((0..columns).map(column)).unwrap()
    }

    #[test]
    fn columns_are_found_by_name_also_after_a_change() {
        let table = wide(3);
        assert_eq!((table.index_of("c2"), table.index_of("x")), (Some(2), None));
        let more = table.with_column(Column::new("x", ColumnType::Text), Values::empty(ColumnType::Text)).unwrap();
        assert_eq!((more.index_of("x"), more.index_of("c2"), table.index_of("x")), (Some(3), Some(2), None));
        assert_eq!(table, wide(3));
    }

    #[test]
    fn the_time_of_finding_all_columns_is_linear() {
        let time = |columns: usize| -> Duration {
            let names: Vec<String> = (0..columns).map(|index| format!("c{index}")).collect();
            let table = wide(columns);
            let begun = Instant::now();
            assert!(names.iter().enumerate().all(|(index, name)| table.index_of(name) == Some(index)));
            begun.elapsed()
        };
        // Four times the columns take 16 times as long at quadratic cost. Another process may disturb a measurement.
        assert!((0..5).any(|_| time(40_000) < 8 * time(10_000)));
    }
}
