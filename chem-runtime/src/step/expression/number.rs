//! Numbers in expressions: one kind to whoever writes an expression, whole or not.
//!
//! A cell counts by its value. Whether a file's column was read as whole numbers or as others depends on the other rows,
//! so that a whole number is exact in a column of either type, and no verdict changes with its neighbours.

use std::cmp::Ordering;

use crate::artifact::write_float;

/// A number. A real one is finite.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    /// A whole number, of 64 bits with a sign or without one.
    Whole(i128),
    /// A number that was computed or written as a real one; it may be whole all the same.
    Real(f64),
}

use Number::{Real, Whole};

/// 2^63, from which on no `f64` is an `i64`.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// The arithmetic of operators and of [`quotient`](Operation::Quotient).
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
    /// How an expression spells it.
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

    /// The result.
    ///
    /// # Errors
    /// Says that there is none: a whole number that does not fit into 64 bits, a number that is not finite, or a division
    /// by zero.
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
                // Without the remainder first, 1 / 0.1 would be 10, and the remainder 0.1.
                _ => {
                    let (left, right) = (left.real(), right.real());
                    real(((left - left % right) / right).round())?.truncated()
                }
            },
        }
    }
}

impl Number {
    /// The number in a cell.
    pub(super) fn of_cell(value: f64) -> Self {
        let number = Real(value);
        number.exact().map_or(number, Whole)
    }

    /// The number as a real one.
    pub(super) fn real(self) -> f64 {
        match self {
            Whole(number) => number as f64,
            Real(number) => number,
        }
    }

    /// The whole number that it is, if it is one that 64 bits hold.
    fn exact(self) -> Option<i128> {
        match self {
            Whole(number) => Some(number),
            Real(number) if number.fract() == 0.0 && (-BEYOND..BEYOND).contains(&number) => Some(number as i128),
            Real(_) => None,
        }
    }

    /// The same as a place in a list.
    pub(super) fn place(self) -> Option<usize> {
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

    /// The number rounded by `round`. A whole number is that already.
    pub(super) fn rounded(self, round: fn(f64) -> f64) -> Self {
        match self {
            Whole(_) => self,
            Real(number) => Real(round(number)),
        }
    }

    /// What is left of it without its decimals, as a whole number.
    pub(super) fn truncated(self) -> Result<Self, String> {
        match self {
            Whole(_) => Ok(self),
            Real(number) => whole(Real(number.trunc()).exact()),
        }
    }

    pub(super) fn square_root(self) -> Result<Self, String> {
        real(self.real().sqrt())
    }

    /// The exact order: 2^53 + 1 is greater than 2^53, however the two are written.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Whole(one), Whole(other)) => one.cmp(&other),
            (Whole(one), Real(other)) => compare_exactly(one, other),
            (Real(one), Whole(other)) => compare_exactly(other, one).reverse(),
            // Real numbers are finite; adding zero makes the two zeros one.
            (Real(one), Real(other)) => (one + 0.0).total_cmp(&(other + 0.0)),
        }
    }

    /// The number as files of text have it.
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

fn compare_exactly(whole: i128, real: f64) -> Ordering {
    // Beyond 2^64 there are no whole numbers here, and a conversion stops at the greatest.
    let below = real.floor();
    whole.cmp(&(below as i128)).then(if real > below { Ordering::Less } else { Ordering::Equal })
}

fn whole(result: Option<i128>) -> Result<Number, String> {
    match result.filter(|number| i64::try_from(*number).is_ok()) {
        Some(number) => Ok(Whole(number)),
        None => {
            Err("the result is too large for a whole number of 64 bits; write `double(…)` around a value to compute \
                     with real numbers"
                .to_owned())
        }
    }
}

/// `result` if it is a number that can be compared with others.
pub(super) fn real(result: f64) -> Result<Number, String> {
    match result {
        result if result.is_nan() => Err("the result is not a number".to_owned()),
        result if result.is_infinite() => Err("the result is too large for a number".to_owned()),
        result => Ok(Real(result)),
    }
}
