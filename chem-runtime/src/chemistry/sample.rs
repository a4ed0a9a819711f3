//! `molecules.sample`: random sampling.

use serde_json::json;

use super::molecules::Molecules;
use crate::prelude::*;
use crate::records::Random;
use crate::step::{Descent, DroppedRow, Explanation, Streamed};

/// Draws a random sample of molecules without replacement.
///
/// All molecules have the same probability, and the sample keeps their order. For a given number of rows, a seed draws the
/// same rows in every release and on every machine: the random numbers are SplitMix64's, and the rows are selected by
/// sequential sampling (Knuth, The Art of Computer Programming 2, 3.4.2, algorithm S).
///
/// The signal `sampled` counts the molecules `kept` and `dropped`.
///
/// # Example
/// ```yaml
/// flow: ten-drugs
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: sample
///     uses: molecules.sample
///     with: { count: 10, seed: 7 }
/// ```
///
/// # Errors
/// - Both or neither of `count` and `fraction` are set.
#[step("molecules.sample", version = 1, columns = crate::step::same_columns, check = can_sample, descent = descent, explain = explain)]
pub fn sample_molecules(
    molecules: Input<Stream<Molecules>>,
    /// The number of molecules to draw; all of them, if there are fewer.
    #[param(example = "1000")]
    count: Option<usize>,
    /// The share of molecules to draw, rounded to the nearest whole number of molecules.
    #[param(min = 0.0, max = 1.0, example = "0.1")]
    fraction: Option<f64>,
    /// The seed of the random numbers.
    #[param(default = 0)]
    seed: u64,
    context: &ExecutionContext<'_>,
) -> Result<Streamed<Molecules>, StepError> {
    let all = molecules.rows();
    let count = share(count, fraction)?.of(all);
    let kept = drawn(all, count, seed);
    context.signal("sampled", &json!({ "kept": kept.len(), "dropped": all - kept.len() }))?;
    molecules.map(context, |piece| {
        let [start, end] =
            [piece.rows.start, piece.rows.end].map(|row| kept.partition_point(|kept| *kept < piece.first + row));
        let rows: Vec<usize> = kept[start..end].iter().map(|row| row - piece.first).collect();
        Ok(piece.table.gather(&rows))
    })
}

/// The size of the sample.
enum Share {
    Count(usize),
    Fraction(f64),
}

impl Share {
    /// Returns the number of rows to draw from so many.
    fn of(&self, all: usize) -> usize {
        match self {
            Self::Count(count) => (*count).min(all),
            Self::Fraction(fraction) => ((fraction * all as f64).round() as usize).min(all),
        }
    }
}

fn share(count: Option<usize>, fraction: Option<f64>) -> Result<Share, Misfit> {
    match (count, fraction) {
        (Some(count), None) => Ok(Share::Count(count)),
        (None, Some(fraction)) => Ok(Share::Fraction(fraction)),
        _ => Err(Misfit::new("count", "expected either `count` or `fraction`")),
    }
}

fn can_sample(step: &SampleMolecules, _: &ColumnContext<'_>) -> Vec<Misfit> {
    share(step.count, step.fraction).err().into_iter().collect()
}

fn descent(step: &SampleMolecules) -> Descent<'_> {
    match share(step.count, step.fraction) {
        Ok(share) => Descent::Drawn(Box::new(move |all| drawn(all, share.of(all), step.seed))),
        Err(_) => Descent::Unknown,
    }
}

fn explain(step: &SampleMolecules, dropped: &DroppedRow<'_>) -> Result<Option<Explanation>, StepError> {
    let (all, seed) = (dropped.of(), step.seed);
    let count = share(step.count, step.fraction)?.of(all);
    let words = format!("the seed {seed} draws {count} of {all} rows, and not this one");
    Ok(Some(Explanation::because(words, [("seed", seed.into()), ("drawn", count.into()), ("rows", all.into())])))
}

/// Draws `count` of the numbers below `all`, in ascending order.
fn drawn(all: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut random = Random::seeded(seed);
    let mut left = count;
    let draw = |row: &usize| {
        let taken = random.below((all - row) as u64) < left as u64;
        left -= usize::from(taken);
        taken
    };
    (0..all).filter(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_of_a_seed_never_changes() {
        assert_eq!(drawn(20, 5, 0), [2, 3, 5, 6, 18]);
        assert_eq!(drawn(20, 5, 1), [8, 9, 12, 18, 19]);
        assert_eq!(drawn(5, 5, 3), [0, 1, 2, 3, 4]);
        assert!(drawn(5, 0, 3).is_empty() && drawn(0, 0, 3).is_empty());
    }

    #[test]
    fn every_row_is_drawn_about_as_often() {
        let mut times = [0_u32; 10];
        for seed in 0..2_000 {
            let rows = drawn(10, 3, seed);
            assert_eq!(rows.len(), 3);
            rows.iter().for_each(|row| times[*row] += 1);
        }
        assert!(times.iter().all(|times| (520..680).contains(times)), "{times:?}");
    }
}
