//! `molecules.diverse`: a few molecules that stand for many.

use rayon::prelude::*;
use serde_json::json;

use super::fingerprints::fingerprinted;
use super::library::{Fingerprint, PROVIDER};
use super::molecules::Molecules;
use super::property::rounded;
use crate::prelude::*;
use crate::records::{Random, on_workers};
use crate::step::{ColumnContext, Columns};

/// Picks molecules that are as different from each other as can be (MaxMin).
///
/// The first is drawn by the seed, each as likely as the others. Each one after that is the molecule whose distance to the
/// nearest picked one is greatest, and of several the first in the table: distance is 1 less Tanimoto's coefficient of the
/// fingerprints, as in `molecules.similar`. The draw is by SplitMix64 and is the same in every release. The time that it
/// takes grows with the number of molecules times the number of picks.
///
/// The molecules come out in the order in which they were picked, with a column `distance`: that to the nearest one picked
/// before, missing for the first. Molecules without a fingerprint are never picked. If there are fewer than `count`, all
/// are picked. The signal `picked` counts the molecules `kept` and `dropped`, and among the latter those `undecided`; it has
/// the least distance between two picked molecules as `distance`.
///
/// # Example
/// ```yaml
/// flow: ten-different-drugs
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: pick
///     uses: molecules.diverse
///     with: { count: 10, seed: 7 }
/// ```
///
/// # Errors
/// - None of its own.
#[step("molecules.diverse", version = 3, columns = with_distance)]
pub fn pick_diverse(
    molecules: Input<Molecules>,
    /// How many to pick.
    #[param(min = 1, example = "50")]
    count: u64,
    /// What the first pick is drawn by.
    #[param(default = 0)]
    seed: u64,
    /// What distance is measured by.
    #[param(default = "ecfp4", one_of = ["ecfp4", "maccs"])]
    fingerprint: String,
    context: &ExecutionContext<'_>,
) -> Result<Molecules, StepError> {
    let (rows, prints) = fingerprinted(context, &molecules, &fingerprint)?;
    let undecided = molecules.len() - rows.len();
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(prints.len());
    let picks = on_workers(|| max_min(context, &prints, count, seed))??;

    let distances: Vec<Option<f64>> = picks.iter().map(|pick| pick.distance.map(rounded)).collect();
    let least = distances.last().copied().flatten();
    let kept: Vec<usize> = picks.iter().map(|pick| rows[pick.index]).collect();
    let dropped = molecules.len() - kept.len();
    let said = json!({ "kept": kept.len(), "dropped": dropped, "undecided": undecided, "distance": least });
    context.signal("picked", &said)?;
    let column = Column::new("distance", ColumnType::Float).with_provider(PROVIDER);
    let table = molecules.table().gather(&kept).with_result(column, ColumnData::Float(distances))?;
    Ok(Molecules::new(table)?)
}

fn with_distance(_: &PickDiverse, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(["distance"])
}

struct Pick {
    index: usize,
    /// To the nearest pick before; none for the first.
    distance: Option<f64>,
}

/// The first `count` picks among `prints`, of which there are as many or more.
fn max_min(
    context: &ExecutionContext<'_>,
    prints: &[Fingerprint],
    count: usize,
    seed: u64,
) -> Result<Vec<Pick>, StepError> {
    let mut picks: Vec<Pick> = Vec::with_capacity(count);
    // The distance of each to the nearest pick so far; below any distance for a pick itself.
    let mut far = vec![f64::INFINITY; prints.len()];
    while picks.len() < count {
        context.check_cancelled()?;
        let pick = match picks.last() {
            None => Pick { index: Random::seeded(seed).below(prints.len() as u64) as usize, distance: None },
            Some(last) => {
                let last = &prints[last.index];
                far.par_iter_mut().zip(prints).with_min_len(512).for_each(|(far, print)| {
                    *far = far.min(1.0 - print.tanimoto(last));
                });
                let further = |a: (usize, f64), b: (usize, f64)| if (b.1, a.0) > (a.1, b.0) { b } else { a };
                let (index, distance) = far
                    .par_iter()
                    .copied()
                    .enumerate()
                    .with_min_len(4096)
                    .reduce(|| (usize::MAX, f64::NEG_INFINITY), further);
                Pick { index, distance: Some(distance) }
            }
        };
        far[pick.index] = f64::NEG_INFINITY;
        picks.push(pick);
        context.progress(picks.len() as u64, Some(count as u64));
    }
    Ok(picks)
}
