//! Columns found by their names.

use std::collections::{HashMap, HashSet};

use crate::artifact::Table;
use crate::step::{StepError, listed};

/// Where the column called `name` is in `table`.
///
/// # Errors
/// Says which parameter names it, and which columns there are.
pub fn column_place(table: &Table, name: &str, parameter: &str) -> Result<usize, StepError> {
    let names: Vec<&str> = table.columns().iter().map(|column| &*column.name).collect();
    if let Some(place) = names.iter().position(|column| *column == name) {
        return Ok(place);
    }
    let hint = match names.as_slice() {
        [] => "the table has no columns".to_owned(),
        names => format!("the columns are {}", listed(names)),
    };
    Err(StepError::new(format!("there is no column `{name}`, which `{parameter}` names; {hint}")))
}

/// The same for each of `names`.
///
/// # Errors
/// As for one; or a column is named twice.
pub fn column_places(table: &Table, names: &[impl AsRef<str>], parameter: &str) -> Result<Vec<usize>, StepError> {
    let by_name: HashMap<&str, usize> =
        table.columns().iter().enumerate().map(|(place, column)| (&*column.name, place)).collect();
    let (mut places, mut seen) = (Vec::with_capacity(names.len()), HashSet::new());
    for name in names {
        let name = name.as_ref();
        let place = match by_name.get(name) {
            Some(place) => *place,
            None => column_place(table, name, parameter)?,
        };
        if !seen.insert(place) {
            return Err(StepError::new(format!("`{parameter}` names the column `{name}` twice")));
        }
        places.push(place);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Column, ColumnData, ColumnType};

    #[test]
    fn columns_are_found_by_name_and_the_wrong_name_is_told_with_those_that_there_are() {
        let column = |name| (Column::new(name, ColumnType::Integer), ColumnData::Integer(Vec::new()));
        let table = Table::new([column("activity"), column("b")]).unwrap();
        let places = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            column_places(&table, &names, "columns").map_err(|error| error.to_string())
        };
        assert_eq!(places(&["b", "activity"]), Ok(vec![1, 0]));
        let said = places(&["zz"]).unwrap_err();
        assert_eq!(said, "there is no column `zz`, which `columns` names; the columns are `activity` and `b`");
        assert!(places(&["b", "b"]).unwrap_err().contains("twice"));
    }
}
