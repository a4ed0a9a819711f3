//! Finds runs and results by the names that are recorded for them.

use super::SpoolEventStore;
use super::index::{self, KeyKind};
use crate::event::{EventAddress, FlowEvent, FlowEventKind, FlowId, StepFinished};
use crate::fingerprint::{CacheKey, WorkKey};
use crate::flow::FlowStatus;
use crate::store::page::add_to_page;
use crate::store::{FlowSummary, PersistenceError, RunFilter, RunIndex, StoredResult};

impl RunIndex for SpoolEventStore {
    fn find_runs(
        &self,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowSummary>, PersistenceError> {
        let mut page = Vec::new();
        for seq in index::begun(before, &self.files)? {
            if page.len() == limit {
                break;
            }
            if let Some(run) = self.summary(seq, filter)?
                && !add_to_page(&mut page, run, seq)?
            {
                break;
            }
        }
        Ok(page)
    }

    fn find_run_ids(&self, prefix: &str, limit: usize) -> Result<Vec<FlowId>, PersistenceError> {
        let names = self.files.names(&self.runs_directory)?;
        let mut ids: Vec<FlowId> = Vec::new();
        let mut candidates: Vec<FlowId> =
            names.iter().filter(|name| name.starts_with(prefix)).filter_map(|name| name.parse().ok()).collect();
        candidates.sort_unstable();
        for id in candidates {
            if ids.len() == limit {
                break;
            }
            // The directory of a run is made before its first event.
            if self.with_run(id, |run| Ok(run.next()))? > 0 {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    fn completed_children(&self, parent: FlowId) -> Result<Vec<FlowId>, PersistenceError> {
        let (least, greatest) = parent.range_of_children();
        let names = self.files.names(&self.runs_directory)?;
        let mut ids: Vec<FlowId> = names.iter().filter_map(|name| name.parse().ok()).collect();
        ids.retain(|id: &FlowId| (least..=greatest).contains(&id.as_uuid()));
        ids.sort_unstable();
        let mut completed = Vec::new();
        for id in ids {
            if self.has_completed(id)? {
                completed.push(id);
            }
        }
        Ok(completed)
    }

    fn find_cached(
        &self,
        key: CacheKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        self.results(KeyKind::Cache, &key.to_string(), before, limit, |finished| finished.cache_key == Some(key))
    }

    fn find_work(
        &self,
        key: WorkKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        let has_key = |finished: &StepFinished| finished.rows.as_ref().is_some_and(|rows| rows.work_key == key);
        self.results(KeyKind::Work, &key.to_string(), before, limit, has_key)
    }
}

impl SpoolEventStore {
    /// Returns up to `limit` recorded results that the log has, newest first.
    fn results(
        &self,
        kind: KeyKind,
        key: &str,
        before: Option<u64>,
        limit: usize,
        has_key: impl Fn(&StepFinished) -> bool,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        let mut found = Vec::new();
        for result in index::results(kind, key, before, &self.files)? {
            if found.len() == limit {
                break;
            }
            let EventAddress { flow_id, position } = result.address;
            let stored = self.stored(flow_id, position, position.saturating_add(1))?.pop();
            // An event that cannot be read is no result.
            let event = stored.filter(|event| event.seq == result.seq).and_then(|event| event.decode().ok());
            if matches!(&event, Some(FlowEvent { kind: FlowEventKind::StepFinished(step), .. }) if has_key(step)) {
                found.push(result);
            }
        }
        Ok(found)
    }

    /// Returns the summary of the run that is recorded to begin with the event `seq`; `None` if there is no such run, or the
    /// filter does not select it.
    fn summary(
        &self,
        seq: u64,
        filter: &RunFilter,
    ) -> Result<Option<Result<FlowSummary, PersistenceError>>, PersistenceError> {
        let Some(flow_id) = index::begun_by(seq, &self.files)? else { return Ok(None) };
        let found = self.with_run(flow_id, |run| {
            if run.first_seq() != Some(seq) {
                return Ok(None);
            }
            let first = run.events(0, 1, &self.files)?.pop();
            let last = run.events(run.next() - 1, run.next(), &self.files)?.pop();
            Ok(first.zip(last).map(|(first, last)| (first, last, run.letters().to_owned())))
        })?;
        let Some((first, last, letters)) = found else { return Ok(None) };
        let event_type = last.event_type.clone();
        let run = first.decode().and_then(|first| match last.decode() {
            Ok(last) if !filter.selects(&first, &last.kind) => Ok(None),
            Err(_) if !may_select(filter, &first, &event_type) => Ok(None),
            last => Ok(Some(FlowSummary { first, last: last?, event_variants: filter.letters.then_some(letters) })),
        });
        Ok(run.transpose())
    }
}

/// Returns whether the filter selects a run with this first event, and a last one of which only the kind is known.
fn may_select(filter: &RunFilter, first: &FlowEvent, last: &str) -> bool {
    let status = FlowEventKind::KINDS.iter().find(|kind| kind.name == last).map(|kind| kind.status);
    RunFilter { status: None, ..filter.clone() }.selects(first, &first.kind)
        && filter.status.is_none_or(|wanted| wanted == status.unwrap_or(FlowStatus::Interrupted))
}
