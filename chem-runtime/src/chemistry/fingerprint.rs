//! `molecules.fingerprint`: fingerprints as a column.

use serde_json::json;

use super::fingerprints::Sort;
use super::library::{FingerprintKind, PROVIDER, Structure};
use super::molecules::Molecules;
use super::params::FingerprintSize;
use crate::prelude::*;
use crate::step::{ColumnContext, Columns};

/// Writes the fingerprint of each molecule in a column, for programs that learn from it or compare molecules.
///
/// The fingerprints are those of `molecules.similar`, and their bits are RDKit's. The new column is called like the
/// fingerprint, such as `ecfp4`, and lists the indices of the bits that are set, from 0, separated by spaces. With `counts`
/// it is called `ecfp4_counts`, and each index is followed by `:` and the number of times that its features occur, as in
/// `80:2 94:1`: RDKit's `GetCountFingerprint`. An earlier computed column of the name is replaced.
///
/// The value is missing for a molecule without features, and for one that the library cannot handle; the signal
/// `fingerprinted` counts the `molecules` and those `without`.
///
/// # Example
/// ```yaml
/// flow: features-of-drugs
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: features
///     uses: molecules.fingerprint
///     with: { fingerprint: ecfp6, bits: 1024, counts: true }
/// ```
///
/// # Errors
/// - `bits` is given for `maccs`, or `counts` is set for `maccs` or `rdkit_path`, which have none.
#[step("molecules.fingerprint", version = 1, rows = ["smiles"], columns = with_fingerprint, check = can_compute)]
pub fn compute_fingerprints(
    molecules: Rows<Molecules>,
    /// The fingerprint to compute.
    #[param(default = FingerprintKind::Ecfp4)]
    fingerprint: FingerprintKind,
    /// The number of bits to which the fingerprint is folded. Defaults to 2048. Not for `maccs`.
    bits: Option<FingerprintSize>,
    /// Whether to count the features instead of setting bits.
    #[param(default = false)]
    counts: bool,
) -> Result<RowWork<Molecules>, StepError> {
    let sort = sort_of(fingerprint, bits, counts)?;
    let column = Column::new(&column_of(fingerprint, counts), ColumnType::Text).with_provider(PROVIDER);
    let work = molecules.each(move |batch, tally| {
        let values = batch.texts("smiles")?.enumerate().map(|(row, smiles)| {
            let value = smiles.and_then(|smiles| if counts { counted(smiles, sort) } else { listed(smiles, sort) });
            if value.is_none() {
                tally.add(row, "without");
            }
            value
        });
        Ok(BatchOutput::all().with(Values::texts(values)))
    });
    Ok(work
        .with_results([column])?
        .signal("fingerprinted", |tally, rows| json!({ "molecules": rows.input, "without": tally.count("without") })))
}

fn listed(smiles: &str, sort: Sort) -> Option<Box<str>> {
    let bits: Vec<String> = sort.of(smiles)?.bits().map(|bit| bit.to_string()).collect();
    (!bits.is_empty()).then(|| bits.join(" ").into())
}

fn counted(smiles: &str, sort: Sort) -> Option<Box<str>> {
    let counts = Structure::from_canonical(smiles).ok()?.feature_counts(sort.kind, sort.bits)?;
    let counts: Vec<String> = counts.into_iter().map(|(position, count)| format!("{position}:{count}")).collect();
    (!counts.is_empty()).then(|| counts.join(" ").into())
}

fn sort_of(fingerprint: FingerprintKind, bits: Option<FingerprintSize>, counts: bool) -> Result<Sort, Misfit> {
    let sort = Sort::of_params(fingerprint, bits)?;
    if counts && matches!(sort.kind, FingerprintKind::Maccs | FingerprintKind::RdkitPath) {
        return Err(Misfit::new("counts", format!("`{}` has no counts", fingerprint.name())).with_help("omit `counts`"));
    }
    Ok(sort)
}

fn column_of(fingerprint: FingerprintKind, counts: bool) -> String {
    let name = fingerprint.name();
    if counts { format!("{name}_counts") } else { name.to_owned() }
}

fn can_compute(step: &ComputeFingerprints, _: &ColumnContext<'_>) -> Vec<Misfit> {
    sort_of(step.fingerprint, step.bits, step.counts).err().into_iter().collect()
}

fn with_fingerprint(step: &ComputeFingerprints, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with([column_of(step.fingerprint, step.counts).as_str()])
}
