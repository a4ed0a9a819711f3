//! Appends that survive failures.
//!
//! If the answer to a commit is lost, the commit may have happened or not. The append is then repeated: it succeeds, or
//! the run has moved on. If the run has moved on by exactly the events of the append, the first commit had happened.
//! Only after a lost answer are the events compared, because two processes that run the same flow write the same
//! events, and the second of them must get a conflict. The events found were committed, but a standby that is required
//! to have them may not have them yet: one more commit, later in the server's log, waits for both.

use std::sync::Arc;

use super::Inner;
use super::append::{self, Failure, Refusal};
use super::artifacts::Others;
use super::error::is_ambiguous;
use super::read::{events_between, next_position};
use super::session::Session;
use crate::event::FlowEvent;
use crate::store::admit::Admitted;
use crate::store::group::{GroupWriter, Ticket, fail_all};
use crate::store::pending::{AT_ONCE, Pending};
use crate::store::{ErrorClass, PersistenceError, Writer, with_retry};

/// A position that no run reaches.
const LONGEST_RUN: u64 = 1 << 60;

/// Appends the admitted events in one commit, which other runs may share.
pub(super) fn append(
    store: &Inner,
    group: &GroupWriter,
    writer: Writer<'_>,
    expected: u64,
    admitted: Vec<Admitted>,
) -> Result<(), PersistenceError> {
    let flow_id = writer.flow_id();
    // No run is so long, and the arithmetic below relies on that.
    if expected > LONGEST_RUN {
        let found = store.with_session("read", |session| next_position(session, flow_id))?;
        return Err(PersistenceError::Conflict { flow_id, expected, found });
    }
    let pending = Pending::new(writer, expected, admitted);
    if pending.size() > AT_ONCE {
        commit_large(store, &pending)
    } else {
        group.submit(pending, |batch| commit(store, batch, false))
    }
}

/// Commits a batch and reports the result to each of its callers. With `lost_answer`, an earlier attempt may have
/// committed it.
fn commit(store: &Inner, batch: &[Arc<Ticket>], mut lost_answer: bool) {
    let mut open: Vec<&Arc<Ticket>> = batch.iter().collect();
    let result = with_retry(&store.policy, |_| {
        let mut session = store.provider.session()?;
        while !open.is_empty() {
            let pending: Vec<&Pending> = open.iter().map(|ticket| &ticket.pending).collect();
            match append::append(&mut session, &pending) {
                Ok(others) => {
                    repair(store, &mut session, &others, open.iter().map(|ticket| &ticket.pending));
                    open.drain(..).for_each(|ticket| ticket.done(Ok(())));
                }
                Err(Failure::Refused(refused)) => refuse(store, &mut session, &mut open, &refused, lost_answer)?,
                Err(Failure::Database(error)) => {
                    lost_answer |= is_ambiguous(&error);
                    return Err(store.failed("append to", error));
                }
            }
        }
        Ok(())
    });
    match result {
        Ok(()) => {}
        // The error may concern one append only; the others must not fail because of it.
        Err(error) if error.class() != ErrorClass::Transient && open.len() > 1 => {
            for ticket in open {
                commit(store, std::slice::from_ref(ticket), lost_answer);
            }
        }
        Err(error) => fail_all(open.into_iter(), error),
    }
}

/// Stores a further copy of each artifact of the appends whose stored copy is damaged. The appends are committed, so a failure
/// to do so is none of theirs: an audit finds what is still damaged.
fn repair<'a>(store: &Inner, session: &mut Session, others: &Others, appends: impl Iterator<Item = &'a Pending>) {
    match others.repair(session, appends.flat_map(|pending| &pending.events)) {
        Ok(0) => {}
        Ok(copies) => tracing::warn!(copies, "stored artifacts again: the stored copies were not what their names say"),
        Err(fault) => {
            let error = store.of_fault("repair", fault);
            tracing::warn!(%error, "a damaged copy of an artifact could not be replaced");
        }
    }
}

/// Reports the result to the callers whose runs were refused, and removes them from the batch.
fn refuse(
    store: &Inner,
    session: &mut Session,
    open: &mut Vec<&Arc<Ticket>>,
    refused: &[Refusal],
    lost_answer: bool,
) -> Result<(), PersistenceError> {
    let before = open.len();
    for refusal in refused {
        let Some(at) = open.iter().position(|ticket| ticket.pending.flow_id == refusal.flow_id) else { continue };
        let result = outcome(store, session, &open[at].pending, refusal, lost_answer)?;
        open.swap_remove(at).done(result);
    }
    if open.len() < before {
        return Ok(());
    }
    Err(PersistenceError::Corrupt {
        reason: "the database refused an append for the sake of a run that is not in it".into(),
    })
}

/// Converts a refusal to the result of the append, which is a success if an earlier attempt stored the events.
fn outcome(
    store: &Inner,
    session: &mut Session,
    pending: &Pending,
    refusal: &Refusal,
    lost_answer: bool,
) -> Result<Result<(), PersistenceError>, PersistenceError> {
    if lost_answer && refusal.found.is_some() {
        let stored = events_between(session, pending.flow_id, pending.expected, pending.events.len());
        let stored = stored.map_err(|fault| store.of_fault("read", fault))?;
        if same_events(pending, &stored) {
            append::settle(session).map_err(|error| store.failed("append to", error))?;
            return Ok(Ok(()));
        }
    }
    Ok(Err(refusal.error(pending.expected)))
}

/// Whether `stored` contains exactly the events of `pending`.
fn same_events(pending: &Pending, stored: &[FlowEvent]) -> bool {
    let same = |(new, FlowEvent { kind, .. }): (&Admitted, &FlowEvent)| {
        kind.event_type() == new.event_type && kind.payload_text().is_ok_and(|text| text == new.payload)
    };
    !stored.is_empty() && stored.len() == pending.events.len() && pending.events.iter().zip(stored).all(same)
}

/// Commits an append that is too large to share a commit.
fn commit_large(store: &Inner, pending: &Pending) -> Result<(), PersistenceError> {
    let mut lost_answer = false;
    with_retry(&store.policy, |_| {
        let mut session = store.provider.session()?;
        match append::append_large(&mut session, pending) {
            Ok(others) => {
                repair(store, &mut session, &others, std::iter::once(pending));
                Ok(())
            }
            Err(Failure::Refused(refused)) => {
                let own = refused.iter().find(|refusal| refusal.flow_id == pending.flow_id);
                let refusal = own.ok_or_else(|| PersistenceError::Corrupt {
                    reason: "the database refused an append for the sake of a run that is not in it".into(),
                })?;
                outcome(store, &mut session, pending, refusal, lost_answer)?
            }
            Err(Failure::Database(error)) => {
                lost_answer |= is_ambiguous(&error);
                Err(store.failed("append to", error))
            }
        }
    })
}
