//! After any edit of its input, a row step that takes over what it can gives what a full run gives, byte for byte, and works on
//! nothing but the rows that are new.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chem_runtime::artifact::{Column, ColumnType, Dataset, Table, Values};
use chem_runtime::engine::{FlowEngine, ReusePolicy};
use chem_runtime::event::{FlowEvent, FlowEventKind, OutputRef, StepFinished, TakenOver};
use chem_runtime::prelude::*;
use chem_runtime::step::{RowColumns, StepDefinition, StepId, StepKind, StepOutput, StepRunResult};
use chem_runtime::store::{EventStore, InMemoryEventStore};
use chem_tests::values::cases;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::{Value, json};

use super::{bound, examples, run, spelled, without_values};

/// A row of the input.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) name: Option<&'static str>,
    /// The index of a molecule in [`smiles`].
    pub(super) molecule: usize,
    pub(super) a: Option<i64>,
    pub(super) b: Option<f64>,
    pub(super) ok: Option<bool>,
}

/// A change of the input.
#[derive(Debug, Clone)]
enum Edit {
    InFront(Row),
    Insert(Index, Row),
    Delete(Index),
    Swap(Index, Index),
    Duplicate(Index, Index),
    /// Changes a column that no example declares.
    Undeclared(Index, Option<bool>),
    Name(Index, Option<&'static str>),
    Molecule(Index, usize),
    Number(Index, Option<i64>),
}

const MOLECULES: [&str; 12] = [
    "CC(=O)Oc1ccccc1C(=O)O",
    "c1ccccc1",
    "CCO",
    "[Na+].CC(=O)[O-]",
    "O=C1CCCCC1",
    "Cl.CNCCC(c1ccccc1)O",
    "C[C@H](N)C(=O)O",
    "Oc1ccncc1",
    "*C",
    "[999C]CC",
    "CC(C)C",
    // Too large for tautomers.
    "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC",
];

pub(super) fn row() -> impl Strategy<Value = Row> {
    let b = option::of(select(vec![0.0, 1.5, 2.0, 7.25]));
    (name(), 0..MOLECULES.len(), option::of(0_i64..6), b, any::<Option<bool>>())
        .prop_map(|(name, molecule, a, b, ok)| Row { name, molecule, a, b, ok })
}

fn name() -> impl Strategy<Value = Option<&'static str>> {
    option::of(select(vec!["m1", "m22", "x", "abc", "z9"]))
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<Index>;
    prop_oneof![
        row().prop_map(Edit::InFront),
        (at(), row()).prop_map(|(at, row)| Edit::Insert(at, row)),
        at().prop_map(Edit::Delete),
        (at(), at()).prop_map(|(one, other)| Edit::Swap(one, other)),
        (at(), at()).prop_map(|(from, to)| Edit::Duplicate(from, to)),
        (at(), any::<Option<bool>>()).prop_map(|(at, ok)| Edit::Undeclared(at, ok)),
        (at(), name()).prop_map(|(at, name)| Edit::Name(at, name)),
        (at(), 0..MOLECULES.len()).prop_map(|(at, molecule)| Edit::Molecule(at, molecule)),
        (at(), option::of(0_i64..6)).prop_map(|(at, a)| Edit::Number(at, a)),
    ]
}

impl Edit {
    fn apply(&self, rows: &mut Vec<Row>) {
        let count = rows.len();
        let at = |index: &Index| index.index(count);
        match self {
            Self::InFront(row) => rows.insert(0, row.clone()),
            _ if rows.is_empty() => {}
            Self::Insert(index, row) => rows.insert(at(index), row.clone()),
            Self::Delete(index) => drop(rows.remove(at(index))),
            Self::Swap(one, other) => rows.swap(at(one), at(other)),
            Self::Duplicate(from, to) => rows.insert(at(to), rows[at(from)].clone()),
            Self::Undeclared(index, ok) => rows[at(index)].ok = *ok,
            Self::Name(index, name) => rows[at(index)].name = *name,
            Self::Molecule(index, molecule) => rows[at(index)].molecule = *molecule,
            Self::Number(index, a) => rows[at(index)].a = *a,
        }
    }
}

/// Returns the canonical SMILES of [`MOLECULES`].
pub(super) fn smiles() -> Vec<Box<str>> {
    let (outputs, _) = run("molecules.inline", &json!({ "molecules": MOLECULES }), None, None).unwrap();
    outputs[0].1.texts("smiles").unwrap().iter().map(|smiles| smiles.unwrap().into()).collect()
}

/// Returns the table that a file with these rows gives.
pub(super) fn table(rows: &[Row], smiles: &[Box<str>]) -> Dataset {
    let text = |values: Vec<Option<&str>>| Values::texts(values);
    let mut columns = vec![(Column::new("name", ColumnType::Text), text(rows.iter().map(|row| row.name).collect()))];
    if !smiles.is_empty() {
        let records = (1..).take(rows.len());
        let column = Column::new("smiles", ColumnType::Text).with_provider("it@1");
        columns.push((column, text(rows.iter().map(|row| Some(&*smiles[row.molecule])).collect())));
        columns.push((Column::new("record", ColumnType::Integer).as_location(), Values::integers(records)));
    }
    columns.extend([
        (Column::new("a", ColumnType::Integer), Values::integers(rows.iter().map(|row| row.a))),
        (Column::new("b", ColumnType::Float), Values::floats(rows.iter().map(|row| row.b))),
        (Column::new("ok", ColumnType::Boolean), Values::booleans(rows.iter().map(|row| row.ok))),
        without_values(rows.len()),
        spelled(rows.iter().map(|row| row.molecule)),
    ]);
    let kind = if smiles.is_empty() { "table" } else { "molecules" };
    Dataset::new(kind, Table::new(columns).unwrap())
}

/// A source that gives a table.
pub(super) struct Given(pub(super) StepId, pub(super) Dataset);

impl StepDefinition for Given {
    fn id(&self) -> &StepId {
        &self.0
    }

    fn kind(&self) -> StepKind {
        StepKind::Source
    }

    fn run(&self, _: &ExecutionContext<'_>) -> StepRunResult {
        StepRunResult::success([StepOutput::of("main", self.1.clone()).unwrap()])
    }
}

/// What the log says of the row step of a run.
struct Ran {
    /// Whether the step ran; if not, the result of an earlier run was reused as a whole.
    ran: bool,
    outputs: Vec<OutputRef>,
    signals: Vec<Value>,
    taken_over: Option<TakenOver>,
}

/// Runs a row step on `rows`. Takes over what it can if `store` has an earlier run.
fn ran(store: &Arc<dyn EventStore>, policy: ReusePolicy, rows: Dataset, step: Box<dyn StepDefinition>) -> Ran {
    let flows = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows");
    let builder = FlowEngine::on(store.clone()).reuse(policy).directory(flows);
    let engine = builder.first_step(Given(StepId::new("given").unwrap(), rows)).add_step(step).build().unwrap();
    let instance = engine.run_to_end().unwrap_or_else(|error| panic!("{error}"));
    let events: Vec<FlowEvent> = store.list(instance.flow_id()).unwrap();
    let signals = events.iter().filter_map(|event| match &event.kind {
        FlowEventKind::StepSignal(signal) => Some(json!([signal.signal, signal.data])),
        _ => None,
    });
    let finished = events.iter().rev().find_map(|event| match &event.kind {
        FlowEventKind::StepFinished(finished) if finished.step_index == 1 => Some(finished.clone()),
        _ => None,
    });
    let outputs = instance.steps()[1].outputs.clone();
    let ran = finished.is_some();
    let rows = finished.and_then(|StepFinished { rows, .. }| rows);
    Ran { ran, outputs, signals: signals.collect(), taken_over: rows.and_then(|rows| rows.taken_over) }
}

fn in_memory() -> Arc<dyn EventStore> {
    Arc::new(InMemoryEventStore::new())
}

/// Returns the declared values of each row.
fn declared(rows: &Dataset, reads: &RowColumns) -> Vec<String> {
    let table = rows.table();
    let columns: Vec<usize> =
        (0..table.columns().len()).filter(|index| reads.contains(&table.columns()[*index].name)).collect();
    let table = table.select(&columns);
    (0..table.rows()).map(|row| json!(table.row(row)).to_string()).collect()
}

/// Runs a row step on a table, and after each of the edits that follow.
fn check(
    step: &dyn Fn() -> Box<dyn StepDefinition>,
    smiles: &[Box<str>],
    mut rows: Vec<Row>,
    scripts: &[Vec<Edit>],
) -> Result<(), TestCaseError> {
    let Some(reads) = step().row_columns() else { panic!("a step that works row by row") };
    let store = in_memory();
    let mut before = table(&rows, smiles);
    ran(&store, ReusePolicy::wherever_possible(), before.clone(), step());
    for script in scripts {
        script.iter().for_each(|edit| edit.apply(&mut rows));
        let now = table(&rows, smiles);
        let full = ran(&in_memory(), ReusePolicy::never(), now.clone(), step());
        let taken = ran(&store, ReusePolicy::wherever_possible(), now.clone(), step());
        prop_assert_eq!(&taken.outputs, &full.outputs);
        prop_assert!(full.taken_over.is_none());
        if !taken.ran {
            continue;
        }
        prop_assert_eq!(&taken.signals, &full.signals);
        let known = declared(&before, &reads);
        let new = declared(&now, &reads).iter().filter(|row| !known.contains(row)).count();
        // Where no row was found, nothing was taken over.
        let (computed, found) = taken.taken_over.map_or((rows.len() as u64, 0), |taken| (taken.computed, taken.rows));
        prop_assert_eq!((computed as usize, found as usize), (new, rows.len() - new));
        before = now;
    }
    Ok(())
}

/// How many rows have reached `edited.counted`.
static REACHED: AtomicUsize = AtomicUsize::new(0);

/// Gives each row as often as its number says, rejects those without a number, and counts the rows that reach it.
#[step("edited.counted", version = 1, rows = ["a"])]
fn counted(table: Rows<Table>) -> Result<RowWork<WithRejects<Table>>, StepError> {
    let work = table.each(|batch, tally| {
        let (mut from, mut squares, mut rejected) = (Vec::new(), Vec::new(), Vec::new());
        for (row, number) in batch.integers("a")?.enumerate() {
            REACHED.fetch_add(1, Ordering::Relaxed);
            match number {
                Some(number) => {
                    from.extend((0..number).map(|_| row));
                    squares.extend((0..number).map(|time| Some(number * number + time)));
                    tally.see(row, "numbers", &number.to_string());
                }
                None => rejected.push(row),
            }
            if from.last() != Some(&row) {
                tally.add(row, "without");
            }
        }
        let column = (Column::new("why", ColumnType::Text), Values::texts(vec!["none"; rejected.len()]));
        let rejects = Table::new([column])?;
        Ok(BatchOutput::of(from).with(Values::integers(squares)).rejecting(rejected, rejects))
    });
    let work = work.with_columns([Column::new("square", ColumnType::Integer)])?;
    Ok(work.signal("counted", |tally, rows| {
        json!([tally.count("without"), tally.distinct("numbers"), rows.input, rows.output, rows.rejected])
    }))
}

#[test]
fn no_row_but_a_new_one_reaches_the_step() {
    let step = || bound("edited.counted", &json!({}));
    let inputs = (vec(row(), 0..16), vec(vec(edit(), 1..5), 1..4));
    TestRunner::new(cases(64)).run(&inputs, |(rows, scripts)| check(&step, &[], rows, &scripts)).unwrap();

    let store = in_memory();
    let mut rows: Vec<Row> =
        (0..1_000).map(|a| Row { name: None, molecule: 0, a: Some(a % 3), b: None, ok: None }).collect();
    ran(&store, ReusePolicy::wherever_possible(), table(&rows, &[]), step());
    rows.insert(0, Row { a: Some(7), ..rows[0].clone() });
    rows[500].ok = Some(true);
    rows.remove(700);
    let before = REACHED.load(Ordering::Relaxed);
    let all = ReusePolicy::wherever_possible();
    let taken = ran(&store, all.clone(), table(&rows, &[]), step());
    assert_eq!(REACHED.load(Ordering::Relaxed) - before, 1);
    assert_eq!(taken.taken_over.map(|taken| (taken.rows, taken.computed)), Some((999, 1)));
    // The step is run again if asked, and then computes all rows.
    let again = ran(&in_memory(), all.clone().computing_all_rows(), table(&rows, &[]), step());
    assert_eq!((again.outputs, again.taken_over), (taken.outputs, None));
    rows.push(rows[0].clone());
    let before = REACHED.load(Ordering::Relaxed);
    assert_eq!(ran(&store, all.computing_all_rows(), table(&rows, &[]), step()).taken_over, None);
    assert_eq!(REACHED.load(Ordering::Relaxed) - before, rows.len());
}

#[test]
fn after_any_edit_only_what_is_new_is_computed() {
    let smiles = if cfg!(feature = "chemistry") { smiles() } else { Vec::new() };
    for (uses, params) in examples() {
        let inputs = (vec(row(), 0..16), vec(vec(edit(), 1..5), 1..4));
        let checked = TestRunner::new(cases(4))
            .run(&inputs, |(rows, scripts)| check(&|| bound(uses, &params), &smiles, rows, &scripts));
        checked.unwrap_or_else(|error| panic!("{uses} {params}: {error}"));
    }
}
