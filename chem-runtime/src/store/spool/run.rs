//! A run as its commits make it.

use std::path::{Path, PathBuf};

use super::clock::Clock;
use super::commit::{Acquired, Commit};
use super::files::Directory;
use crate::event::{FlowEventKind, FlowId};
use crate::flow::FlowStatus;
use crate::store::{PersistenceError, StoredEvent};

/// What is known of a run: where its events are, and its lease. Commits never change, so this only grows.
#[derive(Debug)]
pub(super) struct Run {
    flow_id: FlowId,
    directory: PathBuf,
    /// The position of the first event of each commit, or of the next event for a commit without events.
    commits: Vec<u64>,
    next: u64,
    first_seq: Option<u64>,
    lease: Option<Acquired>,
    released: bool,
    status: Option<FlowStatus>,
    letters: String,
}

impl Run {
    /// Returns a run of which nothing is known yet.
    pub(super) fn new(flow_id: FlowId, runs: &Path) -> Self {
        let directory = runs.join(flow_id.to_string());
        let (commits, letters) = (Vec::new(), String::new());
        Self {
            flow_id,
            directory,
            commits,
            next: 0,
            first_seq: None,
            lease: None,
            released: false,
            status: None,
            letters,
        }
    }

    /// Returns the position of the next event.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Returns the number of the first event; `None` if there is none.
    pub(super) fn first_seq(&self) -> Option<u64> {
        self.first_seq
    }

    /// Returns the lease that was acquired last, and whether it was released.
    pub(super) fn lease(&self) -> Option<(&Acquired, bool)> {
        self.lease.as_ref().map(|lease| (lease, self.released))
    }

    /// Returns the status after the last event; `None` if there is none.
    pub(super) fn status(&self) -> Option<FlowStatus> {
        self.status
    }

    /// Returns the letters of the events.
    pub(super) fn letters(&self) -> &str {
        &self.letters
    }

    /// Reads the commits that were added since the last call.
    pub(super) fn catch_up(&mut self, files: &Directory, clock: &Clock) -> Result<(), PersistenceError> {
        if !files.look_again(&self.directory)? {
            return Ok(());
        }
        while let Some(commit) = self.read(files, self.commits.len())? {
            self.apply(&commit, clock)?;
        }
        Ok(())
    }

    /// Publishes the next commit. Returns `false` if another writer was faster.
    pub(super) fn commit(
        &mut self,
        commit: &Commit,
        files: &Directory,
        clock: &Clock,
    ) -> Result<bool, PersistenceError> {
        if self.commits.is_empty() {
            files.make(&self.directory)?;
        }
        if !files.publish(&self.path(self.commits.len()), &commit.content()?)? {
            return Ok(false);
        }
        self.apply(commit, clock)?;
        Ok(true)
    }

    /// Returns the events from `position` on, as they are stored.
    pub(super) fn events(
        &self,
        position: u64,
        before: u64,
        files: &Directory,
    ) -> Result<Vec<StoredEvent>, PersistenceError> {
        if position >= self.next.min(before) {
            return Ok(Vec::new());
        }
        let from = self.commits.partition_point(|first| *first <= position).saturating_sub(1);
        let until = self.commits.partition_point(|first| *first < before);
        let mut events = Vec::new();
        for number in from..until {
            let commit = self.read(files, number)?.ok_or_else(|| PersistenceError::Corrupt {
                reason: format!("the file `{}` is missing", self.path(number).display()),
            })?;
            events.extend(commit.stored(self.flow_id).filter(|event| (position..before).contains(&event.position)));
        }
        Ok(events)
    }

    fn path(&self, number: usize) -> PathBuf {
        self.directory.join(format!("{number:08}"))
    }

    fn read(&self, files: &Directory, number: usize) -> Result<Option<Commit>, PersistenceError> {
        let path = self.path(number);
        files.read(&path)?.map(|content| Commit::parse(&path, &content)).transpose()
    }

    fn apply(&mut self, commit: &Commit, clock: &Clock) -> Result<(), PersistenceError> {
        if commit.position != self.next {
            let path = self.path(self.commits.len());
            let reason = format!("`{}` begins at {}, expected {}", path.display(), commit.position, self.next);
            return Err(PersistenceError::Corrupt { reason });
        }
        self.commits.push(commit.position);
        self.next += commit.events.len() as u64;
        if let Some(lease) = &commit.lease {
            (self.lease, self.released) = (Some(lease.clone()), false);
        }
        if commit.released.is_some() && commit.released == self.lease.as_ref().map(|lease| lease.epoch) {
            self.released = true;
        }
        for line in &commit.events {
            clock.observe(line.seq);
            self.letters.push(FlowEventKind::letter_of(&line.event_type).unwrap_or('?'));
        }
        self.first_seq = self.first_seq.or(commit.events.first().map(|first| first.seq));
        if let Some(last) = commit.events.last() {
            let kind = FlowEventKind::from_stored(&last.event_type, &last.payload);
            self.status = Some(kind.map_or(FlowStatus::Interrupted, |kind| kind.status_after()));
        }
        Ok(())
    }
}
