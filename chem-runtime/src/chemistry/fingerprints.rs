//! The fingerprints of a library, and what the steps that compare molecules have in common.

use super::library::{Fingerprint, FingerprintKind, Structure};
use super::molecules::Molecules;
use crate::records::map_records;
use crate::step::{ExecutionContext, StepError};

/// The fingerprint of each molecule; none for one that has none.
pub(super) fn fingerprints(
    context: &ExecutionContext<'_>,
    molecules: &Molecules,
    kind: FingerprintKind,
) -> Result<Vec<Option<Fingerprint>>, StepError> {
    map_records(context, molecules.smiles(), |smiles| fingerprint(smiles.as_deref()?, kind))
}

/// The molecules that have a fingerprint of the kind called `kind`: their rows, and their fingerprints in the same order.
pub(super) fn fingerprinted(
    context: &ExecutionContext<'_>,
    molecules: &Molecules,
    kind: &str,
) -> Result<(Vec<usize>, Vec<Fingerprint>), StepError> {
    let prints = fingerprints(context, molecules, kind_of(kind)?)?;
    Ok(prints.into_iter().enumerate().filter_map(|(row, print)| Some((row, print?))).unzip())
}

pub(super) fn fingerprint(smiles: &str, kind: FingerprintKind) -> Option<Fingerprint> {
    Structure::from_canonical(smiles).ok()?.fingerprint(kind)
}

/// The kind that a parameter names.
pub(super) fn kind_of(name: &str) -> Result<FingerprintKind, StepError> {
    FingerprintKind::named(name).ok_or_else(|| StepError::new(format!("there is no fingerprint `{name}`")))
}
