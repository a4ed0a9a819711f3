//! A backend outside of chem-runtime: a store in a file of JSON lines, `jsonl:PATH`.
//!
//! It implements only what every store must provide, so the laws of stores also test the methods that follow from those.
//! Each line is a commit. A writer holds a lock on the file; a line that a killed writer left unfinished is
//! removed by the next.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use chem_runtime::artifact::Artifact;
use chem_runtime::event::{FlowEvent, FlowEventKind, FlowId};
use chem_runtime::fingerprint::ArtifactHash;
use chem_runtime::store::{
    AdmittedArtifact, ArtifactStore, Backend, Cursor, EventLog, EventStore, Followed, Holder, InvalidStoreUrl, Lease,
    LeaseRecord, Leases, NewEvent, OpenMode, PersistenceError, RunIndex, Writer, admit, admit_artifacts, append_time,
};
use serde::{Deserialize, Serialize};

/// The file of a store: `jsonl:PATH`.
#[derive(Debug)]
pub struct LinesFile(PathBuf);

chem_runtime::register_backend!(LinesFile);

impl fmt::Display for LinesFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "jsonl:{}", self.0.display())
    }
}

impl Backend for LinesFile {
    fn schemes() -> &'static [&'static str] {
        &["jsonl"]
    }

    fn form() -> &'static str {
        "jsonl:PATH"
    }

    fn parse(_: &str, rest: &str) -> Result<Self, InvalidStoreUrl> {
        if rest.is_empty() {
            return Err(InvalidStoreUrl::new("`jsonl:` is followed by the path of a file"));
        }
        Ok(Self(rest.into()))
    }

    fn open(&self, mode: OpenMode) -> Result<Arc<dyn EventStore>, PersistenceError> {
        Ok(Arc::new(LinesStore::open(&self.0, mode)?))
    }
}

/// A store in a file of JSON lines.
#[derive(Debug)]
pub struct LinesStore(Mutex<Contents>);

/// The file, and what has been read from it so far.
#[derive(Debug)]
struct Contents {
    file: File,
    /// The length of the lines that have been read, in bytes.
    read: u64,
    runs: HashMap<FlowId, Vec<FlowEvent>>,
    /// The run and position of each event; `seq` counts from 1.
    log: Vec<(FlowId, usize)>,
    artifacts: BTreeMap<ArtifactHash, Artifact>,
    leases: HashMap<FlowId, LeaseLine>,
}

/// A line of the file: what one commit adds.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Commit {
    events: Vec<EventLine>,
    artifacts: Vec<ArtifactLine>,
    lease: Option<LeaseLine>,
}

#[derive(Debug, Serialize, Deserialize)]
struct EventLine {
    run: FlowId,
    position: u64,
    ts: String,
    event_type: String,
    payload: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct ArtifactLine {
    hash: String,
    kind: String,
    payload: String,
    /// As JSON, because a field that is `null` reads back as a missing one.
    metadata: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct LeaseLine {
    run: FlowId,
    epoch: u64,
    holder: Holder,
    released: bool,
}

impl LinesStore {
    /// Opens the store in the file at `path`.
    pub fn open(path: &Path, mode: OpenMode) -> Result<Self, PersistenceError> {
        let (create, write) = (mode == OpenMode::Create, mode != OpenMode::Read);
        if !create && !path.exists() {
            return Err(PersistenceError::Absent { location: format!("at `{}`", path.display()) });
        }
        let opened = OpenOptions::new().read(true).append(write).create(create).open(path);
        let file = opened.map_err(|error| PersistenceError::Unusable {
            message: format!("the store `{}` cannot be opened", path.display()),
            source: Some(error.into()),
        })?;
        let (runs, artifacts, leases) = (HashMap::new(), BTreeMap::new(), HashMap::new());
        Ok(Self(Mutex::new(Contents { file, read: 0, runs, log: Vec::new(), artifacts, leases })))
    }

    /// Returns the contents after the newest commit.
    fn contents(&self) -> Result<MutexGuard<'_, Contents>, PersistenceError> {
        let mut contents = self.0.lock().unwrap();
        contents.catch_up().map_err(failed)?;
        Ok(contents)
    }

    /// Writes the line that `commit` makes of the newest contents, while no other process writes.
    fn write<T>(
        &self,
        commit: impl FnOnce(&Contents) -> Result<(Commit, T), PersistenceError>,
    ) -> Result<T, PersistenceError> {
        let mut contents = self.0.lock().unwrap();
        contents.file.lock().map_err(failed)?;
        let written = contents.catch_up().map_err(failed).and_then(|()| {
            let (commit, result) = commit(&contents)?;
            contents.add(&commit).map_err(failed)?;
            Ok(result)
        });
        contents.file.unlock().map_err(failed)?;
        written
    }
}

fn failed(error: std::io::Error) -> PersistenceError {
    PersistenceError::Backend { message: "cannot use the store".into(), transient: false, source: error.into() }
}

impl Contents {
    /// Reads the lines that have been added since the last call.
    fn catch_up(&mut self) -> std::io::Result<()> {
        if self.file.metadata()?.len() == self.read {
            return Ok(());
        }
        let mut text = Vec::new();
        self.file.seek(SeekFrom::Start(self.read))?;
        self.file.read_to_end(&mut text)?;
        for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            self.apply(serde_json::from_slice(line)?);
            self.read += line.len() as u64;
        }
        Ok(())
    }

    fn add(&mut self, commit: &Commit) -> std::io::Result<()> {
        self.file.set_len(self.read)?;
        self.file.write_all(format!("{}\n", serde_json::to_string(commit)?).as_bytes())?;
        self.file.sync_data()?;
        self.catch_up()
    }

    fn apply(&mut self, commit: Commit) {
        for ArtifactLine { hash, kind, payload, metadata } in commit.artifacts {
            let metadata = metadata.map(|text| serde_json::from_str(&text).unwrap());
            let artifact = Artifact::from_stored(hash.parse().unwrap(), &kind, &payload, metadata).unwrap();
            self.artifacts.entry(artifact.hash()).or_insert(artifact);
        }
        for EventLine { run, position, ts, event_type, payload } in commit.events {
            let events = self.runs.entry(run).or_default();
            self.log.push((run, events.len()));
            let kind = FlowEventKind::from_stored(&event_type, &payload).unwrap();
            let (seq, ts) = (self.log.len() as u64, ts.parse().unwrap());
            events.push(FlowEvent { seq, flow_id: run, position, ts, kind });
        }
        if let Some(lease) = commit.lease {
            self.leases.insert(lease.run, lease);
        }
    }

    fn events(&self, flow_id: FlowId) -> &[FlowEvent] {
        self.runs.get(&flow_id).map_or(&[], Vec::as_slice)
    }

    fn lease(&self, flow_id: FlowId) -> Option<LeaseRecord> {
        let LeaseLine { epoch, holder, released, .. } = self.leases.get(&flow_id)?.clone();
        let status = self.events(flow_id).last().map(|last| last.kind.status_after());
        Some(LeaseRecord { epoch, holder, lapsed: released, released, status })
    }

    /// Returns the lines of the artifacts that are not stored yet.
    fn new_lines(&self, artifacts: Vec<AdmittedArtifact>) -> Vec<ArtifactLine> {
        let mut new: Vec<ArtifactLine> = Vec::new();
        for AdmittedArtifact { artifact, metadata, .. } in artifacts {
            let hash = artifact.hash().to_string();
            if !self.artifacts.contains_key(&artifact.hash()) && new.iter().all(|line| line.hash != hash) {
                let (kind, payload) = (artifact.kind().to_owned(), artifact.payload_text().to_owned());
                new.push(ArtifactLine { hash, kind, payload, metadata });
            }
        }
        new
    }
}

fn lease_line(lease: &Lease, released: bool) -> LeaseLine {
    LeaseLine { run: lease.flow_id, epoch: lease.epoch, holder: lease.holder.clone(), released }
}

impl EventLog for LinesStore {
    fn append_as(&self, writer: Writer<'_>, expected: u64, events: &[NewEvent]) -> Result<(), PersistenceError> {
        let run = writer.flow_id();
        let (admitted, ts) = (admit(run, events)?, append_time().to_string());
        self.write(|contents| {
            let lease = writer.check(expected, contents.lease(run).as_ref())?;
            let found = contents.events(run).len() as u64;
            if found != expected {
                return Err(PersistenceError::Conflict { flow_id: run, expected, found });
            }
            let mut commit = Commit { lease: lease.map(|lease| lease_line(lease, false)), ..Commit::default() };
            let mut artifacts = Vec::new();
            for (position, event) in (expected..).zip(admitted) {
                let (event_type, payload) = (event.event_type.to_owned(), event.payload);
                commit.events.push(EventLine { run, position, ts: ts.clone(), event_type, payload });
                artifacts.extend(event.artifacts);
            }
            commit.artifacts = contents.new_lines(artifacts);
            Ok((commit, ()))
        })
    }

    fn read_run(&self, flow_id: FlowId, position: u64) -> Result<Vec<FlowEvent>, PersistenceError> {
        let from = usize::try_from(position).unwrap_or(usize::MAX);
        Ok(self.contents()?.events(flow_id).get(from..).unwrap_or_default().to_vec())
    }

    fn read_log(&self, cursor: Cursor, limit: usize) -> Result<Followed, PersistenceError> {
        let contents = self.contents()?;
        let from = usize::try_from(cursor.seq()).unwrap_or(usize::MAX);
        let new = contents.log.iter().skip(from).take(limit);
        let events = new.map(|(run, position)| contents.events(*run)[*position].clone()).collect();
        Ok(Followed::by_seq(events, cursor))
    }
}

impl Leases for LinesStore {
    fn read_lease(&self, flow_id: FlowId) -> Result<Option<LeaseRecord>, PersistenceError> {
        Ok(self.contents()?.lease(flow_id))
    }

    fn record_lease(&self, lease: &Lease) -> Result<bool, PersistenceError> {
        self.write(|contents| {
            let is_next = contents.leases.get(&lease.flow_id).map_or(0, |line| line.epoch) + 1 == lease.epoch;
            Ok((Commit { lease: is_next.then(|| lease_line(lease, false)), ..Commit::default() }, is_next))
        })
    }

    fn release_lease(&self, lease: &Lease) -> Result<(), PersistenceError> {
        self.write(|contents| {
            let is_current = contents.leases.get(&lease.flow_id).is_some_and(|line| line.epoch == lease.epoch);
            Ok((Commit { lease: is_current.then(|| lease_line(lease, true)), ..Commit::default() }, ()))
        })
    }
}

impl ArtifactStore for LinesStore {
    fn read_artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, PersistenceError> {
        Ok(self.contents()?.artifacts.get(&hash).cloned())
    }

    fn find_artifact_hashes(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, PersistenceError> {
        let contents = self.contents()?;
        let found = contents.artifacts.keys().filter(|hash| hash.to_string().starts_with(prefix));
        Ok(found.take(limit).copied().collect())
    }

    fn repair_artifacts(&self, artifacts: &[Artifact]) -> Result<u64, PersistenceError> {
        let admitted = admit_artifacts(artifacts)?;
        self.write(|contents| {
            let artifacts = contents.new_lines(admitted);
            let stored = artifacts.len() as u64;
            Ok((Commit { artifacts, ..Commit::default() }, stored))
        })
    }
}

impl RunIndex for LinesStore {}

impl EventStore for LinesStore {}
