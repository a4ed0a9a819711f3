//! Numbers in expressions: a single type for the author, represented as integers or floats.
//!
//! Only the value of a cell matters. Whether a column of a file was read as integers or floats depends on its other rows;
//! an integer is therefore exact in a column of either type, and no verdict depends on other rows.

use std::cmp::Ordering;

use crate::artifact::write_float;

/// A number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    /// An integer within the range of `i64` or `u64`.
    Whole(i128),
    /// A finite float, which may have an integer value.
    Real(f64),
}

use Number::{Real, Whole};

/// 2^63, the smallest positive `f64` integer that does not fit into an `i64`.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// The arithmetic operators, and the function [`quotient`](Operation::Quotient).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Quotient,
}

impl Operation {
    /// Returns the operator or function in expressions.
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
            Self::Quotient => "quotient",
        }
    }

    /// Computes the result.
    ///
    /// # Errors
    /// Fails for an integer that does not fit into 64 bits, a result that is not finite, or a division by zero.
    pub(super) fn apply(self, left: Number, right: Number) -> Result<Number, String> {
        match self {
            Self::Add => left.with(right, i128::checked_add, |left, right| left + right),
            Self::Subtract => left.with(right, i128::checked_sub, |left, right| left - right),
            Self::Multiply => left.with(right, i128::checked_mul, |left, right| left * right),
            Self::Divide | Self::Remainder | Self::Quotient if right.real() == 0.0 => {
                Err(format!("`{}`: a number is divided by zero", self.symbol()))
            }
            Self::Divide => real(left.real() / right.real()),
            Self::Remainder => match (left.exact(), right.exact()) {
                (Some(left), Some(right)) => whole(left.checked_rem(right)),
                _ => real(left.real() % right.real()),
            },
            Self::Quotient => match (left.exact(), right.exact()) {
                (Some(left), Some(right)) => whole(left.checked_div(right)),
                // Subtract the remainder first: 1 / 0.1 would otherwise be 10, although the remainder is 0.1.
                _ => {
                    let (left, right) = (left.real(), right.real());
                    real(((left - left % right) / right).round())?.truncated()
                }
            },
        }
    }
}

impl Number {
    /// Converts the number in a cell.
    pub(super) fn of_cell(value: f64) -> Self {
        let number = Real(value);
        number.exact().map_or(number, Whole)
    }

    /// Returns the number as a float.
    pub(super) fn real(self) -> f64 {
        match self {
            Whole(number) => number as f64,
            Real(number) => number,
        }
    }

    /// Returns the number as an integer, if it is one and fits into 64 bits.
    fn exact(self) -> Option<i128> {
        match self {
            Whole(number) => Some(number),
            Real(number) if number.fract() == 0.0 && (-BEYOND..BEYOND).contains(&number) => Some(number as i128),
            Real(_) => None,
        }
    }

    /// Returns the number as a 64-bit integer, if it is one.
    pub(super) fn integer(self) -> Option<i64> {
        i64::try_from(self.exact()?).ok()
    }

    /// Returns the number as an index of a list.
    pub(super) fn index(self) -> Option<usize> {
        usize::try_from(self.exact()?).ok()
    }

    fn with(
        self,
        other: Self,
        exactly: fn(i128, i128) -> Option<i128>,
        roughly: fn(f64, f64) -> f64,
    ) -> Result<Self, String> {
        match (self, other) {
            (Whole(one), Whole(other)) => whole(exactly(one, other)),
            (one, other) => real(roughly(one.real(), other.real())),
        }
    }

    pub(super) fn negated(self) -> Result<Self, String> {
        match self {
            Whole(number) => whole(number.checked_neg()),
            Real(number) => real(-number),
        }
    }

    pub(super) fn magnitude(self) -> Result<Self, String> {
        match self {
            Whole(number) => whole(number.checked_abs()),
            Real(number) => real(number.abs()),
        }
    }

    pub(super) fn sign(self) -> Self {
        Whole(match self.compare(Whole(0)) {
            Ordering::Less => -1,
            Ordering::Equal => 0,
            Ordering::Greater => 1,
        })
    }

    /// Rounds the number with `round`. Integers do not change.
    pub(super) fn rounded(self, round: fn(f64) -> f64) -> Self {
        match self {
            Whole(_) => self,
            Real(number) => Real(round(number)),
        }
    }

    /// Rounds the exact value to this many decimals, and halves away from zero.
    pub(super) fn rounded_to(self, decimals: usize) -> Result<Self, String> {
        let Real(number) = self else { return Ok(self) };
        // Formatting rounds the exact value, but halves to the even digit.
        let rounded = match fraction_bits(number) == decimals + 1 {
            true => half_away(number, decimals),
            false => format!("{number:.decimals$}"),
        };
        rounded.parse().map_or(Ok(self), real)
    }

    /// Truncates the number to an integer.
    pub(super) fn truncated(self) -> Result<Self, String> {
        match self {
            Whole(_) => Ok(self),
            Real(number) => whole(Real(number.trunc()).exact()),
        }
    }

    pub(super) fn square_root(self) -> Result<Self, String> {
        real(self.real().sqrt())
    }

    /// Compares exactly: 2^53 + 1 is greater than 2^53 in any representation.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Whole(one), Whole(other)) => one.cmp(&other),
            (Whole(one), Real(other)) => compare_exactly(one, other),
            (Real(one), Whole(other)) => compare_exactly(other, one).reverse(),
            // Floats are finite here; adding zero turns -0 into 0.
            (Real(one), Real(other)) => (one + 0.0).total_cmp(&(other + 0.0)),
        }
    }

    /// Formats the number as in text files.
    pub(super) fn spelled(self) -> String {
        match self {
            Whole(number) => number.to_string(),
            Real(number) => {
                let mut text = String::new();
                write_float(&mut text, number);
                text
            }
        }
    }
}

/// Returns the number of binary digits after the point. It equals the number of decimals, the last of which is 5.
fn fraction_bits(number: f64) -> usize {
    const MANTISSA: u32 = f64::MANTISSA_DIGITS - 1;
    let (exponent, fraction) = ((number.to_bits() >> MANTISSA) & 0x7ff, number.to_bits() & ((1 << MANTISSA) - 1));
    // Subnormal numbers are far below any number of decimals.
    let zeros = if fraction == 0 { MANTISSA } else { fraction.trailing_zeros() };
    usize::try_from(i64::from(MANTISSA) - i64::from(zeros) + 1023 - exponent as i64).unwrap_or_default()
}

/// Rounds a number that is halfway between two with this many decimals away from zero, as text.
fn half_away(number: f64, decimals: usize) -> String {
    // With the binary digits in front of the point the number is an odd integer below 2^53; times five to their number, it
    // is the number without its decimal point, which ends in 5.
    let bits = (0..=decimals).fold(number.abs(), |scaled, _| scaled * 2.0) as u128;
    let digits = (0..=decimals).fold(bits, |digits, _| digits * 5);
    let sign = if number < 0.0 { "-" } else { "" };
    format!("{sign}{}e-{decimals}", digits / 10 + 1)
}

fn compare_exactly(whole: i128, real: f64) -> Ordering {
    // Integers here are below 2^64, and the conversion of a larger float saturates.
    let below = real.floor();
    whole.cmp(&(below as i128)).then(if real > below { Ordering::Less } else { Ordering::Equal })
}

fn whole(result: Option<i128>) -> Result<Number, String> {
    match result.filter(|number| i64::try_from(*number).is_ok()) {
        Some(number) => Ok(Whole(number)),
        None => {
            Err("the result is too large for a 64-bit integer; write `double(…)` around a value to compute with floats"
                .to_owned())
        }
    }
}

/// Checks that `result` is finite.
pub(super) fn real(result: f64) -> Result<Number, String> {
    match result {
        result if result.is_nan() => Err("the result is not a number".to_owned()),
        result if result.is_infinite() => Err("the result is too large for a number".to_owned()),
        result => Ok(Real(result)),
    }
}
