//! Evaluates the records that a step refused: their most common reason, and the parameter `fail_above`, the share of
//! refused records above which a step fails.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::error::StepError;
use super::misfit::Misfit;
use crate::artifact::{ColumnData, Table};

/// The most common reason in a table of rejects. Reasons that differ only in the values and numbers they quote count as
/// one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommonestReason {
    /// The reason, as the first of its records states it.
    pub text: String,
    /// The number of records refused for this reason.
    pub count: usize,
    /// The row of the first of these records.
    pub first: usize,
}

impl CommonestReason {
    /// Returns the most common reason in `rejects`, the earliest of equally common ones. `None` if a row has no reason,
    /// or if there are no rows.
    pub(crate) fn of(rejects: &Table) -> Option<Self> {
        let (_, ColumnData::Text(reasons)) = rejects.column("reason")? else { return None };
        let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
        for (row, reason) in reasons.iter().enumerate() {
            counts.entry(kind_of(reason.as_deref()?)).or_insert((row, 0)).1 += 1;
        }
        let (first, count) = counts.into_values().max_by_key(|(row, count)| (*count, Reverse(*row)))?;
        Some(Self { text: reasons.get(first)?.as_deref()?.to_owned(), count, first })
    }

    /// Describes the reason, and how many of the `refused` records it accounts for.
    pub(crate) fn describe(&self, refused: usize) -> String {
        if self.count == refused {
            format!("all for one reason: {}", self.text)
        } else {
            format!("{} of them for one reason: {}", self.count, self.text)
        }
    }
}

/// Returns a reason without quoted values and without digits.
fn kind_of(reason: &str) -> String {
    let parts = reason.split('`').enumerate().filter(|(index, _)| index % 2 == 0);
    parts.flat_map(|(_, part)| part.chars().filter(|character| !character.is_ascii_digit()).chain(['`'])).collect()
}

/// Checks the parameter `fail_above` of a step that refused `rejects` out of `records`. `what` describes the refused
/// records in the error message, such as ``records of `a.csv` cannot be used``.
///
/// # Errors
/// Fails if `rejects` holds a greater share of the records than `fail_above`.
pub(crate) fn check_share(
    rejects: &Table,
    records: usize,
    fail_above: Option<f64>,
    what: &str,
) -> Result<(), StepError> {
    let refused = rejects.rows();
    // Division returns the float nearest to the share, and the limit in a manifest is read the same way, so equal
    // shares are equal floats. A product, such as 0.29 * 100.0, does not guarantee that.
    let share = refused as f64 / records as f64;
    let Some(limit) = fail_above.filter(|limit| share > *limit) else { return Ok(()) };
    // Four digits, unless rounding would hide that the share exceeds the limit.
    let shown = format!("{share:.3e}").parse().ok().filter(|rounded| *rounded > limit).unwrap_or(share);
    let mut message = format!("{refused} of {records} {what}, a share of {shown} where `fail_above` allows {limit}");
    if let Some(reason) = CommonestReason::of(rejects) {
        message += &format!("; {}", reason.describe(refused));
        let place = ["line", "record"].into_iter().find_map(|column| match rejects.column(column)? {
            (_, ColumnData::Integer(numbers)) => Some(format!("{column} {}", (*numbers.get(reason.first)?)?)),
            _ => None,
        });
        let file = match rejects.column("file") {
            Some((_, ColumnData::Text(files))) => files.get(reason.first).and_then(Option::as_deref),
            _ => None,
        };
        if let Some(place) = place {
            message += &format!("; the first is {place}");
            message += &file.map_or_else(String::new, |file| format!(" of `{file}`"));
        }
    }
    Err(StepError::new(message))
}

/// Returns a misfit if `fail_above` is given with `on_error: fail`, which fails the step at the first refused record.
pub(crate) fn idle_share(on_error: &str, fail_above: Option<f64>) -> Option<Misfit> {
    (on_error == "fail" && fail_above.is_some()).then(|| Misfit {
        help: Some("leave out one of them".to_owned()),
        ..Misfit::new(
            "fail_above",
            "`fail_above` allows a share of records to be refused, and `on_error: fail` allows none",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Column, ColumnType};

    fn rejects(reasons: &[&str]) -> Table {
        let lines = (2..).take(reasons.len()).map(Some).collect();
        let reasons = reasons.iter().map(|reason| Some((*reason).into())).collect();
        Table::new([
            (Column::new("line", ColumnType::Integer), ColumnData::Integer(lines)),
            (Column::new("reason", ColumnType::Text), ColumnData::Text(reasons)),
        ])
        .unwrap()
    }

    #[test]
    fn reasons_that_quote_different_values_are_one() {
        let table = rejects(&["is empty", "has `a` in line 3", "has `b` in line 14", "is empty", "has `c` in line 5"]);
        let reason = CommonestReason::of(&table).unwrap();
        assert_eq!(reason, CommonestReason { text: "has `a` in line 3".to_owned(), count: 3, first: 1 });
        assert_eq!(reason.describe(5), "3 of them for one reason: has `a` in line 3");
        assert_eq!(reason.describe(3), "all for one reason: has `a` in line 3");
        assert_eq!(CommonestReason::of(&rejects(&["is empty", "is short"])).unwrap().text, "is empty");
        assert_eq!(CommonestReason::of(&Table::default()), None);
    }

    #[test]
    fn a_share_that_is_equal_to_the_limit_is_allowed() {
        for percent in 0..=100 {
            let table = rejects(&vec!["is empty"; percent]);
            let limit: f64 = format!("{}.{:02}", percent / 100, percent % 100).parse().unwrap();
            let checked = |limit| check_share(&table, 100, Some(limit), "records of `a` cannot be used");
            assert!(checked(limit).is_ok(), "{limit}");
            assert!(checked(limit - 0.001).is_err(), "{limit}");
        }
        let none = rejects(&[]);
        assert!(check_share(&none, 0, Some(0.0), "").is_ok() && check_share(&none, 9, Some(0.0), "").is_ok());
        assert!(check_share(&rejects(&["is empty"]), 1, None, "").is_ok());
    }

    #[test]
    fn a_share_above_the_limit_is_described_with_the_commonest_reason() {
        let table = rejects(&["is short", "is empty", "is empty"]);
        let message =
            |records, limit| check_share(&table, records, Some(limit), "records fail").unwrap_err().to_string();
        assert_eq!(
            message(7, 0.25),
            "3 of 7 records fail, a share of 0.4286 where `fail_above` allows 0.25; 2 of them for one reason: is empty; the \
             first is line 3"
        );
        assert!(message(59_999, 0.00005).contains("a share of 0.0000500008"), "{}", message(59_999, 0.00005));
    }
}
