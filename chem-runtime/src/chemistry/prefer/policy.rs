//! How one value is made of several that speak of the same thing.

use crate::chemistry::molecule::MolecularProperty;
use crate::chemistry::property::rounded;

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
            Self::Mean => Choice::Made(rounded(values.iter().sum::<f64>() / values.len() as f64)),
            Self::Median => {
                values.sort_by(f64::total_cmp);
                let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
                Choice::Made(rounded(low + (high - low) / 2.0))
            }
            // Values have six decimals, and so has what lies between them.
            Self::Agree { tolerance } if values.iter().all(|value| rounded((value - first).abs()) <= tolerance) => {
                Choice::One(place, first)
            }
            Self::Agree { .. } => Choice::Disagreement,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Column, ColumnData, ColumnType, Table};
    use crate::chemistry::molecules::Molecules;

    #[test]
    fn what_is_made_of_one_value_is_from_its_column() {
        let text = |name: &str| (Column::new(name, ColumnType::Text), ColumnData::Text(vec![Some("C".into())]));
        let float = |name: &str, value| (Column::new(name, ColumnType::Float), ColumnData::Float(vec![value]));
        let record = (Column::new("record", ColumnType::Integer), ColumnData::Integer(vec![Some(1)]));
        let (a, b, c) = (float("a", None), float("b", Some(2.5)), float("c", Some(3.5)));
        let table = Table::new([text("name"), text("smiles"), record, a, b, c]).unwrap();
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
        }
    }
}
