//! A result that other code has made than the program has now.

use std::sync::{Arc, Mutex};

use chem_runtime::engine::{FlowEngine, Observer, ReusePolicy};
use chem_runtime::event::{EventAddress, StepStarted, event_variants};
use chem_runtime::fingerprint::Fingerprint;
use chem_runtime::flow::FlowDefinition;
use chem_runtime::step::{
    ExecutionContext, Progress, StepDefinition, StepId, StepKind, StepOutput, StepRunResult, StepTypeRef,
};
use chem_runtime::steps::demo::Text;
use chem_runtime::store::EventStore;
use chem_tests::stores::fresh;

/// A source whose code says what it is.
struct Coded {
    id: StepId,
    version: u32,
    code: Option<&'static str>,
}

impl StepDefinition for Coded {
    fn id(&self) -> &StepId {
        &self.id
    }

    fn kind(&self) -> StepKind {
        StepKind::Source
    }

    fn step_type(&self) -> StepTypeRef<'_> {
        StepTypeRef { name: "test.coded", version: self.version }
    }

    fn is_reusable(&self) -> bool {
        true
    }

    fn code(&self) -> Option<&str> {
        self.code
    }

    fn run(&self, _: &ExecutionContext<'_>) -> StepRunResult {
        StepRunResult::success([StepOutput::of("main", Text("CCO".into())).unwrap()])
    }
}

#[derive(Default)]
struct Told(Mutex<Vec<EventAddress>>);

impl Progress for Told {
    fn step_progress(&self, _: &StepId, _: u64, _: Option<u64>) {}
}

impl Observer for Told {
    fn code_changed(&self, started: &StepStarted, source: EventAddress) {
        assert_eq!(started.step_id, "only");
        self.0.lock().unwrap().push(source);
    }
}

/// What came of a run of one step.
struct Ran {
    letters: String,
    at: EventAddress,
    fingerprint: Option<Fingerprint>,
    told: Vec<EventAddress>,
}

fn run(store: &Arc<dyn EventStore>, version: u32, code: Option<&'static str>, policy: ReusePolicy) -> Ran {
    let step: Box<dyn StepDefinition> = Box::new(Coded { id: StepId::new("only").unwrap(), version, code });
    let told = Arc::new(Told::default());
    let engine = FlowEngine::on(store.clone())
        .reuse(policy)
        .observer(told.clone())
        .definition(FlowDefinition::new([step.into()]).unwrap());
    let instance = engine.run_to_end().unwrap();
    Ran {
        letters: event_variants(&engine.events().unwrap()),
        at: EventAddress { flow_id: instance.flow_id(), position: 2 },
        fingerprint: instance.flow_fingerprint(),
        told: std::mem::take(&mut *told.0.lock().unwrap()),
    }
}

#[test]
fn a_result_of_other_code_is_reused_and_told() {
    let all = ReusePolicy::wherever_possible;
    for (name, backend) in fresh() {
        let store = backend.store();
        let first = run(&store, 1, Some("a"), all());
        assert_eq!((first.letters.as_str(), &first.told), ("ISFC", &vec![]), "{name}");
        let same = run(&store, 1, Some("a"), all());
        assert_eq!((same.letters.as_str(), &same.told), ("ISHC", &vec![]), "{name}");
        // It is compared with the run that did the work, whoever has reused it since.
        for _ in 0..2 {
            let changed = run(&store, 1, Some("b"), all());
            assert_eq!((changed.letters.as_str(), changed.told), ("ISHC", vec![first.at]), "{name}");
            assert_eq!(changed.fingerprint, first.fingerprint, "code is in no fingerprint");
        }

        // Both ways out.
        let raised = run(&store, 2, Some("b"), all());
        assert_eq!((raised.letters.as_str(), &raised.told), ("ISFC", &vec![]), "{name}");
        let refreshed = run(&store, 1, Some("b"), all().refreshing("only"));
        assert_eq!((refreshed.letters.as_str(), &refreshed.told), ("ISFC", &vec![]), "{name}");
        assert_eq!(refreshed.fingerprint, first.fingerprint, "code is in no fingerprint");
        let after = run(&store, 1, Some("b"), all());
        assert_eq!((after.letters.as_str(), &after.told), ("ISHC", &vec![]), "{name}");
    }
}

#[test]
fn where_one_of_both_is_not_known_nothing_is_told() {
    for (then, now) in [(None, Some("a")), (Some("a"), None), (None, None)] {
        let (_, backend) = fresh().swap_remove(0);
        let store = backend.store();
        run(&store, 1, then, ReusePolicy::wherever_possible());
        let ran = run(&store, 1, now, ReusePolicy::wherever_possible());
        assert_eq!((ran.letters.as_str(), ran.told), ("ISHC", vec![]), "{then:?} {now:?}");
    }
}
