//! Lists the runs of a store, newest first and page by page.

use super::WorkbenchError;
use crate::event::FlowId;
use crate::flow::FlowStatus;
use crate::store::{EventStore, FlowSummary, Holder, PersistenceError, RunFilter};

/// The maximum number of runs to fetch at once.
const PAGE: usize = 1_000;

/// The status of a run in a list. The log alone cannot tell a running run from an interrupted one; its lease can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// All steps have finished.
    Completed,
    /// A step has failed or was rejected.
    Failed,
    /// A person has to decide on a step.
    Waiting,
    /// The run can be resumed.
    Interrupted,
    /// A process is running it.
    Running,
}

impl RunStatus {
    /// All statuses.
    pub const ALL: [Self; 5] = [Self::Completed, Self::Failed, Self::Waiting, Self::Interrupted, Self::Running];

    /// Returns the status of a run with this status in the log, which is or is not `held` by a process.
    pub fn of(in_log: FlowStatus, held: bool) -> Self {
        match in_log {
            FlowStatus::Completed => Self::Completed,
            FlowStatus::Failed => Self::Failed,
            FlowStatus::Waiting => Self::Waiting,
            FlowStatus::Interrupted if held => Self::Running,
            FlowStatus::Interrupted => Self::Interrupted,
        }
    }

    /// Returns the name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            recorded => recorded.in_log().name(),
        }
    }

    /// Returns the status of such a run according to the log alone.
    pub fn in_log(self) -> FlowStatus {
        match self {
            Self::Completed => FlowStatus::Completed,
            Self::Failed => FlowStatus::Failed,
            Self::Waiting => FlowStatus::Waiting,
            Self::Interrupted | Self::Running => FlowStatus::Interrupted,
        }
    }
}

/// Which runs to list.
#[derive(Debug, Clone)]
pub struct RunQuery {
    /// Selects runs by what the log says of them. `status` decides about its status.
    pub filter: RunFilter,
    /// Selects runs with this status.
    pub status: Option<RunStatus>,
    /// Selects runs whose first event has a sequence number below this one.
    pub before: Option<u64>,
    /// The maximum number of runs to list.
    pub limit: usize,
    /// The maximum number of runs to look at.
    pub most_read: usize,
}

/// A page of a list of runs.
#[derive(Debug, Default)]
pub struct Listing {
    /// The runs, newest first.
    pub runs: Vec<ListedRun>,
    /// The `before` of the next page; `None` if no older run matches.
    pub next: Option<u64>,
    /// Why other runs that may match cannot be read.
    pub unreadable: Vec<PersistenceError>,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedRun {
    /// Its first and last event.
    pub summary: FlowSummary,
    /// The process that is running it; `None` if none is.
    pub holder: Option<Holder>,
}

impl ListedRun {
    /// Returns the status of the run.
    pub fn status(&self) -> RunStatus {
        RunStatus::of(self.summary.status(), self.holder.is_some())
    }
}

/// Lists the newest runs that match `query` and that `accepts` selects.
///
/// # Errors
/// Fails if the store cannot be read, apart from single damaged runs.
///
/// ```
/// use chem_runtime::engine::FlowEngine;
/// use chem_runtime::steps::demo::Seed;
/// use chem_runtime::store::{InMemoryEventStore, RunFilter};
/// use chem_runtime::workbench::{RunQuery, RunStatus, list_runs};
/// use std::sync::Arc;
///
/// let store = Arc::new(InMemoryEventStore::new());
/// for _ in 0..3 {
///     FlowEngine::on(store.clone()).first_step(Seed { text: "CCO".into() }).build()?.run_to_end()?;
/// }
/// let status = Some(RunStatus::Completed);
/// let query = RunQuery { filter: RunFilter::default(), status, before: None, limit: 2, most_read: usize::MAX };
/// let page = list_runs(&*store, &query, |_| true)?;
/// assert_eq!(page.runs.len(), 2);
/// let rest = list_runs(&*store, &RunQuery { before: page.next, ..query }, |_| true)?;
/// assert_eq!((rest.runs.len(), rest.next), (1, None));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn list_runs(
    store: &dyn EventStore,
    query: &RunQuery,
    accepts: impl Fn(&FlowSummary) -> bool,
) -> Result<Listing, WorkbenchError> {
    let filter = RunFilter { status: query.status.map(RunStatus::in_log), ..query.filter.clone() };
    let page_size = query.limit.saturating_add(1).min(PAGE);
    let (mut before, mut read) = (query.before, 0);
    let mut listing = Listing::default();
    loop {
        let page = match store.find_runs(&filter, before, page_size) {
            Err(PersistenceError::UnreadableRun(run)) => {
                before = Some(run.seq());
                listing.unreadable.push(PersistenceError::UnreadableRun(run));
                continue;
            }
            page => page?,
        };
        if page.is_empty() {
            return Ok(listing);
        }
        for summary in page {
            if read == query.most_read {
                listing.next = before;
                return Ok(listing);
            }
            let seq = summary.first.seq;
            read += 1;
            if accepts(&summary) {
                let holder = running_process(store, summary.flow_id(), summary.status())?;
                let run = ListedRun { summary, holder };
                if query.status.is_none_or(|status| run.status() == status) {
                    if listing.runs.len() == query.limit {
                        listing.next = before;
                        return Ok(listing);
                    }
                    listing.runs.push(run);
                }
            }
            before = Some(seq);
        }
    }
}

/// Returns the process that holds the lease on an interrupted run. `None` if there is no holder, if this process is the
/// holder, or if the run has another status.
///
/// # Errors
/// Fails if the store cannot be read.
pub fn running_process(
    store: &dyn EventStore,
    flow_id: FlowId,
    status: FlowStatus,
) -> Result<Option<Holder>, PersistenceError> {
    if status != FlowStatus::Interrupted {
        return Ok(None);
    }
    Ok(store.lease_holder(flow_id)?.filter(|holder| *holder != Holder::this_process()))
}
