//! How one value is made of several that speak of the same thing.

use crate::chemistry::molecule::MolecularProperty;
use crate::chemistry::property::significant;

/// How far apart two values may be, as a part of the greater one, by the last bits of how they came to be.
const NOISE: f64 = 4.0 * f64::EPSILON;

/// How one value is made of several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Policy {
    /// The first that is there.
    First,
    /// The mean of those that are there.
    Mean,
    /// The middle one, or the mean of the two in the middle.
    Median,
    /// The first that is there, if all others are at most so far from it.
    Agree { tolerance: f64 },
}

/// What a policy decided for a molecule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Choice {
    /// The value of the candidate at this place.
    One(usize, f64),
    /// A value made of several.
    Made(f64),
    /// No candidate has a value.
    Missing,
    /// They are too far apart.
    Disagreement,
}

impl Policy {
    /// What it decides, of candidates in the order of preference.
    pub(super) fn decide(self, candidates: &[MolecularProperty<'_>]) -> Choice {
        let there: Vec<(usize, f64)> = candidates
            .iter()
            .enumerate()
            .filter_map(|(place, candidate)| Some((place, candidate.value()?.as_number()?)))
            .collect();
        let Some(&(place, first)) = there.first() else {
            return Choice::Missing;
        };
        let mut values: Vec<f64> = there.iter().map(|(_, value)| *value).collect();
        match self {
            Self::First => Choice::One(place, first),
            // What is made of one value is that value.
            _ if values.len() == 1 => Choice::One(place, first),
            Self::Mean => Choice::Made(significant(values.iter().sum::<f64>() / values.len() as f64)),
            Self::Median => {
                values.sort_by(f64::total_cmp);
                let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
                Choice::Made(significant(low + (high - low) / 2.0))
            }
            Self::Agree { tolerance } if values.iter().all(|value| agree(*value, first, tolerance)) => {
                Choice::One(place, first)
            }
            Self::Agree { .. } => Choice::Disagreement,
        }
    }
}

/// Whether two values are at most `tolerance` apart.
fn agree(one: f64, other: f64, tolerance: f64) -> bool {
    (one - other).abs() <= tolerance + NOISE * one.abs().max(other.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Column, ColumnData, ColumnType, Table};
    use crate::chemistry::molecules::Molecules;

    #[test]
    fn small_values_stay_apart_and_last_bits_do_not() {
        assert!(!agree(2.3e-9, 2.35e-9, 0.0));
        assert!(agree(2.3e-9, 2.35e-9, 0.05e-9) && !agree(2.3e-9, 2.35e-9, 0.04e-9));
        assert!(agree(0.1 + 0.2, 0.3, 0.0) && agree(1.1, 1.0, 0.1) && agree(-2.0, -2.1, 0.1));
        assert!(!agree(1.0, 1.000_000_1, 0.0) && agree(0.0, 0.0, 0.0));
    }

    #[test]
    fn what_is_made_of_one_value_is_from_its_column() {
        let text = |name: &str| (Column::new(name, ColumnType::Text), ColumnData::Text(vec![Some("C".into())]));
        let float = |name: &str, value| (Column::new(name, ColumnType::Float), ColumnData::Float(vec![value]));
        let record = (Column::new("record", ColumnType::Integer), ColumnData::Integer(vec![Some(1)]));
        let (a, b, c) = (float("a", None), float("b", Some(2.5)), float("c", Some(3.5)));
        let (d, e) = (float("d", Some(2.3e-9)), float("e", Some(2.35e-9)));
        let table = Table::new([text("name"), text("smiles"), record, a, b, c, d, e]).unwrap();
        let molecules = Molecules::new(table).unwrap();
        let decided = |policy: Policy, from: &[&str]| {
            let molecule = molecules.iter().next().unwrap();
            let candidates: Vec<_> = from.iter().filter_map(|name| molecule.property(name)).collect();
            policy.decide(&candidates)
        };
        for policy in [Policy::Mean, Policy::Median] {
            assert_eq!(decided(policy, &["a", "b"]), Choice::One(1, 2.5), "{policy:?}");
            assert_eq!(decided(policy, &["a", "b", "c"]), Choice::Made(3.0), "{policy:?}");
            assert_eq!(decided(policy, &["a"]), Choice::Missing, "{policy:?}");
            assert_eq!(decided(policy, &["d", "e"]), Choice::Made(2.325e-9), "{policy:?}");
        }
    }
}
