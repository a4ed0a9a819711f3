//! `molecules.substructure`: molecules that have a pattern, or have it not.

use serde_json::json;

use super::library::{NotAPattern, Pattern, Structure, Unmatched};
use super::molecules::Molecules;
use super::params::Smarts;
use crate::prelude::*;
use crate::records::{on_workers, shortened};
use crate::step::{ColumnContext, DroppedRow, Explanation, same_columns};

/// Keeps the molecules in which a substructure occurs, or drops them.
///
/// The substructure is a SMARTS pattern, matched as RDKit does without regard to stereochemistry: the pattern `c1ccccc1`
/// finds aromatic rings, `C(=O)[OX2H]` carboxylic acids. A pattern that makes no sense is an error of the manifest.
///
/// Molecules have implicit hydrogens, `[OX2H]`, not hydrogen atoms, `[OX2][#1]`. A pattern that requires a hydrogen atom is
/// an error in the manifest unless `merge_hydrogens` defines its meaning. This does not apply to explicit hydrogens (`[2H]`,
/// `[H+]`, `[H][H]`, one with two bonds, and one on a dummy atom, `[#1][#0]`), nor to an atom that may be another element:
/// `[#1,#6]`, `[!#1]`.
///
/// The search for a pattern in a molecule fails after 2,000,000 steps. Each step maps an atom of the pattern to an atom of
/// the molecule, or an occurrence of one component of a pattern such as `C.C` beside those of the others. Within `$(C.C)`,
/// each step counts once per atom of the molecule.
///
/// A molecule that cannot be matched is always dropped. The signal `matched` counts the molecules `kept` and `dropped`, and
/// among the latter those that could not be matched as `undecided`.
///
/// # Example
/// ```yaml
/// flow: acids
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: acids
///     uses: molecules.substructure
///     with: { smarts: "C(=O)[OX2H]" }
/// ```
///
/// # Errors
/// - The pattern requires a hydrogen atom, and `merge_hydrogens` is not set.
/// - The search takes more than 2,000,000 steps in one molecule, which the message names.
#[step("molecules.substructure", version = 2, rows = ["smiles"], columns = same_columns, check = can_match, explain = explain)]
pub fn select_by_substructure(
    molecules: Rows<Molecules>,
    /// The pattern.
    #[param(example = "C(=O)[OX2H]")]
    smarts: Smarts,
    /// How to interpret a hydrogen atom in the pattern: `true` merges it into its neighbour, so that `C[#1]` becomes
    /// `[C;!H0]`, like RDKit's `MergeQueryHs`; `false` matches only explicit hydrogens such as deuterium.
    merge_hydrogens: Option<bool>,
    /// Whether to keep (`keep`) or drop (`drop`) the molecules that match.
    #[param(default = "keep", one_of = ["keep", "drop"])]
    action: String,
) -> Result<RowWork<Molecules>, StepError> {
    let wanted = action == "keep";
    let pattern = on_workers(|| Pattern::for_molecules(smarts.as_str(), merge_hydrogens))?
        .map_err(|error| StepError::new(format!("`{}`: {error}", smarts.as_str())))?;
    let work = molecules.each(move |batch, tally| {
        let mut kept = Vec::new();
        for (row, smiles) in batch.texts("smiles")?.enumerate() {
            let structure = smiles.map(|smiles| (smiles, Structure::from_canonical(smiles)));
            let found = match structure {
                Some((smiles, Ok(structure))) => decided(structure.has(&pattern), smiles, smarts.as_str())?,
                _ => None,
            };
            match found {
                Some(found) if found == wanted => kept.push(row),
                Some(_) => {}
                None => tally.add(row, "undecided"),
            }
        }
        Ok(BatchOutput::of(kept))
    });
    Ok(work.signal("matched", |tally, rows| {
        let (kept, dropped) = (rows.output, rows.input - rows.output);
        json!({ "kept": kept, "dropped": dropped, "undecided": tally.count("undecided") })
    }))
}

/// Returns the result of a search for the pattern called `name` in the molecule `smiles`; `None` if the library fails.
///
/// # Errors
/// Fails if the search takes too long.
pub(super) fn decided<T>(found: Result<T, Unmatched>, smiles: &str, name: &str) -> Result<Option<T>, StepError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Unmatched::Failed) => Ok(None),
        Err(error @ Unmatched::TooLong) => Err(StepError::new(format!(
            "cannot search for `{name}` in `{}`: {error}; write a pattern with fewer or more specific atoms, or filter such \
             molecules out first",
            shortened(smiles.as_bytes())
        ))),
    }
}

/// Searches again in the molecule.
fn explain(step: &SelectBySubstructure, dropped: &DroppedRow<'_>) -> Result<Option<Explanation>, StepError> {
    let (own, smarts) = (dropped.row().texts("smiles")?, step.smarts.as_str());
    let Some(smiles) = own.cell(0) else { return Ok(None) };
    let found = on_workers(|| {
        let pattern = Pattern::for_molecules(smarts, step.merge_hydrogens).ok()?;
        Some(Structure::from_canonical(smiles).ok()?.has(&pattern).ok())
    })?;
    let words = match found {
        None => return Ok(None),
        Some(None) => format!("the search for `{smarts}` fails in `{smiles}`"),
        Some(Some(true)) => format!("`{smarts}` occurs in `{smiles}`, and `action` is `{}`", step.action),
        Some(Some(false)) => format!("`{smarts}` does not occur in `{smiles}`, and `action` is `{}`", step.action),
    };
    let occurs = found.flatten();
    let values = [("smarts", smarts.into()), ("smiles", smiles.into()), ("occurs", occurs.into())];
    Ok(Some(Explanation::because(words, values)))
}

fn can_match(step: &SelectBySubstructure, _: &ColumnContext<'_>) -> Vec<Misfit> {
    let checked = on_workers(|| Pattern::for_molecules(step.smarts.as_str(), step.merge_hydrogens).err());
    checked.ok().flatten().map(misfit).into_iter().collect()
}

fn misfit(error: NotAPattern) -> Misfit {
    Misfit { within: error.at, help: error.help.map(str::to_owned), ..Misfit::new("smarts", error.message) }
}
