//! A reusable step runs while the log is still being written; a step with effects waits for the log.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chem_runtime::artifact::{Artifact, JsonArtifact as _};
use chem_runtime::engine::{CoreEngineError, FlowEngine, ReusePolicy};
use chem_runtime::event::{FlowEventKind, FlowId};
use chem_runtime::flow::FlowDefinition;
use chem_runtime::step::{
    CancelToken, ExecutionContext, PlannedStep, StepDefinition, StepError, StepId, StepKind, StepOutput, StepRunResult,
    StepTypeRef,
};
use chem_runtime::store::{EventStore, PersistenceError};

use crate::counting::{Number, PowerLoss, Watched};

/// A timeout longer than any append or step in these tests.
const LONG: Duration = Duration::from_secs(60);

type Work = Arc<dyn Fn(&ExecutionContext<'_>) -> Result<StepOutput, StepError> + Send + Sync>;

/// A step whose work the test supplies.
#[derive(Clone)]
struct Doing {
    id: StepId,
    kind: StepKind,
    reusable: bool,
    work: Work,
}

impl StepDefinition for Doing {
    fn id(&self) -> &StepId {
        &self.id
    }

    fn kind(&self) -> StepKind {
        self.kind
    }

    fn step_type(&self) -> StepTypeRef<'_> {
        StepTypeRef { name: if self.kind == StepKind::Source { "one" } else { "add" }, version: 1 }
    }

    fn is_reusable(&self) -> bool {
        self.reusable
    }

    fn run(&self, context: &ExecutionContext<'_>) -> StepRunResult {
        match (self.work)(context) {
            Ok(output) => StepRunResult::success([output]),
            Err(error) => StepRunResult::failure(error),
        }
    }
}

/// Returns the input plus one.
fn add(context: &ExecutionContext<'_>) -> Result<StepOutput, StepError> {
    let before = context.optional_input::<Number>("input")?.map_or(0, |number| number.0);
    StepOutput::of("main", Number(before + 1))
}

/// Returns the input plus one, packed only: the next step has to read it back.
fn add_and_keep(context: &ExecutionContext<'_>) -> Result<StepOutput, StepError> {
    let output = add(context)?;
    Ok(StepOutput::main(output.packed))
}

/// Returns `count` reusable steps, each with this work.
fn pure(
    count: usize,
    work: impl Fn(usize, &ExecutionContext<'_>) -> Result<StepOutput, StepError> + Send + Sync + 'static,
) -> Vec<Doing> {
    let work = Arc::new(work);
    let step = |index: usize| {
        let (work, kind) = (work.clone(), if index == 0 { StepKind::Source } else { StepKind::Transform });
        let work: Work = Arc::new(move |context| work(index, context));
        Doing { id: StepId::new(format!("s{index}")).unwrap(), kind, reusable: true, work }
    };
    (0..count).map(step).collect()
}

fn engine(store: Arc<dyn EventStore>, steps: &[Doing]) -> FlowEngine {
    let steps = steps.iter().map(|step| -> Box<dyn StepDefinition> { Box::new(step.clone()) });
    FlowEngine::on(store).definition(FlowDefinition::new(steps.map(Into::into)).unwrap())
}

fn kinds(store: &dyn EventStore, flow_id: FlowId) -> Vec<FlowEventKind> {
    store.list(flow_id).unwrap().into_iter().map(|event| event.kind).collect()
}

#[test]
fn steps_work_while_the_log_is_written_and_what_they_say_goes_with_the_next_append() {
    const STEPS: usize = 6;
    let ((worked, all_worked), (begins, begun)) = (channel(), channel());
    let (all_worked, begun) = (Mutex::new(all_worked), Mutex::new(begun));
    let mut store = Watched::new(None);
    // The first append lasts from before the first step runs until the last step has run.
    let appends = AtomicUsize::new(0);
    store.meanwhile = Some(Box::new(move || {
        if appends.fetch_add(1, Ordering::SeqCst) == 0 {
            begins.send(()).unwrap();
            all_worked.lock().unwrap().recv_timeout(LONG).unwrap();
        }
    }));
    let store = Arc::new(store);
    let steps = pure(STEPS, move |index, context| {
        match index {
            0 => begun.lock().unwrap().recv_timeout(LONG).unwrap(),
            5 => worked.send(()).unwrap(),
            _ => {}
        }
        add(context)
    });
    let ahead = engine(store.clone(), &steps);
    ahead.run_to_end().unwrap();
    // The last step may end before or after the second batch is assembled.
    assert!((2..=3).contains(&store.appends.load(Ordering::SeqCst)));

    let mut waiting = pure(STEPS, |_, context| add(context));
    waiting.iter_mut().for_each(|step| step.reusable = false);
    let waiting = engine(Arc::new(Watched::new(None)), &waiting);
    waiting.run_to_end().unwrap();
    assert_eq!(ahead.flow_fingerprint().unwrap(), waiting.flow_fingerprint().unwrap());
    assert_eq!(ahead.event_variants().unwrap(), waiting.event_variants().unwrap());
}

#[test]
fn what_leaves_something_behind_waits_until_all_before_it_is_in_the_store() {
    for (kind, reusable) in [(StepKind::Transform, false), (StepKind::Sink, true), (StepKind::Sink, false)] {
        let store = Arc::new(Watched::new(None));
        let seen = Arc::new(Mutex::new(String::new()));
        let (asked, heard) = (store.clone(), seen.clone());
        let mut steps = pure(4, |_, context| add(context));
        steps[3] = Doing {
            kind,
            reusable,
            work: Arc::new(move |context| {
                let runs = asked.inner.all_runs().unwrap();
                let events = asked.inner_events(runs[0].flow_id());
                heard.lock().unwrap().extend(events.iter().map(|event| event.kind.letter()));
                add(context)
            }),
            ..steps[3].clone()
        };
        engine(store, &steps).run_to_end().unwrap();
        assert_eq!(*seen.lock().unwrap(), "ISFSFSFS", "{kind:?}");
    }
}

#[test]
fn a_step_reads_what_is_still_on_its_way_to_the_store() {
    let store = Arc::new(Watched::new(None));
    let engine = engine(store, &pure(4, |_, context| add_and_keep(context)));
    engine.run_to_end().unwrap();
    assert_eq!(engine.last_step_output("s3").unwrap().unwrap().payload_text(), "4");
}

#[test]
fn a_run_reuses_what_it_has_done_itself_and_the_log_has_not_been_told() {
    let store = Arc::new(Watched::new(None));
    // Two steps have the same type and input.
    let mut steps = pure(3, |_, context| add(context));
    steps[2].work = Arc::new(|_| panic!("the work was done by the step before"));
    let planned = steps.into_iter().enumerate().map(|(index, step)| {
        let inputs = if index == 0 { Vec::new() } else { vec![("input".to_owned(), "s0".to_owned())] };
        PlannedStep { inputs, ..PlannedStep::from(Box::new(step) as Box<dyn StepDefinition>) }
    });
    let definition = FlowDefinition::new(planned).unwrap();
    let engine = FlowEngine::on(store).reuse(ReusePolicy::wherever_possible()).definition(definition);
    engine.run_to_end().unwrap();
    assert_eq!(engine.event_variants().unwrap(), "ISFSFSHC");
}

#[test]
fn a_step_is_asked_to_stop_when_its_log_cannot_be_written() {
    let store = Arc::new(Watched::new(Some(PowerLoss::Before(0))));
    let steps = pure(2, |_, context| {
        let begun = Instant::now();
        while begun.elapsed() < LONG {
            context.check_cancelled()?;
            std::thread::yield_now();
        }
        panic!("nobody asked");
    });
    let cancel = CancelToken::default();
    let definition = FlowDefinition::new(
        steps.into_iter().map(|step| -> Box<dyn StepDefinition> { Box::new(step) }).map(Into::into),
    )
    .unwrap();
    let engine = FlowEngine::on(store.clone()).cancel_token(cancel.clone()).definition(definition);
    let error = engine.run_to_end().unwrap_err();
    assert!(matches!(error, CoreEngineError::Store(PersistenceError::Backend { .. })), "{error}");
    assert!(!cancel.is_cancelled(), "the program is not asked to stop");
    assert!(store.inner_events(engine.default_flow()).is_empty());
}

#[test]
fn power_lost_at_any_append_behind_the_steps_costs_nothing_that_had_finished() {
    const STEPS: usize = 5;
    let undisturbed = Arc::new(Watched::new(None));
    let calm = engine(undisturbed.clone(), &pure(STEPS, |_, context| add(context)));
    calm.run_to_end().unwrap();
    let expected = kinds(undisturbed.inner.as_ref(), calm.default_flow());

    for append in 0..=STEPS {
        for loss in [PowerLoss::Before(append), PowerLoss::After(append)] {
            let ran: Arc<Vec<AtomicUsize>> = Arc::new((0..STEPS).map(|_| AtomicUsize::new(0)).collect());
            let counter = ran.clone();
            let steps = pure(STEPS, move |index, context| {
                counter[index].fetch_add(1, Ordering::SeqCst);
                add(context)
            });
            let store = Arc::new(Watched::new(Some(loss)));
            let first = engine(store.clone(), &steps);
            let flow_id = first.default_flow();
            let ended = first.run_to_end();
            // The log may have needed fewer appends than `append`.
            assert_eq!(matches!(ended, Err(CoreEngineError::Store(_))), store.is_dark(), "{loss:?}: {ended:?}");
            drop(first);
            store.light();
            let finished = kinds(store.inner.as_ref(), flow_id).iter().filter(|kind| kind.letter() == 'F').count();
            let before: Vec<usize> = ran.iter().map(|runs| runs.load(Ordering::SeqCst)).collect();
            match engine(store.clone(), &steps).run(flow_id) {
                Ok(_) | Err(CoreEngineError::FlowCompleted { .. }) => {}
                Err(error) => panic!("{loss:?}: {error}"),
            }
            assert_eq!(kinds(store.inner.as_ref(), flow_id), expected, "{loss:?}");
            for (index, (runs, before)) in ran.iter().zip(before).enumerate() {
                let again = runs.load(Ordering::SeqCst) - before;
                assert_eq!(again, usize::from(index >= finished), "{loss:?}: step {index}");
            }
        }
    }
}

#[test]
fn nothing_comes_behind_an_append_that_failed_even_if_it_has_landed() {
    const STEPS: usize = 3;
    let store = Arc::new(Watched::new(Some(PowerLoss::After(0))));
    let power = store.clone();
    // The response to the first append is lost, and the power returns before the first step ends. No request falls into
    // the outage.
    let runs = AtomicUsize::new(0);
    let steps = pure(STEPS, move |_, context| {
        if runs.fetch_add(1, Ordering::SeqCst) == 0 {
            while !power.is_dark() {
                std::thread::yield_now();
            }
            power.light();
        }
        add(context)
    });
    let first = engine(store.clone(), &steps);
    let flow_id = first.default_flow();
    assert!(matches!(first.run_to_end(), Err(CoreEngineError::Store(_))));
    drop(first);
    let letters: String = store.inner_events(flow_id).iter().map(|event| event.kind.letter()).collect();
    assert_eq!(letters, "IS");
    let resumed = engine(store.clone(), &steps);
    resumed.run(flow_id).unwrap();
    assert_eq!(resumed.event_variants_for(flow_id).unwrap(), "ISFSFSFC");
}

#[test]
fn what_a_step_has_done_is_in_the_store_if_the_next_one_cannot_be_looked_up() {
    let mut store = Watched::new(None);
    store.answers = Some(AtomicUsize::new(2));
    let store = Arc::new(store);
    let steps = pure(3, |_, context| add(context));
    let steps = steps.into_iter().map(|step| -> Box<dyn StepDefinition> { Box::new(step) });
    let engine = FlowEngine::on(store.clone())
        .reuse(ReusePolicy::wherever_possible())
        .definition(FlowDefinition::new(steps.map(Into::into)).unwrap());
    assert!(matches!(engine.run_to_end(), Err(CoreEngineError::Store(_))));
    let letters: String = store.inner_events(engine.default_flow()).iter().map(|event| event.kind.letter()).collect();
    assert_eq!(letters, "ISFSFS");
}

#[test]
fn an_artifact_that_nobody_has_is_missing() {
    let stranger = Artifact::new(Number::KIND, &99.into()).unwrap().hash();
    let engine = engine(
        Arc::new(Watched::new(None)),
        &pure(2, move |_, context| {
            assert!(context.artifacts().artifact(stranger).is_err());
            add(context)
        }),
    );
    engine.run_to_end().unwrap();
}
