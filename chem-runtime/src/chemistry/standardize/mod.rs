//! `molecules.standardize`: brings molecules into a standard form.

mod charge;
mod fragment;
mod metals;
mod normalize;
mod reionize;

use serde_json::json;

use super::library::{PROVIDER, Structure};
use super::molecules::{Molecules, PROMISED};
use crate::prelude::*;
use crate::records::Rejects;

/// The maximum number of heavy atoms for a canonical tautomer: the search takes time cubic in their number.
pub const MAX_TAUTOMER_ATOMS: i64 = 150;

/// Standardizes molecules: bonds to metals, the drawing of groups, the largest fragment, charges, the tautomer.
///
/// The operations run in the following order, regardless of the order in the manifest. `disconnect_metals` removes
/// bonds between metals and non-metals and turns both into ions: bonds of any metal to nitrogen, oxygen and fluorine,
/// and those of transition metals and aluminium to other aliphatic non-metals. `normalize` rewrites groups that can be
/// drawn in several ways, such as sulfoxides, hydrazine diazonium ions and separated charges, by RDKit's 22
/// transformations. `reionize` moves protons so that the strongest acids are the ionized ones, by RDKit's 33 pairs of
/// acids and bases, and charges isolated atoms such as `[Na]`. `largest_fragment` removes counter-ions and solvents: it
/// keeps the fragment with the most atoms including hydrogens, then the heaviest elements, then the first SMILES.
/// `neutralize` removes charges by adding or removing hydrogens, except charges that balance one that cannot be
/// removed, such as that of a quaternary nitrogen; of several anions, those of acids keep their charge, and RDKit's
/// canonical order of the atoms breaks ties. `canonical_tautomer` selects one tautomer and removes the stereochemistry
/// of the atoms involved; it is not a default, because it is slow and changes what a chemist sees. The results of each
/// operation agree with `rdMolStandardize` of RDKit 2026.09.1, except that an ion that cannot take a hydrogen, such as
/// hexafluorophosphate, keeps its charge, whereas RDKit produces the impossible `F[PH](F)(F)(F)(F)F`.
///
/// Two columns are added: `changes` lists the operations that changed the molecule, separated by `, `, and
/// `original_smiles` contains the SMILES before; both are missing if nothing changed. For molecules that were standardized
/// before, the earlier values are kept and further operations are appended. Other computed columns, such as those of
/// `molecules.describe`, are dropped, because they describe the original molecules.
///
/// A molecule that cannot be standardized goes to the output `rejects`, with its record, SMILES and the reason. With
/// `canonical_tautomer`, this includes molecules that still have more than 150 heavy atoms at that point, even if the other
/// operations changed them. The signal `standardized` counts `molecules`, `rejected`, and under `changed` the molecules
/// that each operation changed.
///
/// # Example
/// ```yaml
/// flow: parents
/// steps:
///   - id: salts
///     uses: molecules.inline
///     with:
///       molecules:
///         - "[Na+].CC(=O)Oc1ccccc1C(=O)[O-] sodium acetylsalicylate"
///         - Cl.CNCCC(c1ccccc1)Oc1ccc(C(F)(F)F)cc1 fluoxetine hydrochloride
///   - id: standardize
///     uses: molecules.standardize
/// ```
///
/// # Errors
/// - `operations` is empty.
#[step(
    "molecules.standardize", version = 4, rows = ["smiles", "changes", "original_smiles"], check = can_standardize
)]
pub fn standardize_molecules(
    molecules: Rows<Molecules>,
    /// The operations to apply.
    #[param(
        default = ["largest_fragment", "neutralize"],
        one_of = [
            "disconnect_metals", "normalize", "reionize", "largest_fragment", "neutralize", "canonical_tautomer",
        ],
    )]
    operations: Vec<String>,
) -> Result<RowWork<WithRejects<Molecules>>, StepError> {
    some_operation(&operations)?;
    let operations = Operation::named(&operations);
    let stays = |(index, column): &(usize, &Column)| *index < PROMISED.len() || column.provider.is_none();
    let carried = molecules.columns().iter().enumerate().filter(stays);
    let carried: Vec<(usize, Column)> = carried.map(|(index, column)| (index, column.clone())).collect();
    let text = |name: &str| Column::new(name, ColumnType::Text).with_provider(PROVIDER);
    let work = molecules.each(move |batch, tally| standardize(batch, tally, &operations)).carrying(carried);
    let work = work.replacing([text("smiles")])?.with_results([text("changes"), text("original_smiles")])?;
    Ok(work.rejects_carry("record").signal(
        "standardized",
        |tally, rows| json!({ "molecules": rows.input, "rejected": rows.rejected, "changed": tally.counts("changed") }),
    ))
}

/// The operations, in the order in which they are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    DisconnectMetals,
    Normalize,
    Reionize,
    LargestFragment,
    Neutralize,
    CanonicalTautomer,
}

impl Operation {
    const ALL: [Self; 6] = [
        Self::DisconnectMetals,
        Self::Normalize,
        Self::Reionize,
        Self::LargestFragment,
        Self::Neutralize,
        Self::CanonicalTautomer,
    ];

    fn named(names: &[String]) -> Vec<Self> {
        Self::ALL.into_iter().filter(|one| names.iter().any(|name| name == one.name())).collect()
    }

    fn name(self) -> &'static str {
        match self {
            Self::DisconnectMetals => "disconnect_metals",
            Self::Normalize => "normalize",
            Self::Reionize => "reionize",
            Self::LargestFragment => "largest_fragment",
            Self::Neutralize => "neutralize",
            Self::CanonicalTautomer => "canonical_tautomer",
        }
    }

    /// Returns the SMILES after the operation; `None` if it changes nothing.
    fn done_to(self, smiles: &str) -> Result<Option<String>, String> {
        let after = match self {
            Self::DisconnectMetals => metals::disconnected(&Structure::from_smiles(smiles)?)?.map(Ok),
            Self::Normalize => normalize::normalized(smiles)?.map(Ok),
            Self::Reionize => reionize::reionized(&Structure::from_smiles(smiles)?)?.map(Ok),
            Self::LargestFragment => fragment::largest(smiles)?.map(Structure::from_smiles),
            Self::Neutralize => charge::neutralized(&Structure::from_smiles(smiles)?)?.map(Ok),
            Self::CanonicalTautomer => {
                let structure = Structure::from_smiles(smiles)?;
                if let Some(atoms) = structure.heavy_atoms().filter(|atoms| *atoms > MAX_TAUTOMER_ATOMS) {
                    return Err(format!(
                        "has {atoms} heavy atoms, and tautomers are looked for in at most {MAX_TAUTOMER_ATOMS}"
                    ));
                }
                Some(structure.canonical_tautomer())
            }
        };
        let Some(after) = after else { return Ok(None) };
        let after = after?.canonical_smiles()?;
        Ok((after != smiles).then_some(after))
    }
}

/// The standard form of a molecule.
struct Form {
    smiles: String,
    changes: Vec<Operation>,
}

fn some_operation(operations: &[String]) -> Result<(), Misfit> {
    if operations.is_empty() {
        Err(Misfit::new("operations", "`operations` is empty; expected at least one operation"))
    } else {
        Ok(())
    }
}

fn can_standardize(step: &StandardizeMolecules, _: &ColumnContext<'_>) -> Vec<Misfit> {
    some_operation(&step.operations).err().into_iter().collect()
}

fn standardized(smiles: &str, operations: &[Operation]) -> Result<Form, String> {
    let mut form = Form { smiles: smiles.to_owned(), changes: Vec::new() };
    for operation in operations {
        if let Some(after) = operation.done_to(&form.smiles)? {
            form.smiles = after;
            form.changes.push(*operation);
        }
    }
    Ok(form)
}

fn standardize(batch: &Batch<'_>, tally: &mut Tally, operations: &[Operation]) -> Result<BatchOutput, StepError> {
    operations.iter().for_each(|operation| tally.list("changed", operation.name()));
    let (done, first) = (earlier(batch, "changes")?, earlier(batch, "original_smiles")?);
    let (mut kept, mut rejected, mut rejects) = (Vec::new(), Vec::new(), Rejects::default());
    let (mut smiles, mut changes, mut originals) = (Vec::new(), Vec::new(), Vec::new());
    for (row, original) in batch.texts("smiles")?.enumerate() {
        let original = original.unwrap_or_default();
        match standardized(original, operations) {
            Ok(form) => {
                kept.push(row);
                form.changes.iter().for_each(|operation| tally.add_under(row, "changed", operation.name()));
                let now = form.changes.iter().map(|operation| operation.name());
                let names: Vec<&str> = done.get(row).copied().flatten().into_iter().chain(now).collect();
                let before = first.get(row).copied().flatten().unwrap_or(original);
                originals.push((!names.is_empty()).then(|| before.to_owned()));
                changes.push((!names.is_empty()).then(|| names.join(", ")));
                smiles.push(Some(form.smiles));
            }
            Err(reason) => {
                rejected.push(row);
                rejects.push_record(None, original.as_bytes(), &reason);
            }
        }
    }
    let [smiles, changes, originals] = [smiles, changes, originals].map(Values::texts);
    Ok(BatchOutput::of(kept).with(smiles).with(changes).with(originals).rejecting(rejected, rejects.finish()?))
}

/// Returns the values of a column of an earlier step of this type; none if there is no such column.
fn earlier<'a>(batch: &Batch<'a>, column: &str) -> Result<Vec<Option<&'a str>>, StepError> {
    match batch.column(column) {
        Some(Column { provider: Some(_), ty: ColumnType::Text, .. }) => Ok(batch.texts(column)?.collect()),
        _ => Ok(Vec::new()),
    }
}
