//! Compares values of a column: equality and order.

use std::cmp::Ordering;
use std::collections::HashMap;

use arrow_array::ArrayAccessor;

use crate::artifact::{Cells as _, Values, number_spelled};

/// A value to group and join rows by. A float that is an integer equals that integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Key<'a> {
    /// A missing value.
    Missing,
    /// Text.
    Text(&'a str),
    /// An integer, or a float that equals one.
    Integer(i64),
    /// The bits of a float that is not an integer, or does not fit into 64 bits.
    Float(u64),
    /// A boolean.
    Boolean(bool),
}

/// Returns the value of `data` in `row` as a key.
pub(crate) fn key_of(data: &Values, row: usize) -> Key<'_> {
    let key = match data {
        Values::Text(values) => values.cell(row).map(Key::Text),
        Values::Integer(values) => values.cell(row).map(Key::Integer),
        Values::Float(values) => values.cell(row).map(float_key),
        Values::Boolean(values) => values.cell(row).map(Key::Boolean),
    };
    key.unwrap_or(Key::Missing)
}

fn float_key(value: f64) -> Key<'static> {
    // Below 2^63, an f64 that is an integer is exactly one i64.
    let fits = value.fract() == 0.0 && (-(2_f64.powi(63))..2_f64.powi(63)).contains(&value);
    if fits { Key::Integer(value as i64) } else { Key::Float(value.to_bits()) }
}

/// Returns two texts that spell the same number, such as `5` and `5.0`, in text columns of which one contains mostly
/// numbers. As keys they differ, so rows that belong together would not match.
pub(crate) fn two_spellings<'a>(columns: &[&'a Values]) -> Option<(&'a str, &'a str)> {
    let mut spelled: HashMap<Key<'_>, &'a str> = HashMap::new();
    if columns.iter().all(|data| data.numbers_in_text().is_none()) {
        return None;
    }
    let texts = columns.iter().filter_map(|data| match data {
        Values::Text(values) => Some(values.iter().flatten()),
        _ => None,
    });
    for text in texts.flatten() {
        let Some(number) = number_spelled(text) else { continue };
        let key = number.as_i64().map(Key::Integer).or_else(|| number.as_f64().map(float_key))?;
        match spelled.insert(key, text) {
            Some(before) if before != text => return Some((before, text)),
            _ => {}
        }
    }
    None
}

/// Compares two values: numbers by value, text by code points, false before true. Returns `None` if one is missing.
pub(crate) fn order_of(data: &Values, one: usize, other: usize) -> Option<Ordering> {
    fn both<A: ArrayAccessor + Copy>(values: A, one: usize, other: usize) -> Option<(A::Item, A::Item)> {
        Some((values.cell(one)?, values.cell(other)?))
    }
    Some(match data {
        Values::Text(values) => both(values, one, other).map(|(one, other)| one.cmp(other))?,
        Values::Integer(values) => both(values, one, other).map(|(one, other)| one.cmp(&other))?,
        // Adding zero turns -0 into 0.
        Values::Float(values) => both(values, one, other).map(|(one, other)| (one + 0.0).total_cmp(&(other + 0.0)))?,
        Values::Boolean(values) => both(values, one, other).map(|(one, other)| one.cmp(&other))?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_a_number_are_found_if_there_are_mostly_numbers() {
        let texts = |values: &[&str]| Values::texts(values);
        let (left, right) = (texts(&["5", "NA", "7", "1e3"]), texts(&["5.0", "x", "y"]));
        assert_eq!(two_spellings(&[&left, &right]), Some(("5", "5.0")));
        assert_eq!(two_spellings(&[&texts(&["1000", "1e3"])]), Some(("1000", "1e3")));
        assert_eq!(two_spellings(&[&left]), None);
        assert_eq!(two_spellings(&[&texts(&["a", "1E3", "b", "1000", "c"])]), None);
        assert_eq!(two_spellings(&[&texts(&["007", "7", "7"])]), None);
    }

    #[test]
    fn a_whole_float_is_that_number_and_the_zeros_are_one() {
        let floats = Values::floats([Some(5.0), Some(5.5), Some(-0.0), None, Some(1e300), Some(0.0)]);
        let keys: Vec<Key<'_>> = (0..6).map(|row| key_of(&floats, row)).collect();
        assert_eq!((keys[0], keys[2], keys[3]), (Key::Integer(5), Key::Integer(0), Key::Missing));
        assert_ne!(keys[1], keys[4]);
        assert_eq!(order_of(&floats, 2, 5), Some(Ordering::Equal));
        assert_eq!(order_of(&floats, 0, 1), Some(Ordering::Less));
        assert_eq!(order_of(&floats, 0, 3), None);
        let texts = Values::texts(["Z", "a"]);
        assert_eq!(order_of(&texts, 0, 1), Some(Ordering::Less));
    }
}
