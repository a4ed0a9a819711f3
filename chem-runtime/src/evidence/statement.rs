//! Statements of people about runs, which they sign.
//!
//! A statement is a text that a person can read: one line for each fact, its name and its value. It names the run by its
//! head, so it covers every event up to a position.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use super::error::EvidenceError;
use super::hash::Digest;
use super::head::{EMPTY_HEAD, head_after};
use super::record::append_next;
use super::signer::Signer;
use crate::event::{FlowId, Operator};
use crate::store::{Attestation, EventStore, append_time};

/// The kind of the attestation, and the name before `@chem` of the namespace of its signature.
pub(super) const STATEMENT: &str = "statement";
const TITLE: &str = "chem statement v1";

/// What a person states about a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The run.
    pub flow_id: FlowId,
    /// The number of events that the statement covers.
    pub events: u64,
    /// The head of the run after them.
    pub head: Digest,
    /// What the signature means, such as `reviewed`.
    pub meaning: String,
    /// Who signs, as one line.
    pub by: String,
    /// When, by the clock of the machine.
    pub time: Timestamp,
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flow_id, events, head, meaning, by, time } = self;
        writeln!(
            f,
            "{TITLE}\nrun {flow_id}\nevents {events}\nhead {}\nmeaning {meaning}\nby {by}\ntime {time:.6}",
            head.base64()
        )
    }
}

/// The text is not a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a statement about a run: expected the lines run, events, head, meaning, by and time")]
pub struct InvalidStatement;

impl FromStr for Statement {
    type Err = InvalidStatement;

    fn from_str(text: &str) -> Result<Self, InvalidStatement> {
        let parse = || {
            let mut lines = text.lines();
            lines.next().filter(|title| *title == TITLE)?;
            let mut value = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
            let (flow_id, events) = (value("run")?.parse().ok()?, value("events")?.parse().ok()?);
            let head = Digest::from_base64(value("head")?)?;
            let (meaning, by) = (value("meaning")?.to_owned(), value("by")?.to_owned());
            Some(Self { flow_id, events, head, meaning, by, time: value("time")?.parse().ok()? })
        };
        // Exactly one text for each statement: the signature covers the bytes.
        parse().filter(|statement| statement.to_string() == text).ok_or(InvalidStatement)
    }
}

/// Signs a statement about all events of a run, and stores it.
///
/// # Errors
/// [`EvidenceError::Unsupported`] if the store keeps no attestations, and [`EvidenceError::Signature`] if the key does not
/// sign.
pub fn sign(
    store: &dyn EventStore,
    flow_id: FlowId,
    meaning: &str,
    by: &Operator,
    signer: &Signer,
) -> Result<Statement, EvidenceError> {
    let attestations = store.attestations().ok_or(EvidenceError::Unsupported)?;
    let events = store.read_stored_run(&flow_id.to_string(), u64::MAX)?;
    let head = events.iter().fold(EMPTY_HEAD, |head, event| head_after(&head, event));
    let by = by.to_string().replace(char::is_control, " ");
    let ts = append_time();
    let statement = Statement { flow_id, events: events.len() as u64, head, meaning: meaning.to_owned(), by, time: ts };
    let text = statement.to_string();
    let signature = Some(signer.sign(&format!("{STATEMENT}@chem"), &text)?);
    let (kind, flow_id) = (STATEMENT.to_owned(), Some(flow_id));
    append_next(attestations, Attestation { number: 0, kind, flow_id, statement: text, signature, ts })?;
    Ok(statement)
}
