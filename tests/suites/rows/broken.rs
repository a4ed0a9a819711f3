//! Steps that break the promise of row steps, and are found.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chem_runtime::engine::FlowEngine;
use chem_runtime::manifest::{Source, check};
use chem_runtime::prelude::*;
use chem_runtime::step::{CancelToken, Registry};
use chem_runtime::store::{EventStore, InMemoryEventStore, InMemoryFlowRepository};
use chem_runtime::workbench::{Fault, Outcome, Regrouping, Tolerances, Verification, verify};
use serde_json::json;

use super::{Dataset, keeps_its_promise};

/// Gives 0 and 1 in turn, so that each batch of several rows has the minimum 0, wherever it is cut.
#[step("broken.numbers", version = 1)]
fn numbers(
    /// How many: so many that a batch has several on any number of cores. The last is 0.
    #[param(default = 20_001)]
    rows: u32,
) -> Result<Table, StepError> {
    Ok(table((0..i64::from(rows)).map(|row| row % 2)))
}

fn table(numbers: impl Iterator<Item = i64>) -> Table {
    let column = Column::new("a", ColumnType::Integer);
    Table::new([(column, Values::integers(numbers))]).unwrap()
}

fn added(table: Rows<Table>, more: fn(&Batch<'_>, &[i64]) -> Vec<i64>) -> Result<RowWork<Table>, StepError> {
    let work = table.each(move |batch, _| {
        let numbers: Vec<i64> = batch.integers("a")?.flatten().collect();
        let more = more(batch, &numbers).into_iter();
        Ok(BatchOutput::all().with(Values::integers(more)))
    });
    Ok(work.with_columns([Column::new("more", ColumnType::Integer)])?)
}

/// Keeps its promise.
#[step("broken.not", version = 1, rows = ["a"])]
fn not(table: Rows<Table>) -> Result<RowWork<Table>, StepError> {
    added(table, |_, numbers| numbers.iter().map(|number| number * number).collect())
}

/// Keeps its promise, and refuses inputs of few rows.
#[step("broken.not_but_few", version = 1, rows = ["a"])]
fn not_but_few(table: Rows<Table>) -> Result<RowWork<Table>, StepError> {
    let work = added(table, |_, numbers| numbers.to_vec())?;
    Ok(work.refusing(|all| match all.rows() {
        0..30 => Err(StepError::new("there are few rows")),
        _ => Ok(()),
    }))
}

/// Computes with the other rows of the batch.
#[step("broken.by_others", version = 1, rows = ["a"])]
fn by_others(table: Rows<Table>) -> Result<RowWork<Table>, StepError> {
    added(table, |_, numbers| numbers.iter().map(|number| number - numbers.iter().min().unwrap()).collect())
}

/// Computes with the number of the row.
#[step("broken.by_number", version = 1, rows = ["a"])]
fn by_number(table: Rows<Table>) -> Result<RowWork<Table>, StepError> {
    added(table, |batch, numbers| (0..numbers.len()).map(|row| batch.number_of(row) as i64).collect())
}

/// Computes with how often it has computed.
#[step("broken.by_time", version = 1, rows = ["a"])]
fn by_time(table: Rows<Table>) -> Result<RowWork<Table>, StepError> {
    static TIMES: AtomicI64 = AtomicI64::new(0);
    added(table, |_, numbers| numbers.iter().map(|_| TIMES.fetch_add(1, Ordering::Relaxed)).collect())
}

/// Keeps the first row of each batch.
#[step("broken.first", version = 1, rows = ["a"])]
fn first(table: Rows<Table>) -> Result<RowWork<Table>, StepError> {
    Ok(table.each(|batch, _| Ok(BatchOutput::of(batch.rows().take(1).collect()))))
}

/// Keeps a number only where it is not that of the row before.
#[derive(Step)]
#[step("broken.once", version = 1, rows = ["a"])]
struct Once;

impl RunRows for Once {
    type Inputs = Rows<Table>;
    type Output = Table;

    fn run(&self, rows: Rows<Table>, _: &ExecutionContext<'_>) -> Result<RowWork<Table>, StepError> {
        Ok(rows.each(|batch, _| {
            let numbers: Vec<Option<i64>> = batch.integers("a")?.collect();
            Ok(BatchOutput::of(
                (0..numbers.len()).filter(|row| *row == 0 || numbers[row - 1] != numbers[*row]).collect(),
            ))
        }))
    }
}

/// Fails if the first number of the input is not zero.
#[step("broken.first_is_zero", version = 1, rows = ["a"])]
fn first_is_zero(table: Rows<Table>) -> Result<RowWork<Table>, StepError> {
    Ok(table.each(|batch, _| match batch.integers("a")?.next().flatten() {
        Some(number) if number != 0 && batch.number_of(0) == 1 => Err(StepError::new("the first number is not zero")),
        _ => Ok(BatchOutput::all()),
    }))
}

/// Reads a column that it does not declare.
#[step("broken.undeclared", version = 1, rows)]
fn undeclared(table: Rows<Table>) -> Result<RowWork<Table>, StepError> {
    added(table, |_, numbers| numbers.to_vec())
}

#[test]
fn steps_that_break_their_promise_are_found() {
    let input = Dataset::new("table", table((0..60).map(|row| row / 2)));
    keeps_its_promise("broken.not", &json!({}), &input).unwrap();
    keeps_its_promise("broken.not_but_few", &json!({}), &input).unwrap();
    for (uses, why) in [
        ("broken.by_others", "row 2 alone comes out differently in the output main, more: 1 → 0"),
        ("broken.by_number", "row 1 alone comes out differently in the output main, more: 2 → 1"),
        ("broken.by_time", "comes out differently in the output main, more: "),
        ("broken.first", "row 1 alone comes out differently"),
        ("broken.once", "row 1 alone comes out differently"),
        ("broken.first_is_zero", "the first number is not zero"),
        ("broken.undeclared", "the column `a`, which it does not declare"),
    ] {
        let found = keeps_its_promise(uses, &json!({}), &input).unwrap_err();
        assert!(found.contains(why), "{uses}: {found}");
    }
}

/// Runs a step on numbers, and verifies the run.
fn verified(uses: &str) -> Verification {
    let manifest =
        format!("flow: it\nsteps:\n  - {{ id: numbers, uses: broken.numbers }}\n  - {{ id: more, uses: {uses} }}\n");
    let registry = Registry::linked().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let checked = check(&Source::new("m.yaml", &manifest), &[], registry, directory.path());
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let definition = checked.definition.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let engine = FlowEngine::builder(store.clone(), InMemoryFlowRepository::new()).definition(definition);
    let instance = engine.run_to_end().unwrap();
    let (none, cancel) = (Tolerances::new(), CancelToken::default());
    verify(&store, &instance, registry, &none, directory.path(), None, &cancel).unwrap()
}

#[test]
fn verify_finds_them_too() {
    assert!(verified("broken.not").is_verified());
    assert!(verified("broken.not_but_few").is_verified(), "a condition on the whole input is not one on a row");
    for uses in ["broken.by_others", "broken.by_number"] {
        let verification = verified(uses);
        let Outcome::Differs(Fault::Rows(found)) = &verification.steps[1].outcome else { panic!("{verification:?}") };
        let where_found = (found.regrouping, found.output.as_str(), found.field.as_deref());
        assert_eq!(where_found, (Regrouping::Alone, "main", Some("more")));
        let first = &verification.to_json()["first_difference"];
        assert_eq!(first["kind"], "rows");
        assert!(first["text"].as_str().unwrap().starts_with("the step does not work row by row: row "), "{first}");
    }
    let text = verified("broken.first_is_zero").first_fault().unwrap().1.to_string();
    assert!(
        text.ends_with("it succeeds on all rows, but fails on some of them: the first number is not zero"),
        "{text}"
    );
}
