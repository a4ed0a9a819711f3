//! The index of runs and results, which a store can always derive from its log.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Cursor, EventLog, FlowSummary, PersistenceError, RunFilter};
use crate::event::{EventAddress, FlowEvent, FlowEventKind, FlowId, FlowStatus, StepFinished};
use crate::fingerprint::{CacheKey, WorkKey};

/// The location of a step's stored result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredResult {
    /// The number of the step's `StepFinished` event in the store's global order.
    pub seq: u64,
    /// The run and position of that event.
    pub address: EventAddress,
}

/// Finds runs and results in the log. The provided methods read the whole log; a backend with indexes overrides them.
pub trait RunIndex: EventLog {
    /// Returns up to `limit` runs that match `filter`, newest first. With `before`, returns only runs whose first event
    /// has a `seq` below it; pass that of a page's last run to get the next page. An empty page is the end of the list.
    ///
    /// # Errors
    /// Returns [`PersistenceError::UnreadableRun`] if the first or last event of the first run of the page cannot be read.
    /// Runs before an unreadable one are returned first. The provided method fails if any event cannot be read.
    fn find_runs(
        &self,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowSummary>, PersistenceError> {
        let mut by_id: HashMap<FlowId, FlowSummary> = HashMap::new();
        for_each_event(self, |event| match by_id.entry(event.flow_id) {
            Entry::Occupied(mut run) => {
                let run = run.get_mut();
                run.event_variants.get_or_insert_default().push(event.kind.letter());
                run.last = event;
            }
            Entry::Vacant(run) => {
                let letter = Some(event.kind.letter().into());
                run.insert(FlowSummary { first: event.clone(), last: event, event_variants: letter });
            }
        })?;
        let is_found = |run: &FlowSummary| {
            before.is_none_or(|before| run.first.seq < before) && filter.selects(&run.first, &run.last.kind)
        };
        let mut runs: Vec<FlowSummary> = by_id.into_values().filter(is_found).collect();
        runs.sort_unstable_by_key(|run| Reverse(run.first.seq));
        runs.truncate(limit);
        if !filter.letters {
            runs.iter_mut().for_each(|run| run.event_variants = None);
        }
        Ok(runs)
    }

    /// Returns the first events of up to `limit` runs, newest run first. With `flow`, returns only runs of the flow
    /// with that name; with `before`, only runs whose first event has a `seq` below it, as in
    /// [`find_runs`](Self::find_runs).
    fn newest_runs(
        &self,
        flow: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowEvent>, PersistenceError> {
        let filter = RunFilter { flow: flow.map(str::to_owned), ..RunFilter::default() };
        Ok(self.find_runs(&filter, before, limit)?.into_iter().map(|run| run.first).collect())
    }

    /// Returns up to `limit` runs whose id, as text, begins with `prefix`, ordered by id.
    fn find_run_ids(&self, prefix: &str, limit: usize) -> Result<Vec<FlowId>, PersistenceError> {
        let runs = self.newest_runs(None, None, usize::MAX)?;
        let mut ids: Vec<FlowId> =
            runs.iter().map(|first| first.flow_id).filter(|id| id.to_string().starts_with(prefix)).collect();
        ids.sort_unstable();
        ids.truncate(limit);
        Ok(ids)
    }

    /// Returns the runs that have completed and whose ids are among those that children of `parent` may have.
    ///
    /// # Errors
    /// Fails like [`find_runs`](Self::find_runs).
    fn completed_children(&self, parent: FlowId) -> Result<Vec<FlowId>, PersistenceError> {
        let (least, greatest) = parent.range_of_children();
        let filter = RunFilter { status: Some(FlowStatus::Completed), ..RunFilter::default() };
        let runs = self.find_runs(&filter, None, usize::MAX)?;
        let ids = runs.iter().map(FlowSummary::flow_id);
        Ok(ids.filter(|id| (least..=greatest).contains(&id.as_uuid())).collect())
    }

    /// Returns up to `limit` `StepFinished` events with the cache key `key`, across all runs, newest first; with
    /// `before`, only those whose `seq` is below it. The run of a result shows whether to trust it.
    fn find_cached(
        &self,
        key: CacheKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        find_results(self, before, limit, |finished| finished.cache_key == Some(key))
    }

    /// Returns up to `limit` `StepFinished` events with the work key `key`, in the order and with the meaning of `before` as in
    /// [`find_cached`](Self::find_cached).
    fn find_work(
        &self,
        key: WorkKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        find_results(self, before, limit, |finished| finished.rows.as_ref().is_some_and(|rows| rows.work_key == key))
    }

    /// Returns all runs with their event letters, oldest first. Reads the whole log; to find a few runs, use
    /// [`find_runs`](Self::find_runs).
    fn all_runs(&self) -> Result<Vec<FlowSummary>, PersistenceError> {
        const PAGE: usize = 1_000;
        let all = RunFilter { letters: true, ..RunFilter::default() };
        let mut runs: Vec<FlowSummary> = Vec::new();
        loop {
            let page = self.find_runs(&all, runs.last().map(|oldest| oldest.first.seq), PAGE)?;
            if page.is_empty() {
                runs.reverse();
                return Ok(runs);
            }
            runs.extend(page);
        }
    }
}

/// Returns the newest of the `StepFinished` events that `is_result` accepts.
fn find_results(
    log: &(impl EventLog + ?Sized),
    before: Option<u64>,
    limit: usize,
    is_result: impl Fn(&StepFinished) -> bool,
) -> Result<Vec<StoredResult>, PersistenceError> {
    let mut results = Vec::new();
    for_each_event(log, |FlowEvent { seq, flow_id, position, kind, .. }| {
        let is_result = matches!(&kind, FlowEventKind::StepFinished(finished) if is_result(finished));
        if is_result && before.is_none_or(|before| seq < before) {
            results.push(StoredResult { seq, address: EventAddress { flow_id, position } });
        }
    })?;
    results.sort_unstable_by_key(|result| Reverse(result.seq));
    results.truncate(limit);
    Ok(results)
}

/// Passes every event that is in the log to `each`, in the order of [`EventLog::read_log`].
fn for_each_event(log: &(impl EventLog + ?Sized), mut each: impl FnMut(FlowEvent)) -> Result<(), PersistenceError> {
    const PAGE: usize = 1_000;
    let mut cursor = Cursor::START;
    loop {
        let page = log.read_log(cursor, PAGE)?;
        if page.events.is_empty() {
            return Ok(());
        }
        cursor = page.cursor;
        page.events.into_iter().for_each(&mut each);
    }
}
