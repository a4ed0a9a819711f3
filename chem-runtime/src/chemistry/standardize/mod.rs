//! `molecules.standardize`: brings molecules into a standard form.

mod charge;
mod fragment;

use serde_json::{Map, Value, json};

use super::library::{PROVIDER, Structure};
use super::molecules::{Molecules, PROMISED};
use crate::prelude::*;
use crate::records::{Rejects, map_records};

/// The maximum number of heavy atoms for a canonical tautomer: the search takes time cubic in their number.
pub const MAX_TAUTOMER_ATOMS: i64 = 150;

/// Standardizes molecules: the largest fragment, neutralized, as its canonical tautomer.
///
/// The operations run in the following order, regardless of the order in the manifest. `largest_fragment` removes
/// counter-ions and solvents: it keeps the fragment with the most atoms including hydrogens, then the heaviest elements,
/// then the first SMILES. `neutralize` removes charges by adding or removing hydrogens, except charges that balance one that
/// cannot be removed, such as that of a quaternary nitrogen; of several anions, those of acids keep their charge, and
/// RDKit's canonical order of the atoms breaks ties. `canonical_tautomer` selects one tautomer and removes the
/// stereochemistry of the atoms involved; it is not a default, because it is slow and changes what a chemist sees. The
/// results agree with `rdMolStandardize` of RDKit 2026.09.1, except that an ion that cannot take a hydrogen, such as
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
#[step("molecules.standardize", version = 3, check = can_standardize)]
pub fn standardize_molecules(
    molecules: Input<Molecules>,
    /// The operations to apply.
    #[param(
        default = ["largest_fragment", "neutralize"],
        one_of = ["largest_fragment", "neutralize", "canonical_tautomer"],
    )]
    operations: Vec<String>,
    context: &ExecutionContext<'_>,
) -> Result<WithRejects<Molecules>, StepError> {
    some_operation(&operations)?;
    let operations = Operation::named(&operations);
    let forms = map_records(context, molecules.smiles(), |smiles| {
        standardized(smiles.as_deref().unwrap_or_default(), &operations)
    })?;
    let mut changed: Map<String, Value> = operations.iter().map(|one| (one.name().to_owned(), 0.into())).collect();
    for operation in forms.iter().flatten().flat_map(|form| &form.changes) {
        if let Some(count) = changed.get_mut(operation.name()) {
            *count = (count.as_u64().unwrap_or_default() + 1).into();
        }
    }
    let standard = assemble(&molecules, forms)?;
    let counts = json!({ "molecules": molecules.len(), "rejected": standard.rejects.rows(), "changed": changed });
    context.signal("standardized", &counts)?;
    Ok(standard)
}

/// The operations, in the order in which they are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    LargestFragment,
    Neutralize,
    CanonicalTautomer,
}

impl Operation {
    const ALL: [Self; 3] = [Self::LargestFragment, Self::Neutralize, Self::CanonicalTautomer];

    fn named(names: &[String]) -> Vec<Self> {
        Self::ALL.into_iter().filter(|one| names.iter().any(|name| name == one.name())).collect()
    }

    fn name(self) -> &'static str {
        match self {
            Self::LargestFragment => "largest_fragment",
            Self::Neutralize => "neutralize",
            Self::CanonicalTautomer => "canonical_tautomer",
        }
    }

    /// Returns the SMILES after the operation; `None` if it changes nothing.
    fn done_to(self, smiles: &str) -> Result<Option<String>, String> {
        let after = match self {
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

fn assemble(before: &Molecules, forms: Vec<Result<Form, String>>) -> Result<WithRejects<Molecules>, StepError> {
    let table = before.table();
    let records = match table.data(2) {
        Some(ColumnData::Integer(records)) => records.as_slice(),
        _ => &[],
    };
    // The value of an earlier step of this type.
    let earlier = |column: &str, row: usize| match table.column(column) {
        Some((column, ColumnData::Text(values))) if column.provider.is_some() => values[row].clone(),
        _ => None,
    };
    let (mut kept, mut rejects) = (Vec::new(), Rejects::default());
    let (mut smiles, mut changes, mut originals) = (Vec::new(), Vec::new(), Vec::new());
    for (row, form) in forms.into_iter().enumerate() {
        let original = before.smiles()[row].clone();
        match form {
            Ok(form) => {
                kept.push(row);
                let (done, first) = (earlier("changes", row), earlier("original_smiles", row));
                let now = form.changes.iter().map(|operation| operation.name());
                let names: Vec<&str> = done.as_deref().into_iter().chain(now).collect();
                originals.push(first.or(original).filter(|_| !names.is_empty()));
                changes.push((!names.is_empty()).then(|| names.join(", ").into()));
                smiles.push(Some(form.smiles.into()));
            }
            Err(reason) => {
                let record = records.get(row).copied().flatten().and_then(|record| u64::try_from(record).ok());
                rejects.push_record(record, original.as_deref().unwrap_or_default().as_bytes(), &reason);
            }
        }
    }
    let rows = table.gather(&kept);
    let stays = |(index, column): &(usize, &Column)| *index < PROMISED.len() || column.provider.is_none();
    let columns = rows.columns().iter().enumerate().filter(stays);
    let columns = columns.filter_map(|(index, column)| Some((column.clone(), rows.data(index)?.clone())));
    let text = |name: &str| Column::new(name, ColumnType::Text).with_provider(PROVIDER);
    let standard = Table::new(columns)?
        .with_column(text("smiles"), ColumnData::Text(smiles))?
        .with_result(text("changes"), ColumnData::Text(changes))?
        .with_result(text("original_smiles"), ColumnData::Text(originals))?;
    Ok(WithRejects { kept: Molecules::new(standard)?, rejects: rejects.finish()? })
}
