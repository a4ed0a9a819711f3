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
