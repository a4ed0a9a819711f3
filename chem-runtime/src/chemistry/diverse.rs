//! `molecules.diverse`: MaxMin diversity selection.

use rayon::prelude::*;
use serde_json::json;

use super::fingerprints::{Sort, fingerprinted};
use super::library::{Fingerprint, FingerprintKind, PROVIDER};
use super::molecules::Molecules;
use super::params::FingerprintSize;
use super::property::rounded;
use crate::prelude::*;
use crate::records::{Random, on_workers};
use crate::step::{ColumnContext, Columns, Descent, DroppedRow, Explanation, OfEqual};

/// Selects molecules that are as dissimilar from each other as possible (MaxMin).
///
/// The first molecule is drawn at random, determined by the seed, with equal probabilities. Each further pick is the
/// molecule with the greatest distance to its nearest pick; the first in the table wins a tie. Distance is 1 minus the
/// Tanimoto coefficient of the fingerprints, as in `molecules.similar`. The draw uses SplitMix64 and is the same in every
/// release. Time is proportional to the number of molecules times the number of picks.
///
/// The output is in the order of picking, with a new column `distance`: the distance to the nearest earlier pick, missing
/// for the first. Molecules without a fingerprint are never picked. If there are fewer than `count`, all are picked. The
/// signal `picked` counts the molecules `kept` and `dropped`, and among the latter those `undecided`; `distance` is the
/// smallest distance between two picked molecules.
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
/// - `bits` is given for `maccs`.
#[step("molecules.diverse", version = 3, columns = with_distance, check = can_compare, descent = descent, explain = explain)]
pub fn pick_diverse(
    molecules: Input<Molecules>,
    /// The number of molecules to pick.
    #[param(min = 1, example = "50")]
    count: u64,
    /// The seed of the draw of the first molecule.
    #[param(default = 0)]
    seed: u64,
    /// The fingerprint to compare.
    #[param(default = FingerprintKind::Ecfp4)]
    fingerprint: FingerprintKind,
    /// The number of bits to which the fingerprint is folded. Defaults to 2048. Not for `maccs`.
    bits: Option<FingerprintSize>,
    context: &ExecutionContext<'_>,
) -> Result<Molecules, StepError> {
    let (rows, prints) = fingerprinted(context, &molecules, Sort::of_params(fingerprint, bits)?)?;
    let undecided = molecules.len() - rows.len();
    let count = usize::try_from(count).unwrap_or(usize::MAX).min(prints.len());
    let picks = on_workers(|| max_min(context, &prints, count, seed))??;

    let distances: Vec<Option<f64>> = picks.iter().map(|pick| pick.distance.map(rounded)).collect();
    let least = distances.last().copied().flatten();
    let kept: Vec<usize> = picks.iter().map(|pick| rows[pick.index]).collect();
    let dropped = molecules.len() - kept.len();
    let counts = json!({ "kept": kept.len(), "dropped": dropped, "undecided": undecided, "distance": least });
    context.signal("picked", &counts)?;
    let column = Column::new("distance", ColumnType::Float).with_provider(PROVIDER);
    let table = molecules.table().gather(&kept).with_result(column, Values::floats(distances))?;
    Ok(Molecules::new(table)?)
}

fn can_compare(step: &PickDiverse, _: &ColumnContext<'_>) -> Vec<Misfit> {
    Sort::of_params(step.fingerprint, step.bits).err().into_iter().collect()
}

fn with_distance(_: &PickDiverse, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(["distance"])
}

fn descent(_: &PickDiverse) -> Descent<'_> {
    // The first pick is drawn, and may be any of several equal molecules.
    Descent::Selected { of_equal: OfEqual::Any, computed: &["distance"] }
}

/// Compares the distance to the nearest pick with that of the last pick.
fn explain(step: &PickDiverse, dropped: &DroppedRow<'_>) -> Result<Option<Explanation>, StepError> {
    let sort = Sort::of_params(step.fingerprint, step.bits)?;
    let (own, picks) = (dropped.row().texts("smiles")?, dropped.kept(&["smiles", "distance"])?);
    let (smiles, distances) = (picks.texts("smiles")?, picks.floats("distance")?);
    let nearest = on_workers(|| {
        let own = sort.of(own.cell(0)?)?;
        let distance = |row: usize| Some((1.0 - sort.of(smiles.cell(row)?)?.tanimoto(&own), row));
        Some((0..picks.rows()).into_par_iter().filter_map(distance).min_by(|one, other| one.0.total_cmp(&other.0)))
    })?;
    let Some(nearest) = nearest else {
        return Ok(Some(Explanation::because("it has no fingerprint, so that it is never picked", [])));
    };
    let Some((distance, row)) = nearest else { return Ok(None) };
    let (distance, like) = (rounded(distance), smiles.cell(row).unwrap_or_default());
    let mut values = vec![("distance", distance.into()), ("nearest", like.into())];
    let mut words = format!("its distance to the nearest of the {} picks, `{like}`, is {distance}", picks.rows());
    if let Some(last) = picks.rows().checked_sub(1).and_then(|last| distances.cell(last)) {
        words.push_str(&format!("; that of the last pick to those before it was {last}"));
        values.push(("last", last.into()));
    }
    Ok(Some(Explanation::because(words, values)))
}

struct Pick {
    index: usize,
    /// The distance to the nearest earlier pick; `None` for the first.
    distance: Option<f64>,
}

/// Returns the first `count` picks among `prints`, which must contain at least as many.
fn max_min(
    context: &ExecutionContext<'_>,
    prints: &[Fingerprint],
    count: usize,
    seed: u64,
) -> Result<Vec<Pick>, StepError> {
    let mut picks: Vec<Pick> = Vec::with_capacity(count);
    // The distance of each to its nearest pick so far; negative infinity for a pick itself.
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
