//! `table.sort`: sorts rows.

use std::cmp::Ordering;

use serde_json::Value;

use crate::prelude::*;
use crate::records::{column_index, order_of, sort_rows, two_spellings};
use crate::step::{ColumnReference, Descent, OfEqual, same_columns};

/// Sorts the rows of a table, or molecules, by one or more columns.
///
/// Numbers are ordered by value, text by code point (`Z` before `a`), and false before true. The sort is stable: rows that
/// are equal in all columns keep their order. Missing values come last in both directions, or first with `missing: first`.
///
/// A text column that contains mostly numbers is refused, because `100` would come before `9`, and `NA` after all numbers.
/// Read the column as numbers, or sort it as text with `as: text`.
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
/// - A column of `by` does not exist; the message lists the columns. Or `by` is empty.
/// - A column of `by` is text and contains mostly numbers; the message shows values that are not numbers.
#[step("table.sort", version = 2, columns = same_columns, check = can_sort, descent = descent)]
pub fn sort_table(
    table: Input<Dataset>,
    /// The columns to sort by, the most significant first. The order is ascending, or descending with ` desc` after the
    /// name.
    #[param(example = "[potency desc, name]")]
    by: Vec<SortKey>,
    /// The position of rows with a missing value.
    #[param(default = "last", one_of = ["first", "last"])]
    missing: String,
    /// `text` sorts text columns as text even if they contain mostly numbers.
    #[param(one_of = ["text"])]
    r#as: Option<String>,
) -> Result<Dataset, StepError> {
    let rows = order(table.table(), &by, missing == "first")?;
    if r#as.is_none() {
        refuse_numbers_in_text(table.table(), "by", by.iter().map(|key| key.column.as_str()), AS_TEXT)?;
    }
    Ok(table.gather(&rows))
}

fn some_key(by: &[SortKey]) -> Result<(), Misfit> {
    if by.is_empty() { Err(Misfit::new("by", "`by` is empty; expected at least one column")) } else { Ok(()) }
}

fn can_sort(step: &SortTable, _: &ColumnContext<'_>) -> Vec<Misfit> {
    some_key(&step.by).err().into_iter().collect()
}

fn descent(_: &SortTable) -> Descent<'_> {
    Descent::Selected { of_equal: OfEqual::First, computed: &[] }
}

/// Returns the rows of `table` sorted by `by`.
fn order(table: &Table, by: &[SortKey], missing_first: bool) -> Result<Vec<usize>, StepError> {
    some_key(by)?;
    let mut keys = Vec::with_capacity(by.len());
    for key in by {
        if let Some(data) = table.data(column_index(table, &key.column, "by")?) {
            keys.push((data, key.descending));
        }
    }
    let mut rows: Vec<usize> = (0..table.rows()).collect();
    sort_rows(&mut rows, |one, other| {
        let compare = |(data, descending): &(&Values, bool)| compare(data, *descending, missing_first, one, other);
        keys.iter().map(compare).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    })?;
    Ok(rows)
}

/// Compares two rows by one column.
pub(super) fn compare(data: &Values, descending: bool, missing_first: bool, one: usize, other: usize) -> Ordering {
    match order_of(data, one, other) {
        Some(order) if descending => order.reverse(),
        Some(order) => order,
        None => {
            let order = data.is_missing(one).cmp(&data.is_missing(other));
            if missing_first { order.reverse() } else { order }
        }
    }
}

/// What to write in a step with the parameter `as` to treat numbers in a text column as text.
pub(super) const AS_TEXT: &str = "write `as: text`";

/// Refuses to order by text columns that contain mostly numbers. `param` is the parameter that names `columns`; `advice`
/// says what else than reading numbers helps.
pub(super) fn refuse_numbers_in_text<'a>(
    table: &Table,
    param: &str,
    columns: impl IntoIterator<Item = &'a str>,
    advice: &str,
) -> Result<(), StepError> {
    for name in columns {
        let Some(numbers) = table.column(name).and_then(|(_, data)| data.numbers_in_text()) else { continue };
        return Err(StepError::new(format!(
            "`{param}` would order the column `{name}` as text: {numbers}; {}, or {advice}",
            read_as_numbers(name)
        )));
    }
    Ok(())
}

/// Refuses to group by text columns that contain one number in two spellings. `param` is the parameter that names
/// `columns`; `advice` says what else than reading numbers helps.
pub(super) fn refuse_two_spellings(
    table: &Table,
    param: &str,
    columns: &[ColumnName],
    advice: &str,
) -> Result<(), StepError> {
    for name in columns {
        let Some((one, other)) = table.column(name.as_str()).and_then(|(_, data)| two_spellings(&[data])) else {
            continue;
        };
        return Err(StepError::new(format!(
            "`{param}` would put `{one}` and `{other}` into two groups, because the column `{name}` is text: {}, or \
             {advice}",
            read_as_numbers(name.as_str())
        )));
    }
    Ok(())
}

fn read_as_numbers(column: &str) -> String {
    format!(
        "read it as numbers (`numbers: [{column}]` in `molecules.read`, `types: {{ {column}: float }}` in `table.read`; \
         `missing` lists texts for missing values)"
    )
}

/// A column to sort by, and in which direction: `name`, `name asc` or `name desc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// The name of the column.
    pub column: String,
    /// Whether the order is descending.
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
            return Err(InvalidParam::new("expected the name of a column")
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;

    fn sample() -> Table {
        let texts = |values: [Option<&str>; 5]| Values::texts(values);
        Table::new([
            (Column::new("x", ColumnType::Float), Values::floats([Some(2.0), None, Some(-1.5), Some(2.0), Some(10.0)])),
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
    fn text_that_is_mostly_numbers_is_refused_unless_it_is_to_be_text() {
        let texts = |values: [&str; 5]| Values::texts(values);
        let table = Table::new([
            (Column::new("ic50", ColumnType::Text), texts(["9.5", "10.2", "NA", "8.7", ">10"])),
            (Column::new("words", ColumnType::Text), texts(["9", "x", "y", "8", "z"])),
        ]);
        let dataset = Arc::new(Dataset::new("table", table.unwrap()));
        let sorted = |by: &[&str], as_text: bool| {
            let by = by.iter().map(|key| SortKey::read(&json!(key)).unwrap()).collect();
            let sorted = sort_table(dataset.clone().into(), by, "last".to_owned(), as_text.then(|| "text".to_owned()));
            sorted.map(|sorted| sorted.table().row(0)[0].clone()).map_err(|error| error.to_string())
        };
        let refused = sorted(&["words", "ic50 desc"], false).unwrap_err();
        assert!(refused.contains("`ic50`") && refused.contains("3 of its 5 values are numbers"), "{refused}");
        assert!(refused.contains("`NA`, `>10`") && refused.contains("`as: text`"), "{refused}");
        assert_eq!(sorted(&["ic50 desc"], true), Ok(json!("NA")));
        assert_eq!(sorted(&["words"], false), Ok(json!("8.7")));
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
    fn missing_and_unknown_keys_are_refused() {
        assert!(order(&sample(), &[], false).unwrap_err().to_string().contains("`by` is empty"));
        let key = SortKey { column: "y".to_owned(), descending: false };
        assert!(order(&sample(), &[key], false).unwrap_err().to_string().contains("`x` and `t`"));
    }
}
