//! Runs that are repeated: all faults are found, and there is no false alarm.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chem_runtime::engine::{Answer, CoreEngineError, FlowEngine};
use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::flow::{FlowDefinition, FlowInstance, FlowStatus, replay};
use chem_runtime::manifest::{Source, check};
use chem_runtime::step::{CancelToken, Registry, StepRegistration};
use chem_runtime::store::{EventStore, InMemoryEventStore, NewEvent};
use chem_runtime::workbench::{Difference, Fault, Outcome, Tolerances, Verification, WorkbenchError, verify};
use chem_tests::events::rehash;
use serde_json::json;
use tempfile::TempDir;

use crate::steps::{FAILS, FAULT, NONE, ONE_ULP, ORDER, SEED, STOPS};

/// A run and where it was. One at a time: a fault is a fault of the whole program.
struct Case {
    store: Arc<dyn EventStore>,
    instance: FlowInstance,
    directory: TempDir,
    _alone: MutexGuard<'static, ()>,
}

static ALONE: Mutex<()> = Mutex::new(());

fn manifest(source: &str) -> String {
    format!(
        "flow: random
steps:
  - {{ id: numbers, uses: {source}, with: {{ seed: 5 }} }}
  - {{ id: keep, uses: workbench.keep, with: {{ max: 4000000000 }} }}
  - {{ id: write, uses: table.write, with: {{ path: out/kept.csv }} }}
"
    )
}

fn case(manifest: &str) -> Case {
    let case = begun(manifest);
    assert_eq!(case.instance.status(), FlowStatus::Completed);
    case
}

/// The same for a run that may end in any way.
fn begun(manifest: &str) -> Case {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    FAULT.store(NONE, std::sync::atomic::Ordering::SeqCst);
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("in.csv"), "smiles\nCCO\n").unwrap();
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let checked = check(&Source::new("m.yaml", manifest), &[], Registry::linked().unwrap(), directory.path());
    let definition = checked.definition.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let engine = FlowEngine::on(store.clone()).directory(directory.path()).definition(definition);
    let _how = engine.run_to_end();
    let instance = engine.default_run().instance().unwrap();
    Case { store, instance, directory, _alone: alone }
}

impl Case {
    fn verify(&self) -> Verification {
        self.verify_within(&Tolerances::new())
    }

    fn verify_within(&self, tolerances: &Tolerances) -> Verification {
        self.verify_with(&self.instance, Registry::linked().unwrap(), tolerances)
    }

    fn verify_with(&self, instance: &FlowInstance, registry: &Registry, tolerances: &Tolerances) -> Verification {
        let outputs = tempfile::tempdir().unwrap();
        let cancel = CancelToken::default();
        verify(&self.store, instance, registry, tolerances, outputs.path(), None, &cancel).unwrap()
    }

    fn with_fault(&self, fault: u8) -> Verification {
        FAULT.store(fault, std::sync::atomic::Ordering::SeqCst);
        let verification = self.verify();
        FAULT.store(NONE, std::sync::atomic::Ordering::SeqCst);
        verification
    }
}

fn outcomes(verification: &Verification) -> Vec<&'static str> {
    verification.steps.iter().map(|step| step.outcome.name()).collect()
}

#[test]
fn a_hundred_clean_runs_raise_no_alarm_and_change_nothing() {
    for seed in 0..100 {
        let case = case(&manifest("workbench.random").replace("seed: 5", &format!("seed: {seed}, rows: 300")));
        let (flow_id, file) = (case.instance.flow_id(), case.directory.path().join("out/kept.csv"));
        let written = std::fs::metadata(&file).unwrap().modified().unwrap();
        let (events, runs) = (case.store.list(flow_id).unwrap(), case.store.all_runs().unwrap());
        let artifacts = case.store.find_artifact_hashes("", usize::MAX).unwrap();
        let verification = case.verify();
        assert!(verification.is_verified(), "{verification:#?}");
        assert_eq!(verification.verified(), 3);
        assert_eq!((case.store.list(flow_id).unwrap(), case.store.all_runs().unwrap()), (events, runs));
        assert_eq!(case.store.find_artifact_hashes("", usize::MAX).unwrap(), artifacts);
        assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), written);
    }
}

#[test]
fn every_fault_is_found_where_it_is() {
    let case = case(&manifest("workbench.random"));
    for (fault, record, field) in [(ONE_ULP, 2000, "value"), (ORDER, 1000, "value"), (SEED, 0, "value")] {
        let verification = case.with_fault(fault);
        assert!(!verification.is_verified());
        // The steps after it are given what they were given then, and are not blamed.
        assert_eq!(outcomes(&verification), ["differs", "verified", "verified"]);
        let (step, Fault::Artifact { output, was, is, location }) = verification.first_fault().unwrap() else {
            panic!("{verification:#?}");
        };
        assert_eq!((step.step.as_str(), output.as_str(), location.record), ("numbers", "main", Some(record)));
        assert_eq!(location.field, field);
        assert!(was != is && location.was != location.is);
    }
    let verification = case.with_fault(FAILS);
    assert_eq!(verification.first_fault().unwrap().1, &Fault::Fails { error: "it is Monday".into() });
    assert!(case.verify().is_verified());
}

#[test]
fn a_tolerance_counts_for_columns_of_approximate_steps_alone() {
    let tolerances: Tolerances = [("value".to_owned(), 1e-3)].into();
    for (source, allowed) in [("workbench.rough", true), ("workbench.random", false)] {
        let case = case(&manifest(source));
        for fault in [ONE_ULP, ORDER] {
            FAULT.store(fault, std::sync::atomic::Ordering::SeqCst);
            let verification = case.verify_within(&tolerances);
            FAULT.store(NONE, std::sync::atomic::Ordering::SeqCst);
            assert_eq!(verification.is_verified(), allowed && fault == ONE_ULP, "{source} {fault}");
            if verification.is_verified() {
                let Outcome::Verified { within } = &verification.steps[0].outcome else { panic!("{verification:#?}") };
                assert!(within["value"] > 0.0 && within["value"] < 1e-3);
            }
        }
        // Without a tolerance nothing is let pass.
        assert!(!case.with_fault(ONE_ULP).is_verified());
    }
}

/// The run with another first event, as one who meddles with the whole log would leave it.
fn meddled(case: &Case, change: impl Fn(&mut FlowEventKind)) -> FlowInstance {
    let other = FlowId::new();
    let mut kinds: Vec<FlowEventKind> =
        case.store.list(case.instance.flow_id()).unwrap().into_iter().map(|event| event.kind).collect();
    kinds.iter_mut().for_each(change);
    rehash(&mut kinds);
    let events: Vec<NewEvent> = kinds.into_iter().map(NewEvent::from).collect();
    case.store.append(other, 0, &events).unwrap();
    replay(other, &case.store.list(other).unwrap()).unwrap()
}

#[test]
fn a_parameter_that_is_not_the_recorded_one_is_named() {
    let case = case(&manifest("workbench.random"));
    let instance = meddled(&case, |kind| {
        if let FlowEventKind::FlowInitialized(initialized) = kind {
            initialized.definition.steps[1].params.insert("max".into(), json!(4_000_000_001_u64));
        }
    });
    let verification = case.verify_with(&instance, Registry::linked().unwrap(), &Tolerances::new());
    assert_eq!(outcomes(&verification), ["verified", "differs", "verified"]);
    let Some((_, Fault::Fingerprint { differences, .. })) = verification.first_fault() else {
        panic!("{verification:#?}");
    };
    let [Difference::Parameter { name, before, after }] = &differences[..] else { panic!("{differences:#?}") };
    assert_eq!((name.as_str(), before, after), ("max", &Some(json!(4e9 as u64)), &Some(json!(4_000_000_001_u64))));
}

#[test]
fn what_cannot_be_run_again_is_named_and_is_not_verified() {
    let text = "flow: f
steps:
  - { id: numbers, uses: workbench.random, with: { rows: 10 } }
  - { id: keep, uses: workbench.keep, with: { max: 4000000000 } }
  - { id: act, uses: workbench.act, inputs: { table: keep } }
";
    let case = case(text);
    assert_eq!(outcomes(&case.verify()), ["verified", "verified", "not_repeatable"]);

    let known = |registration: &&'static StepRegistration| registration.spec().name != "workbench.keep";
    let without = Registry::of(Registry::linked().unwrap().iter().filter(known)).unwrap();
    let verification = case.verify_with(&case.instance, &without, &Tolerances::new());
    assert_eq!(outcomes(&verification), ["verified", "not_repeatable", "not_repeatable"]);
    assert!(!verification.is_verified() && verification.first_fault().is_none());
    let Outcome::NotRepeatable { reason } = &verification.steps[1].outcome else { panic!("{verification:#?}") };
    assert_eq!(reason, "this program has no step type `workbench.keep`");

    let older = meddled(&case, |kind| {
        if let FlowEventKind::FlowInitialized(initialized) = kind {
            initialized.definition.steps[0].version = 7;
        }
    });
    let verification = case.verify_with(&older, Registry::linked().unwrap(), &Tolerances::new());
    let Outcome::NotRepeatable { reason } = &verification.steps[0].outcome else { panic!("{verification:#?}") };
    assert_eq!(reason, "it ran as `workbench.random@7`, but this program has `workbench.random@1`");
}

#[cfg(feature = "chemistry")]
#[test]
fn a_file_that_is_gone_or_another_is_named() {
    let case = case("flow: f\nsteps:\n  - { id: read, uses: molecules.read, with: { path: in.csv } }\n");
    assert!(case.verify().is_verified());
    let file = case.directory.path().join("in.csv");
    for change in [Some("smiles\nCCN\n"), None] {
        match change {
            Some(text) => std::fs::write(&file, text).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        let verification = case.verify();
        assert_eq!(outcomes(&verification), ["not_repeatable"]);
        let Outcome::NotRepeatable { reason } = &verification.steps[0].outcome else { panic!("{verification:#?}") };
        assert!(
            reason.contains(if change.is_some() { "input path: file `in.csv` changed (sha" } else { "cannot read" }),
            "{reason}"
        );
        assert!(!verification.is_verified());
    }
}

#[test]
fn a_run_whose_steps_have_not_all_finished_is_not_verified() {
    let waiting = "flow: f
steps:
  - { id: numbers, uses: workbench.random, with: { rows: 10 } }
  - { id: keep, uses: workbench.keep, with: { max: 4000000000 }, gate: { message: Go on? } }
";
    let verification = begun(waiting).verify();
    assert_eq!(outcomes(&verification), ["verified", "not_finished"]);
    assert!(!verification.is_verified() && verification.first_fault().is_none());
}

#[test]
fn a_repetition_that_is_stopped_within_a_step_has_no_outcome() {
    let case = case("flow: f\nsteps:\n  - { id: numbers, uses: workbench.random, with: { rows: 10 } }\n");
    FAULT.store(STOPS, std::sync::atomic::Ordering::SeqCst);
    let (outputs, cancel) = (tempfile::tempdir().unwrap(), CancelToken::default());
    let registry = Registry::linked().unwrap();
    let stopped = verify(&case.store, &case.instance, registry, &Tolerances::new(), outputs.path(), None, &cancel);
    FAULT.store(NONE, std::sync::atomic::Ordering::SeqCst);
    assert!(matches!(stopped, Err(WorkbenchError::Engine(CoreEngineError::Interrupted { .. }))), "{stopped:?}");
}

#[test]
fn a_tolerance_for_a_column_that_no_table_has_is_refused() {
    let case = case(&manifest("workbench.rough"));
    let (outputs, cancel) = (tempfile::tempdir().unwrap(), CancelToken::default());
    let tolerances: Tolerances = [("valu".to_owned(), 1.0)].into();
    let registry = Registry::linked().unwrap();
    let refused = verify(&case.store, &case.instance, registry, &tolerances, outputs.path(), None, &cancel);
    let Err(WorkbenchError::NoSuchColumn { column, known }) = refused else { panic!("{refused:?}") };
    assert_eq!((column.as_str(), known), ("valu", vec!["number".to_owned(), "value".to_owned()]));
}

#[test]
fn a_branch_of_a_gated_run_is_verified_with_what_was_approved_there() {
    let text = "flow: f
steps:
  - id: numbers
    uses: workbench.random
    with: { rows: 10 }
    gate: { message: How many?, schema: { type: object } }
  - { id: keep, uses: workbench.keep, with: { max: 4000000000 } }
";
    let case = begun(text);
    let (parent, branch, twig) = (case.instance.flow_id(), FlowId::new(), FlowId::new());
    let recorded = &case.instance.initialized().unwrap().definition;
    let definition = FlowDefinition::from_recorded("f", recorded, Registry::linked().unwrap()).unwrap();
    let engine = FlowEngine::on(case.store.clone()).definition(definition);
    let data = Some(json!({"rows": 20}));
    engine.handle(parent).answer("numbers", Answer { approved: true, data, ..Answer::default() }).unwrap();
    engine.handle(branch).branch_from(parent, "keep", Default::default()).unwrap();
    engine.handle(twig).branch_from(branch, "keep", Default::default()).unwrap();
    for run in [parent, branch, twig] {
        let instance = engine.handle(run).instance().unwrap();
        let verification = case.verify_with(&instance, Registry::linked().unwrap(), &Tolerances::new());
        assert!(verification.is_verified(), "{verification:#?}");
    }
}
