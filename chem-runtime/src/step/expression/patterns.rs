//! `matches`: regular expressions, compiled once and not for every row.

use std::cell::RefCell;

use regex::Regex;

use super::budget;
use crate::step::param::regular_expression;

/// The name of our own `matches`, which takes the text and the pattern.
pub(super) const MATCHES: &str = "@matches";

/// How many patterns a thread keeps. An expression with more compiles some of them again for each row.
const KEPT: usize = 32;

/// What compiling a pattern takes from the budget of a row: one that the row's own text makes is new each time.
const COMPILING: u64 = 50_000;

thread_local! {
    /// The patterns that were compiled last, the latest at the end.
    static COMPILED: RefCell<Vec<Regex>> = const { RefCell::new(Vec::new()) };
}

/// Says what is wrong with a pattern.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    with_compiled(pattern, || Ok(()), |_| ())
}

/// Whether `pattern` is found in `text`.
pub(super) fn matches(text: &str, pattern: &str) -> Result<bool, String> {
    with_compiled(pattern, || budget::spend(COMPILING), |regex| regex.is_match(text))
}

fn with_compiled<T>(
    pattern: &str,
    before_compiling: impl FnOnce() -> Result<(), String>,
    then: impl FnOnce(&Regex) -> T,
) -> Result<T, String> {
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(at) = compiled.iter().position(|regex| regex.as_str() == pattern) {
            return Ok(then(&compiled[at]));
        }
        before_compiling()?;
        let regex = regular_expression(pattern)?;
        if compiled.len() == KEPT {
            compiled.remove(0);
        }
        let result = then(&regex);
        compiled.push(regex);
        Ok(result)
    })
}
