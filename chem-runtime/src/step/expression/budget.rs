//! Limits the cost of an expression on one row.
//!
//! Macros repeat their body, can be nested, and each may double a text, so the cost of an expression can be exponential in
//! its length. Every repeated operation, and every operation that lengthens a text or a list, is therefore charged to a
//! budget before it runs. The cost of an expression without macros is at most its length times the size of the row; it is
//! charged only for operations that lengthen or split texts, and for patterns that depend on the row.

use std::cell::Cell;

use super::value::Val;
use crate::step::limits::EXPRESSION_WORK;

/// The number of bytes of text whose processing costs as much as one operation.
const BYTES: usize = 64;

thread_local! {
    /// The remaining budget of this thread's current row.
    static LEFT: Cell<u64> = const { Cell::new(0) };
    /// Whether the row exceeded its budget. The row fails even if an `||` ignores the error.
    static SPENT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on a row with a new budget.
///
/// # Errors
/// Fails if the budget was exceeded.
pub(super) fn for_row<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    LEFT.set(EXPRESSION_WORK.get());
    SPENT.set(false);
    let result = work();
    if SPENT.get() {
        Err(format!("the expression takes too much work for one row: {}", EXPRESSION_WORK.advice()))
    } else {
        Ok(result)
    }
}

/// Charges `cost` to the budget of the row.
pub(super) fn spend(cost: u64) -> Result<(), String> {
    match LEFT.get().checked_sub(cost) {
        Some(left) => {
            LEFT.set(left);
            Ok(())
        }
        None => {
            LEFT.set(0);
            SPENT.set(true);
            Err("the budget is exceeded".to_owned())
        }
    }
}

/// Charges the cost of processing this many bytes of text to the budget of the row.
pub(super) fn spend_bytes(bytes: usize) -> Result<(), String> {
    spend(1 + (bytes / BYTES) as u64)
}

/// Charges the cost of processing `value` to the budget of the row.
pub(super) fn spend_on(value: &Val<'_>) -> Result<(), String> {
    spend(size(value, LEFT.get()))
}

/// Returns the cost of processing a value in operations. Stops counting beyond `enough`.
fn size(value: &Val<'_>, enough: u64) -> u64 {
    match value {
        Val::Text(text) => 1 + (text.len() / BYTES) as u64,
        Val::List(items) => {
            let mut total = 1;
            for item in items {
                if total > enough {
                    break;
                }
                total += size(item, enough - total);
            }
            total
        }
        Val::Null | Val::Truth(_) | Val::Number(_) => 1,
    }
}
