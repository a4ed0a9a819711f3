//! A step with `map:` and its children: power lost at any append, two processes, and other runs in their place.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chem_runtime::engine::{CoreEngineError, FlowEngine, Observer, ReusePolicy, Stopped, WorkOptions};
use chem_runtime::event::{FlowEventKind, FlowId, StepStarted};
use chem_runtime::flow::{FlowDefinition, FlowInstance};
use chem_runtime::manifest;
use chem_runtime::step::{CancelToken, Progress, Registry, StepId};
use chem_runtime::steps::demo::Seed;
use chem_runtime::store::{EventStore, FlowSummary, RunFilter, RunIndex as _};
use chem_tests::stores::fresh;

use crate::counting::{PowerLoss, Watched};

const CHILD: &str = "flow: letters
params: { text: CCO }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }
  - { id: characters, uses: demo.characters }
  - { id: count, uses: demo.count }
";

const PARENT: &str = "flow: mapped
steps:
  - id: sweep
    map: { flow: letters.yaml, over: { text: [C, CC] }, take: { n: count.characters } }
  - { id: keep, uses: table.filter, with: { where: n > 1 } }
";

/// Returns the flow, whose files are not needed any more.
fn definition() -> FlowDefinition {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("letters.yaml"), CHILD).unwrap();
    std::fs::write(directory.path().join("mapped.yaml"), PARENT).unwrap();
    let checked = manifest::load(&directory.path().join("mapped.yaml"), &[], Registry::linked().unwrap());
    checked.definition.unwrap()
}

/// Returns the children in the store, in the order of their index.
fn children(store: &dyn EventStore) -> Vec<FlowId> {
    let runs = store.find_runs(&RunFilter::default(), None, 100).unwrap();
    let mut children: Vec<_> = runs.iter().filter_map(|run| Some((run.child_of()?.index, run.flow_id()))).collect();
    children.sort_unstable();
    children.into_iter().map(|(_, flow_id)| flow_id).collect()
}

#[test]
fn power_lost_at_any_append_costs_no_child_that_had_ended() {
    let undisturbed = Arc::new(Watched::new(None));
    let engine = FlowEngine::on(undisturbed.clone()).definition(definition());
    let expected = engine.run_to_end().unwrap().flow_fingerprint();
    let appends = undisturbed.appends.load(Ordering::SeqCst);
    assert!(appends >= 4, "{appends}");
    for append in 0..appends {
        for loss in [PowerLoss::Before(append), PowerLoss::After(append)] {
            let store = Arc::new(Watched::new(Some(loss)));
            let engine = FlowEngine::on(store.clone()).definition(definition());
            let flow_id = engine.default_flow();
            // Events that come while an append is on its way share the next, so a run may need fewer.
            if engine.run_to_end().is_ok() {
                assert!(!store.is_dark(), "{loss:?}");
                continue;
            }
            drop(engine);
            let ended: Vec<_> = children(store.inner.as_ref()).iter().map(|id| store.inner_events(*id)).collect();
            store.light();
            let resumed = FlowEngine::on(store.clone()).definition(definition());
            match resumed.run(flow_id) {
                Ok(_) => {}
                // The last append was stored; only its response was lost.
                Err(CoreEngineError::FlowCompleted { .. }) => assert!(matches!(loss, PowerLoss::After(_))),
                Err(error) => panic!("{loss:?}: {error}"),
            }
            assert_eq!(resumed.flow_fingerprint_for(flow_id).unwrap(), expected, "{loss:?}");
            assert_eq!(resumed.event_variants_for(flow_id).unwrap(), "ISFSGFC", "{loss:?}");
            let children = children(store.inner.as_ref());
            assert_eq!(children.len(), 2, "{loss:?}");
            for (flow_id, before) in children.into_iter().zip(ended) {
                let after = store.inner_events(flow_id);
                assert_eq!(after[..before.len()], before, "{loss:?}");
                let is_end = |kind: &FlowEventKind| matches!(kind, FlowEventKind::FlowCompleted(_));
                assert_eq!(after.iter().filter(|event| is_end(&event.kind)).count(), 1, "{loss:?}");
            }
        }
    }
}

#[test]
fn a_store_that_fails_for_a_moment_fails_no_step() {
    let undisturbed = Arc::new(Watched::new(None));
    let engine = FlowEngine::on(undisturbed.clone()).definition(definition());
    let expected = engine.run_to_end().unwrap().flow_fingerprint();
    let appends = (0..undisturbed.appends.load(Ordering::SeqCst)).map(PowerLoss::Blink);
    let lists = (0..undisturbed.lists.load(Ordering::SeqCst)).map(PowerLoss::BlinkAtList);
    let (mut of_runs, mut of_workers) = (0, 0);
    for loss in appends.chain(lists) {
        let store = Arc::new(Watched::new(Some(loss)));
        let engine = FlowEngine::on(store.clone()).definition(definition());
        let flow_id = engine.default_flow();
        match engine.run_to_end() {
            Err(CoreEngineError::Store(_)) => of_runs += 1,
            // Events that come while an append is on its way share the next, so there may be fewer.
            ended => drop(ended.unwrap_or_else(|error| panic!("{loss:?}: {error:?}"))),
        }
        drop(engine);
        let engine = FlowEngine::on(store.inner.clone()).definition(definition());
        match engine.run(flow_id) {
            Ok(_) | Err(CoreEngineError::FlowCompleted { .. }) => {}
            Err(error) => panic!("{loss:?}: {error:?}"),
        }
        assert_eq!(engine.flow_fingerprint_for(flow_id).unwrap(), expected, "{loss:?}");
        let failed = |flow_id: &FlowId| engine.event_variants_for(*flow_id).unwrap().contains('X');
        assert!(![flow_id].iter().chain(&children(store.inner.as_ref())).any(failed), "{loss:?}");

        // A worker on the children of a run that has begun.
        let before = Arc::new(Watched::new(None));
        let cancel = CancelToken::default();
        let stops =
            FlowEngine::on(before.clone()).cancel_token(cancel.clone()).observer(Arc::new(StopsAtStart(cancel)));
        let stops = stops.definition(definition());
        let flow_id = stops.default_flow();
        stops.run(flow_id).unwrap_err();
        drop(stops);
        let store = Arc::new(Watched::on(before.inner.clone(), Some(loss)));
        let options = WorkOptions { jobs: 1, ..WorkOptions::default() };
        match FlowEngine::on(store).definition(definition()).work(flow_id, &options) {
            Err(CoreEngineError::Store(_)) => of_workers += 1,
            worked => drop(worked.unwrap_or_else(|error| panic!("{loss:?}: {error:?}"))),
        }
        let engine = FlowEngine::on(before.inner.clone()).definition(definition());
        engine.work(flow_id, &options).unwrap();
        assert_eq!(engine.run(flow_id).unwrap().flow_fingerprint(), expected, "{loss:?}");
    }
    assert!(of_runs > 4 && of_workers > 4, "the store failed for {of_runs} runs and {of_workers} workers");
}

#[test]
fn worker_and_parent_find_the_same_children_in_every_store() {
    for (name, backend) in fresh() {
        let store = backend.store();
        let expected = FlowEngine::on(store.clone()).definition(definition()).run_to_end().unwrap().flow_fingerprint();
        let engine = FlowEngine::on(store.clone()).definition(definition());
        let flow_id = engine.default_flow();
        // The parent stops in its first child.
        let cancel = CancelToken::default();
        let stopped =
            FlowEngine::on(store.clone()).cancel_token(cancel.clone()).observer(Arc::new(StopsAtStart(cancel)));
        let stopped = stopped.definition(definition()).run(flow_id);
        assert!(matches!(stopped, Err(CoreEngineError::Interrupted { .. })), "{name}: {stopped:?}");
        let everything = WorkOptions { jobs: 2, ..WorkOptions::default() };
        let worked = engine.work(flow_id, &everything).unwrap();
        let found = (worked.completed.len(), worked.failed.len(), worked.stopped);
        assert_eq!(found, (2, 0, Stopped::NothingLeft), "{name}");
        let count = || store.find_runs(&RunFilter::default(), None, 100).unwrap().len();
        let before = count();
        // The parent leaves nothing to do but the table.
        assert_eq!(engine.run(flow_id).unwrap().flow_fingerprint(), expected, "{name}");
        assert_eq!(count(), before, "{name}");
        assert_eq!(engine.work(flow_id, &everything).unwrap().completed, [], "{name}");
    }
}

/// Stops a run when its first step starts.
struct StopsAtStart(CancelToken);

impl Observer for StopsAtStart {
    fn step_starts(&self, _: &FlowInstance, _: &StepStarted, _: bool) {
        self.0.cancel();
    }
}

impl Progress for StopsAtStart {
    fn step_progress(&self, _: &StepId, _: u64, _: Option<u64>) {}
}

#[test]
fn another_run_under_the_id_of_a_child_is_no_child() {
    let store = Arc::new(Watched::new(None));
    let engine = FlowEngine::on(store.clone()).definition(definition());
    engine.run_to_end().unwrap();
    let id = children(store.inner.as_ref())[0];
    // The same parent in another store, in which the child is a run that began by itself.
    let other = Arc::new(Watched::new(None));
    let planted = FlowEngine::on(other.clone()).first_step(Seed::new().with_text("C")).build();
    planted.unwrap().run(id).unwrap();
    let mut again = FlowEngine::on(other.clone()).definition(definition());
    again.set_default_flow(engine.default_flow());
    let error = again.run_to_end().unwrap_err();
    assert!(error.to_string().contains("is another run"), "{error}");
}

#[test]
fn children_reuse_what_other_runs_have_done_if_the_parent_may() {
    let store = Arc::new(Watched::new(None));
    let engine = |reuse| FlowEngine::on(store.clone()).reuse(reuse).definition(definition());
    let first = engine(ReusePolicy::never());
    first.run_to_end().unwrap();
    let never = engine(ReusePolicy::never());
    never.run_to_end().unwrap();
    let refreshed = engine(ReusePolicy::wherever_possible().refreshing("sweep"));
    refreshed.run_to_end().unwrap();
    let whole = engine(ReusePolicy::wherever_possible());
    whole.run_to_end().unwrap();
    assert_eq!(whole.event_variants().unwrap(), "ISHSHC");
    assert_eq!(refreshed.event_variants().unwrap(), "ISFSHC");
    let letters = |parent: &FlowEngine| {
        let runs = store.find_runs(&RunFilter { letters: true, ..RunFilter::default() }, None, 100).unwrap();
        let of = |run: &&FlowSummary| run.child_of().is_some_and(|child| child.parent == parent.default_flow());
        runs.iter().filter(of).map(|run| run.event_variants.clone().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(letters(&never), ["ISFSFSGFC"; 2]);
    assert_eq!(letters(&refreshed), ["ISHSHSHC"; 2]);
    assert_eq!(letters(&whole), [""; 0]);
}
