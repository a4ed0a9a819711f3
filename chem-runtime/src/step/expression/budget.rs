//! What an expression may cost on one row.
//!
//! A macro over a list repeats its body, macros may be nested, and each may double a text: the cost of an expression grows
//! exponentially with its length. So whatever is repeated, and whatever makes a text or a list longer, takes what it costs
//! from the row's budget before it is done. An expression without macros costs no more than its text times its row, and
//! pays for nothing but the joining of texts and the patterns that a row makes.

use std::cell::Cell;

use super::value::Val;
use crate::step::limits::EXPRESSION_WORK;

/// What handling this many bytes of text costs as much as one operation.
const BYTES: usize = 64;

thread_local! {
    /// What is left of the budget of the row that this thread works on.
    static LEFT: Cell<u64> = const { Cell::new(0) };
    /// Whether that row asked for more than was left. An `||` may pass over the error; the row fails all the same.
    static SPENT: Cell<bool> = const { Cell::new(false) };
}

/// Does `work` on a row with a new budget. The error says that the budget was not enough.
pub(super) fn for_row<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    LEFT.set(EXPRESSION_WORK.get());
    SPENT.set(false);
    let result = work();
    if SPENT.get() {
        Err(format!("it takes too much work for one row: {}", EXPRESSION_WORK.told()))
    } else {
        Ok(result)
    }
}

/// Takes `cost` from the budget of the row.
pub(super) fn spend(cost: u64) -> Result<(), String> {
    match LEFT.get().checked_sub(cost) {
        Some(left) => {
            LEFT.set(left);
            Ok(())
        }
        None => {
            LEFT.set(0);
            SPENT.set(true);
            Err("the budget is spent".to_owned())
        }
    }
}

/// Takes what handling `value` costs from the budget of the row.
pub(super) fn spend_on(value: &Val<'_>) -> Result<(), String> {
    spend(size(value, LEFT.get()))
}

/// The size of a value in operations. It stops counting beyond `enough`.
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
