//! `table.union`: puts the rows of two tables below each other.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::unite::{of_values, one_type, one_unit};
use crate::prelude::*;
use crate::step::Descent;

/// Puts the rows of a second table, or of more molecules, below those of the first. Columns are matched by name.
///
/// Tables with different columns are refused, unless `columns` says what to do: `all` keeps every column, and a row has no
/// value in a column that its table lacks; `common` keeps the columns that both tables have. Matched columns must have one
/// unit and one type, where integers and floats give floats; a text column without values has any type, and a column without values any unit.
///
/// `origin` names a new column that tells from which table a row comes, in the words of `labels`. Equal rows are all kept.
/// If the first input is molecules, the second must be too.
///
/// The signal `united` counts the rows of the `first` and of the `second` table.
///
/// # Example
/// ```yaml
/// flow: both-ends-of-the-alphabet
/// steps:
///   - id: read
///     uses: table.read
///     with: { path: data/approved-drugs.csv }
///   - id: last
///     uses: table.top
///     inputs: { table: read }
///     with: { by: name, count: 3 }
///   - id: first
///     uses: table.top
///     inputs: { table: read }
///     with: { by: name, count: 3, order: lowest }
///   - id: both
///     uses: table.union
///     inputs: { first: first, second: last }
///     with: { origin: from, labels: [first letters, last letters] }
/// ```
///
/// # Errors
/// - The tables have different columns; the message names one of them, and the values of `columns` that accept it. Or they
///   have no column in common, with `columns: common`.
/// - A column has different units, or types that do not fit into one column.
/// - The column `origin` exists already, or `labels` are not two different texts.
/// - The first input is molecules and the second a table.
#[step("table.union", version = 1, columns = columns_of_union, check = can_unite, descent = descent)]
pub fn unite_tables(
    first: Input<Dataset>,
    second: Input<Dataset>,
    /// What to do with columns that only one table has: refuse them (`same`), keep them (`all`), or drop them (`common`).
    #[param(default = "same", one_of = ["same", "all", "common"])]
    columns: String,
    /// The name of a new column with the origin of each row.
    #[param(example = "source")]
    origin: Option<String>,
    /// The words for the first and the second table in the column `origin`.
    #[param(default = ["first", "second"], example = "[in house, ChEMBL]")]
    labels: Vec<String>,
    context: &ExecutionContext<'_>,
) -> Result<Dataset, StepError> {
    if first.kind() != Table::KIND && first.kind() != second.kind() {
        let (one, other) = (first.kind(), second.kind());
        return Err(StepError::new(format!(
            "`first` is {one} and `second` is {other}, whose rows need not be {one}; turn `second` into {one} first, or wire it \
             to `first`"
        )));
    }
    let (one, other) = (first.table(), second.table());
    let names = |table: &Table| table.columns().iter().map(|column| (*column.name).into()).collect::<Vec<Box<str>>>();
    let names = united(&names(one), &names(other), &columns)?;
    origin_fits(origin.as_deref(), &labels, &names)?;
    context.signal("united", &json!({ "first": one.rows(), "second": other.rows() }))?;
    let mut all = Vec::with_capacity(names.len() + 1);
    for name in names {
        context.check_cancelled()?;
        let sides = [one.column(&name), other.column(&name)];
        let there: Vec<(&Column, bool)> =
            sides.into_iter().flatten().map(|(column, data)| (column, data.any_present())).collect();
        let Some((column, _)) = there.first() else { continue };
        let values = [one, other].into_iter().zip(sides).flat_map(|(table, side)| {
            (0..table.rows()).map(move |row| side.map_or(Value::Null, |(_, data)| data.json(row)))
        });
        let data = of_values(one_type(&there)?, values.collect())?;
        let provider = column.provider.clone().filter(|_| there.iter().all(|(it, _)| it.provider == column.provider));
        let unit = one_unit(&there, "table.union")?;
        all.push((Column { ty: data.ty(), unit, provider, ..(*column).clone() }, data));
    }
    if let Some(origin) = origin {
        let label = |table: &Table, label| std::iter::repeat_n(label, table.rows());
        let origins = label(one, &labels[0]).chain(label(other, &labels[1]));
        all.push((Column::new(&origin, ColumnType::Text), Values::texts(origins)));
    }
    Ok(Dataset::new(first.kind(), Table::new(all)?))
}

/// Returns the columns of the united table.
fn united(first: &[Box<str>], second: &[Box<str>], columns: &str) -> Result<Vec<Box<str>>, Misfit> {
    let [in_first, in_second] =
        [first, second].map(|names| names.iter().map(|name| &**name).collect::<HashSet<&str>>());
    let only = |these: &[Box<str>], those: &HashSet<&str>| {
        these.iter().filter(|name| !those.contains(&***name)).cloned().collect::<Vec<_>>()
    };
    let (only_first, only_second) = (only(first, &in_second), only(second, &in_first));
    match columns {
        "all" => Ok(first.iter().cloned().chain(only_second).collect()),
        "common" => {
            let common: Vec<Box<str>> = first.iter().filter(|name| in_second.contains(&***name)).cloned().collect();
            match common.is_empty() {
                true => Err(Misfit::new("columns", "the tables have no column in common; write `columns: all`")),
                false => Ok(common),
            }
        }
        _ => match (only_first.first(), only_second.first()) {
            (None, None) => Ok(first.to_vec()),
            (Some(name), _) => Err(lacking("second", name)),
            (None, Some(name)) => Err(lacking("first", name)),
        },
    }
}

fn lacking(table: &str, name: &str) -> Misfit {
    Misfit::new(
        "columns",
        format!(
            "the {table} table has no column `{name}`: `columns: all` keeps it, without values there, and `columns: common` drops it"
        ),
    )
}

fn origin_fits(origin: Option<&str>, labels: &[String], columns: &[Box<str>]) -> Result<(), Misfit> {
    if labels.len() != 2 || labels[0] == labels[1] {
        return Err(Misfit::new("labels", "expected two different texts, for the first and for the second table"));
    }
    match origin.filter(|origin| columns.iter().any(|column| **column == **origin)) {
        Some(origin) => {
            Err(Misfit::new("origin", format!("the tables already have a column `{origin}`; choose another name")))
        }
        None => Ok(()),
    }
}

/// Returns the columns of both tables united, if they are known.
fn known(step: &UniteTables, context: &ColumnContext<'_>) -> Option<Result<Vec<Box<str>>, Misfit>> {
    Some(united(context.input("first").names()?, context.input("second").names()?, &step.columns))
}

fn descent(_: &UniteTables) -> Descent<'_> {
    Descent::Stacked
}

fn can_unite(step: &UniteTables, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let columns = known(step, context).unwrap_or_else(|| Ok(Vec::new()));
    let fits = columns.and_then(|columns| origin_fits(step.origin.as_deref(), &step.labels, &columns));
    fits.err().into_iter().collect()
}

fn columns_of_union(step: &UniteTables, context: &ColumnContext<'_>) -> Columns {
    match known(step, context) {
        Some(Ok(names)) => Columns::known(names).with(step.origin.as_deref()),
        _ => Columns::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;
    use crate::step::{CancelToken, Files, Inputs, Silent, StepId};

    fn unite(
        columns: &str,
        kinds: [&str; 2],
        units: [Option<&str>; 2],
        origin: Option<&str>,
    ) -> Result<Dataset, String> {
        let x = |unit: Option<&str>| Column { unit: unit.map(str::to_owned), ..Column::new("x", ColumnType::Integer) };
        let one = Table::new([
            (x(units[0]), Values::integers([Some(1), None])),
            (Column::new("a", ColumnType::Text), Values::texts([Some("p"), None])),
        ]);
        let other = Table::new([
            (Column::new("b", ColumnType::Boolean), Values::booleans([true])),
            (Column { ty: ColumnType::Float, ..x(units[1]) }, Values::floats([2.5])),
        ]);
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        let (nothing, cancel) = (HashMap::new(), CancelToken::default());
        let context = ExecutionContext::new(&id, &inputs, &nothing, &files, &cancel, &Silent);
        let (one, other) = (Dataset::new(kinds[0], one.unwrap()), Dataset::new(kinds[1], other.unwrap()));
        let labels = vec!["one".to_owned(), "other".to_owned()];
        let origin = origin.map(str::to_owned);
        unite_tables(Arc::new(one).into(), Arc::new(other).into(), columns.to_owned(), origin, labels, &context)
            .map_err(|error| error.to_string())
    }

    /// The rows are those of `pandas.concat`, with `join="outer"` and `join="inner"`.
    #[test]
    fn columns_are_matched_by_name() {
        let rows = |found: &Dataset| (0..3).map(|row| Value::from(found.table().row(row))).collect::<Value>();
        let plain = ["table", "molecules"];
        let found = unite("all", plain, [None, None], Some("from")).unwrap();
        let names: Vec<&str> = found.table().columns().iter().map(|column| &*column.name).collect();
        assert_eq!((names, found.kind()), (vec!["x", "a", "b", "from"], "table"));
        assert_eq!(
            rows(&found),
            json!([[1.0, "p", null, "one"], [null, null, null, "one"], [2.5, null, true, "other"]])
        );
        assert_eq!(rows(&unite("common", plain, [None, None], None).unwrap()), json!([[1.0], [null], [2.5]]));
    }

    #[test]
    fn columns_without_values_fit_to_all_others() {
        let (empty, whole) =
            (Column::new("x", ColumnType::Text).with_unit("nM"), Column::new("x", ColumnType::Integer));
        for columns in [[(&empty, false), (&whole, true)], [(&whole, true), (&empty, false)]] {
            assert_eq!(one_type(&columns).unwrap(), ColumnType::Integer);
            assert_eq!(one_unit(&columns, "table.union").unwrap(), None);
        }
        assert_eq!(one_unit(&[(&empty, false)], "table.union").unwrap().as_deref(), Some("nM"));
        assert!(one_type(&[(&empty, true), (&whole, true)]).is_err());
    }

    #[test]
    fn tables_may_have_many_columns_but_not_none_in_common() {
        let names = |of: &str| (0..40_000).map(|number| format!("{of} {number}").into()).collect::<Vec<Box<str>>>();
        let began = std::time::Instant::now();
        assert_eq!(united(&names("a"), &names("b"), "all").unwrap().len(), 80_000);
        let refused = united(&names("a"), &names("b"), "common").unwrap_err().message;
        assert_eq!(refused, "the tables have no column in common; write `columns: all`");
        assert!(began.elapsed() < std::time::Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[test]
    fn what_would_be_lost_or_mixed_is_refused() {
        let plain = ["table"; 2];
        let refused = unite("same", plain, [None, None], None).unwrap_err();
        assert!(refused.contains("second table has no column `a`: `columns: all`"), "{refused}");
        assert!(unite("all", plain, [Some("nM"), Some("uM")], None).unwrap_err().contains("`nM` (`x`)"));
        assert!(unite("all", plain, [None, None], Some("b")).unwrap_err().contains("already have a column `b`"));
        let refused = unite("all", ["molecules", "table"], [None, None], None).unwrap_err();
        assert!(refused.starts_with("`first` is molecules and `second` is table"), "{refused}");
    }
}
