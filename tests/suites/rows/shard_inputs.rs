//! What the steps of a group take in shards: rows of many chunks, tables that no shard cuts, and the outputs of steps that did not run.

use chem_runtime::artifact::{Column, ColumnType, Dataset, Table, Values};
use chem_runtime::engine::ReusePolicy;
use chem_runtime::event::FlowEventKind;
use chem_runtime::flow::FlowDefinition;
use chem_runtime::prelude::*;
use chem_runtime::step;
use chem_runtime::step::{BatchOutput, PlannedStep, Registry, Shards, StepDefinition, StepError, StepId, StepPolicy};
use chem_tests::stores::fresh;
use serde_json::{Value, json};

use super::edits::Given;
use super::shards::{Link, children, definition, in_memory, run, run_reusing};

/// Returns a table of many chunks, whose rows are located by their numbers and by a line that is often missing.
fn many(rows: i64) -> Dataset {
    let numbers = |value: fn(i64) -> Option<i64>| Values::integers((0..rows).map(value));
    let name = Values::texts((0..rows).map(|row| (row % 7 > 0).then(|| format!("m{}", row * 7919 % 10_007))));
    let table = Table::new([
        (Column::new("record", ColumnType::Integer).as_location(), numbers(|row| Some(row + 1))),
        (Column::new("name", ColumnType::Text), name),
        (Column::new("a", ColumnType::Integer), numbers(|row| (row % 11 > 0).then_some(row * 7919 % 1_003))),
        (Column::new("line", ColumnType::Integer).as_location(), numbers(|row| (row % 3 > 0).then_some(row * 2))),
        (Column::new("b", ColumnType::Float), Values::floats((0..rows).map(|row| (row % 40) as f64 / 4.0 + 0.5))),
    ]);
    Dataset::new("table", table.unwrap())
}

fn link(uses: &'static str, params: Value, from: &str) -> Link {
    Link { uses, params, from: from.into() }
}

#[test]
fn rows_of_many_chunks_give_the_same_in_shards() {
    let computed = |name: &str, value: &str| json!({ "columns": [{ name: value }], "on_error": "reject" });
    let chains = [
        vec![
            link("table.compute", computed("ratio", "a / (a % 5 - 1)"), "given"),
            link("table.filter", json!({ "where": "ratio < 100" }), "s0"),
            link("table.compute", computed("size", "size(name) * 2"), "s1"),
            link("table.filter", json!({ "where": "a > 500" }), "s0.rejects"),
        ],
        // A step that reads where a row is, of which shards keep the values.
        vec![
            link("table.filter", json!({ "where": "record % 3 != 0" }), "given"),
            link("table.compute", computed("next", "record + 1"), "s0"),
        ],
        // All rows, none, and several for each.
        vec![
            link("table.filter", json!({ "where": "b > 0.0" }), "given"),
            link("table.filter", json!({ "where": "b < 0.0" }), "s0"),
            link("table.compute", computed("c", "b * 2.0"), "s1"),
            link(
                "table.unpivot",
                json!({ "columns": ["a", "b"], "name": "of", "keep": ["name", "record", "line"] }),
                "s0",
            ),
            link("table.select", json!({ "columns": ["b", "name"], "rename": { "b": "c" } }), "given"),
        ],
    ];
    let rows = many(9_000);
    for links in &chains {
        let (whole, _) = run(&in_memory(), &definition(&rows, links, None), 0);
        for size in [300, 2_000] {
            let store = in_memory();
            let (cut, parent) = run(&store, &definition(&rows, links, Some(size)), 0);
            assert_eq!(cut, whole, "in shards of {size} rows: {links:?}");
            assert!(children(&store, parent) > 1);
        }
    }
    for (name, backend) in fresh() {
        let (whole, _) = run(&in_memory(), &definition(&rows, &chains[0], None), 0);
        let (cut, _) = run(&backend.store(), &definition(&rows, &chains[0], Some(1_500)), 2);
        assert_eq!(cut, whole, "{name}");
    }
}

/// Adds the number of rows of another table to `a`.
#[step("shards.beside", version = 1, rows = ["a"])]
fn beside(table: Rows<Table>, other: Input<Table>) -> Result<RowWork<Table>, StepError> {
    let others = other.rows() as i64;
    let work = table.each(move |batch, _| {
        let sums: Vec<_> = batch.integers("a")?.map(|a| a.map(|a| a + others)).collect();
        Ok(BatchOutput::all().with(Values::integers(sums)))
    });
    Ok(work.with_columns([Column::new("sum", ColumnType::Integer)])?)
}

#[test]
fn a_table_beside_the_rows_is_given_to_each_shard_as_a_whole() {
    let source = |id: &str, rows| Box::new(Given(StepId::new(id).unwrap(), many(rows))) as Box<dyn StepDefinition>;
    let registry = Registry::linked().unwrap();
    let flow = |beside: i64, shards: Option<usize>| {
        let shards = shards.map(|rows| Shards { group: "s0".into(), over: "given".into(), rows });
        let policy = StepPolicy { shards, ..StepPolicy::default() };
        let step = |id: &str, uses: &str, params: Value, inputs: &[(&str, &str)]| {
            let step = registry.get(uses).unwrap().bind(StepId::new(id).unwrap(), params.as_object().unwrap());
            let step = step.unwrap_or_else(|_| panic!("{uses} takes its parameters"));
            let inputs = inputs.iter().map(|(port, from)| ((*port).to_owned(), (*from).to_owned())).collect();
            PlannedStep { step, inputs, source: false, policy: policy.clone() }
        };
        let filter = json!({ "where": "a > 100" });
        let steps = [
            step("s0", "table.filter", filter, &[("table", "given")]),
            step("s1", "shards.beside", json!({}), &[("table", "s0"), ("other", "beside")]),
        ];
        let (inputs, policy) = (Vec::new(), StepPolicy::default());
        let other = PlannedStep { step: source("beside", beside), inputs, source: true, policy };
        let sources = [source("given", 6_000).into(), other];
        FlowDefinition::new(sources.into_iter().chain(steps)).unwrap()
    };
    for (beside, other) in [(17, 18), (3_000, 2)] {
        let store = in_memory();
        let (whole, _) = run(&in_memory(), &flow(beside, None), 0);
        let (cut, parent) = run(&store, &flow(beside, Some(800)), 0);
        assert_eq!(cut, whole);
        assert!(children(&store, parent) > 3);
        // Another table beside the same rows is other work.
        let all = ReusePolicy::wherever_possible();
        let (changed, _) = run_reusing(&store, &flow(other, Some(800)), 0, &all);
        assert_eq!(changed.outputs.last(), run(&in_memory(), &flow(other, None), 0).0.outputs.last());
        assert_ne!(changed.fingerprint, whole.fingerprint);
    }
}

#[test]
fn steps_that_are_reused_leave_the_shards_to_the_others() {
    let rows = many(6_000);
    let filter = |at: i64| link("table.filter", json!({ "where": format!("a > {at}") }), "s0");
    let links = |last: i64| {
        let columns = json!({ "columns": [{ "twice": "a * 2" }] });
        [
            link("table.compute", columns, "given"),
            filter(last),
            link("table.filter", json!({ "where": "b > 2.0" }), "s1"),
        ]
    };
    let (store, all) = (in_memory(), ReusePolicy::wherever_possible());
    // The first step ran as a whole, and in shards.
    for before in [None, Some(900)] {
        let at = before.unwrap_or(100) as i64;
        run_reusing(&store, &definition(&rows, &links(at), before), 0, &all);
        let (whole, _) = run(&in_memory(), &definition(&rows, &links(at + 1), None), 0);
        let (cut, parent) = run_reusing(&store, &definition(&rows, &links(at + 1), Some(700)), 0, &all);
        let events = store.list(parent).unwrap();
        let reused: Vec<_> = events
            .iter()
            .filter_map(|event| match &event.kind {
                FlowEventKind::StepReused(reused) => Some(reused.step_id.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(reused, ["s0"]);
        assert_eq!(cut.fingerprint, whole.fingerprint);
        // Of the two steps that ran, each has an output and the outcomes of its rows.
        assert_eq!(cut.outputs[cut.outputs.len() - 4..], whole.outputs[whole.outputs.len() - 4..]);
        assert!(children(&store, parent) > 3);
    }
}
