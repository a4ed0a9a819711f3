//! `molecules.substructure`: molecules that have a pattern, or have it not.

use serde_json::json;

use super::library::Structure;
use super::molecules::Molecules;
use super::params::Smarts;
use crate::prelude::*;
use crate::records::map_records;
use crate::step::same_columns;

/// Keeps the molecules in which a substructure occurs, or drops them.
///
/// The substructure is a SMARTS pattern, matched as RDKit does without regard to stereochemistry: the pattern `c1ccccc1`
/// finds aromatic rings, `C(=O)[OX2H]` carboxylic acids. A pattern that makes no sense is an error of the manifest.
///
/// A molecule that cannot be matched is neither: it is dropped either way. The signal `matched` counts the molecules
/// `kept` and `dropped`, and among the latter those that could not be matched as `undecided`.
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
/// - None of its own.
#[step("molecules.substructure", version = 1, columns = same_columns)]
pub fn select_by_substructure(
    molecules: Input<Molecules>,
    /// The pattern.
    #[param(example = "C(=O)[OX2H]")]
    smarts: Smarts,
    /// Whether molecules in which it occurs are kept (`keep`) or dropped (`drop`).
    #[param(default = "keep", one_of = ["keep", "drop"])]
    action: String,
    context: &ExecutionContext<'_>,
) -> Result<Molecules, StepError> {
    let wanted = action == "keep";
    let found = map_records(context, molecules.smiles(), |smiles| {
        Structure::from_canonical(smiles.as_deref()?).ok()?.has(smarts.pattern())
    })?;
    let kept: Vec<usize> =
        found.iter().enumerate().filter(|(_, found)| **found == Some(wanted)).map(|(row, _)| row).collect();
    let undecided = found.iter().filter(|found| found.is_none()).count();
    let dropped = molecules.len() - kept.len();
    context.signal("matched", &json!({ "kept": kept.len(), "dropped": dropped, "undecided": undecided }))?;
    Ok(Molecules::new(molecules.table().gather(&kept))?)
}
