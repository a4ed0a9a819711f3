//! Appends to the log of a run, at once or in the background while the next step works.
//!
//! Events are appended in order, one append at a time. Events that arrive during an append form the next batch, so a
//! slow store gets fewer, larger appends, and a fast one gets each event at once. A failed append is the last: waiting
//! events are dropped, the working step is asked to stop, and the session gets the error at its next append. The
//! session decides which steps need not wait for the log.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::artifact::{Artifact, ArtifactError, ArtifactSource};
use crate::event::FlowId;
use crate::fingerprint::ArtifactHash;
use crate::step::CancelToken;
use crate::store::{EventStore, Lease, NewEvent, PersistenceError, StoredArtifacts, Writer};

/// The most artifact text that may wait for the store, in bytes. Further appends block.
const MOST_WAITING: usize = 32 << 20;

/// The writer of a run's log.
pub(super) struct RunLog {
    shared: Arc<Shared>,
    /// The thread that appends while a step works; `None` until there is work for it.
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    flow_id: FlowId,
    store: Arc<dyn EventStore>,
    state: Mutex<State>,
    changed: Condvar,
    /// Cancelled with the run, and after a failed append.
    cancel: CancelToken,
}

struct State {
    /// The lease on the run; `None` if the run has ended.
    lease: Option<Lease>,
    /// Whether the store may hold the lease on an unfinished run, so that it has to be released.
    holds_lease: bool,
    /// The position of the first waiting event.
    position: u64,
    waiting: Vec<NewEvent>,
    /// Whether an append is in progress.
    writing: bool,
    failed: Option<Failed>,
    /// Whether the log is being dropped, so no more events will come.
    ending: bool,
}

/// A failed append. The first caller to observe the failure takes the error.
struct Failed {
    error: Option<PersistenceError>,
}

impl RunLog {
    /// Creates the log of a run whose next event has `position`. `cancel` asks the run to stop.
    pub(super) fn new(
        store: Arc<dyn EventStore>,
        flow_id: FlowId,
        lease: Option<Lease>,
        position: u64,
        cancel: &CancelToken,
    ) -> Self {
        let holds_lease = lease.is_some() && position > 0;
        let (waiting, writing, failed, ending) = (Vec::new(), false, None, false);
        let state = Mutex::new(State { lease, holds_lease, position, waiting, writing, failed, ending });
        let shared = Shared { flow_id, store, state, changed: Condvar::new(), cancel: cancel.child() };
        Self { shared: Arc::new(shared), writer: None }
    }

    /// Whether this process may append: not to a run that has ended or that another process has begun.
    pub(super) fn may_write(&self) -> bool {
        self.shared.state().lease.is_some()
    }

    /// Returns the epoch of the lease; `None` if there is none.
    pub(super) fn epoch(&self) -> Option<u64> {
        self.shared.state().lease.as_ref().map(|lease| lease.epoch)
    }

    /// Continues under this lease.
    pub(super) fn take(&self, lease: Lease) {
        let mut state = self.shared.state();
        (state.lease, state.holds_lease) = (Some(lease), true);
    }

    /// Appends `events` after all waiting ones. On return, they are in the store.
    pub(super) fn append(&self, events: Vec<NewEvent>) -> Result<(), PersistenceError> {
        let mut state = self.shared.state();
        state.say(events)?;
        loop {
            if let Some(failed) = &mut state.failed {
                return Err(failed.tell());
            } else if state.writing {
                state = self.shared.wait(state);
            } else if state.waiting.is_empty() {
                return Ok(());
            } else {
                state = self.shared.write(state);
            }
        }
    }

    /// Queues `events` for the background thread. Blocks only while more than [`MOST_WAITING`] bytes wait.
    pub(super) fn append_behind(&mut self, events: Vec<NewEvent>) -> Result<(), PersistenceError> {
        // A store in memory is not worth a thread.
        if !self.shared.store.is_durable() || !self.has_writer() {
            return self.append(events);
        }
        let mut state = self.shared.state();
        state.say(events)?;
        self.shared.changed.notify_all();
        loop {
            if let Some(failed) = &mut state.failed {
                return Err(failed.tell());
            } else if state.waiting_text() <= MOST_WAITING {
                return Ok(());
            }
            state = self.shared.wait(state);
        }
    }

    /// Returns a writer for a step, which appends while it works.
    pub(super) fn appender(&mut self) -> Appender {
        let behind = self.shared.store.is_durable() && self.has_writer();
        Appender { shared: self.shared.clone(), behind }
    }

    /// Returns the token that is cancelled with the run and after a failed append.
    pub(super) fn cancel(&self) -> &CancelToken {
        &self.shared.cancel
    }

    /// Returns a source of the artifacts in the store, including those that wait to be appended.
    pub(super) fn artifacts(&self) -> Arc<dyn ArtifactSource + Send> {
        Arc::new(LoggedArtifacts(self.shared.clone()))
    }

    /// Starts the background thread if there is none. Returns `false` if it cannot be started; the session then
    /// appends.
    fn has_writer(&mut self) -> bool {
        if self.writer.is_none() {
            let shared = self.shared.clone();
            self.writer = std::thread::Builder::new().name("chem-log".into()).spawn(move || shared.serve()).ok();
        }
        self.writer.is_some()
    }
}

/// Appends what a step has finished while it works.
pub(super) struct Appender {
    shared: Arc<Shared>,
    /// Whether the background thread appends.
    behind: bool,
}

impl Appender {
    /// Appends `event`, or queues it for the background thread, after all waiting ones. Blocks while more than
    /// [`MOST_WAITING`] bytes wait. Returns `false` if an append has failed; the session gets the error.
    pub(super) fn append(&self, event: NewEvent) -> bool {
        let mut state = self.shared.state();
        if state.failed.is_some() {
            return false;
        }
        state.waiting.push(event);
        self.shared.changed.notify_all();
        loop {
            if state.failed.is_some() {
                return false;
            } else if self.behind && state.waiting_text() <= MOST_WAITING || state.waiting.is_empty() && !state.writing
            {
                return true;
            } else if self.behind || state.writing {
                state = self.shared.wait(state);
            } else {
                state = self.shared.write(state);
            }
        }
    }
}

impl Drop for RunLog {
    /// Appends waiting events and releases the lease on an unfinished run, so that another process can acquire it.
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            self.shared.state().ending = true;
            self.shared.changed.notify_all();
            // The thread catches the store's panics and does not panic itself.
            drop(writer.join());
        }
        let (flow_id, state) = (self.shared.flow_id, self.shared.state());
        if let Some(error) = state.failed.as_ref().and_then(|failed| failed.error.as_ref()) {
            tracing::warn!(%flow_id, %error, "the last events of the run could not be stored");
        }
        if let Some(lease) = state.lease.as_ref().filter(|_| state.holds_lease)
            && let Err(error) = self.shared.store.release_lease(lease)
        {
            tracing::warn!(%flow_id, %error, "the lease on the run could not be released");
        }
    }
}

impl Shared {
    /// Appends events as they arrive, until the log is dropped.
    fn serve(&self) {
        let mut state = self.state();
        loop {
            if !state.waiting.is_empty() && !state.writing {
                state = self.write(state);
            } else if state.ending {
                return;
            } else {
                state = self.wait(state);
            }
        }
    }

    /// Appends the waiting events as one batch.
    fn write<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        // Without a lease, nothing would keep other processes from appending.
        let Some(lease) = state.lease.clone() else {
            state.fail(given_up("this process does not hold the lease on the run"));
            return state;
        };
        let (events, expected) = (std::mem::take(&mut state.waiting), state.position);
        state.position += events.len() as u64;
        state.writing = true;
        // A failed append may have reached the store.
        state.holds_lease = true;
        drop(state);

        let writer = Writer::Holder(&lease);
        let stored = catch_unwind(AssertUnwindSafe(|| self.store.append_as(writer, expected, &events)))
            .unwrap_or_else(|_| Err(given_up("the store panicked at an append to the run")));

        let mut state = self.state();
        state.writing = false;
        match stored {
            Ok(_) => {
                tracing::debug!(flow_id = %self.flow_id, position = expected, events = events.len(), "appended");
                state.holds_lease &= !events.last().is_some_and(|last| last.kind.status_after().is_stopped());
            }
            Err(error) => {
                if expected == 0 && matches!(error, PersistenceError::Conflict { .. } | PersistenceError::Fenced { .. })
                {
                    // The first lease belongs to the process that began the run; it is not ours to release.
                    (state.lease, state.holds_lease) = (None, false);
                }
                state.fail(error);
                self.cancel.cancel();
            }
        }
        self.changed.notify_all();
        state
    }

    /// Waits until all queued events are in the store, or an append has failed.
    fn settle(&self) {
        let under_way = |state: &mut State| state.failed.is_none() && (state.writing || !state.waiting.is_empty());
        drop(self.changed.wait_while(self.state(), under_way).unwrap_or_else(PoisonError::into_inner));
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Queues `events`.
    ///
    /// # Errors
    /// An earlier append has failed. No event may follow it: its events may or may not be in the store.
    fn say(&mut self, events: Vec<NewEvent>) -> Result<(), PersistenceError> {
        if let Some(failed) = &mut self.failed {
            return Err(failed.tell());
        }
        self.waiting.extend(events);
        Ok(())
    }

    /// Records the failure and drops the waiting events.
    fn fail(&mut self, error: PersistenceError) {
        self.failed = Some(Failed { error: Some(error) });
        self.waiting.clear();
    }

    /// Returns the size of the waiting artifacts, in bytes of payload text.
    fn waiting_text(&self) -> usize {
        self.waiting.iter().flat_map(|event| &event.artifacts).map(|artifact| artifact.payload_text().len()).sum()
    }
}

impl Failed {
    fn tell(&mut self) -> PersistenceError {
        self.error.take().unwrap_or_else(|| given_up("an earlier append to the run has failed"))
    }
}

fn given_up(message: &str) -> PersistenceError {
    PersistenceError::Backend {
        message: message.into(),
        transient: false,
        source: "nothing more is appended to it".into(),
    }
}

/// The artifacts in the store of a run, and those that still wait to be appended.
struct LoggedArtifacts(Arc<Shared>);

impl ArtifactSource for LoggedArtifacts {
    fn artifact(&self, hash: ArtifactHash) -> Result<Artifact, ArtifactError> {
        match StoredArtifacts(self.0.store.as_ref()).artifact(hash) {
            Err(ArtifactError::Missing { .. }) => {
                self.0.settle();
                StoredArtifacts(self.0.store.as_ref()).artifact(hash)
            }
            found => found,
        }
    }
}
