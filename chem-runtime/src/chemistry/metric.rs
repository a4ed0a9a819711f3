//! Measures of the similarity of two fingerprints.

use super::library::Fingerprint;
use crate::step::Misfit;

/// A measure of similarity, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Metric {
    Tanimoto,
    Dice,
    Cosine,
    /// Tversky's index, with the weights of the features that only the first or only the second fingerprint has.
    Tversky(f64, f64),
}

impl Metric {
    /// Returns what the parameters `metric`, `alpha` and `beta` name.
    ///
    /// # Errors
    /// Fails if there is no such metric, if a weight is missing or has no effect, or if both are 0.
    pub(super) fn named(name: Option<&str>, alpha: Option<f64>, beta: Option<f64>) -> Result<Self, Misfit> {
        let metric = match name.unwrap_or("tanimoto") {
            "tanimoto" => Self::Tanimoto,
            "dice" => Self::Dice,
            "cosine" => Self::Cosine,
            "tversky" => {
                let missing = |param| Misfit::new(param, format!("`metric: tversky` needs `{param}`"));
                let weights = (alpha.ok_or_else(|| missing("alpha"))?, beta.ok_or_else(|| missing("beta"))?);
                if weights == (0.0, 0.0) {
                    let message =
                        "`alpha` and `beta` are both 0: any two molecules with a common feature would be equal";
                    return Err(Misfit::new("alpha", message));
                }
                return Ok(Self::Tversky(weights.0, weights.1));
            }
            other => return Err(Misfit::new("metric", format!("there is no metric `{other}`"))),
        };
        match [("alpha", alpha), ("beta", beta)].into_iter().find(|(_, weight)| weight.is_some()) {
            Some((param, _)) => {
                Err(Misfit::new(param, format!("`{param}` has no effect")).with_help("write `metric: tversky`"))
            }
            None => Ok(metric),
        }
    }

    /// Returns the similarity of `one` and `other`. For two fingerprints without bits, it is 1 by Tanimoto and 0 by the
    /// other metrics.
    pub(super) fn of(self, one: &Fingerprint, other: &Fingerprint) -> f64 {
        let (a, b, c) = (f64::from(one.ones()), f64::from(other.ones()), f64::from(one.common(other)));
        let (part, whole) = match self {
            Self::Tanimoto => return one.tanimoto(other),
            Self::Dice => (2.0 * c, a + b),
            Self::Cosine => (c, (a * b).sqrt()),
            Self::Tversky(alpha, beta) => (c, alpha * (a - c) + beta * (b - c) + c),
        };
        if whole > 0.0 { part / whole } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_those_of_rdkit() {
        let one = Fingerprint::of_bits([1, 2, 3, 4, 5]);
        let (other, none) = (Fingerprint::of_bits([4, 5, 6]), Fingerprint::of_bits([]));
        let metric = |name, alpha, beta| Metric::named(Some(name), alpha, beta).unwrap();
        for (metric, expected) in [
            (metric("tanimoto", None, None), 2.0 / 6.0),
            (metric("dice", None, None), 0.5),
            (metric("cosine", None, None), 2.0 / 15_f64.sqrt()),
            (metric("tversky", Some(1.0), Some(0.0)), 0.4),
            (metric("tversky", Some(0.0), Some(1.0)), 2.0 / 3.0),
            (metric("tversky", Some(1.0), Some(1.0)), 2.0 / 6.0),
        ] {
            assert!((metric.of(&one, &other) - expected).abs() < 1e-12, "{metric:?}");
            assert_eq!(metric.of(&one, &none), 0.0, "{metric:?}");
        }
        assert_eq!(Metric::Dice.of(&none, &none), 0.0);
    }

    #[test]
    fn weights_belong_to_tversky() {
        for (name, alpha, beta, param) in [
            (None, Some(1.0), None, "alpha"),
            (Some("dice"), None, Some(1.0), "beta"),
            (Some("tversky"), Some(1.0), None, "beta"),
            (Some("tversky"), Some(0.0), Some(0.0), "alpha"),
            (Some("euclid"), None, None, "metric"),
        ] {
            assert_eq!(Metric::named(name, alpha, beta).unwrap_err().param, param, "{name:?}");
        }
        assert_eq!(Metric::named(None, None, None), Ok(Metric::Tanimoto));
    }
}
