//! Policies for combining several values of one property.

use crate::chemistry::property::significant;

/// The relative difference that is attributed to rounding.
const NOISE: f64 = 4.0 * f64::EPSILON;

/// How to combine several values. Missing values are ignored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Policy {
    /// The first value.
    First,
    /// The mean of all values.
    Mean,
    /// The middle value, or the mean of the two in the middle.
    Median,
    /// The first value, if all others differ from it by at most `tolerance`.
    Agree { tolerance: f64 },
}

/// The decision of a policy for one molecule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Choice {
    /// The value of the candidate at this index.
    One(usize, f64),
    /// A combination of several values.
    Made(f64),
    /// No candidate has a value.
    Missing,
    /// The values differ by more than the tolerance.
    Disagreement,
}

impl Policy {
    /// Decides among candidates in the order of preference.
    pub(super) fn decide(self, candidates: &[Option<f64>]) -> Choice {
        let present: Vec<(usize, f64)> =
            candidates.iter().enumerate().filter_map(|(index, candidate)| Some((index, (*candidate)?))).collect();
        let Some(&(index, first)) = present.first() else {
            return Choice::Missing;
        };
        let mut values: Vec<f64> = present.iter().map(|(_, value)| *value).collect();
        match self {
            Self::First => Choice::One(index, first),
            // A single value is taken from its column under every policy.
            _ if values.len() == 1 => Choice::One(index, first),
            Self::Mean => Choice::Made(significant(values.iter().sum::<f64>() / values.len() as f64)),
            Self::Median => {
                values.sort_by(f64::total_cmp);
                let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
                Choice::Made(significant(low + (high - low) / 2.0))
            }
            Self::Agree { tolerance } if values.iter().all(|value| agree(*value, first, tolerance)) => {
                Choice::One(index, first)
            }
            Self::Agree { .. } => Choice::Disagreement,
        }
    }
}

/// Returns whether two values differ by at most `tolerance`, apart from rounding.
fn agree(one: f64, other: f64, tolerance: f64) -> bool {
    (one - other).abs() <= tolerance + NOISE * one.abs().max(other.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_differ_and_last_bits_do_not() {
        assert!(!agree(2.3e-9, 2.35e-9, 0.0));
        assert!(agree(2.3e-9, 2.35e-9, 0.05e-9) && !agree(2.3e-9, 2.35e-9, 0.04e-9));
        assert!(agree(0.1 + 0.2, 0.3, 0.0) && agree(1.1, 1.0, 0.1) && agree(-2.0, -2.1, 0.1));
        assert!(!agree(1.0, 1.000_000_1, 0.0) && agree(0.0, 0.0, 0.0));
    }

    #[test]
    fn a_single_value_is_attributed_to_its_column() {
        let (b, c, d, e) = (Some(2.5), Some(3.5), Some(2.3e-9), Some(2.35e-9));
        for policy in [Policy::Mean, Policy::Median] {
            assert_eq!(policy.decide(&[None, b]), Choice::One(1, 2.5), "{policy:?}");
            assert_eq!(policy.decide(&[None, b, c]), Choice::Made(3.0), "{policy:?}");
            assert_eq!(policy.decide(&[None]), Choice::Missing, "{policy:?}");
            assert_eq!(policy.decide(&[d, e]), Choice::Made(2.325e-9), "{policy:?}");
        }
    }
}
