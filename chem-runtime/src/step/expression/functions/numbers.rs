//! Functions of numbers.
//!
//! Logarithms and powers come from `libm`, not from the C library of the system: platforms differ in the last bit.

use super::super::number::{Number, real};
use super::super::value::Val;
use super::Answer;
use crate::step::Library;

inventory::submit! { Library { name: "libm", version: "0.2.16" } }

/// The maximum number of decimals for `round`: a float has at most 17 significant digits.
const MAX_DECIMALS: usize = 17;

pub(super) fn exp(x: Number) -> Result<Number, String> {
    real(libm::exp(x.real()))
}

pub(super) fn ln(x: Number) -> Result<Number, String> {
    logarithm("ln", x, libm::log)
}

pub(super) fn log2(x: Number) -> Result<Number, String> {
    logarithm("log2", x, libm::log2)
}

pub(super) fn log10(x: Number) -> Result<Number, String> {
    logarithm("log10", x, libm::log10)
}

fn logarithm(name: &str, x: Number, of: fn(f64) -> f64) -> Result<Number, String> {
    if x.real() <= 0.0 {
        return Err(format!("`{name}`: expected a number greater than 0, found `{}`", x.spelled()));
    }
    real(of(x.real()))
}

pub(super) fn pow(base: Number, exponent: Number) -> Result<Number, String> {
    let (base, exponent) = (base.real(), exponent.real());
    if base == 0.0 && exponent < 0.0 {
        return Err("`pow`: 0 has no negative power".to_owned());
    }
    if base < 0.0 && exponent.fract() != 0.0 {
        return Err("`pow`: a negative number has only powers with an integer exponent".to_owned());
    }
    real(libm::pow(base, exponent))
}

/// Rounds a number to an integer, or to a number of decimals.
pub(super) fn round(values: &[Val<'_>]) -> Option<Result<Answer, String>> {
    let rounded = match values {
        [Val::Number(number)] => Ok(number.rounded(f64::round)),
        [Val::Number(number), Val::Number(decimals)] => match decimals.index().filter(|it| *it <= MAX_DECIMALS) {
            Some(decimals) => number.rounded_to(decimals),
            None => Err(format!(
                "`round`: the number of decimals is an integer from 0 to {MAX_DECIMALS}, not `{}`",
                decimals.spelled()
            )),
        },
        _ => return None,
    };
    Some(rounded.map(|number| Answer::Value(Val::Number(number))))
}

pub(super) fn extreme<'a>(greatest: bool, items: &[Val<'a>]) -> Option<Result<Val<'a>, String>> {
    let mut best: Option<Number> = None;
    for item in items {
        let Val::Number(number) = item else { return None };
        let better = |best: Number| if greatest { number.compare(best).is_gt() } else { number.compare(best).is_lt() };
        best = best.filter(|best| !better(*best)).or(Some(*number));
    }
    Some(best.map(Val::Number).ok_or_else(|| "the list must not be empty".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_version_is_the_one_that_is_linked() {
        let lock = include_str!("../../../../../Cargo.lock");
        let entry = lock.split("[[package]]").find(|entry| entry.contains("name = \"libm\"\n")).unwrap();
        let version = entry.lines().find_map(|line| line.strip_prefix("version = ")).unwrap().trim_matches('"');
        assert_eq!(Library::linked()["libm"], version);
    }
}
