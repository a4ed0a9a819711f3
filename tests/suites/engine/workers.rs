//! A step whose children are left to workers: what is recorded, when a scheduler is asked, and when the run gives up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chem_runtime::engine::{Clock, CoreEngineError, FlowEngine, Order, Submission, WorkOptions, Workers, Workforce};
use chem_runtime::event::{FlowEventKind, FlowId, Resources};
use chem_runtime::flow::{FlowDefinition, FlowStatus, replay};
use chem_runtime::manifest;
use chem_runtime::step::Registry;
use chem_runtime::store::{EventStore, InMemoryEventStore};
use jiff::Timestamp;
use serde_json::{Value, json};

const CHILD: &str = "flow: letters
params: { text: CCO }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }
  - { id: characters, uses: demo.characters, resources: { cpus: 4, memory: 1G } }
  - { id: count, uses: demo.count }
";

const PARENT: &str = "flow: mapped
steps:
  - id: sweep
    map: { flow: letters.yaml, over: { text: [C, CC, CCO] }, take: { n: count.characters } }
    resources: { memory: 4G, time: 2h }
";

fn definition() -> FlowDefinition {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("letters.yaml"), CHILD).unwrap();
    std::fs::write(directory.path().join("mapped.yaml"), PARENT).unwrap();
    let checked = manifest::load(&directory.path().join("mapped.yaml"), &[], Registry::linked().unwrap());
    checked.definition.unwrap()
}

/// A clock whose waits end at once.
struct Impatient(Mutex<Timestamp>);

impl Clock for Impatient {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn pass(&self, time: Duration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(time).unwrap();
    }
}

/// A scheduler that notes what it is asked for.
struct Scheduler {
    store: Arc<dyn EventStore>,
    /// How many children the workers of each submission run before they end; `None` for all.
    work: Vec<Option<usize>>,
    /// What each question is answered: whether workers are alive.
    answers: Mutex<Vec<bool>>,
    calls: Mutex<Vec<String>>,
    orders: Mutex<Vec<Order>>,
}

impl Scheduler {
    fn new(store: &Arc<dyn EventStore>, work: &[Option<usize>], answers: &[bool]) -> Arc<Self> {
        let (work, answers) = (work.to_vec(), Mutex::new(answers.iter().rev().copied().collect()));
        Arc::new(Self { store: store.clone(), work, answers, calls: Mutex::default(), orders: Mutex::default() })
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

impl Workers for Scheduler {
    fn submit(&self, order: &Order) -> Result<Option<Submission>, String> {
        let mut orders = self.orders.lock().unwrap();
        let Some(most) = self.work.get(orders.len()) else { return Err("the queue is closed".into()) };
        orders.push(order.clone());
        let job = orders.len().to_string();
        self.calls.lock().unwrap().push(format!("submit {} for {}", job, order.left));
        let worker = FlowEngine::on(self.store.clone()).definition(definition());
        worker.work(order.run, &WorkOptions { most: *most, jobs: 1, ..WorkOptions::default() }).unwrap();
        Ok(Some(Submission { job, scheduler: "test".into(), workers: Some(1) }))
    }

    fn ask(&self, _: &Order, submission: Option<&Submission>) -> Result<Workforce, String> {
        let about = submission.map_or("any".to_owned(), |submission| submission.job.clone());
        self.calls.lock().unwrap().push(format!("ask about {about}"));
        let alive = self.answers.lock().unwrap().pop().unwrap_or(false);
        let found = Submission { job: "9".into(), scheduler: "test".into(), workers: None };
        let alive = alive.then(|| submission.cloned().unwrap_or(found));
        Ok(Workforce { alive, summary: "3 CANCELLED".into() })
    }

    fn patience_ms(&self) -> u64 {
        60_000
    }
}

fn engine(store: &Arc<dyn EventStore>, scheduler: &Arc<Scheduler>) -> FlowEngine {
    let clock = Arc::new(Impatient(Mutex::new(Timestamp::UNIX_EPOCH)));
    FlowEngine::on(store.clone()).clock(clock).workers(Some(scheduler.clone())).definition(definition())
}

fn store() -> Arc<dyn EventStore> {
    Arc::new(InMemoryEventStore::new())
}

/// Returns the data of the signals of a run.
fn signals(store: &Arc<dyn EventStore>, flow_id: FlowId) -> Vec<Value> {
    let events = store.list(flow_id).unwrap();
    let data = |kind: &FlowEventKind| match kind {
        FlowEventKind::StepSignal(signal) => Some(signal.data.clone()),
        _ => None,
    };
    events.iter().filter_map(|event| data(&event.kind)).collect()
}

#[test]
fn workers_are_submitted_once_and_the_log_says_so() {
    let (alone, shared) = (store(), store());
    let expected = FlowEngine::on(alone).definition(definition()).run_to_end().unwrap().flow_fingerprint();
    let scheduler = Scheduler::new(&shared, &[None], &[]);
    let engine = engine(&shared, &scheduler);
    assert_eq!(engine.run_to_end().unwrap().flow_fingerprint(), expected);
    assert_eq!(engine.event_variants().unwrap(), "ISGFC");
    let recorded = json!({ "job": "1", "scheduler": "test", "workers": 1 });
    assert_eq!(signals(&shared, engine.default_flow()), [recorded]);
    assert_eq!(scheduler.calls(), ["submit 1 for 3"]);
    // What a child needs is the most that the step or a step of the child asks for.
    let needs = Resources { cpus: Some(4), gpus: None, memory_mib: Some(4096), time_ms: Some(7_200_000) };
    assert_eq!(scheduler.orders.lock().unwrap()[0].needs, needs);
}

#[test]
fn gone_workers_are_submitted_again_until_that_is_of_no_use() {
    let store = store();
    // The first runs a child, and the others run none.
    let scheduler = Scheduler::new(&store, &[Some(1), Some(0), Some(0), Some(0)], &[true, true]);
    let engine = engine(&store, &scheduler);
    let flow_id = engine.default_flow();
    let Err(CoreEngineError::Workers { reason, .. }) = engine.run(flow_id) else { panic!("it has no workers") };
    assert!(reason.contains("2 children have not ended") && reason.contains("3 CANCELLED"), "{reason}");
    let expected = [
        "submit 1 for 3",
        // The workers wait in the queue, and then are gone.
        "ask about 1",
        "ask about 1",
        "ask about 1",
        "submit 2 for 2",
        "ask about 2",
        "submit 3 for 2",
        "ask about 3",
    ];
    assert_eq!(scheduler.calls(), expected);
    // The run is as it was, and a person can go on.
    assert_eq!(replay(flow_id, &store.list(flow_id).unwrap()).unwrap().status(), FlowStatus::Interrupted);
    let scheduler = Scheduler::new(&store, &[None], &[]);
    let resumed = self::engine(&store, &scheduler);
    resumed.run(flow_id).unwrap();
    assert_eq!(scheduler.calls(), ["ask about 3", "submit 1 for 2"]);
    assert_eq!(resumed.event_variants_for(flow_id).unwrap(), "ISGGGGGGGGFC");
    // The log says what became of each submission.
    let gone: Vec<Value> = signals(&store, flow_id)
        .into_iter()
        .filter(|data| data["workers"] == "3 CANCELLED")
        .map(|data| data["job"].clone())
        .collect();
    assert_eq!(gone, ["1", "2", "3", "3"]);
}

#[test]
fn a_resumed_run_leaves_its_children_to_workers_that_still_come() {
    let store = store();
    let scheduler = Scheduler::new(&store, &[], &[]);
    let engine = engine(&store, &scheduler);
    let flow_id = engine.default_flow();
    let Err(CoreEngineError::Workers { reason, .. }) = engine.run(flow_id) else { panic!("it has no workers") };
    assert_eq!(reason, "the queue is closed");
    assert_eq!(signals(&store, flow_id), [Value::Null; 0]);
    // Children that have ended need no workers.
    let done = self::store();
    let begun = self::engine(&done, &Scheduler::new(&done, &[], &[]));
    begun.run(begun.default_flow()).unwrap_err();
    let worker = FlowEngine::on(done.clone()).definition(definition());
    worker.work(begun.default_flow(), &WorkOptions { jobs: 2, ..WorkOptions::default() }).unwrap();
    begun.run(begun.default_flow()).unwrap();
    assert_eq!(signals(&done, begun.default_flow()), [Value::Null; 0]);
    // The submission that this process finds was made before a process died, which left no record of it. Its workers run
    // everything while no process waits, except what the next submission runs.
    let scheduler = Scheduler::new(&store, &[None], &[true]);
    let resumed = self::engine(&store, &scheduler);
    resumed.run(flow_id).unwrap();
    assert_eq!(scheduler.calls(), ["ask about any", "ask about 9", "submit 1 for 3"]);
    let jobs: Vec<Value> = signals(&store, flow_id).iter().map(|data| data["job"].clone()).collect();
    assert_eq!(jobs, ["9", "9", "1"]);
}

#[test]
fn a_worker_takes_only_what_it_is_asked_for_and_what_it_has_room_for() {
    let store = store();
    let scheduler = Scheduler::new(&store, &[], &[]);
    let engine = engine(&store, &scheduler);
    let flow_id = engine.default_flow();
    engine.run(flow_id).unwrap_err();
    let work = |step: &str, cpus: u32, time_ms: Option<u64>| {
        let has = Resources { cpus: Some(cpus), time_ms, ..Resources::default() };
        let options = WorkOptions { most: Some(1), jobs: 1, step: Some(step.into()), has, until: None };
        let worked = FlowEngine::on(store.clone()).definition(definition()).work(flow_id, &options).unwrap();
        (worked.completed.len(), worked.stopped.name())
    };
    assert_eq!(work("sweep", 3, None), (0, "too_small"));
    assert_eq!(work("other", 4, None), (0, "nothing_left"));
    // A worker with less time than a job is asked for can still run children.
    assert_eq!(work("sweep", 4, Some(1)), (1, "enough"));
}
