//! The store of machines that share a directory and no database.
//!
//! A spool is a directory of small files that are published once and never changed. It needs no server, no lock and no memory
//! that processes share, so it works on network file systems, where an SQLite file in WAL mode does not.
//!
//! - `runs/ID/00000000`, `00000001`, …: the commits of a run. Each is an append, or a change of the lease. A commit is
//!   published by linking a complete file to the next number, which the file server does for one writer only. So appends and
//!   leases have one order, the log of a run never forks, and a writer whose lease has passed to another one finds that out
//!   at its next number.
//! - `artifacts/XX/HASH`: an artifact, published before the commit that names it.
//! - `begun/SEQ` and `results/XX/…`: names by which runs and results are found (`index.rs`).
//! - `alive/ID`: a file that the holder of leases touches (`alive.rs`).
//!
//! The file system must do three things: refuse to link to a name that exists, show an opened directory as the server has it
//! (close-to-open consistency, the default of NFS), and keep what `fsync` has written.
//!
//! Events of different runs have no order that all readers agree on while machines write, so the log of all runs cannot be
//! followed or sealed. Their numbers are those of a logical clock (`clock.rs`), which suffices to list runs.

mod alive;
mod artifacts;
mod clock;
mod commit;
mod files;
mod index;
mod listing;
mod location;
mod run;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use location::SpoolDirectory;
use uuid::Uuid;

use self::alive::SignsOfLife;
use self::clock::Clock;
use self::commit::{Acquired, Commit, Line};
use self::files::Directory;
use self::run::Run;
use super::{
    Admitted, ArtifactStore, Cursor, EventLog, EventStore, Followed, Lease, LeaseRecord, LeaseTerms, Leases, NewEvent,
    OpenMode, PersistenceError, StoredEvent, StoredResult, Writer, admit, admit_artifacts, append_time,
};
use crate::artifact::Artifact;
use crate::event::{EventAddress, FlowEvent, FlowId};
use crate::fingerprint::ArtifactHash;
use crate::flow::FlowStatus;

/// Keeps events and artifacts in a directory that machines share.
///
/// ```
/// use chem_runtime::event::FlowId;
/// use chem_runtime::store::{EventLog, OpenMode, spool::SpoolEventStore};
///
/// # let directory = tempfile::tempdir()?;
/// let store = SpoolEventStore::open(directory.path().join("spool"), OpenMode::Create)?;
/// assert_eq!(store.next_position(FlowId::new())?, 0);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SpoolEventStore {
    files: Arc<Directory>,
    runs_directory: PathBuf,
    clock: Clock,
    signs: SignsOfLife,
    runs: Mutex<HashMap<FlowId, Arc<Mutex<Run>>>>,
}

impl SpoolEventStore {
    /// Opens the spool in the directory at `path`. Reads one file, however large the spool is.
    ///
    /// # Errors
    /// Returns [`PersistenceError::Absent`] if there is no spool and `mode` does not create one, and
    /// [`PersistenceError::Unusable`] if the directory has other files, or was made by a later release.
    pub fn open(path: impl AsRef<Path>, mode: OpenMode) -> Result<Self, PersistenceError> {
        Self::open_with_terms(path, mode, LeaseTerms::default())
    }

    /// Opens the spool like [`open`](Self::open), with other times for leases. All its writers should have the same.
    pub fn open_with_terms(
        path: impl AsRef<Path>,
        mode: OpenMode,
        terms: LeaseTerms,
    ) -> Result<Self, PersistenceError> {
        let files = Arc::new(location::open(path.as_ref(), mode)?);
        let (me, runs_directory) = (Uuid::new_v4(), files.path().join("runs"));
        let signs = SignsOfLife::new(files.clone(), files.path().join("alive"), terms, me);
        Ok(Self { files, runs_directory, clock: Clock::new(me.as_u64_pair().1), signs, runs: Mutex::default() })
    }

    /// Returns the absolute path of the directory.
    pub fn path(&self) -> &Path {
        self.files.path()
    }

    /// Returns what is known of a run.
    fn known(&self, flow_id: FlowId) -> Arc<Mutex<Run>> {
        let new = || Arc::new(Mutex::new(Run::new(flow_id, &self.runs_directory)));
        locked(&self.runs).entry(flow_id).or_insert_with(new).clone()
    }

    /// Returns whether a run has completed. Does not look again at one that is known to have.
    fn has_completed(&self, flow_id: FlowId) -> Result<bool, PersistenceError> {
        let has_completed = |run: &Run| run.status() == Some(FlowStatus::Completed);
        Ok(has_completed(&locked(&self.known(flow_id))) || self.with_run(flow_id, |run| Ok(has_completed(run)))?)
    }

    /// Calls `work` with a run after its newest commit, while no other thread uses that run.
    fn with_run<T>(
        &self,
        flow_id: FlowId,
        work: impl FnOnce(&mut Run) -> Result<T, PersistenceError>,
    ) -> Result<T, PersistenceError> {
        let run = self.known(flow_id);
        let mut run = locked(&run);
        run.catch_up(&self.files, &self.clock)?;
        work(&mut run)
    }

    /// Publishes what `commit` makes of a run after its newest commit. Another commit may come in between; then `commit` is
    /// called again. `None` publishes nothing.
    fn publish<T>(
        &self,
        flow_id: FlowId,
        mut commit: impl FnMut(&Run) -> Result<(Option<Commit>, T), PersistenceError>,
    ) -> Result<T, PersistenceError> {
        self.with_run(flow_id, |run| {
            loop {
                let (commit, result) = commit(run)?;
                let Some(commit) = commit else { return Ok(result) };
                if run.commit(&commit, &self.files, &self.clock)? {
                    return Ok(result);
                }
                run.catch_up(&self.files, &self.clock)?;
            }
        })
    }

    /// Returns the events of a run with positions from `position` to before `before`, as they are stored.
    fn stored(&self, flow_id: FlowId, position: u64, before: u64) -> Result<Vec<StoredEvent>, PersistenceError> {
        self.with_run(flow_id, |run| run.events(position, before, &self.files))
    }

    /// Returns the lease of a run. Whether it has lapsed is looked up only if `is_of_interest`.
    fn lease_of(&self, run: &Run, is_of_interest: bool) -> Result<Option<LeaseRecord>, PersistenceError> {
        let Some((Acquired { epoch, holder, alive }, released)) = run.lease() else { return Ok(None) };
        let lapsed = released || (is_of_interest && !self.signs.is_shown(*alive)?);
        Ok(Some(LeaseRecord { epoch: *epoch, holder: holder.clone(), lapsed, released, status: run.status() }))
    }

    /// Numbers the events of an append, and records the names by which they are found.
    fn numbered(
        &self,
        flow_id: FlowId,
        expected: u64,
        events: &[NewEvent],
        admitted: &[Admitted],
    ) -> Result<Vec<Line>, PersistenceError> {
        let ts = append_time();
        let mut lines = Vec::new();
        for ((position, event), admitted) in (expected..).zip(events).zip(admitted) {
            let seq = if position == 0 { index::begin(flow_id, &self.clock, &self.files)? } else { self.clock.next() };
            let result = StoredResult { seq, address: EventAddress { flow_id, position } };
            index::record_result(&event.kind, result, &self.files)?;
            lines.push(Line::new(seq, ts, admitted.event_type, admitted.payload.clone()));
        }
        Ok(lines)
    }
}

impl EventLog for SpoolEventStore {
    fn append_as(&self, writer: Writer<'_>, expected: u64, events: &[NewEvent]) -> Result<(), PersistenceError> {
        let flow_id = writer.flow_id();
        let admitted = admit(flow_id, events)?;
        self.publish(flow_id, |run| {
            let record = self.lease_of(run, writer.lease().is_none())?;
            let lease = writer.check(expected, record.as_ref())?;
            if run.next() != expected {
                return Err(PersistenceError::Conflict { flow_id, expected, found: run.next() });
            }
            if lease.is_none() && events.is_empty() {
                return Ok((None, ()));
            }
            for artifact in admitted.iter().flat_map(|event| &event.artifacts) {
                artifacts::keep(artifact, &self.files)?;
            }
            let lease = lease.map(|lease| Ok(Acquired::of(lease, self.signs.show()?))).transpose()?;
            let events = self.numbered(flow_id, expected, events, &admitted)?;
            Ok((Some(Commit { lease, released: None, position: expected, events }), ()))
        })
    }

    fn read_run(&self, flow_id: FlowId, position: u64) -> Result<Vec<FlowEvent>, PersistenceError> {
        self.stored(flow_id, position, u64::MAX)?.into_iter().map(StoredEvent::decode).collect()
    }

    fn is_ordered(&self) -> bool {
        false
    }

    /// Refused: the events of different runs have no order that all readers agree on.
    fn read_log(&self, _: Cursor, _: usize) -> Result<Followed, PersistenceError> {
        let path = self.path().display();
        let message = format!(
            "the spool `{path}` has no order of the events of all runs, which this needs; put its runs into a store that has one \
             with `chem store merge spool:{path} --store sqlite:PATH`, and use that"
        );
        Err(PersistenceError::Unusable { message, source: None })
    }

    fn read_stored_run(&self, flow_id: &str, before: u64) -> Result<Vec<StoredEvent>, PersistenceError> {
        flow_id.parse().map_or_else(|_| Ok(Vec::new()), |flow_id| self.stored(flow_id, 0, before))
    }

    fn read_event(&self, flow_id: FlowId, position: u64) -> Result<Option<FlowEvent>, PersistenceError> {
        let stored = self.stored(flow_id, position, position.saturating_add(1))?.pop();
        stored.map(StoredEvent::decode).transpose()
    }

    fn next_position(&self, flow_id: FlowId) -> Result<u64, PersistenceError> {
        self.with_run(flow_id, |run| Ok(run.next()))
    }
}

impl Leases for SpoolEventStore {
    fn read_lease(&self, flow_id: FlowId) -> Result<Option<LeaseRecord>, PersistenceError> {
        self.with_run(flow_id, |run| self.lease_of(run, true))
    }

    fn record_lease(&self, lease: &Lease) -> Result<bool, PersistenceError> {
        self.publish(lease.flow_id, |run| {
            if run.lease().map_or(0, |(held, _)| held.epoch) + 1 != lease.epoch {
                return Ok((None, false));
            }
            Ok((Some(Commit::of_lease(lease, run.next(), self.signs.show()?)), true))
        })
    }

    fn release_lease(&self, lease: &Lease) -> Result<(), PersistenceError> {
        self.publish(lease.flow_id, |run| {
            let is_held = run.lease().is_some_and(|(held, released)| held.epoch == lease.epoch && !released);
            let release = || Commit { released: Some(lease.epoch), position: run.next(), ..Commit::default() };
            Ok((is_held.then(release), ()))
        })
    }
}

impl ArtifactStore for SpoolEventStore {
    fn read_artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, PersistenceError> {
        artifacts::read(hash, &self.files)
    }

    fn find_artifact_hashes(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, PersistenceError> {
        artifacts::find(prefix, limit, &self.files)
    }

    fn repair_artifacts(&self, artifacts: &[Artifact]) -> Result<u64, PersistenceError> {
        let mut repaired = 0;
        for artifact in admit_artifacts(artifacts)? {
            repaired += u64::from(artifacts::keep(&artifact, &self.files)?);
        }
        Ok(repaired)
    }
}

impl EventStore for SpoolEventStore {
    fn files(&self) -> Vec<PathBuf> {
        vec![self.path().to_owned()]
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is known of a run is changed only after its commit was read or published whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
