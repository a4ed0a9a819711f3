//! `table.select`: selects and renames columns.

use std::collections::{BTreeMap, HashSet};

use crate::artifact::TableError;
use crate::prelude::*;
use crate::records::column_indices;
use crate::step::PathPart;

/// Keeps some columns of a table, in the given order, or drops some; and renames columns.
///
/// The result is a table even if the input is molecules, because it may lack the columns that molecules require. `rename`
/// refers to columns by their old names.
///
/// # Example
/// ```yaml
/// flow: formulas
/// steps:
///   - id: read
///     uses: table.read
///     with: { path: data/approved-drugs.csv }
///   - id: select
///     uses: table.select
///     with:
///       columns: [formula, name]
///       rename: { name: drug }
/// ```
///
/// # Errors
/// - A column does not exist, in which case the message lists the columns; or a renamed column is not kept; or a column is
///   named twice.
/// - Both `columns` and `drop` are set, or none of `columns`, `drop` and `rename`. Or `columns` is empty, or `drop` names
///   all columns.
/// - Two columns would have the same name, or a name would be empty.
#[step("table.select", version = 1, rows, columns = selected, check = can_select)]
pub fn select_columns(
    table: Rows<Table>,
    /// The columns to keep, in this order.
    #[param(example = "[name, potency]")]
    columns: Option<Vec<ColumnName>>,
    /// The columns to drop; the others are kept in their order.
    #[param(example = "[note]")]
    drop: Option<Vec<ColumnName>>,
    /// The new names of columns, by their old names.
    #[param(default = BTreeMap::new(), example = "{ old: new }")]
    rename: BTreeMap<String, String>,
) -> Result<RowWork<Table>, StepError> {
    one_choice(columns.as_deref(), drop.as_deref(), &rename)?;
    let head = table.head()?;
    let indices = match (&columns, &drop) {
        (Some(columns), _) => column_indices(&head, columns, "columns")?,
        (None, Some(drop)) => {
            let dropped: HashSet<usize> = column_indices(&head, drop, "drop")?.into_iter().collect();
            if !dropped.is_empty() && dropped.len() == head.columns().len() {
                return Err(nothing_left().into());
            }
            (0..head.columns().len()).filter(|index| !dropped.contains(index)).collect()
        }
        (None, None) => (0..head.columns().len()).collect(),
    };
    let kept: HashSet<usize> = indices.iter().copied().collect();
    let renamed: Vec<&str> = rename.keys().map(String::as_str).collect();
    for (index, old) in column_indices(&head, &renamed, "rename")?.iter().zip(renamed) {
        if !kept.contains(index) {
            return Err(StepError::new(format!("`rename` names the column `{old}`, which is not kept")));
        }
    }
    let mut names = HashSet::new();
    let mut carried = Vec::with_capacity(indices.len());
    for index in indices {
        let Some(column) = head.columns().get(index) else { continue };
        let name = rename.get(&*column.name).map_or_else(|| column.name.clone(), |new| new.as_str().into());
        if !names.insert(name.clone()) {
            return Err(TableError::DuplicateColumn(name.to_string()).into());
        }
        carried.push((index, Column { name, ..column.clone() }));
    }
    Ok(table.each(|_, _| Ok(BatchOutput::all())).carrying(carried))
}

/// Checks that the parameters do not contradict each other.
fn one_choice(
    columns: Option<&[ColumnName]>,
    drop: Option<&[ColumnName]>,
    rename: &BTreeMap<String, String>,
) -> Result<(), Misfit> {
    let misfit = match (columns, drop) {
        (Some(_), Some(_)) => Some(Misfit::new("drop", "expected either `columns` or `drop`, found both")),
        (None, None) if rename.is_empty() => Some(Misfit::new("columns", "expected `columns`, `drop` or `rename`")),
        (Some([]), None) => {
            Some(Misfit::new("columns", "`columns` is empty; name at least one column, or use `drop` instead"))
        }
        (Some(columns), None) => Misfit::twice("columns", columns),
        (None, Some(drop)) => Misfit::twice("drop", drop),
        (None, None) => None,
    };
    misfit.or_else(|| nameless(rename)).map_or(Ok(()), Err)
}

fn nothing_left() -> Misfit {
    Misfit::new("drop", "`drop` names all columns; keep at least one")
}

/// Reports a column that would have an empty name.
fn nameless(rename: &BTreeMap<String, String>) -> Option<Misfit> {
    let (old, _) = rename.iter().find(|(_, new)| new.is_empty())?;
    let message = format!("`rename` gives the column `{old}` an empty name");
    Some(Misfit::new("rename", message).at(PathPart::Key(old.clone())))
}

fn can_select(step: &SelectColumns, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let choice = one_choice(step.columns.as_deref(), step.drop.as_deref(), &step.rename).err();
    let dropped = step.drop.as_deref().filter(|drop| step.columns.is_none() && !drop.is_empty());
    let left = dropped.map(|drop| context.first_input().without(drop));
    let bare = left.is_some_and(|left| matches!(left, Columns::Known(left) if left.is_empty()));
    choice.into_iter().chain(bare.then(nothing_left)).collect()
}

fn selected(step: &SelectColumns, context: &ColumnContext<'_>) -> Columns {
    let kept = match (&step.columns, &step.drop) {
        (Some(columns), _) => Columns::known(columns.iter().map(ColumnName::as_str)),
        (None, Some(drop)) => context.first_input().without(drop),
        (None, None) => context.first_input(),
    };
    let Columns::Known(kept) = kept else { return Columns::Unknown };
    Columns::known(kept.into_iter().map(|name| step.rename.get(&*name).map_or(name, |new| new.as_str().into())))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;
    use crate::step::rows::Driven as _;
    use crate::step::{CancelToken, Files, Inputs, RowColumns, Silent, StepId, StepOutput};

    fn select(columns: Option<&[&str]>, drop: Option<&[&str]>, rename: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let column = |name| (Column::new(name, ColumnType::Integer), Values::integers([1]));
        let table = Arc::new(Table::new([column("a"), column("b"), column("c")]).unwrap());
        let owned = |names: Option<&[&str]>| names.map(|names| names.iter().copied().map(ColumnName::from).collect());
        let rename = rename.iter().map(|(old, new)| ((*old).to_owned(), (*new).to_owned())).collect();
        let selected = select_columns(table.into(), owned(columns), owned(drop), rename);
        let (id, files, cancel) = (StepId::new("it").unwrap(), Files::relative_to("."), CancelToken::default());
        let (inputs, artifacts) = (Inputs::default(), HashMap::new());
        let context = ExecutionContext::new(&id, &inputs, &artifacts, &files, &cancel, &Silent);
        let names = |outputs: Vec<StepOutput>| {
            let table = Table::take(outputs[0].handed.as_ref().unwrap()).unwrap();
            table.columns().iter().map(|column| column.name.to_string()).collect()
        };
        selected.and_then(|work| work.drive(&RowColumns::All, &context)).map(names).map_err(|error| error.to_string())
    }

    #[test]
    fn columns_are_kept_dropped_and_renamed() {
        assert_eq!(select(Some(&["c", "a"]), None, &[]).unwrap(), ["c", "a"]);
        assert_eq!(select(None, Some(&["b"]), &[]).unwrap(), ["a", "c"]);
        assert_eq!(select(None, None, &[("a", "b"), ("b", "a")]).unwrap(), ["b", "a", "c"]);
        assert_eq!(select(Some(&["c"]), None, &[("c", "x")]).unwrap(), ["x"]);
    }

    #[test]
    fn contradictory_parameters_are_refused() {
        for (selected, why) in [
            (select(Some(&["a"]), Some(&["b"]), &[]), "found both"),
            (select(None, None, &[]), "expected `columns`, `drop` or `rename`"),
            (select(Some(&["d"]), None, &[]), "`a`, `b` and `c`"),
            (select(Some(&["a", "a"]), None, &[]), "twice"),
            (select(Some(&[]), None, &[]), "`columns` is empty"),
            (select(None, Some(&["c", "a", "b"]), &[]), "all columns"),
            (select(None, None, &[("a", "x"), ("b", "")]), "`b` an empty name"),
            (select(Some(&["a"]), None, &[("a", "")]), "`a` an empty name"),
            (select(Some(&["a"]), None, &[("b", "x")]), "not kept"),
            (select(None, None, &[("d", "x")]), "`rename`"),
            (select(None, None, &[("a", "b")]), "`b`"),
        ] {
            assert!(selected.as_ref().is_err_and(|error| error.contains(why)), "{selected:?}");
        }
    }
}
