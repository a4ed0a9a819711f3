//! Evaluates the records that a step refused: their most common reason, and the parameter `fail_above`, the share of
//! refused records above which a step fails.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::StepError;
use super::misfit::Misfit;
use crate::artifact::{Cells as _, Table};

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
        Reasons::of(rejects).commonest().map(|kind| Self {
            text: kind.text.clone(),
            count: kind.count,
            first: kind.first,
        })
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

/// The reasons in a table of rejects that comes in pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reasons {
    rows: usize,
    /// Whether a row has no reason.
    unexplained: bool,
    kinds: BTreeMap<String, ReasonKind>,
}

/// Reasons that differ only in the values and numbers they quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ReasonKind {
    /// The first of them.
    text: String,
    count: usize,
    /// The row of the first.
    first: usize,
    /// The place of the first, such as `line 3`.
    place: Option<String>,
}

impl Reasons {
    /// Returns whether there are no rejects.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Returns the reasons in a whole table of rejects.
    pub(crate) fn of(rejects: &Table) -> Self {
        let mut reasons = Self::default();
        reasons.add(rejects);
        reasons
    }

    /// Adds the next rows.
    pub(crate) fn add(&mut self, rejects: &Table) {
        let before = self.rows;
        self.rows += rejects.rows();
        let Ok(reasons) = rejects.texts("reason") else {
            self.unexplained |= rejects.rows() > 0;
            return;
        };
        for (row, reason) in reasons.iter().enumerate() {
            let Some(reason) = reason else {
                self.unexplained = true;
                continue;
            };
            let new =
                || ReasonKind { text: reason.to_owned(), count: 0, first: before + row, place: place_of(rejects, row) };
            self.kinds.entry(kind_of(reason)).or_insert_with(new).count += 1;
        }
    }

    /// Adds the reasons of the rows after these.
    pub(crate) fn append(&mut self, more: Self) {
        for (kind, reason) in more.kinds {
            let first = self.rows + reason.first;
            self.kinds.entry(kind).or_insert(ReasonKind { count: 0, first, ..reason.clone() }).count += reason.count;
        }
        self.rows += more.rows;
        self.unexplained |= more.unexplained;
    }

    fn commonest(&self) -> Option<&ReasonKind> {
        let kinds = self.kinds.values().filter(|_| !self.unexplained);
        kinds.max_by_key(|kind| (kind.count, Reverse(kind.first)))
    }

    /// Checks the parameter `fail_above` of a step that refused these out of `records`. `what` describes the refused records in
    /// the error message, such as ``records of `a.csv` cannot be used``.
    ///
    /// # Errors
    /// Fails if there are more of them than the share `fail_above` of the records.
    pub(crate) fn check_share(&self, records: usize, fail_above: Option<f64>, what: &str) -> Result<(), StepError> {
        let refused = self.rows;
        // Division returns the float nearest to the share, and the limit in a manifest is read the same way, so equal
        // shares are equal floats. A product, such as 0.29 * 100.0, does not guarantee that.
        let share = refused as f64 / records as f64;
        let Some(limit) = fail_above.filter(|limit| share > *limit) else { return Ok(()) };
        // Four digits, unless rounding would hide that the share exceeds the limit.
        let shown = format!("{share:.3e}").parse().ok().filter(|rounded| *rounded > limit).unwrap_or(share);
        let mut message =
            format!("{refused} of {records} {what}, a share of {shown} where `fail_above` allows {limit}");
        if let Some(ReasonKind { text, count, first, place }) = self.commonest() {
            let reason = CommonestReason { text: text.clone(), count: *count, first: *first };
            message += &format!("; {}", reason.describe(refused));
            if let Some(place) = place {
                message += &format!("; the first is {place}");
            }
        }
        Err(StepError::new(message))
    }
}

/// Returns the line of the reject in `row`, or the number of its record, and its file if there are several.
fn place_of(rejects: &Table, row: usize) -> Option<String> {
    let place = ["line", "record"].into_iter().find_map(|column| {
        let number = rejects.integers(column).ok()?.cell(row)?;
        Some(format!("{column} {number}"))
    });
    let file = rejects.texts("file").ok().and_then(|files| files.cell(row));
    Some(place? + &file.map_or_else(String::new, |file| format!(" of `{file}`")))
}

/// Returns a reason without quoted values and without digits.
fn kind_of(reason: &str) -> String {
    let parts = reason.split('`').enumerate().filter(|(index, _)| index % 2 == 0);
    parts.flat_map(|(_, part)| part.chars().filter(|character| !character.is_ascii_digit()).chain(['`'])).collect()
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
    use crate::artifact::{Column, ColumnType, Values};

    fn rejects(reasons: &[&str]) -> Table {
        let lines = (2..).take(reasons.len());
        Table::new([
            (Column::new("line", ColumnType::Integer), Values::integers(lines)),
            (Column::new("reason", ColumnType::Text), Values::texts(reasons)),
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
    fn reasons_in_pieces_are_those_of_the_table() {
        let all = ["is short", "has `a` in line 3", "is empty", "has `b` in line 14", "is empty", "has `c` in line 5"];
        let table = rejects(&all);
        let whole = Reasons::of(&table);
        for cut in 0..=all.len() {
            let (one, other): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(|row| *row < cut);
            let mut front = Reasons::of(&table.gather(&one));
            front.append(Reasons::of(&table.gather(&other)));
            assert_eq!(front, whole, "{cut}");
        }
    }

    #[test]
    fn a_share_that_is_equal_to_the_limit_is_allowed() {
        for percent in 0..=100 {
            let table = rejects(&vec!["is empty"; percent]);
            let limit: f64 = format!("{}.{:02}", percent / 100, percent % 100).parse().unwrap();
            let checked = |limit| Reasons::of(&table).check_share(100, Some(limit), "records of `a` cannot be used");
            assert!(checked(limit).is_ok(), "{limit}");
            assert!(checked(limit - 0.001).is_err(), "{limit}");
        }
        let none = rejects(&[]);
        let checked = |table: &Table, records, limit| Reasons::of(table).check_share(records, limit, "");
        assert!(checked(&none, 0, Some(0.0)).is_ok() && checked(&none, 9, Some(0.0)).is_ok());
        assert!(checked(&rejects(&["is empty"]), 1, None).is_ok());
    }

    #[test]
    fn a_share_above_the_limit_is_described_with_the_commonest_reason() {
        let table = rejects(&["is short", "is empty", "is empty"]);
        let message = |records, limit| {
            Reasons::of(&table).check_share(records, Some(limit), "records fail").unwrap_err().to_string()
        };
        assert_eq!(
            message(7, 0.25),
            "3 of 7 records fail, a share of 0.4286 where `fail_above` allows 0.25; 2 of them for one reason: is empty; the \
             first is line 3"
        );
        assert!(message(59_999, 0.00005).contains("a share of 0.0000500008"), "{}", message(59_999, 0.00005));
    }
}
