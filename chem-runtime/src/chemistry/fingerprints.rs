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

pub(super) fn fingerprint(smiles: &str, kind: FingerprintKind) -> Option<Fingerprint> {
    Structure::from_smiles(smiles).ok()?.fingerprint(kind)
}

/// The kind that a parameter names.
pub(super) fn kind_of(name: &str) -> Result<FingerprintKind, StepError> {
    FingerprintKind::named(name).ok_or_else(|| StepError::new(format!("there is no fingerprint `{name}`")))
}
