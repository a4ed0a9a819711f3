//! The measures of `table.aggregate`.

use std::collections::HashSet;

use serde_json::Value;

use crate::prelude::*;
use crate::records::{key_of, order_of, type_name};
use crate::step::ColumnReference;

/// A measure of a column, under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// How to aggregate the values.
    pub measure: Measure,
    /// The column to aggregate; `None` to count rows.
    pub column: Option<String>,
    /// The name of the resulting column; `None` for the default.
    pub name: Option<String>,
}

/// An aggregate of the values of a column. Missing values are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The number of values.
    Count,
    /// The number of distinct values.
    Distinct,
    /// The sum.
    Sum,
    /// The arithmetic mean.
    Mean,
    /// The middle value, or the mean of the two in the middle.
    Median,
    /// The smallest value.
    Min,
    /// The largest value.
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
    /// Returns the measure with this name in manifests.
    pub(in crate::steps::table) fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, measure)| *measure)
    }

    /// Returns the name in manifests.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, measure)| *measure == self).map_or("", |(name, _)| name)
    }
}

impl Aggregate {
    /// Returns the name of the resulting column.
    pub(super) fn column_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| match &self.column {
            Some(column) => format!("{}_{column}", self.measure.name()),
            None => self.measure.name().to_owned(),
        })
    }

    /// Returns the column whose order determines the result, for `min` and `max`.
    pub(super) fn ordered_by(&self) -> Option<&str> {
        match self.measure {
            Measure::Min | Measure::Max => self.column.as_deref(),
            _ => None,
        }
    }

    /// Computes the measure for each of `groups`. `index` is the index of the column to aggregate.
    pub(in crate::steps::table) fn over(
        &self,
        table: &Table,
        index: Option<usize>,
        groups: &[Vec<usize>],
    ) -> Result<(Column, Values), StepError> {
        let of = index.and_then(|index| Some((&table.columns()[index], table.data(index)?)));
        let name = self.column_name();
        let Some((column, data)) = of else {
            let counts = groups.iter().map(|rows| Some(rows.len() as i64));
            return Ok((Column::new(&name, ColumnType::Integer), Values::integers(counts)));
        };
        let values = self.values(column, data, groups)?;
        let unit = column.unit.as_ref().filter(|_| !matches!(self.measure, Measure::Count | Measure::Distinct));
        Ok((Column { unit: unit.cloned(), ..Column::new(&name, values.ty()) }, values))
    }

    fn values(&self, column: &Column, data: &Values, groups: &[Vec<usize>]) -> Result<Values, StepError> {
        let there = |rows: &[usize]| rows.iter().copied().filter(|row| !data.is_missing(*row)).collect::<Vec<_>>();
        let rows: Vec<Vec<usize>> = groups.iter().map(|rows| there(rows)).collect();
        match self.measure {
            Measure::Count => Ok(Values::integers(rows.iter().map(|rows| rows.len() as i64))),
            Measure::Distinct => {
                let distinct =
                    |rows: &Vec<usize>| rows.iter().map(|row| key_of(data, *row)).collect::<HashSet<_>>().len();
                Ok(Values::integers(rows.iter().map(|rows| distinct(rows) as i64)))
            }
            Measure::First => Ok(picked(data, rows.iter().map(|rows| rows.first().copied()))),
            // The first of equal values, which makes the choice between 0 and -0 deterministic.
            Measure::Min => {
                Ok(picked(data, rows.iter().map(|rows| best(rows, |one, other| order_of(data, one, other)))))
            }
            Measure::Max => {
                Ok(picked(data, rows.iter().map(|rows| best(rows, |one, other| order_of(data, other, one)))))
            }
            Measure::Sum if let Values::Integer(values) = data => {
                let sum = |rows: &Vec<usize>| {
                    let sum: i128 = rows.iter().filter_map(|row| values.cell(*row)).map(i128::from).sum();
                    let fits = i64::try_from(sum).map_err(|_| {
                        StepError::new(format!("the sum of `{}` does not fit into 64 bits", column.name))
                    })?;
                    Ok((!rows.is_empty()).then_some(fits))
                };
                Ok(Values::integers(rows.iter().map(sum).collect::<Result<Vec<_>, StepError>>()?))
            }
            Measure::Sum | Measure::Mean | Measure::Median | Measure::Std => {
                let number = |row: &usize| match data {
                    Values::Float(values) => Ok(values.cell(*row).unwrap_or_default()),
                    Values::Integer(values) => Ok(values.cell(*row).unwrap_or_default() as f64),
                    _ => Err(self.not_of_numbers(column, data)),
                };
                // Refuse a column of another type even if there are no rows.
                if !matches!(data, Values::Float(_) | Values::Integer(_)) {
                    number(&0)?;
                }
                let aggregate = |rows: &Vec<usize>| {
                    let numbers: Vec<f64> = rows.iter().map(number).collect::<Result<_, _>>()?;
                    match self.of_numbers(numbers) {
                        Some(value) if !value.is_finite() => Err(StepError::new(format!(
                            "`{}({})` is too large for a number",
                            self.measure.name(),
                            column.name
                        ))),
                        value => Ok(value),
                    }
                };
                Ok(Values::floats(rows.iter().map(aggregate).collect::<Result<Vec<_>, _>>()?))
            }
        }
    }

    fn not_of_numbers(&self, column: &Column, data: &Values) -> StepError {
        let (measure, name) = (self.measure.name(), &column.name);
        let mut message = format!("`{measure}({name})` requires numbers, but `{name}` is {}", type_name(column.ty));
        // A column of a file without values is inferred as text.
        if !data.any_present() {
            message += &format!(" without values; if it comes from a file, write `types: {{ {name}: float }}` there");
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

/// Returns the row that is first in the order; the first of several equal ones.
fn best(rows: &[usize], order: impl Fn(usize, usize) -> Option<std::cmp::Ordering>) -> Option<usize> {
    let mut rows = rows.iter().copied();
    let first = rows.next()?;
    Some(rows.fold(first, |best, row| if order(row, best).is_some_and(std::cmp::Ordering::is_lt) { row } else { best }))
}

/// Returns the values in `rows`; a missing one for `None`.
fn picked(data: &Values, rows: impl Iterator<Item = Option<usize>>) -> Values {
    data.gather(&rows.map(|row| row.unwrap_or(usize::MAX)).collect::<Vec<_>>())
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
            return Err(wrong(format!("`{text}` is not a measure")));
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

/// Splits `text` into the measure, the column in parentheses, and the name after ` as `.
///
/// The name of a column may itself contain parentheses and ` as `. It ends at the first closing parenthesis that balances
/// those before it and is followed by nothing or by ` as `; if there is none, at the last that is followed by either.
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
    fn a_measure_round_trips() {
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
