//! What can be told of a group of rows.

use std::collections::HashSet;

use serde_json::Value;

use crate::prelude::*;
use crate::records::{is_missing, key_of, order_of, type_name};
use crate::step::ColumnReference;

/// A measure of a column, under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// What is told.
    pub measure: Measure,
    /// Of which column; the rows themselves are counted if it is none.
    pub column: Option<String>,
    /// The name of the column that tells it.
    pub name: Option<String>,
}

/// What can be told of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// How many values there are.
    Count,
    /// How many different values there are.
    Distinct,
    /// Their sum.
    Sum,
    /// Their sum over their number.
    Mean,
    /// The middle one, or the mean of the two in the middle.
    Median,
    /// The first in their order.
    Min,
    /// The last in their order.
    Max,
    /// The standard deviation of a sample.
    Std,
    /// The value of the first row that has one.
    First,
}

const NAMES: &[(&str, Measure)] = &[
    ("count", Measure::Count),
    ("distinct", Measure::Distinct),
    ("sum", Measure::Sum),
    ("mean", Measure::Mean),
    ("median", Measure::Median),
    ("min", Measure::Min),
    ("max", Measure::Max),
    ("std", Measure::Std),
    ("first", Measure::First),
];

impl Measure {
    fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, measure)| *measure)
    }

    /// Its name, as manifests write it.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, measure)| *measure == self).map_or("", |(name, _)| name)
    }
}

impl Aggregate {
    /// The name of the column that tells it.
    pub(super) fn column_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| match &self.column {
            Some(column) => format!("{}_{column}", self.measure.name()),
            None => self.measure.name().to_owned(),
        })
    }

    /// The column whose order decides what is told, if one does.
    pub(super) fn ordered_by(&self) -> Option<&str> {
        match self.measure {
            Measure::Min | Measure::Max => self.column.as_deref(),
            _ => None,
        }
    }

    /// The column that tells it of each of `groups` of rows, where `place` is that of the column which it is about.
    pub(super) fn over(
        &self,
        table: &Table,
        place: Option<usize>,
        groups: &[Vec<usize>],
    ) -> Result<(Column, ColumnData), StepError> {
        let of = place.and_then(|place| Some((&table.columns()[place], table.data(place)?)));
        let name = self.column_name();
        let Some((column, data)) = of else {
            let counts = groups.iter().map(|rows| Some(rows.len() as i64)).collect();
            return Ok((Column::new(&name, ColumnType::Integer), ColumnData::Integer(counts)));
        };
        let values = self.values(column, data, groups)?;
        let told = Column::new(&name, values.ty());
        let unit = column.unit.as_ref().filter(|_| !matches!(self.measure, Measure::Count | Measure::Distinct));
        Ok((Column { unit: unit.cloned(), ..told }, values))
    }

    fn values(&self, column: &Column, data: &ColumnData, groups: &[Vec<usize>]) -> Result<ColumnData, StepError> {
        let there = |rows: &[usize]| rows.iter().copied().filter(|row| !is_missing(data, *row)).collect::<Vec<_>>();
        let rows: Vec<Vec<usize>> = groups.iter().map(|rows| there(rows)).collect();
        match self.measure {
            Measure::Count => Ok(ColumnData::Integer(rows.iter().map(|rows| Some(rows.len() as i64)).collect())),
            Measure::Distinct => {
                let distinct =
                    |rows: &Vec<usize>| rows.iter().map(|row| key_of(data, *row)).collect::<HashSet<_>>().len();
                Ok(ColumnData::Integer(rows.iter().map(|rows| Some(distinct(rows) as i64)).collect()))
            }
            Measure::First => Ok(picked(data, rows.iter().map(|rows| rows.first().copied()))),
            // Of equal values the first, so that the zeros do not depend on how the minimum is found.
            Measure::Min => {
                Ok(picked(data, rows.iter().map(|rows| best(rows, |one, other| order_of(data, one, other)))))
            }
            Measure::Max => {
                Ok(picked(data, rows.iter().map(|rows| best(rows, |one, other| order_of(data, other, one)))))
            }
            Measure::Sum if let ColumnData::Integer(values) = data => {
                let sum = |rows: &Vec<usize>| {
                    let sum: i128 = rows.iter().filter_map(|row| values[*row]).map(i128::from).sum();
                    let fits = i64::try_from(sum).map_err(|_| {
                        StepError::new(format!("the sum of `{}` does not fit into 64 bits", column.name))
                    })?;
                    Ok((!rows.is_empty()).then_some(fits))
                };
                Ok(ColumnData::Integer(rows.iter().map(sum).collect::<Result<_, StepError>>()?))
            }
            Measure::Sum | Measure::Mean | Measure::Median | Measure::Std => {
                let number = |row: &usize| match data {
                    ColumnData::Float(values) => Ok(values[*row].unwrap_or_default()),
                    ColumnData::Integer(values) => Ok(values[*row].unwrap_or_default() as f64),
                    _ => Err(self.not_of_numbers(column, data)),
                };
                // Also where there are no rows, what is no number has no mean.
                if !matches!(data, ColumnData::Float(_) | ColumnData::Integer(_)) {
                    number(&0)?;
                }
                let told = |rows: &Vec<usize>| {
                    let numbers: Vec<f64> = rows.iter().map(number).collect::<Result<_, _>>()?;
                    match self.of_numbers(numbers) {
                        Some(value) if !value.is_finite() => Err(StepError::new(format!(
                            "`{}({})` is too large for a number",
                            self.measure.name(),
                            column.name
                        ))),
                        told => Ok(told),
                    }
                };
                Ok(ColumnData::Float(rows.iter().map(told).collect::<Result<_, _>>()?))
            }
        }
    }

    fn not_of_numbers(&self, column: &Column, data: &ColumnData) -> StepError {
        let (measure, name) = (self.measure.name(), &column.name);
        let mut message = format!("`{measure}({name})` is of numbers, and `{name}` is {}", type_name(column.ty));
        // What a file tells nothing about is taken for text.
        if (0..data.len()).all(|row| is_missing(data, row)) {
            message += &format!(" without a value; if it comes from a file, say there `types: {{ {name}: float }}`");
        }
        StepError::new(message)
    }

    fn of_numbers(&self, mut numbers: Vec<f64>) -> Option<f64> {
        let count = numbers.len();
        let mean = |numbers: &[f64]| numbers.iter().sum::<f64>() / count as f64;
        match self.measure {
            _ if count == 0 => None,
            Measure::Sum => Some(numbers.iter().sum()),
            Measure::Median => {
                numbers.sort_by(f64::total_cmp);
                let (low, high) = (numbers[(count - 1) / 2], numbers[count / 2]);
                Some(low + (high - low) / 2.0)
            }
            Measure::Std if count < 2 => None,
            Measure::Std => {
                let mean = mean(&numbers);
                let squares: f64 = numbers.iter().map(|number| (number - mean) * (number - mean)).sum();
                Some((squares / (count - 1) as f64).sqrt())
            }
            _ => Some(mean(&numbers)),
        }
    }
}

/// The row that no other comes before.
fn best(rows: &[usize], order: impl Fn(usize, usize) -> Option<std::cmp::Ordering>) -> Option<usize> {
    let mut rows = rows.iter().copied();
    let first = rows.next()?;
    Some(rows.fold(first, |best, row| if order(row, best).is_some_and(std::cmp::Ordering::is_lt) { row } else { best }))
}

/// The values in `rows`.
fn picked(data: &ColumnData, rows: impl Iterator<Item = Option<usize>>) -> ColumnData {
    fn pick<T: Clone>(values: &[Option<T>], rows: impl Iterator<Item = Option<usize>>) -> Vec<Option<T>> {
        rows.map(|row| values.get(row?)?.clone()).collect()
    }
    match data {
        ColumnData::Text(values) => ColumnData::Text(pick(values, rows)),
        ColumnData::Integer(values) => ColumnData::Integer(pick(values, rows)),
        ColumnData::Float(values) => ColumnData::Float(pick(values, rows)),
        ColumnData::Boolean(values) => ColumnData::Boolean(pick(values, rows)),
    }
}

impl ParamValue for Aggregate {
    fn ty() -> ParamType {
        ParamType::Formatted("measure")
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        let text = String::read(value)?;
        let (measure, column, name) = parts(&text);
        let owned = |text: Option<&str>| text.map(|text| text.trim().to_owned());
        let (measure, column, name) = (measure.trim(), owned(column), owned(name));
        let help = || {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            format!("write `count`, or one of {} with a column, such as `mean(potency) as average`", names.join(", "))
        };
        let wrong = |message: String| InvalidParam::new(message).with_help(help());
        let Some(known) = Measure::named(measure) else {
            return Err(wrong(format!("`{text}` is no measure")));
        };
        let nameless = |text: &Option<String>| text.as_ref().is_some_and(String::is_empty);
        if nameless(&name) || nameless(&column) || column.is_none() && known != Measure::Count {
            return Err(wrong(format!("`{text}` lacks the name of a column")));
        }
        Ok(Self { measure: known, column, name })
    }

    fn write(&self) -> Value {
        let mut text = self.measure.name().to_owned();
        if let Some(column) = &self.column {
            text.push_str(&format!("({column})"));
        }
        if let Some(name) = &self.name {
            text.push_str(&format!(" as {name}"));
        }
        text.into()
    }

    fn named_columns(&self) -> Vec<ColumnReference> {
        self.column.iter().map(|column| ColumnReference::to(column)).collect()
    }
}

/// The measure in `text`, the column in parentheses, and the name after ` as `.
///
/// A column may have parentheses and ` as ` in its own name. So it goes on to the first parenthesis that may close it and
/// that leaves as many open as closed ones before it; or, if they come in no pairs, to the last that may close it.
fn parts(text: &str) -> (&str, Option<&str>, Option<&str>) {
    let Some((measure, rest)) = text.split_once('(').filter(|(measure, _)| !measure.contains(" as ")) else {
        return match text.split_once(" as ") {
            Some((measure, name)) => (measure, None, Some(name)),
            None => (text, None, None),
        };
    };
    let ends = rest.match_indices(')').filter_map(|(end, _)| {
        let (column, behind) = (&rest[..end], &rest[end + 1..]);
        let name = behind.trim_start().strip_prefix("as ").filter(|_| behind.starts_with(char::is_whitespace));
        (name.is_some() || behind.trim().is_empty()).then_some((column, name))
    });
    let ends: Vec<(&str, Option<&str>)> = ends.collect();
    let paired = ends.iter().find(|(column, _)| column.matches('(').count() == column.matches(')').count());
    match paired.or(ends.last()) {
        Some((column, name)) => (measure, Some(column), *name),
        None => (text, None, None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_measure_reads_as_it_was_written() {
        for (text, written) in
            [("count", "count"), (" mean( a (b) )  as  c d ", "mean(a (b)) as c d"), ("first(x)", "first(x)")]
        {
            let read = Aggregate::read(&json!(text)).unwrap();
            assert_eq!(read.write(), json!(written));
            assert_eq!(Aggregate::read(&read.write()).unwrap(), read);
        }
        for (text, column, name) in [
            ("sum(same as above)", Some("same as above"), None),
            ("sum(a as b) as c", Some("a as b"), Some("c")),
            ("sum(a) as b (c)", Some("a"), Some("b (c)")),
            ("sum(a (b) as c)", Some("a (b) as c"), None),
            ("max(sad :( ) as sad", Some("sad :("), Some("sad")),
            ("max(a) b)", Some("a) b"), None),
            ("count as all (of them)", None, Some("all (of them)")),
        ] {
            let read = Aggregate::read(&json!(text)).unwrap();
            assert_eq!((read.column.as_deref(), read.name.as_deref()), (column, name), "{text}");
            assert_eq!(Aggregate::read(&read.write()).unwrap(), read);
        }
        for wrong in ["average(x)", "mean", "mean()", "mean(x", "mean(x) as ", "count as ", ""] {
            assert!(Aggregate::read(&json!(wrong)).is_err(), "{wrong}");
        }
    }
}
