//! The comparison of the events with the checkpoints.

use std::collections::{BTreeMap, BTreeSet};

use super::super::checkpoint::Checkpoint;
use super::super::error::EvidenceError;
use super::super::finding::{EventName, Finding};
use super::super::hash::Digest;
use super::super::tree::Frontier;
use super::super::walk::{Hashed, Walk};
use super::super::witness::{Kept, Witness};
use super::artifacts::ArtifactCheck;
use super::gates::has_signed_gates;
use super::sealed::SealedLog;
use crate::store::{Attestations, Cursor, ErrorClass, EventStore};

/// The comparison of the events with the checkpoints.
pub(super) struct LogCheck<'a> {
    sealed: &'a SealedLog,
    pub(super) tree: Frontier,
    /// The size of the checkpoint outside the store, and the root there.
    watched: Option<(u64, Option<Digest>)>,
    /// The tree at the newest checkpoint that was confirmed.
    confirmed: Frontier,
    /// The leaves that were sealed for the next events, as far as the last group of them goes.
    expected: &'a [Digest],
    /// The first event since then that has another leaf than was sealed, and its index.
    differs: Option<(u64, EventName)>,
    /// The index of the next checkpoint; `None` after one that was not confirmed.
    next: Option<usize>,
    /// The runs with signed decisions, or with gates that demand them.
    pub(super) gated: BTreeSet<String>,
    /// The heads that statements name, by run and number of events, and the head that the log has there.
    heads: BTreeMap<(String, u64), Option<Digest>>,
}

impl<'a> LogCheck<'a> {
    pub(super) fn new(sealed: &'a SealedLog, watched: Option<u64>) -> Self {
        let (tree, confirmed) = (Frontier::default(), Frontier::default());
        let watched = watched.map(|size| (size, None));
        let named = sealed.statements.iter().map(|(_, it)| ((it.flow_id.to_string(), it.events), None));
        Self {
            sealed,
            tree,
            watched,
            confirmed,
            expected: &[],
            differs: None,
            next: Some(0),
            gated: BTreeSet::new(),
            heads: named.collect(),
        }
    }

    /// Reads the log to its end, and passes its events to `artifacts` too.
    pub(super) fn run(
        &mut self,
        store: &dyn EventStore,
        attestations: &dyn Attestations,
        artifacts: &mut ArtifactCheck<'_>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), EvidenceError> {
        let mut walk = Walk::after(store, Cursor::START);
        self.confirm(findings);
        loop {
            let page = match walk.next_page() {
                Err(error) if error.class() == ErrorClass::Corrupt => {
                    findings.push(Finding::Unreadable { index: self.tree.size(), error: error.to_string() });
                    return Ok(());
                }
                page => page?,
            };
            if page.is_empty() {
                break;
            }
            artifacts.see(attestations, &page, self.tree.size())?;
            for hashed in page {
                self.compare(&hashed);
                self.tree.push(hashed.leaf);
                if !self.heads.is_empty() {
                    let at = (hashed.event.flow_id.clone(), hashed.event.position.saturating_add(1));
                    self.heads.entry(at).and_modify(|head| *head = Some(hashed.head));
                }
                if has_signed_gates(&hashed.event) {
                    self.gated.insert(hashed.event.flow_id.clone());
                }
                self.confirm(findings);
            }
        }
        for (number, it) in &self.sealed.statements {
            let head = self.heads.get(&(it.flow_id.to_string(), it.events)).copied().flatten();
            if head != Some(it.head) {
                let reason = format!("run {} is not as it was when this was stated", it.flow_id);
                findings.push(Finding::Attestation { number: *number, reason });
            }
        }
        if let Some(checkpoint) = self.next.and_then(|next| self.sealed.checkpoints.get(next)) {
            findings.push(self.first_difference(&checkpoint.0));
        }
        Ok(())
    }

    /// Compares the next event with the leaf that was sealed for it.
    fn compare(&mut self, hashed: &Hashed) {
        if self.expected.is_empty() {
            self.expected = self.sealed.leaves.get(&self.tree.size()).map_or(&[], |group| &group.leaves);
        }
        let sealed = self.expected.split_off_first();
        if self.differs.is_none() && sealed != Some(&hashed.leaf) {
            self.differs = Some((self.tree.size(), EventName::of(&hashed.event)));
        }
    }

    /// Compares the tree with the checkpoints of its size.
    fn confirm(&mut self, findings: &mut Vec<Finding>) {
        if let Some((size, root)) = &mut self.watched
            && *size == self.tree.size()
        {
            *root = Some(self.tree.root());
        }
        while let Some(next) = self.next
            && let Some((checkpoint, _)) = self.sealed.checkpoints.get(next)
            && checkpoint.size == self.tree.size()
        {
            if checkpoint.root == self.tree.root() {
                self.next = Some(next + 1);
                self.differs = None;
                self.confirmed = self.tree.clone();
            } else {
                findings.push(self.first_difference(checkpoint));
                self.next = None;
            }
        }
    }

    /// Names the first event since the last confirmed checkpoint that is not the one of `checkpoint`.
    fn first_difference(&self, checkpoint: &Checkpoint) -> Finding {
        let (first, end) = (self.confirmed.size(), checkpoint.size);
        if !self.sealed.has_leaves_to(&self.confirmed, checkpoint) {
            return match self.tree.size() < end {
                true => Finding::EventsMissing { found: self.tree.size(), sealed: end },
                false => Finding::Events { first, end },
            };
        }
        match &self.differs {
            Some((index, found)) if *index < end => Finding::Event { index: *index, found: found.clone() },
            _ => Finding::EventsMissing { found: self.tree.size(), sealed: end },
        }
    }

    /// Compares the log with the checkpoint outside the store. `is_sound` says whether it is consistent with itself.
    pub(super) fn compare_with(
        &self,
        kept: &Kept,
        witness: &Witness,
        sealed: &SealedLog,
        is_sound: bool,
    ) -> Option<Finding> {
        let Kept { checkpoint, seal, .. } = kept;
        let (witness, size) = (witness.file(&checkpoint.origin), checkpoint.size);
        let at = usize::try_from(checkpoint.attestations).ok().and_then(|number| sealed.records.get(number + 1));
        let found = sealed.newest().map_or(0, |(newest, _)| newest.size).min(self.tree.size());
        let is_shorter = self.tree.size() < size || (is_sound && (at.is_none() || found < size));
        if is_shorter {
            return Some(Finding::SetBack { witness, sealed: size, found });
        }
        let root = self.watched.and_then(|(_, root)| root);
        let is_same = root == Some(checkpoint.root) && at == Some(seal);
        (is_sound && !is_same).then_some(Finding::Rewritten { witness, sealed: size })
    }
}
