//! What a step stores before it ends: a run that is interrupted anywhere continues behind it, and ends like an undisturbed one.
//!
//! The steps here put out so much that they store it meanwhile, whatever time they take.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use chem_runtime::artifact::{Artifact, TableRoot};
use chem_runtime::engine::{CoreEngineError, FlowEngine};
use chem_runtime::event::{FlowEventKind, FlowId, RetryOn, RetryPolicy, StepPolicy, StepProgress};
use chem_runtime::flow::{FlowDefinition, build_flow_definition_auto};
use chem_runtime::prelude::*;
use chem_runtime::step::{Bound, PlannedStep, Registry, StepDefinition, StepId, StepRunResult};
use chem_runtime::store::sqlite::SqliteEventStore;
use chem_runtime::store::{EventStore, InMemoryEventStore};
use serde_json::Value;

use crate::counting::{PowerLoss, Watched};

const ROWS: usize = 12_000;

/// The number of rows that each test has worked on, and the row at which it fails.
static WORKED: Mutex<Option<HashMap<u64, Arc<Probe>>>> = Mutex::new(None);

#[derive(Default)]
struct Probe {
    worked: AtomicUsize,
    /// The number of failures that are left, at the row with this number.
    fails: AtomicUsize,
}

fn probe(test: u64) -> Arc<Probe> {
    WORKED.lock().unwrap().get_or_insert_default().entry(test).or_default().clone()
}

/// Counts from 0.
#[step("progress.numbers", version = 1)]
fn numbers(
    /// The number of rows.
    rows: usize,
) -> Result<Table, StepError> {
    let numbers = 0..rows as i64;
    Ok(Table::new([(Column::new("n", ColumnType::Integer), Values::integers(numbers))])?)
}

/// Adds a long text to each row, and rejects every fifth.
#[step("progress.widen", version = 1, rows)]
fn widen(
    table: Rows<Table>,
    /// The column of the numbers.
    column: ColumnName,
    /// The test.
    test: u64,
) -> Result<RowWork<WithRejects<Table>>, StepError> {
    let work = table.each(move |batch, tally| {
        let (mut kept, mut texts, mut rejected_rows, mut rejected) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let probe = probe(test);
        for (row, number) in batch.integers(column.as_str())?.flatten().enumerate() {
            probe.worked.fetch_add(1, Ordering::SeqCst);
            if number == 11_000 && probe.fails.load(Ordering::SeqCst) > 0 {
                probe.fails.fetch_sub(1, Ordering::SeqCst);
                return Err(StepError::new("the server is busy").transient());
            }
            tally.see(row, "last digits", &(number % 10).to_string());
            tally.add(row, "rows");
            if number % 5 == 0 {
                rejected_rows.push(row);
                rejected.push(Some(number));
            } else {
                kept.push(row);
                texts.push(format!("{number:04}").repeat(1_000));
            }
        }
        let column = (Column::new("n", ColumnType::Integer), Values::integers(rejected));
        Ok(BatchOutput::of(kept).with(Values::texts(texts)).rejecting(rejected_rows, Table::new([column])?))
    });
    let work = work.with_columns([Column::new("text", ColumnType::Text)])?;
    Ok(work.signal("widened", |tally, rows| {
        serde_json::json!([tally.count("rows"), tally.distinct("last digits"), rows.input, rows.output, rows.rejected])
    }))
}

fn steps(test: u64) -> Vec<Box<dyn StepDefinition>> {
    let id = |id: &str| StepId::new(id).unwrap();
    vec![
        Box::new(Bound::new(id("numbers"), Numbers { rows: ROWS })),
        Box::new(Bound::new(id("widen"), Widen { column: "n".into(), test })),
        Box::new(Bound::new(id("shorten"), Shorten { column: "n".into() })),
    ]
}

/// Keeps the rows with an even number, without their texts.
#[step("progress.shorten", version = 1, rows)]
fn shorten(
    table: Rows<Table>,
    /// The column of the numbers.
    column: ColumnName,
) -> Result<RowWork<Table>, StepError> {
    let work = table.each(move |batch, _| {
        let numbers = batch.integers(column.as_str())?.enumerate();
        Ok(BatchOutput::of(
            numbers.filter(|(_, number)| number.is_some_and(|n| n % 2 == 0)).map(|(row, _)| row).collect(),
        ))
    });
    Ok(work.carrying([(0, Column::new("n", ColumnType::Integer))]))
}

fn definition(test: u64) -> FlowDefinition {
    build_flow_definition_auto(steps(test)).unwrap()
}

/// Returns the events of a run except for those of progress, which depend on time.
fn kinds(store: &dyn EventStore, flow_id: FlowId) -> Vec<FlowEventKind> {
    let kinds = store.list(flow_id).unwrap().into_iter().map(|event| event.kind);
    kinds.filter(|kind| !matches!(kind, FlowEventKind::StepProgressed(_))).collect()
}

fn progress(store: &dyn EventStore, flow_id: FlowId) -> Option<StepProgress> {
    let instance = chem_runtime::flow::replay(flow_id, &store.list(flow_id).unwrap()).unwrap();
    instance.current().and_then(|(_, step)| step.progress.clone())
}

#[test]
fn power_lost_at_any_append_costs_nothing_that_a_step_had_stored() {
    let undisturbed = Arc::new(Watched::new(None));
    let engine = FlowEngine::on(undisturbed.clone()).definition(definition(0));
    engine.run_to_end().unwrap();
    let expected = kinds(undisturbed.inner.as_ref(), engine.default_flow());
    let appends = undisturbed.appends.load(Ordering::SeqCst);
    assert!(appends >= 6, "the step stored nothing before it ended: {}", engine.event_variants().unwrap());
    assert!(expected.iter().any(|kind| {
        matches!(kind, FlowEventKind::StepSignal(signal) if signal.data == serde_json::json!([12_000, 10, 12_000, 9_600, 2_400]))
    }));

    let mut continued = 0;
    for append in 0..appends {
        for (index, loss) in [PowerLoss::Before(append), PowerLoss::After(append)].into_iter().enumerate() {
            let test = (100 + 2 * append + index) as u64;
            let store = Arc::new(Watched::new(Some(loss)));
            let engine = FlowEngine::on(store.clone()).definition(definition(test));
            let flow_id = engine.default_flow();
            match engine.run_to_end() {
                Err(CoreEngineError::Store(_)) => {}
                // There were fewer appends: how many depends on the time that the run takes.
                Ok(_) => continue,
                Err(error) => panic!("{loss:?}: {error}"),
            }
            store.light();
            let widening = kinds(store.inner.as_ref(), flow_id).iter().filter(|kind| kind.letter() == 'F').count() == 1;
            let progress = progress(store.inner.as_ref(), flow_id).filter(|_| widening);
            for chunk in progress.iter().flat_map(|progress| progress.outputs.values().flatten()) {
                assert!(store.inner.read_artifact(chunk.hash).unwrap().is_some());
            }
            let before = probe(test).worked.swap(0, Ordering::SeqCst);
            let resumed = FlowEngine::on(store.clone()).definition(definition(test));
            match resumed.run(flow_id) {
                Ok(_) | Err(CoreEngineError::FlowCompleted { .. }) => {}
                Err(error) => panic!("{loss:?}: {error}"),
            }
            // The test is a parameter, so fingerprints differ; outputs and signals do not.
            assert_eq!(results(&kinds(store.inner.as_ref(), flow_id)), results(&expected), "{loss:?}");
            let after = probe(test).worked.load(Ordering::SeqCst);
            if let Some(progress) = progress {
                assert_eq!(after as u64, ROWS as u64 - progress.position, "{loss:?}: of {before} rows");
                continued += 1;
            }
        }
    }
    assert!(continued >= 6, "{continued}");
}

/// A source reads its file again up to where it had got to, and stores none of those rows again.
#[test]
fn a_source_continues_behind_what_it_had_stored() {
    let directory = tempfile::tempdir().unwrap();
    // Every fifth record has a cell too many.
    let record = |number: usize| {
        let end = if number.is_multiple_of(5) { ",x\n" } else { "\n" };
        format!("{number},{}{end}", format!("{number:04}").repeat(600))
    };
    let text: String = (0..ROWS).map(record).collect();
    std::fs::write(directory.path().join("wide.csv"), format!("n,text\n{text}")).unwrap();
    let params = serde_json::json!({ "path": "wide.csv" });
    continues(directory.path(), "table.read", &params, &["\"rejected\":2400"]);
}

/// So does the source of molecules. What it counts of them is carried along.
#[cfg(feature = "chemistry")]
#[test]
fn a_source_of_molecules_continues_behind_what_it_had_stored() {
    let directory = tempfile::tempdir().unwrap();
    let record = |number: usize| {
        let smiles = if number.is_multiple_of(7) { "C1" } else { "C |a:0|" };
        format!("{smiles} {}\n", format!("{number:04}").repeat(6_000))
    };
    std::fs::write(directory.path().join("long.smi"), (0..1_400).map(record).collect::<String>()).unwrap();
    let params = serde_json::json!({ "path": "long.smi", "stereo_groups": "ignore" });
    continues(directory.path(), "molecules.read", &params, &["\"rejected\":200", "{\"stereo_groups\":1200}"]);
}

/// Takes the power from a run of a source at each append, and checks that the next run continues and ends alike, with these
/// signals.
fn continues(directory: &Path, uses: &str, params: &Value, signals: &[&str]) {
    let on = |store: &Arc<Watched>| {
        let registration = Registry::linked().unwrap().get(uses).unwrap();
        let step = registration.bind(StepId::new("read").unwrap(), params.as_object().unwrap());
        let step = step.unwrap_or_else(|problems| panic!("{} problems", problems.len()));
        FlowEngine::on(store.clone()).directory(directory).first_step(step).build().unwrap()
    };
    let undisturbed = Arc::new(Watched::new(None));
    let engine = on(&undisturbed);
    engine.run_to_end().unwrap();
    let expected = kinds(undisturbed.inner.as_ref(), engine.default_flow());
    for signal in signals {
        assert!(results(&expected).iter().any(|result| result.contains(signal)), "{signal}: {expected:?}");
    }
    let appends = undisturbed.appends.load(Ordering::SeqCst);
    let mut continued = 0;
    for loss in (0..appends).flat_map(|append| [PowerLoss::Before(append), PowerLoss::After(append)]) {
        let store = Arc::new(Watched::new(Some(loss)));
        let engine = on(&store);
        let flow_id = engine.default_flow();
        if engine.run_to_end().is_ok() {
            // There were fewer appends: how many depends on the time that the run takes.
            continue;
        }
        store.light();
        let stored = progress(store.inner.as_ref(), flow_id);
        match on(&store).run(flow_id) {
            // With fewer appends, this one was the last.
            Ok(_) | Err(CoreEngineError::FlowCompleted { .. }) => {}
            Err(error) => panic!("{loss:?}: {error}"),
        }
        assert_eq!(results(&kinds(store.inner.as_ref(), flow_id)), results(&expected), "{loss:?}");
        if let Some(stored) = stored {
            let positions: Vec<(u64, u64)> = store
                .inner
                .list(flow_id)
                .unwrap()
                .iter()
                .filter_map(|event| match &event.kind {
                    FlowEventKind::StepProgressed(progressed) => Some((progressed.after, progressed.position)),
                    _ => None,
                })
                .collect();
            // Each event continues behind the one before, across the loss of power.
            assert!(positions.windows(2).all(|pair| pair[0].1 == pair[1].0), "{positions:?}");
            assert!(positions.iter().any(|(_, position)| *position == stored.position), "{positions:?}");
            continued += 1;
        }
    }
    assert!(continued >= 2, "{continued}");
}

/// Returns the letters of the events, and what came out of the steps.
fn results(kinds: &[FlowEventKind]) -> Vec<String> {
    let result = |kind: &FlowEventKind| match kind {
        FlowEventKind::StepFinished(finished) => format!("{:?}", finished.outputs),
        FlowEventKind::StepSignal(signal) => signal.data.to_string(),
        kind => kind.letter().to_string(),
    };
    kinds.iter().map(result).collect()
}

/// The artifacts of a table do not depend on whether its chunks were stored before the step ended, and the next step reads
/// them from the store.
#[test]
fn the_outputs_are_those_of_a_table_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let stores: [Arc<dyn EventStore>; 2] = [
        Arc::new(InMemoryEventStore::new()),
        Arc::new(SqliteEventStore::open(directory.path().join("store.db")).unwrap()),
    ];
    let mut found = Vec::new();
    for store in stores {
        let engine = FlowEngine::on(store.clone()).definition(definition(1));
        let run = engine.run_to_end().unwrap();
        let root =
            |index: usize| -> Artifact { store.read_artifact(run.steps()[index].outputs[0].hash).unwrap().unwrap() };
        let tables = [1, 2].map(|index| TableRoot::of(&root(index)).unwrap());
        assert_eq!((tables[0].rows, tables[1].rows), (9_600, 4_800));
        found.push(results(&kinds(store.as_ref(), run.flow_id())));
    }
    assert_eq!(found[0], found[1]);
}

#[test]
fn another_attempt_continues_where_the_failed_one_had_got_to() {
    probe(2).fails.store(1, Ordering::SeqCst);
    let policy = StepPolicy {
        retry: Some(RetryPolicy { attempts: 2, backoff_ms: 0, on: RetryOn::Transient }),
        ..StepPolicy::default()
    };
    let planned = steps(2).into_iter().map(|step| PlannedStep { policy: policy.clone(), ..step.into() });
    let engine = FlowEngine::new().definition(FlowDefinition::new(planned).unwrap());
    engine.run_to_end().unwrap();
    let worked = probe(2).worked.load(Ordering::SeqCst);
    assert!(worked < ROWS + ROWS / 2, "{worked}");
    let undisturbed = FlowEngine::new().definition(definition(3));
    undisturbed.run_to_end().unwrap();
    let letters = |engine: &FlowEngine| engine.event_variants().unwrap().replace('K', "");
    assert_eq!((letters(&undisturbed).as_str(), letters(&engine).as_str()), ("ISFSGFSFC", "ISFSXRSGFSFC"));
    let hash = |engine: &FlowEngine| {
        let run = engine.default_run().instance().unwrap();
        run.steps()[1].outputs.clone()
    };
    assert_eq!(hash(&engine), hash(&undisturbed));
}

/// What was stored by other code is not continued.
#[test]
fn a_step_whose_code_has_changed_begins_anew() {
    struct Other(Bound<Widen>);
    impl StepDefinition for Other {
        fn id(&self) -> &StepId {
            self.0.id()
        }
        fn kind(&self) -> chem_runtime::step::StepKind {
            self.0.kind()
        }
        fn step_type(&self) -> chem_runtime::step::StepTypeRef<'_> {
            self.0.step_type()
        }
        fn inputs(&self) -> &[chem_runtime::step::PortSpec] {
            self.0.inputs()
        }
        fn outputs(&self) -> &[chem_runtime::step::OutputSpec] {
            self.0.outputs()
        }
        fn params(&self) -> Result<serde_json::Map<String, serde_json::Value>, StepError> {
            self.0.params()
        }
        fn code(&self) -> Option<&str> {
            Some("other code")
        }
        fn run(&self, context: &ExecutionContext<'_>) -> StepRunResult {
            self.0.run(context)
        }
    }
    let store = Arc::new(Watched::new(Some(PowerLoss::After(4))));
    let engine = FlowEngine::on(store.clone()).definition(definition(4));
    let flow_id = engine.default_flow();
    engine.run_to_end().unwrap_err();
    store.light();
    assert!(progress(store.inner.as_ref(), flow_id).is_some());
    probe(4).worked.store(0, Ordering::SeqCst);
    let mut steps = steps(4);
    let widen = Bound::new(StepId::new("widen").unwrap(), Widen { column: "n".into(), test: 4 });
    steps[1] = Box::new(Other(widen));
    let resumed = FlowEngine::on(store.clone()).definition(build_flow_definition_auto(steps).unwrap());
    resumed.run(flow_id).unwrap();
    assert_eq!(probe(4).worked.load(Ordering::SeqCst), ROWS);
}
