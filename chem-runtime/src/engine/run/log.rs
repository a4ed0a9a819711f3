//! The log of a run, as the one who writes it sees it: at once, or while the next step works.
//!
//! Events are appended in their order, one append at a time. What comes while an append is under way waits, and goes with
//! the next, so that a slow store makes appends fewer and larger and a fast one hears of everything at once. An append
//! that fails is the last: what waits is dropped, the step that works meanwhile is asked to stop, and the session hears
//! of the error when it next has something to say. Which steps need not wait for the log is the session's to know.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::artifact::{Artifact, ArtifactError, ArtifactSource};
use crate::event::{FlowEventKind, FlowId};
use crate::fingerprint::ArtifactHash;
use crate::step::CancelToken;
use crate::store::{EventStore, Lease, NewEvent, StoreError, StoredArtifacts, Writer};

/// So much text of artifacts may wait for the store. Who has more to say waits too.
const MOST_WAITING: usize = 32 << 20;

/// The writing end of a run's log.
pub(super) struct RunLog {
    shared: Arc<Shared>,
    /// Appends while a step works; none until there is something for it to do.
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    flow_id: FlowId,
    store: Arc<dyn EventStore>,
    state: Mutex<State>,
    changed: Condvar,
    /// Asked to stop when the run is, and when an append has failed.
    cancel: CancelToken,
}

struct State {
    /// The right to write the run; none for one that has ended.
    lease: Option<Lease>,
    /// Whether the store may have that lease as one of a run that goes on, so that it has to be released.
    in_hand: bool,
    /// Where the first of the waiting events goes.
    position: u64,
    waiting: Vec<NewEvent>,
    /// An append is under way.
    writing: bool,
    failed: Option<Failed>,
    /// Nobody will have anything to say any more.
    ending: bool,
}

/// An append failed; who is told first gets the error.
struct Failed {
    error: Option<StoreError>,
}

impl RunLog {
    /// The log of a run whose next event goes to `position`. `cancel` asks the run to stop.
    pub(super) fn new(
        store: Arc<dyn EventStore>,
        flow_id: FlowId,
        lease: Option<Lease>,
        position: u64,
        cancel: &CancelToken,
    ) -> Self {
        let in_hand = lease.is_some() && position > 0;
        let (waiting, writing, failed, ending) = (Vec::new(), false, None, false);
        let state = Mutex::new(State { lease, in_hand, position, waiting, writing, failed, ending });
        let shared = Shared { flow_id, store, state, changed: Condvar::new(), cancel: cancel.child() };
        Self { shared: Arc::new(shared), writer: None }
    }

    /// Whether the run may be written: not one that has ended, nor one that somebody else has begun.
    pub(super) fn may_write(&self) -> bool {
        self.shared.state().lease.is_some()
    }

    /// Goes on under this lease.
    pub(super) fn take(&self, lease: Lease) {
        let mut state = self.shared.state();
        (state.lease, state.in_hand) = (Some(lease), true);
    }

    /// Appends `events`, behind all that waits. When it returns, they are in the store.
    pub(super) fn append(&self, events: Vec<NewEvent>) -> Result<(), StoreError> {
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

    /// Has `events` appended while the caller goes on.
    pub(super) fn append_behind(&mut self, events: Vec<NewEvent>) -> Result<(), StoreError> {
        // What takes no time is not worth a thread.
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

    /// Asked to stop when the run is, and when its log cannot be written any more.
    pub(super) fn cancel(&self) -> &CancelToken {
        &self.shared.cancel
    }

    /// The artifacts of the store, and those that are on their way to it.
    pub(super) fn artifacts(&self) -> Arc<dyn ArtifactSource + Send> {
        Arc::new(LoggedArtifacts(self.shared.clone()))
    }

    /// Whether a thread is there to append; if none can be had, the session does it all by itself.
    fn has_writer(&mut self) -> bool {
        if self.writer.is_none() {
            let shared = self.shared.clone();
            self.writer = std::thread::Builder::new().name("chem-log".into()).spawn(move || shared.serve()).ok();
        }
        self.writer.is_some()
    }
}

impl Drop for RunLog {
    /// Has what waits appended, and lets go of a run that has not ended, so that another process finds it free.
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            self.shared.state().ending = true;
            self.shared.changed.notify_all();
            // It catches the panics of the store, and has none of its own.
            drop(writer.join());
        }
        let (flow_id, state) = (self.shared.flow_id, self.shared.state());
        if let Some(error) = state.failed.as_ref().and_then(|failed| failed.error.as_ref()) {
            tracing::warn!(%flow_id, %error, "the last events of the run could not be stored");
        }
        if let Some(lease) = state.lease.as_ref().filter(|_| state.in_hand)
            && let Err(error) = self.shared.store.release(lease)
        {
            tracing::warn!(%flow_id, %error, "the run could not be let go of");
        }
    }
}

impl Shared {
    /// Appends what comes to wait, until there is nobody left who might have something to say.
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

    /// Appends what waits.
    fn write<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        // Without a lease nobody could be kept from writing beside us.
        let Some(lease) = state.lease.clone() else {
            state.fail(given_up("this process has not got the run in hand"));
            return state;
        };
        let (events, expected) = (std::mem::take(&mut state.waiting), state.position);
        state.position += events.len() as u64;
        state.writing = true;
        // An append that fails may have landed all the same.
        state.in_hand = true;
        drop(state);

        let writer = Writer::Holder(&lease);
        let stored = catch_unwind(AssertUnwindSafe(|| self.store.append_as(writer, expected, &events)))
            .unwrap_or_else(|_| Err(given_up("the store panicked at an append to the run")));

        let mut state = self.state();
        state.writing = false;
        match stored {
            Ok(_) => {
                tracing::debug!(flow_id = %self.flow_id, position = expected, events = events.len(), "appended");
                let ends = |event: &NewEvent| FlowEventKind::ends_the_run(event.kind.event_type());
                state.in_hand &= !events.last().is_some_and(ends);
            }
            Err(error) => {
                if expected == 0 && matches!(error, StoreError::Conflict { .. } | StoreError::Fenced { .. }) {
                    // The run's first lease is the one of him who has begun it, and not ours to let go of.
                    (state.lease, state.in_hand) = (None, false);
                }
                state.fail(error);
                self.cancel.cancel();
            }
        }
        self.changed.notify_all();
        state
    }

    /// Waits until all that was said is in the store, or cannot get there.
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
    /// Has `events` wait for the store.
    ///
    /// # Errors
    /// An append has failed. Nothing comes behind it: what it had to say may be missing, and may be there all the same.
    fn say(&mut self, events: Vec<NewEvent>) -> Result<(), StoreError> {
        if let Some(failed) = &mut self.failed {
            return Err(failed.tell());
        }
        self.waiting.extend(events);
        Ok(())
    }

    /// Ends the log here.
    fn fail(&mut self, error: StoreError) {
        self.failed = Some(Failed { error: Some(error) });
        self.waiting.clear();
    }

    /// How much text the waiting artifacts are.
    fn waiting_text(&self) -> usize {
        self.waiting.iter().flat_map(|event| &event.artifacts).map(|artifact| artifact.payload_text().len()).sum()
    }
}

impl Failed {
    fn tell(&mut self) -> StoreError {
        self.error.take().unwrap_or_else(|| given_up("an earlier append to the run has failed"))
    }
}

fn given_up(message: &str) -> StoreError {
    StoreError::Backend { message: message.into(), transient: false, source: "nothing more is appended to it".into() }
}

/// The artifacts of a run's store, and those that its log has not brought there yet.
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
