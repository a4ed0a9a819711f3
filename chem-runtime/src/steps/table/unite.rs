//! Unites the values of several columns in one: their type and their unit.

use serde_json::Value;

use crate::prelude::*;
use crate::records::type_name;
use crate::step::expression::same_unit;

/// Returns the unit of all `columns` that have values, or of the first column if none has. Each column comes with whether it
/// has values.
///
/// # Errors
/// Fails if two have different units, or only one of them has one.
pub(super) fn one_unit(columns: &[(&Column, bool)], step: &str) -> Result<Option<String>, StepError> {
    let with_values: Vec<&Column> =
        columns.iter().filter(|(_, has_values)| *has_values).map(|(column, _)| *column).collect();
    let Some((first, others)) = with_values.split_first() else {
        return Ok(columns.first().and_then(|(column, _)| column.unit.clone()));
    };
    for other in others {
        let agree = match (&first.unit, &other.unit) {
            (Some(one), Some(other)) => same_unit(one, other),
            (one, other) => one == other,
        };
        if !agree {
            let unit = |column: &Column| column.unit.as_ref().map_or("no unit".to_owned(), |unit| format!("`{unit}`"));
            return Err(StepError::new(format!(
                "`{step}` would put values in {} (`{}`) and in {} (`{}`) into one column: convert or declare them first, with \
                 `table.compute` or `units` in `table.read`",
                unit(first),
                first.name,
                unit(other),
                other.name
            )));
        }
    }
    Ok(first.unit.clone())
}

/// Returns the type that holds the values of all `columns`: integers and floats are floats, and a text column without values
/// may have any type. Each column comes with whether it has values.
///
/// # Errors
/// Fails if the types differ otherwise.
pub(super) fn one_type(columns: &[(&Column, bool)]) -> Result<ColumnType, StepError> {
    let mut ty: Option<(ColumnType, &str)> = None;
    for (column, has_values) in columns {
        if column.ty == ColumnType::Text && !has_values {
            continue;
        }
        ty = match (ty, column.ty) {
            (None, new) => Some((new, &*column.name)),
            (Some((found, name)), new) if found == new => Some((found, name)),
            (Some((ColumnType::Integer | ColumnType::Float, name)), ColumnType::Integer | ColumnType::Float) => {
                Some((ColumnType::Float, name))
            }
            (Some((found, first)), new) => {
                return Err(StepError::new(format!(
                    "`{first}` is {} and `{}` is {}, which do not fit into one column: convert one with `table.compute`, \
                     `string(…)` or `double(…)`",
                    type_name(found),
                    column.name,
                    type_name(new)
                )));
            }
        };
    }
    Ok(ty.map_or(ColumnType::Text, |(ty, _)| ty))
}

/// Returns `values` as a column of the type that [`one_type`] found.
///
/// # Errors
/// Fails if an integer is too large for a float.
pub(super) fn of_values(ty: ColumnType, values: Vec<Value>) -> Result<Values, StepError> {
    let inexact = values.iter().filter_map(Value::as_i64).find(|value| *value as f64 as i128 != i128::from(*value));
    if let (ColumnType::Float, Some(value)) = (ty, inexact) {
        return Err(StepError::new(format!(
            "no float equals the integer `{value}`; convert it with `table.compute` first"
        )));
    }
    Values::of_json(ty, values).map_err(|value| StepError::new(format!("the value `{value}` does not fit")))
}
