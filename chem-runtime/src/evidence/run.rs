//! What the attestations of a store say of a run, without the work of an audit.
//!
//! An audit reads the whole log. This reads the run, the seal that covers it, and the statements about it: enough to show what
//! covers the run, and whether its events are those that were sealed and stated. It does not check that the seal is the one that
//! was made, nor any signature.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::checkpoint::Checkpoint;
use super::error::EvidenceError;
use super::finding::Finding;
use super::hash::Digest;
use super::head::{EMPTY_HEAD, head_after, leaf_data, leaf_hash};
use super::record::{CHECKPOINT, FRONTIER, LEAVES, Leaves, Rest};
use super::statement::{STATEMENT, Statement};
use super::timestamp::{Stamp, TIMESTAMP};
use crate::event::FlowId;
use crate::store::{Attestation, Attestations, Cursor, EventStore, StoredEvent};

/// What covers a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEvidence {
    /// The number of events of the run.
    pub events: u64,
    /// The seal that covers the most of them; `None` if no event is sealed.
    pub seal: Option<RunSeal>,
    /// The statements about the run, in their order.
    pub statements: Vec<RunStatement>,
}

/// The first seal that covers the last sealed event of a run, and with it all before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSeal {
    /// The number of the run's events that it covers.
    pub events: u64,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// When it was made, by the clock of the machine.
    pub ts: Timestamp,
    /// Whether the events are those that were sealed.
    pub is_as_sealed: bool,
    /// When the first signed checkpoint was made that covers them; `None` if none is signed.
    pub signed: Option<Timestamp>,
    /// When the first time stamp of a checkpoint that covers them was stored; `None` if none has one.
    pub stamped: Option<Timestamp>,
}

/// A statement of a person about a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunStatement {
    /// The number of the attestation.
    pub number: u64,
    /// What it says.
    pub statement: Statement,
    /// Whether the run begins with the events that it is about.
    pub is_as_stated: bool,
}

/// Returns what covers a run; `None` if the store keeps no attestations. The work does not depend on the length of the log.
///
/// # Errors
/// [`EvidenceError::NotAsSealed`] if an attestation cannot be read.
///
/// ```
/// use chem_runtime::engine::FlowEngine;
/// use chem_runtime::evidence::{evidence_of, seal};
/// use chem_runtime::steps::demo::Seed;
/// use chem_runtime::store::InMemoryEventStore;
///
/// let store = std::sync::Arc::new(InMemoryEventStore::new());
/// let run = FlowEngine::on(store.clone()).first_step(Seed { text: "CCO".into() }).build()?.run_to_end()?;
/// assert_eq!(evidence_of(store.as_ref(), run.flow_id())?.unwrap().seal, None);
/// seal(store.as_ref(), None, None)?;
/// let sealed = evidence_of(store.as_ref(), run.flow_id())?.unwrap().seal.unwrap();
/// assert!(sealed.events == 4 && sealed.is_as_sealed);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn evidence_of(store: &dyn EventStore, flow_id: FlowId) -> Result<Option<RunEvidence>, EvidenceError> {
    let Some(attestations) = store.attestations() else { return Ok(None) };
    let events = store.read_stored_run(&flow_id.to_string(), u64::MAX)?;
    let mut heads = Vec::with_capacity(events.len());
    for event in &events {
        heads.push(head_after(heads.last().unwrap_or(&EMPTY_HEAD), event));
    }
    let seal = match last_sealed(store, attestations, flow_id, events.len() as u64)? {
        Some((last, after)) => Some(seal_of(attestations, last, after, &events, &heads)?),
        None => None,
    };
    let mut statements = Vec::new();
    for attestation in attestations.attestations_about(STATEMENT, flow_id)? {
        let Ok(statement) = attestation.statement.parse::<Statement>() else {
            return Err(unreadable(attestation.number, "the statement is not as it was written"));
        };
        let head = match statement.events.checked_sub(1) {
            Some(last) => usize::try_from(last).ok().and_then(|last| heads.get(last)),
            None => Some(&EMPTY_HEAD),
        };
        let is_as_stated = head == Some(&statement.head);
        statements.push(RunStatement { number: attestation.number, statement, is_as_stated });
    }
    Ok(Some(RunEvidence { events: events.len() as u64, seal, statements }))
}

/// Returns the position of the last of a run's `events` events that is sealed, and the cursor after it.
fn last_sealed(
    store: &dyn EventStore,
    attestations: &dyn Attestations,
    flow_id: FlowId,
    events: u64,
) -> Result<Option<(u64, Cursor)>, EvidenceError> {
    let Some(newest) = attestations.newest_attestation(FRONTIER)? else { return Ok(None) };
    let end = rest_in(&newest)?.cursor;
    let (mut found, mut from, mut to) = (None, 0, events);
    // The last event is the most likely one.
    let mut next = events.saturating_sub(1);
    while from < to {
        match store.cursor_after(flow_id, next)? {
            Some(after) if after <= end => {
                found = Some((next, after));
                from = next + 1;
            }
            _ => to = next,
        }
        next = from + (to - from) / 2;
    }
    Ok(found)
}

/// Returns the first seal that covers the event of a run at the position `last`, which has the cursor `after`.
fn seal_of(
    attestations: &dyn Attestations,
    last: u64,
    after: Cursor,
    events: &[StoredEvent],
    heads: &[Digest],
) -> Result<RunSeal, EvidenceError> {
    let (mut found, mut from, mut to) = (None, 0, attestations.next_attestation()?);
    while from < to {
        let middle = from + (to - from) / 2;
        match attestations.first_attestation(FRONTIER, middle)? {
            Some(frontier) if rest_in(&frontier)?.cursor < after => from = frontier.number + 1,
            Some(frontier) => {
                to = middle;
                found = Some(frontier.number);
            }
            None => to = middle,
        }
    }
    let frontier = found.ok_or_else(|| unreadable(0, "no tree covers what is sealed"))?;
    let stored = attestations.first_attestation(CHECKPOINT, frontier)?;
    let stored = stored.ok_or_else(|| unreadable(frontier, "no checkpoint follows the tree"))?;
    let Ok(checkpoint) = stored.statement.parse::<Checkpoint>() else {
        return Err(unreadable(stored.number, "the checkpoint is not as it was written"));
    };
    let event = usize::try_from(last).ok().and_then(|at| events.get(at).zip(heads.get(at)));
    let leaf = event.map(|(event, head)| leaf_hash(&leaf_data(event, head)));
    let is_as_sealed = match leaf {
        Some(leaf) => has_leaf(attestations, frontier, leaf)?,
        None => false,
    };
    let signed = attestations.first_signed(CHECKPOINT, stored.number)?.map(|signed| signed.ts);
    let stamped = first_stamp(attestations, stored.number)?;
    Ok(RunSeal { events: last + 1, checkpoint, ts: stored.ts, is_as_sealed, signed, stamped })
}

/// Returns whether a leaf is among those that were sealed with the tree of attestation `frontier`, which follows them.
fn has_leaf(attestations: &dyn Attestations, frontier: u64, leaf: Digest) -> Result<bool, EvidenceError> {
    for number in (0..frontier).rev() {
        let one = attestations.read_attestations(number, 1)?.pop().filter(|one| one.kind == LEAVES);
        let Some(sealed) = one.and_then(|one| Leaves::read(&one.statement)) else { return Ok(false) };
        if sealed.leaves.contains(&leaf) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns when the first time stamp was stored of the checkpoint with the number `from` or a later one.
fn first_stamp(attestations: &dyn Attestations, from: u64) -> Result<Option<Timestamp>, EvidenceError> {
    let mut next = from;
    while let Some(stored) = attestations.first_attestation(TIMESTAMP, next)? {
        if Stamp::read(&stored.statement).is_some_and(|stamp| stamp.checkpoint >= from) {
            return Ok(Some(stored.ts));
        }
        next = stored.number + 1;
    }
    Ok(None)
}

fn rest_in(frontier: &Attestation) -> Result<Rest, EvidenceError> {
    Rest::read(&frontier.statement).ok_or_else(|| unreadable(frontier.number, "the tree is not as it was written"))
}

fn unreadable(number: u64, reason: &str) -> EvidenceError {
    EvidenceError::NotAsSealed(Box::new(Finding::Attestation { number, reason: reason.to_owned() }))
}

impl RunEvidence {
    /// Returns the number of events that are not sealed.
    pub fn unsealed(&self) -> u64 {
        self.events - self.seal.as_ref().map_or(0, |seal| seal.events)
    }

    /// Returns whether every event is as it was sealed and stated.
    pub fn is_unchanged(&self) -> bool {
        self.seal.as_ref().is_none_or(|seal| seal.is_as_sealed) && self.statements.iter().all(|it| it.is_as_stated)
    }

    /// Returns what covers the run as JSON, as `chem show` prints it.
    pub fn to_json(&self) -> Value {
        let seal = self.seal.as_ref().map(|seal| {
            json!({
                "events": seal.events,
                "as_sealed": seal.is_as_sealed,
                "size": seal.checkpoint.size,
                "root": seal.checkpoint.root.base64(),
                "attestation": seal.checkpoint.attestations,
                "ts": seal.ts.to_string(),
                "signed": seal.signed.map(|ts| ts.to_string()),
                "stamped": seal.stamped.map(|ts| ts.to_string()),
            })
        });
        let statement = |it: &RunStatement| {
            json!({
                "attestation": it.number,
                "meaning": it.statement.meaning,
                "by": it.statement.by,
                "time": it.statement.time.to_string(),
                "events": it.statement.events,
                "as_stated": it.is_as_stated,
            })
        };
        let statements: Vec<Value> = self.statements.iter().map(statement).collect();
        json!({"events": self.events, "seal": seal, "statements": statements})
    }

    /// Describes what covers the run, one line for each fact.
    pub fn lines(&self) -> Vec<String> {
        let mut lines =
            vec![self.seal.as_ref().map_or("no event is sealed yet".to_owned(), |seal| seal.line(self.events))];
        lines.extend(
            self.seal
                .iter()
                .filter(|seal| !seal.is_as_sealed)
                .map(|_| "an event of the run is not as it was sealed".to_owned()),
        );
        lines.extend(self.statements.iter().map(RunStatement::line));
        lines
    }
}

impl RunSeal {
    fn line(&self, events: u64) -> String {
        let which = match events - self.events {
            0 => format!("all {events} events are"),
            _ => format!("the first {} of {events} events are", self.events),
        };
        let mut line = format!("{which} sealed since {:.0}, in a log of {} events", self.ts, self.checkpoint.size);
        if let Some(ts) = self.signed {
            line.push_str(&format!("; a checkpoint of {ts:.0} that covers them is signed"));
        }
        if let Some(ts) = self.stamped {
            line.push_str(&format!("; with a time stamp stored at {ts:.0}"));
        }
        line
    }
}

impl RunStatement {
    fn line(&self) -> String {
        let Statement { events, meaning, by, time, .. } = &self.statement;
        let changed = if self.is_as_stated { "" } else { "; the run is not as it was stated" };
        format!("{meaning} by {by} at {time:.0}: its first {events} events (attestation {}){changed}", self.number)
    }
}
