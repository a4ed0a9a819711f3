//! Seals the log: computes its tree, and stores a checkpoint of it.

use std::collections::HashMap;

use super::checkpoint::Checkpoint;
use super::error::EvidenceError;
use super::finding::Finding;
use super::hash::Digest;
use super::plan::{PlanId, plan_in};
use super::record::{self, CHECKPOINT, EMPTY_RECORD, FRONTIER, LEAVES, Leaves, Rest, SealedArtifact, record_after};
use super::signer::Signer;
use super::timestamp::TIMESTAMP;
use super::tree::Frontier;
use super::walk::{Hashed, Walk};
use super::witness::{Kept, Witness};
use crate::store::{Attestation, Attestations, Cursor, EventStore, PersistenceError, append_time};

/// The namespace of the signatures of checkpoints.
pub(super) const NAMESPACE: &str = "checkpoint@chem";

/// What a seal did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The newest checkpoint; `None` if the store has nothing to seal.
    pub checkpoint: Option<Checkpoint>,
    /// The number of events that this seal added.
    pub events: u64,
    /// Whether the checkpoint is new. It is not if nothing has happened since the last one.
    pub is_new: bool,
}

/// Seals all events that a reader of the log gets now. Reads only the events since the last checkpoint, and those before
/// them in the runs that continued.
///
/// Sealers need no coordination: they compute the same tree, and of two that seal at once, one starts over.
///
/// # Errors
/// [`EvidenceError::Unsupported`] if the store keeps no attestations; [`EvidenceError::NotAsSealed`] if what the store has
/// sealed is not consistent with itself or with the checkpoint that `witness` has.
pub fn seal(
    store: &dyn EventStore,
    witness: Option<&Witness>,
    signer: Option<&Signer>,
) -> Result<Sealed, EvidenceError> {
    const ATTEMPTS: usize = 20;
    let attestations = store.attestations().ok_or(EvidenceError::Unsupported)?;
    for _ in 0..ATTEMPTS {
        if let Some(sealed) = attempt(store, attestations, witness, signer)? {
            return Ok(sealed);
        }
    }
    Err(EvidenceError::Busy)
}

/// What the store has sealed.
struct Before {
    /// The newest checkpoint, as it is stored.
    newest: Option<(Attestation, Checkpoint)>,
    rest: Rest,
    /// The first plan, if nothing is sealed yet.
    plan: Option<PlanId>,
    /// The digest of all attestations.
    record: Digest,
    /// The number of the next attestation.
    next: u64,
    /// Whether attestations other than time stamps have been added since the newest checkpoint.
    has_more: bool,
}

/// Seals once; `None` if another process has sealed meanwhile.
fn attempt(
    store: &dyn EventStore,
    attestations: &dyn Attestations,
    witness: Option<&Witness>,
    signer: Option<&Signer>,
) -> Result<Option<Sealed>, EvidenceError> {
    let Some(before) = read_before(attestations)? else { return Ok(None) };
    let mut walk = Walk::after(store, before.rest.cursor);
    let mut page = walk.next_page()?;
    let origin = match (&before.newest, page.first(), before.plan) {
        (Some((_, newest)), ..) => newest.origin.clone(),
        (None, Some(first), _) => Checkpoint::origin_of(&first.event.flow_id),
        (None, None, Some(plan)) => plan.origin(),
        (None, None, None) => return Ok(Some(Sealed { checkpoint: None, events: 0, is_new: false })),
    };
    if let Some(witness) = witness
        && let Some(kept) = witness.newest(&origin)?
        && let Some(finding) = compare(attestations, &before, &kept.checkpoint, witness)?
    {
        // Another process may have sealed, and told the witness, since the store was read.
        let newest = attestations.newest_attestation(CHECKPOINT)?.map(|newest| newest.number);
        return match newest == before.newest.as_ref().map(|(newest, _)| newest.number) {
            true => Err(EvidenceError::NotAsSealed(Box::new(finding))),
            false => Ok(None),
        };
    }

    let (mut tree, mut leaves, mut artifacts) = (before.rest.tree.clone(), Vec::new(), Vec::new());
    let first = tree.size();
    while !page.is_empty() {
        artifacts.extend(stored_with(attestations, &page, tree.size())?);
        for hashed in &page {
            tree.push(hashed.leaf);
            leaves.push(hashed.leaf);
        }
        page = walk.next_page()?;
    }
    let events = leaves.len() as u64;
    let new = Leaves { first, leaves, artifacts: Some(artifacts) };
    let (checkpoint, stored, is_new) = match before.newest {
        Some((stored, newest))
            if events == 0 && !before.has_more && (signer.is_none() || stored.signature.is_some()) =>
        {
            (newest, stored, false)
        }
        _ => {
            let (ts, rest) = (append_time(), Rest { tree, cursor: walk.cursor() });
            let (mut attested, checkpoint) = record::of_seal(&origin, before.next, before.record, &new, &rest, ts);
            let signature = signer.map(|signer| signer.sign(NAMESPACE, &checkpoint.to_string())).transpose()?;
            let stored = record::of_checkpoint(&checkpoint, signature, ts);
            attested.push(stored.clone());
            if !attestations.append_attestations(&attested)? {
                return Ok(None);
            }
            (checkpoint, stored, true)
        }
    };
    if let Some(witness) = witness {
        let seal = record_after(&checkpoint.record, &stored);
        witness.keep(&Kept { checkpoint: checkpoint.clone(), seal, signature: stored.signature })?;
    }
    Ok(Some(Sealed { checkpoint: Some(checkpoint), events, is_new }))
}

/// Returns the artifacts that were first stored with these events, the first of which has the index `first`.
pub(super) fn stored_with(
    attestations: &dyn Attestations,
    events: &[Hashed],
    first: u64,
) -> Result<Vec<SealedArtifact>, PersistenceError> {
    let seqs: Vec<u64> = events.iter().map(|hashed| hashed.event.seq).collect();
    let indexes: HashMap<u64, u64> = seqs.iter().copied().zip(first..).collect();
    let rows = attestations.artifacts_of(&seqs)?;
    Ok(rows
        .into_iter()
        .filter_map(|row| Some((*indexes.get(&row.seq)?, row)))
        .map(|(at, row)| SealedArtifact::of(row, at))
        .collect())
}

/// Reads what the store has sealed, and checks that its parts agree; `None` if another process has sealed meanwhile.
fn read_before(attestations: &dyn Attestations) -> Result<Option<Before>, EvidenceError> {
    let found = |number: u64, reason: &str| {
        let reason = reason.to_owned();
        EvidenceError::NotAsSealed(Box::new(Finding::Attestation { number, reason }))
    };
    let Some(newest) = attestations.newest_attestation(CHECKPOINT)? else {
        let all = attestations.read_all(0)?;
        if all.iter().any(|one| one.kind == CHECKPOINT) {
            return Ok(None);
        }
        let record = all.iter().fold(EMPTY_RECORD, |record, one| record_after(&record, one));
        let rest = Rest { tree: Frontier::default(), cursor: Cursor::START };
        let plan = all.iter().find_map(plan_in);
        return Ok(Some(Before { newest: None, rest, plan, record, next: all.len() as u64, has_more: false }));
    };
    let number = newest.number;
    let checkpoint: Checkpoint =
        newest.statement.parse().map_err(|_| found(number, "the checkpoint is not as it was written"))?;
    let previous = number.saturating_sub(1);
    let tail = attestations.read_all(previous)?;
    let rest = tail.first().filter(|first| first.number == previous && first.kind == FRONTIER);
    let rest = rest.and_then(|frontier| Rest::read(&frontier.statement));
    let rest = rest.filter(|rest| (rest.tree.size(), rest.tree.root()) == (checkpoint.size, checkpoint.root));
    let rest = rest.ok_or_else(|| found(previous, "the tree is not the one of the checkpoint after it"))?;
    if checkpoint.attestations != number {
        return Err(found(number, "the checkpoint names another number of attestations before it"));
    }
    // The frontier is covered by the checkpoint; what comes after is not yet.
    let later = tail.get(1..).unwrap_or_default();
    if later.iter().rfind(|one| one.kind == CHECKPOINT).is_none_or(|last| last.number != number) {
        return Ok(None);
    }
    let record = later.iter().fold(checkpoint.record, |record, one| record_after(&record, one));
    // A time stamp of the checkpoint is no reason for another one, which would need a stamp too.
    let has_more = later.iter().skip(1).any(|one| one.kind != TIMESTAMP);
    let next = number + later.len() as u64;
    Ok(Some(Before { newest: Some((newest, checkpoint)), rest, plan: None, record, next, has_more }))
}

/// Compares what the store has sealed with the checkpoint `kept` outside it. Returns what is wrong.
fn compare(
    attestations: &dyn Attestations,
    before: &Before,
    kept: &Checkpoint,
    witness: &Witness,
) -> Result<Option<Finding>, EvidenceError> {
    let (sealed, file) = (kept.size, witness.file(&kept.origin));
    let found = before.rest.tree.size();
    if found < sealed || before.next <= kept.attestations {
        return Ok(Some(Finding::SetBack { witness: file, sealed, found }));
    }
    let root = if found == sealed { Some(before.rest.tree.root()) } else { root_at(attestations, sealed)? };
    Ok((root != Some(kept.root)).then_some(Finding::Rewritten { witness: file, sealed }))
}

/// Returns the root of the first `size` leaves that the store has sealed; `None` if it does not have them.
fn root_at(attestations: &dyn Attestations, size: u64) -> Result<Option<Digest>, EvidenceError> {
    let mut tree = Frontier::default();
    for attestation in attestations.read_all(0)?.iter().filter(|attestation| attestation.kind == LEAVES) {
        let Some(sealed) = Leaves::read(&attestation.statement).filter(|sealed| sealed.first == tree.size()) else {
            return Ok(None);
        };
        for leaf in sealed.leaves {
            if tree.size() == size {
                return Ok(Some(tree.root()));
            }
            tree.push(leaf);
        }
    }
    Ok((tree.size() == size).then(|| tree.root()))
}
