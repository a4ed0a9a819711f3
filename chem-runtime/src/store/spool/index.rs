//! The names by which runs and results are found without reading every run.
//!
//! A name is made durable before the commit that it leads to. A name that leads to nothing, because its writer was killed or
//! another one was faster, is passed over.

use std::cmp::Reverse;
use std::path::PathBuf;

use super::clock::Clock;
use super::files::Directory;
use crate::event::{EventAddress, FlowEventKind, FlowId};
use crate::store::{PersistenceError, StoredResult};

/// What a result is looked up by.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeyKind {
    Cache,
    Work,
}

impl KeyKind {
    fn name(self) -> &'static str {
        match self {
            Self::Cache => "cache",
            Self::Work => "work",
        }
    }
}

/// Records that a run begins, and returns the number of its first event, which no other first event has.
pub(super) fn begin(flow_id: FlowId, clock: &Clock, files: &Directory) -> Result<u64, PersistenceError> {
    loop {
        let seq = clock.next();
        if files.mark(&files.path().join("begun").join(format!("{seq:016x}")), &flow_id.to_string())? {
            return Ok(seq);
        }
    }
}

/// Returns the numbers below `before` that are recorded as first events, greatest first.
pub(super) fn begun(before: Option<u64>, files: &Directory) -> Result<Vec<u64>, PersistenceError> {
    let names = files.names(&files.path().join("begun"))?;
    let numbers = names.iter().filter_map(|name| u64::from_str_radix(name, 16).ok());
    let mut numbers: Vec<u64> = numbers.filter(|seq| before.is_none_or(|before| *seq < before)).collect();
    numbers.sort_unstable_by_key(|seq| Reverse(*seq));
    Ok(numbers)
}

/// Returns the run that is recorded to begin with the event `seq`.
pub(super) fn begun_by(seq: u64, files: &Directory) -> Result<Option<FlowId>, PersistenceError> {
    let content = files.read(&files.path().join("begun").join(format!("{seq:016x}")))?;
    Ok(content.and_then(|content| str::from_utf8(&content).ok()?.parse().ok()))
}

/// Records the keys of an event that finishes a step.
pub(super) fn record_result(
    kind: &FlowEventKind,
    result: StoredResult,
    files: &Directory,
) -> Result<(), PersistenceError> {
    let FlowEventKind::StepFinished(finished) = kind else { return Ok(()) };
    let cache_key = finished.cache_key.map(|key| (KeyKind::Cache, key.to_string()));
    let work_key = finished.rows.as_ref().map(|rows| (KeyKind::Work, rows.work_key.to_string()));
    for (kind, key) in cache_key.into_iter().chain(work_key) {
        let directory = directory_of(&key, files);
        files.make(&directory)?;
        let StoredResult { seq, address: EventAddress { flow_id, position } } = result;
        files.mark(&directory.join(format!("{}.{key}.{seq:016x}.{flow_id}.{position}", kind.name())), "")?;
    }
    Ok(())
}

/// Returns the recorded results with this key, newest first.
pub(super) fn results(
    kind: KeyKind,
    key: &str,
    before: Option<u64>,
    files: &Directory,
) -> Result<Vec<StoredResult>, PersistenceError> {
    let prefix = format!("{}.{key}.", kind.name());
    let names = files.names(&directory_of(key, files))?;
    let mut results: Vec<StoredResult> = names.iter().filter_map(|name| parse(name.strip_prefix(&prefix)?)).collect();
    results.retain(|result| before.is_none_or(|before| result.seq < before));
    results.sort_unstable_by_key(|result| Reverse(result.seq));
    Ok(results)
}

fn parse(text: &str) -> Option<StoredResult> {
    let mut parts = text.split('.');
    let seq = u64::from_str_radix(parts.next()?, 16).ok()?;
    let (flow_id, position) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some(StoredResult { seq, address: EventAddress { flow_id, position } })
}

fn directory_of(key: &str, files: &Directory) -> PathBuf {
    files.path().join("results").join(key.get(..2).unwrap_or_default())
}
