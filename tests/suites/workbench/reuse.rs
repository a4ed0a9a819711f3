//! Which results stand in for running a step.

use std::sync::{Arc, Mutex};

use chem_runtime::artifact::{Artifact, ArtifactError};
use chem_runtime::engine::{FlowEngine, Observer, ReusePolicy, RunsBecause};
use chem_runtime::event::{EventAddress, FlowEvent, FlowEventKind, FlowId, StepStarted, event_variants};
use chem_runtime::fingerprint::{ArtifactHash, CacheKey};
use chem_runtime::flow::FlowInstance;
use chem_runtime::manifest::{Source, check};
use chem_runtime::step::{Progress, Registry, StepId};
use chem_runtime::store::{
    ArtifactStore, Cursor, EventLog, EventStore, FlowSummary, Followed, InMemoryEventStore, Lease, LeaseRecord, Leases,
    NewEvent, PersistenceError, RunFilter, RunIndex, StoredResult, Writer,
};
use chem_tests::stores::fresh;

use crate::pieces::{Piece, row, run};

fn store() -> Arc<dyn EventStore> {
    Arc::new(InMemoryEventStore::new())
}

fn letters(events: &[FlowEvent]) -> String {
    event_variants(events)
}

/// The letters of each step, one after the other: `F` if it worked, `H` if it was spared.
fn ends(events: &[FlowEvent]) -> String {
    letters(events).chars().filter(|letter| matches!(letter, 'F' | 'H')).collect()
}

#[test]
fn in_every_store_what_is_finished_is_not_run_again_and_the_log_says_whose_it_is() {
    for (name, backend) in fresh() {
        let store = backend.store();
        let (first, before) = run(&store, &row(3), ReusePolicy::wherever_possible());
        let (second, after) = run(&store, &row(3), ReusePolicy::wherever_possible());
        assert_eq!((letters(&before), letters(&after)), ("ISFSFSFC".into(), "ISHSHSHC".into()), "{name}");
        assert_eq!(second.flow_fingerprint(), first.flow_fingerprint());
        for (spared, worked) in second.steps().iter().zip(first.steps()) {
            assert_eq!((&spared.outputs, spared.fingerprint()), (&worked.outputs, worked.fingerprint()));
            let EventAddress { flow_id, position } = spared.reused.unwrap();
            let FlowEventKind::StepFinished(source) = &store.list(flow_id).unwrap()[position as usize].kind else {
                panic!("{name}: a step is reused from something else than its end");
            };
            assert_eq!((flow_id, &source.step_id), (first.flow_id(), &worked.id));
        }
        // Who reuses what was reused is told where it was made.
        let (third, _) = run(&store, &row(3), ReusePolicy::wherever_possible());
        assert!(third.steps().iter().all(|step| step.reused.unwrap().flow_id == first.flow_id()), "{name}");
    }
}

#[test]
fn an_engine_runs_everything_unless_it_is_told_otherwise() {
    let store = store();
    run(&store, &row(2), ReusePolicy::wherever_possible());
    assert_eq!(ends(&run(&store, &row(2), ReusePolicy::default()).1), "FF");
}

#[test]
fn work_is_shared_between_flows_and_names_do_not_matter() {
    let store = store();
    run(&store, &row(3), ReusePolicy::wherever_possible());
    let mut other = row(4);
    for piece in &mut other {
        piece.id = format!("other-{}", piece.id);
    }
    let (instance, events) = run(&store, &other, ReusePolicy::wherever_possible());
    assert_eq!(ends(&events), "HHHF");
    let alone: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let (undisturbed, _) = run(&alone, &other, ReusePolicy::never());
    assert_eq!(instance.flow_fingerprint(), undisturbed.flow_fingerprint());
}

#[test]
fn a_refreshed_step_and_one_that_is_not_reusable_run() {
    let store = store();
    let mut pieces = row(4);
    pieces[2].reusable = false;
    run(&store, &pieces, ReusePolicy::wherever_possible());
    assert_eq!(ends(&run(&store, &pieces, ReusePolicy::wherever_possible()).1), "HHFH");
    let (refreshed, events) = run(&store, &pieces, ReusePolicy::wherever_possible().refreshing("s1"));
    assert_eq!(ends(&events), "HFFH");
    // What was refreshed is what counts from then on.
    let (after, _) = run(&store, &pieces, ReusePolicy::wherever_possible());
    assert_eq!(after.step("s1").unwrap().reused.unwrap().flow_id, refreshed.flow_id());
}

#[test]
fn what_gives_the_same_as_before_spares_what_comes_after_it() {
    let store = store();
    let mut pieces = row(3);
    pieces[1].dull = true;
    run(&store, &pieces, ReusePolicy::wherever_possible());
    pieces[1].number = 2;
    assert_eq!(ends(&run(&store, &pieces, ReusePolicy::wherever_possible()).1), "HFH");
}

#[test]
fn of_two_steps_of_a_run_that_do_the_same_one_works() {
    let store = store();
    let mut pieces = row(2);
    pieces.push(Piece::new(2, vec![0]));
    let (instance, events) = run(&store, &pieces, ReusePolicy::wherever_possible());
    assert_eq!(letters(&events), "ISFSFSHC");
    assert_eq!(instance.steps()[2].reused, Some(EventAddress { flow_id: instance.flow_id(), position: 4 }));
}

#[test]
fn a_run_of_nothing_new_is_one_append() {
    let store = store();
    run(&store, &row(20), ReusePolicy::wherever_possible());
    let (_, events) = run(&store, &row(20), ReusePolicy::wherever_possible());
    assert!(events.iter().all(|event| event.ts == events[0].ts), "the events of one append share their time");
}

/// Notes what it is told of steps that are not spared.
#[derive(Default)]
struct Notes(Mutex<Vec<(String, RunsBecause)>>);

impl Progress for Notes {
    fn step_progress(&self, _: &StepId, _: u64, _: Option<u64>) {}
}

impl Observer for Notes {
    fn step_reused(&self, _: &FlowInstance, started: &StepStarted, _: EventAddress) {
        assert!(self.0.lock().unwrap().iter().all(|(step, _)| *step != started.step_id));
    }

    fn step_not_reused(&self, step: &StepId, because: &RunsBecause) {
        self.0.lock().unwrap().push((step.to_string(), because.clone()));
    }
}

/// A store that has lost an artifact, or gives back something else for it.
struct Damaged {
    inner: Arc<dyn EventStore>,
    artifact: ArtifactHash,
    gone: bool,
    /// The events that tell of finished steps cannot be read.
    events: Option<FlowId>,
}

impl Damaged {
    fn read_events_of(&self, flow_id: FlowId) -> Result<(), PersistenceError> {
        match self.events {
            Some(damaged) if damaged == flow_id => {
                Err(PersistenceError::Corrupt { reason: "an event cannot be read".into() })
            }
            _ => Ok(()),
        }
    }
}

impl EventLog for Damaged {
    fn append_as(&self, writer: Writer<'_>, expected: u64, events: &[NewEvent]) -> Result<(), PersistenceError> {
        self.inner.append_as(writer, expected, events)
    }

    fn read_run(&self, flow_id: FlowId, position: u64) -> Result<Vec<FlowEvent>, PersistenceError> {
        self.read_events_of(flow_id)?;
        self.inner.read_run(flow_id, position)
    }

    fn read_log(&self, cursor: Cursor, limit: usize) -> Result<Followed, PersistenceError> {
        self.inner.read_log(cursor, limit)
    }

    fn read_event(&self, flow_id: FlowId, position: u64) -> Result<Option<FlowEvent>, PersistenceError> {
        self.read_events_of(flow_id)?;
        self.inner.read_event(flow_id, position)
    }

    fn next_position(&self, flow_id: FlowId) -> Result<u64, PersistenceError> {
        self.inner.next_position(flow_id)
    }
}

impl Leases for Damaged {
    fn read_lease(&self, flow_id: FlowId) -> Result<Option<LeaseRecord>, PersistenceError> {
        self.inner.read_lease(flow_id)
    }

    fn record_lease(&self, lease: &Lease) -> Result<bool, PersistenceError> {
        self.inner.record_lease(lease)
    }

    fn release_lease(&self, lease: &Lease) -> Result<(), PersistenceError> {
        self.inner.release_lease(lease)
    }
}

impl ArtifactStore for Damaged {
    fn read_artifact(&self, hash: ArtifactHash) -> Result<Option<Artifact>, PersistenceError> {
        if hash != self.artifact {
            self.inner.read_artifact(hash)
        } else if self.gone {
            Ok(None)
        } else {
            Err(PersistenceError::Artifact(ArtifactError::Corrupt { hash, reason: "a bit has flipped".into() }))
        }
    }

    fn find_artifact_hashes(&self, prefix: &str, limit: usize) -> Result<Vec<ArtifactHash>, PersistenceError> {
        self.inner.find_artifact_hashes(prefix, limit)
    }

    fn repair_artifacts(&self, artifacts: &[Artifact]) -> Result<u64, PersistenceError> {
        self.inner.repair_artifacts(artifacts)
    }
}

impl RunIndex for Damaged {
    fn find_runs(
        &self,
        filter: &RunFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<FlowSummary>, PersistenceError> {
        self.inner.find_runs(filter, before, limit)
    }

    fn find_cached(
        &self,
        key: CacheKey,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<StoredResult>, PersistenceError> {
        self.inner.find_cached(key, before, limit)
    }
}

impl EventStore for Damaged {
    fn list(&self, flow_id: FlowId) -> Result<Vec<FlowEvent>, PersistenceError> {
        self.read_events_of(flow_id)?;
        self.inner.list(flow_id)
    }
}

/// Runs a manifest in `directory`; gives the ends of its steps and why those ran that did.
fn run_manifest(
    store: Arc<dyn EventStore>,
    manifest: &str,
    directory: &std::path::Path,
) -> (FlowInstance, String, Vec<(String, RunsBecause)>) {
    let checked = check(&Source::new("m.yaml", manifest), &[], Registry::linked().unwrap(), directory);
    let notes = Arc::new(Notes::default());
    let engine = FlowEngine::on(store)
        .directory(directory)
        .reuse(ReusePolicy::wherever_possible())
        .observer(notes.clone())
        .definition(checked.definition.unwrap_or_else(|| panic!("{:?}", checked.diagnostics)));
    let instance = engine.run_to_end().unwrap();
    let ends = ends(&engine.events().unwrap());
    let told = std::mem::take(&mut *notes.0.lock().unwrap());
    (instance, ends, told)
}

const LINES: &str = "flow: lines
steps:
  - { id: rows, uses: workbench.rows, with: { rows: 5000 } }
  - { id: write, uses: table.write, with: { path: out/rows.csv } }
";

#[test]
fn an_artifact_that_is_missing_or_corrupt_makes_its_result_none_and_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let inner = store();
    let (instance, ends, _) = run_manifest(inner.clone(), LINES, directory.path());
    assert_eq!(ends, "FF");
    let root = instance.steps()[0].outputs[0].hash;
    let chunks = chem_runtime::artifact::TableRoot::of(&inner.read_artifact(root).unwrap().unwrap()).unwrap().chunks;
    assert!(chunks.len() > 1);
    for artifact in [root, chunks[1].hash] {
        for gone in [true, false] {
            let damaged = Damaged { inner: inner.clone(), artifact, gone, events: None };
            let (_, ends, told) = run_manifest(Arc::new(damaged), LINES, directory.path());
            assert_eq!(ends, "FH");
            let [(step, because)] = told.try_into().unwrap();
            assert_eq!((step.as_str(), because.is_alarming()), ("rows", true));
            let named = if gone { "artifact_missing" } else { "artifact_corrupt" };
            assert_eq!(because.name(), named);
            assert!(because.to_string().contains(&artifact.to_string()), "{because}");
        }
    }
    let inner = store();
    let (instance, ..) = run_manifest(inner.clone(), LINES, directory.path());
    // The artifact is one that nobody asks for.
    let artifact = chem_tests::events::hash(1);
    let damaged = Damaged { inner, artifact, gone: false, events: Some(instance.flow_id()) };
    let (_, ends, told) = run_manifest(Arc::new(damaged), LINES, directory.path());
    assert_eq!(ends, "FF");
    assert!(
        told.iter().all(|(_, because)| because.is_alarming() && because.name() == "result_unbelievable"),
        "{told:?}"
    );
}

#[test]
fn a_sink_whose_file_is_missing_or_changed_runs_again() {
    let directory = tempfile::tempdir().unwrap();
    let store = store();
    let file = directory.path().join("out/rows.csv");
    run_manifest(store.clone(), LINES, directory.path());
    let written = std::fs::read(&file).unwrap();
    assert_eq!(run_manifest(store.clone(), LINES, directory.path()).1, "HH");

    std::fs::remove_file(&file).unwrap();
    let (_, ends, told) = run_manifest(store.clone(), LINES, directory.path());
    let path = "out/rows.csv".to_owned();
    assert_eq!((ends.as_str(), &told[0].1), ("HF", &RunsBecause::FileMissing { path: path.clone() }));
    assert_eq!(std::fs::read(&file).unwrap(), written);

    std::fs::write(&file, "something else").unwrap();
    let (_, ends, told) = run_manifest(store.clone(), LINES, directory.path());
    assert_eq!((ends.as_str(), &told[0].1), ("HF", &RunsBecause::FileChanged { path }));
    assert_eq!(std::fs::read(&file).unwrap(), written);
}

#[test]
fn a_sink_that_puts_nothing_out_always_runs() {
    let manifest = "flow: f\nsteps:\n  - { id: rows, uses: workbench.rows }\n  - { id: tell, uses: workbench.tell }\n";
    let (store, directory) = (store(), tempfile::tempdir().unwrap());
    run_manifest(store.clone(), manifest, directory.path());
    assert_eq!(run_manifest(store, manifest, directory.path()).1, "HF");
}
