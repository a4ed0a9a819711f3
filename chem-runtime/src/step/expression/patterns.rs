//! The function `matches`: regular expressions, with a cache of compiled patterns.

use std::cell::RefCell;

use regex::Regex;

use super::budget;
use crate::step::param::regular_expression;

/// The internal name of `matches`, which takes the text and the pattern.
pub(super) const MATCHES: &str = "@matches";

/// The capacity of the cache of each thread. An expression with more patterns compiles some of them again for each row.
const CAPACITY: usize = 32;

/// The cost of compiling a pattern. A pattern that depends on the row is compiled for each row.
const COMPILING: u64 = 50_000;

thread_local! {
    /// The cached patterns, the last compiled at the end.
    static COMPILED: RefCell<Vec<Regex>> = const { RefCell::new(Vec::new()) };
}

/// Checks that a pattern is a valid regular expression.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    with_compiled(pattern, || Ok(()), |_| ())
}

/// Returns whether `pattern` matches anywhere in `text`.
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
        if compiled.len() == CAPACITY {
            compiled.remove(0);
        }
        let result = then(&regex);
        compiled.push(regex);
        Ok(result)
    })
}
