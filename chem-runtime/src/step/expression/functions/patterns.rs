//! Regular expressions, with a cache of compiled patterns.

use std::cell::RefCell;

use regex::Regex;

use super::super::budget;
use crate::step::listed;
use crate::step::param::regular_expression;

/// The internal name of `matches`, which takes the text and the pattern.
pub(in crate::step::expression) const MATCHES: &str = "@matches";

/// The capacity of the cache of each thread. An expression with more patterns compiles some of them again for each row.
const CAPACITY: usize = 32;

/// The cost of compiling a pattern. A pattern that depends on the row is compiled for each row.
const COMPILING: u64 = 50_000;

/// The cost of finding a match with its groups.
const REPLACING: u64 = 8;

thread_local! {
    /// The cached patterns, the last compiled at the end.
    static COMPILED: RefCell<Vec<Regex>> = const { RefCell::new(Vec::new()) };
}

/// A group of a pattern.
#[derive(Debug, Clone, Copy)]
pub(in crate::step::expression) enum Group<'a> {
    /// The first group, or the whole match if the pattern has no groups.
    First,
    /// The group with this number; 0 is the whole match.
    Numbered(usize),
    Named(&'a str),
}

/// Checks that a pattern is a valid regular expression.
pub(in crate::step::expression) fn check(pattern: &str) -> Result<(), String> {
    with_compiled(pattern, || Ok(()), |_| Ok(()))
}

/// Checks that a pattern has a group.
pub(in crate::step::expression) fn check_group(pattern: &str, group: Group<'_>) -> Result<(), String> {
    with_compiled(pattern, || Ok(()), |regex| number_of(regex, group).map(drop))
}

/// Returns whether `pattern` matches anywhere in `text`.
pub(super) fn matches(text: &str, pattern: &str) -> Result<bool, String> {
    with_compiled(pattern, || budget::spend(COMPILING), |regex| Ok(regex.is_match(text)))
}

/// Returns a group of the first match; `None` if the pattern does not match, or matches without the group.
pub(super) fn extract(text: &str, pattern: &str, group: Group<'_>) -> Result<Option<String>, String> {
    with_compiled(
        pattern,
        || budget::spend(COMPILING),
        |regex| {
            let number = number_of(regex, group)?;
            let found = regex.captures(text).and_then(|captures| captures.get(number));
            Ok(found.map(|found| found.as_str().to_owned()))
        },
    )
}

/// Replaces every match by `new`, in which `$1` and `${name}` mean groups.
pub(super) fn replace(text: &str, pattern: &str, new: &str) -> Result<String, String> {
    with_compiled(
        pattern,
        || budget::spend(COMPILING),
        |regex| {
            budget::spend_bytes(text.len())?;
            let (mut replaced, mut copied) = (String::new(), 0);
            for captures in regex.captures_iter(text) {
                let Some(found) = captures.get(0) else { continue };
                // `new` may name a group as often as it has characters.
                budget::spend(REPLACING)?;
                budget::spend_bytes(new.len().saturating_mul(1 + found.len()))?;
                replaced.push_str(&text[copied..found.start()]);
                captures.expand(new, &mut replaced);
                copied = found.end();
            }
            replaced.push_str(&text[copied..]);
            Ok(replaced)
        },
    )
}

fn number_of(regex: &Regex, group: Group<'_>) -> Result<usize, String> {
    let groups = regex.captures_len() - 1;
    match group {
        Group::First => Ok(groups.min(1)),
        Group::Numbered(number) if number <= groups => Ok(number),
        Group::Numbered(number) => Err(format!("the pattern has {groups} groups, no number {number}")),
        Group::Named(name) => regex.capture_names().position(|known| known == Some(name)).ok_or_else(|| {
            let names: Vec<&str> = regex.capture_names().flatten().collect();
            match names.as_slice() {
                [] => format!("the pattern has no group `{name}`; write it as `(?<{name}>…)`"),
                names => format!("the pattern has no group `{name}`; its groups are {}", listed(names)),
            }
        }),
    }
}

fn with_compiled<T>(
    pattern: &str,
    before_compiling: impl FnOnce() -> Result<(), String>,
    then: impl FnOnce(&Regex) -> Result<T, String>,
) -> Result<T, String> {
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(at) = compiled.iter().position(|regex| regex.as_str() == pattern) {
            return then(&compiled[at]);
        }
        before_compiling()?;
        let regex = regular_expression(pattern)?;
        if compiled.len() == CAPACITY {
            compiled.remove(0);
        }
        let result = then(&regex);
        compiled.push(regex);
        result
    })
}
