//! `matches`: regular expressions, compiled once and not for every row.

use std::cell::RefCell;

use cel::common::types::{CelBool, CelString, STRING_TYPE};
use cel::common::value::CowVal;
use cel::{DeclarationError, Env, ExecutionError};
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

/// Adds [`MATCHES`] to `env`.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload(MATCHES, MATCHES, vec![STRING_TYPE, STRING_TYPE], matches)
}

/// Says what is wrong with a pattern.
pub(super) fn check(pattern: &str) -> Result<(), String> {
    with_compiled(pattern, || Ok(()), |_| ()).map_err(|error| match error {
        ExecutionError::FunctionError { message, .. } => message,
        other => other.to_string(),
    })
}

fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let text = |index: usize| args.get(index).and_then(|arg| arg.downcast_ref::<CelString<'_>>());
    let (Some(text), Some(pattern)) = (text(0), text(1)) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let found = with_compiled(pattern.inner(), || budget::spend(COMPILING), |regex| regex.is_match(text.inner()))?;
    Ok(CowVal::owned(CelBool::from(found)))
}

fn with_compiled<T>(
    pattern: &str,
    before_compiling: impl FnOnce() -> Result<(), ExecutionError>,
    then: impl FnOnce(&Regex) -> T,
) -> Result<T, ExecutionError> {
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(at) = compiled.iter().position(|regex| regex.as_str() == pattern) {
            return Ok(then(&compiled[at]));
        }
        before_compiling()?;
        let regex = regular_expression(pattern).map_err(|reason| ExecutionError::function_error(MATCHES, reason))?;
        if compiled.len() == KEPT {
            compiled.remove(0);
        }
        let result = then(&regex);
        compiled.push(regex);
        Ok(result)
    })
}
