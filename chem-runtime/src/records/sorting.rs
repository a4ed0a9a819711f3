//! Sorts rows, with cancellation.

use std::cmp::Ordering;

use crate::cancel::{self, Interrupted};

/// The number of rows that are sorted or merged between two checks for cancellation.
const BETWEEN_CHECKS: usize = 1 << 14;

/// Sorts `rows` by `compare`. The sort is stable.
///
/// # Errors
/// Fails if the run is cancelled; `rows` is then a permutation in no particular order.
pub(crate) fn sort_rows(rows: &mut Vec<usize>, compare: impl Fn(usize, usize) -> Ordering) -> Result<(), Interrupted> {
    for run in rows.chunks_mut(BETWEEN_CHECKS) {
        cancel::check()?;
        run.sort_by(|one, other| compare(*one, *other));
    }
    let mut width = BETWEEN_CHECKS;
    while width < rows.len() {
        let mut merged = Vec::with_capacity(rows.len());
        for pair in rows.chunks(2 * width) {
            let (mut left, mut right) = pair.split_at(width.min(pair.len()));
            while let (Some((one, others)), Some((other, more))) = (left.split_first(), right.split_first()) {
                if compare(*one, *other).is_le() {
                    merged.push(*one);
                    left = others;
                } else {
                    merged.push(*other);
                    right = more;
                }
                if merged.len().is_multiple_of(BETWEEN_CHECKS) {
                    cancel::check()?;
                }
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        *rows = merged;
        width *= 2;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::CancelToken;
    use crate::records::Random;

    #[test]
    fn rows_are_sorted_like_the_standard_library_does() {
        let mut random = Random::seeded(7);
        for length in [0, 1, 2, BETWEEN_CHECKS - 1, BETWEEN_CHECKS, BETWEEN_CHECKS + 1, 5 * BETWEEN_CHECKS + 3] {
            let values: Vec<u64> = (0..length).map(|_| random.below(1000)).collect();
            let mut rows: Vec<usize> = (0..length).collect();
            let mut expected = rows.clone();
            expected.sort_by_key(|row| values[*row]);
            sort_rows(&mut rows, |one, other| values[one].cmp(&values[other])).unwrap();
            assert_eq!(rows, expected, "{length}");
        }
    }

    #[test]
    fn cancellation_stops_a_sort() {
        let token = CancelToken::default();
        let mut rows: Vec<usize> = (0..10 * BETWEEN_CHECKS).rev().collect();
        let count = std::cell::Cell::new(0);
        let result = token.scope(|| {
            sort_rows(&mut rows, |one, other| {
                count.set(count.get() + 1);
                if count.get() == 1000 {
                    token.cancel();
                }
                one.cmp(&other)
            })
        });
        assert_eq!(result, Err(Interrupted));
        assert!(count.get() < 16 * BETWEEN_CHECKS);
    }
}
