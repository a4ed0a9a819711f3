//! Finds columns by name.

use std::collections::HashSet;

use crate::artifact::Table;
use crate::step::{StepError, listed};

/// Returns the index of the column called `name`.
///
/// # Errors
/// If there is no such column, names the `parameter` that asked for it and lists the columns.
pub(crate) fn column_index(table: &Table, name: &str, parameter: &str) -> Result<usize, StepError> {
    if let Some(index) = table.index_of(name) {
        return Ok(index);
    }
    let names: Vec<&str> = table.columns().iter().map(|column| &*column.name).collect();
    let hint = match names.as_slice() {
        [] => "the table has no columns".to_owned(),
        names => format!("the columns are {}", listed(names)),
    };
    Err(StepError::new(format!("there is no column `{name}`, which `{parameter}` names; {hint}")))
}

/// Returns the index of each column in `names`.
///
/// # Errors
/// Fails like [`column_index`], or if a column is named twice.
pub(crate) fn column_indices(
    table: &Table,
    names: &[impl AsRef<str>],
    parameter: &str,
) -> Result<Vec<usize>, StepError> {
    let mut indices = Vec::with_capacity(names.len());
    let mut seen = HashSet::new();
    for name in names {
        let name = name.as_ref();
        let index = column_index(table, name, parameter)?;
        if !seen.insert(index) {
            return Err(StepError::new(format!("`{parameter}` names the column `{name}` twice")));
        }
        indices.push(index);
    }
    Ok(indices)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Column, ColumnType, Values};

    #[test]
    fn columns_are_found_by_name_and_an_unknown_name_lists_the_columns() {
        let column = |name| (Column::new(name, ColumnType::Integer), Values::empty(ColumnType::Integer));
        let table = Table::new([column("activity"), column("b")]).unwrap();
        let indices = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            column_indices(&table, &names, "columns").map_err(|error| error.to_string())
        };
        assert_eq!(indices(&["b", "activity"]), Ok(vec![1, 0]));
        let error = indices(&["zz"]).unwrap_err();
        assert_eq!(error, "there is no column `zz`, which `columns` names; the columns are `activity` and `b`");
        assert!(indices(&["b", "b"]).unwrap_err().contains("twice"));
    }
}
