//! `table.sort`: rows in order.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::prelude::*;
use crate::records::{column_place, is_missing, order_of, sort_rows};
use crate::step::{ColumnReference, same_columns};

/// Sorts the rows of a table, or molecules, by one column or several.
///
/// Numbers are ordered by value, text by code point (`Z` before `a`), and false before true. Rows that are equal in all
/// the columns keep the order that they had. Rows in which a value is missing come last, in both directions, or first if
/// `missing` says so.
///
/// Text is ordered as text also where all that is there spells numbers, as in a file's column that was not read as
/// numbers: `100` comes before `9`. The signal `ordered_as_text` then names the `column`.
///
/// # Example
/// ```yaml
/// flow: drugs-by-name
/// steps:
///   - id: read
///     uses: table.read
///     with: { path: data/approved-drugs.csv }
///   - id: sort
///     uses: table.sort
///     with: { by: [formula, name desc] }
/// ```
///
/// # Errors
/// - A column that `by` names is not in the table; the message names those that are. Or `by` names none.
#[step("table.sort", version = 1, columns = same_columns, check = can_sort)]
pub fn sort_table(
    table: Input<Dataset>,
    /// The columns to sort by, the most important first. A column is sorted from small to great; ` desc` after its name
    /// turns that around.
    #[param(example = "[potency desc, name]")]
    by: Vec<SortKey>,
    /// Where rows go in which the value is missing.
    #[param(default = "last", one_of = ["first", "last"])]
    missing: String,
    context: &ExecutionContext<'_>,
) -> Result<Dataset, StepError> {
    let rows = order(table.table(), &by, missing == "first")?;
    signal_text_order(table.table(), by.iter().map(|key| key.column.as_str()), context)?;
    Ok(table.gather(&rows))
}

fn some_key(by: &[SortKey]) -> Result<(), Misfit> {
    if by.is_empty() { Err(Misfit::new("by", "`by` names no column to sort by")) } else { Ok(()) }
}

fn can_sort(step: &SortTable, _: &ColumnContext<'_>) -> Vec<Misfit> {
    some_key(&step.by).err().into_iter().collect()
}

/// The rows of `table` in the order that `by` asks for.
fn order(table: &Table, by: &[SortKey], missing_first: bool) -> Result<Vec<usize>, StepError> {
    some_key(by)?;
    let mut keys = Vec::with_capacity(by.len());
    for key in by {
        if let Some(data) = table.data(column_place(table, &key.column, "by")?) {
            keys.push((data, key.descending));
        }
    }
    let mut rows: Vec<usize> = (0..table.rows()).collect();
    sort_rows(&mut rows, |one, other| {
        let compare = |(data, descending): &(&ColumnData, bool)| compare(data, *descending, missing_first, one, other);
        keys.iter().map(compare).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    })?;
    Ok(rows)
}

/// The order of two rows by one column.
pub(super) fn compare(data: &ColumnData, descending: bool, missing_first: bool, one: usize, other: usize) -> Ordering {
    match order_of(data, one, other) {
        Some(order) if descending => order.reverse(),
        Some(order) => order,
        None => {
            let order = is_missing(data, one).cmp(&is_missing(data, other));
            if missing_first { order.reverse() } else { order }
        }
    }
}

/// Tells which of `columns`, whose order decided something, are text that spells numbers: `100` came before `9` there.
pub(super) fn signal_text_order<'a>(
    table: &Table,
    columns: impl IntoIterator<Item = &'a str>,
    context: &ExecutionContext<'_>,
) -> Result<(), StepError> {
    for name in columns.into_iter().collect::<BTreeSet<_>>() {
        if table.column(name).is_some_and(|(_, data)| data.spells_numbers()) {
            context.signal("ordered_as_text", &json!({ "column": name }))?;
        }
    }
    Ok(())
}

/// A column to sort by, and in which direction: `name`, `name asc` or `name desc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// The column.
    pub column: String,
    /// From great to small.
    pub descending: bool,
}

impl ParamValue for SortKey {
    fn ty() -> ParamType {
        ParamType::Formatted("column to sort by")
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        let text = String::read(value)?;
        let (column, descending) = match text.trim().rsplit_once(char::is_whitespace) {
            Some((column, "desc")) => (column, true),
            Some((column, "asc")) => (column, false),
            _ => (text.as_str(), false),
        };
        let column = column.trim();
        if column.is_empty() {
            return Err(InvalidParam::new("no column is named")
                .with_help("write the name of a column, such as `potency` or `potency desc`"));
        }
        Ok(Self { column: column.to_owned(), descending })
    }

    fn write(&self) -> Value {
        // A column whose own name ends in `asc` or `desc` is written with the direction after it.
        let last = self.column.rsplit(char::is_whitespace).next();
        let ambiguous = self.column.contains(char::is_whitespace) && matches!(last, Some("asc" | "desc"));
        match (self.descending, ambiguous) {
            (true, _) => format!("{} desc", self.column).into(),
            (false, true) => format!("{} asc", self.column).into(),
            (false, false) => self.column.as_str().into(),
        }
    }

    fn named_columns(&self) -> Vec<ColumnReference> {
        vec![ColumnReference::to(&self.column)]
    }
}

/// What a step gives in a test, and what it signals.
#[cfg(test)]
pub(super) fn with_signals<T>(run: impl FnOnce(&ExecutionContext<'_>) -> T) -> (T, Vec<(String, Value)>) {
    use crate::step::{CancelToken, Files, Inputs, Silent, StepId};

    let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
    let (nothing, cancel) = (std::collections::HashMap::new(), CancelToken::default());
    let context = ExecutionContext::new(&id, &inputs, &nothing, &files, &cancel, &Silent);
    let given = run(&context);
    (given, context.take_signals().into_iter().map(|signal| (signal.name, signal.data)).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn sample() -> Table {
        let texts = |values: [Option<&str>; 5]| ColumnData::Text(values.map(|value| value.map(Into::into)).to_vec());
        Table::new([
            (
                Column::new("x", ColumnType::Float),
                ColumnData::Float(vec![Some(2.0), None, Some(-1.5), Some(2.0), Some(10.0)]),
            ),
            (Column::new("t", ColumnType::Text), texts([Some("b"), Some("a"), Some("Z"), Some("a"), None])),
        ])
        .unwrap()
    }

    fn sorted(by: &[&str], missing_first: bool) -> Vec<usize> {
        let by: Vec<SortKey> = by.iter().map(|key| SortKey::read(&json!(key)).unwrap()).collect();
        order(&sample(), &by, missing_first).unwrap()
    }

    #[test]
    fn rows_are_sorted_stably_and_missing_values_have_their_place() {
        assert_eq!(sorted(&["x"], false), [2, 0, 3, 4, 1]);
        assert_eq!(sorted(&["x desc"], false), [4, 0, 3, 2, 1]);
        assert_eq!(sorted(&["x"], true), [1, 2, 0, 3, 4]);
        assert_eq!(sorted(&["x desc"], true), [1, 4, 0, 3, 2]);
        assert_eq!(sorted(&["x", "t"], false), [2, 3, 0, 4, 1]);
        assert_eq!(sorted(&["t", "x desc"], false), [2, 3, 1, 0, 4]);
    }

    #[test]
    fn text_that_spells_numbers_is_told_once() {
        let texts = |values: [Option<&str>; 3]| ColumnData::Text(values.map(|value| value.map(Into::into)).to_vec());
        let table = Table::new([
            (Column::new("digits", ColumnType::Text), texts([Some("9"), None, Some("100")])),
            (Column::new("words", ColumnType::Text), texts([Some("9"), Some("x"), None])),
            (Column::new("n", ColumnType::Integer), ColumnData::Integer(vec![Some(9), None, Some(100)])),
        ]);
        let dataset = Arc::new(Dataset::new("table", table.unwrap()));
        let signals = |by: &[&str]| {
            let by = by.iter().map(|key| SortKey::read(&json!(key)).unwrap()).collect();
            let (sorted, signals) =
                with_signals(|context| sort_table(dataset.clone().into(), by, "last".to_owned(), context));
            sorted.unwrap();
            signals
        };
        let told = [("ordered_as_text".to_owned(), json!({ "column": "digits" }))];
        assert_eq!(signals(&["words", "digits", "n", "digits desc"]), told);
        assert!(signals(&["n", "words"]).is_empty());
    }

    #[test]
    fn a_key_reads_as_it_was_written() {
        for (text, column, descending) in [
            ("x", "x", false),
            ("x asc", "x", false),
            (" x  desc ", "x", true),
            ("order desc asc", "order desc", false),
            ("order asc desc", "order asc", true),
            ("desc", "desc", false),
        ] {
            let key = SortKey::read(&json!(text)).unwrap();
            assert_eq!((key.column.as_str(), key.descending), (column, descending), "{text}");
            assert_eq!(SortKey::read(&key.write()).unwrap(), key, "{text}");
        }
        assert!(SortKey::read(&json!(" ")).is_err());
        assert!(SortKey::read(&json!(5)).is_err());
    }

    #[test]
    fn what_cannot_be_sorted_by_is_told() {
        assert!(order(&sample(), &[], false).unwrap_err().to_string().contains("no column"));
        let key = SortKey { column: "y".to_owned(), descending: false };
        assert!(order(&sample(), &[key], false).unwrap_err().to_string().contains("`x` and `t`"));
    }
}
