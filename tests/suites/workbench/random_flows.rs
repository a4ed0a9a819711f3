//! The ways of records through random flows: each record is in the result or ends in one step on each way, the reasons are true
//! when they are evaluated again, and each row of each table leads back to the records that lead to it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chem_runtime::artifact::{ArtifactValue as _, Table};
use chem_runtime::engine::FlowEngine;
use chem_runtime::event::FlowEvent;
use chem_runtime::flow::FlowInstance;
use chem_runtime::manifest::{Source, check};
use chem_runtime::step::{Files, Registry};
use chem_runtime::store::{EventStore, StoredArtifacts};
use chem_runtime::workbench::{RecordTrace, StepOutcome, StepTrace, Wanted, WhyDropped, ancestry, trace};
use chem_tests::stores::Backend;
use chem_tests::values::cases;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::Value;

/// Molecules in several spellings, and texts that are none, each with the number of the molecule.
const SMILES: [(&str, Option<u8>); 10] = [
    ("CCO", Some(0)),
    ("OCC", Some(0)),
    ("C1CC", None),
    ("c1ccccc1", Some(1)),
    ("C1=CC=CC=C1", Some(1)),
    ("CCCCCCCC", Some(2)),
    ("CC(=O)O", Some(3)),
    ("not", None),
    ("Oc1ccccc1", Some(4)),
    ("CCN", Some(5)),
];

/// A record: the index of its SMILES, the number of its name, its score, and its group.
type Record = (usize, Option<u8>, Option<i64>, u8);

/// A step of a flow, over molecules unless it says otherwise.
#[derive(Debug, Clone)]
enum Op {
    Describe,
    Scaffold,
    Filter(i64),
    Alcohols(&'static str),
    Sort(&'static str),
    Top(usize, bool),
    Sample(usize, u64),
    Once(&'static str),
    Cluster,
    Diverse(usize),
    Similar(f64, usize),
    /// Unites the molecules with those of another step.
    Unite(Index),
    /// Joins the prices.
    Join(&'static str),
    /// Joins the prices with the molecules, which are then the second table. The result is a table.
    Priced(&'static str),
    Aggregate(bool),
    Unpivot,
    /// Divides the molecules into two parts.
    Split(u64),
    /// Counts the scores of each molecule by group. The result is a table.
    Pivot,
    Standardize,
    Rules,
    Alerts,
    /// Gives the molecules to a program, which returns them as a table.
    Program,
}

impl Op {
    fn gives_molecules(&self) -> bool {
        !matches!(self, Self::Priced(_) | Self::Aggregate(_) | Self::Unpivot | Self::Pivot | Self::Program)
    }

    /// Returns the step called `id` with its input `from` and that of a step that `other` chooses.
    fn written(&self, id: &str, from: &str, other: impl Fn(&Index) -> String) -> String {
        let one = |uses: &str, port: &str, with: &str| {
            format!("  - {{ id: {id}, uses: {uses}, inputs: {{ {port}: {from} }}, with: {{ {with} }} }}\n")
        };
        let two = |uses: &str, inputs: &str, with: &str| {
            format!("  - {{ id: {id}, uses: {uses}, inputs: {{ {inputs} }}, with: {{ {with} }} }}\n")
        };
        match self {
            Self::Describe => one("molecules.describe", "molecules", "properties: [logp]"),
            Self::Scaffold => one("molecules.scaffold", "molecules", ""),
            Self::Filter(least) => one("molecules.filter", "molecules", &format!("where: 'score >= {least}'")),
            Self::Alcohols(action) => {
                one("molecules.substructure", "molecules", &format!("smarts: '[OX2H]', action: {action}"))
            }
            Self::Sort(by) => one("table.sort", "table", &format!("by: [{by}]")),
            Self::Top(count, per) => {
                let per = if *per { ", per: [group]" } else { "" };
                one("table.top", "table", &format!("by: score, count: {count}{per}"))
            }
            Self::Sample(count, seed) => one("molecules.sample", "molecules", &format!("count: {count}, seed: {seed}")),
            Self::Once(keep) => one("molecules.deduplicate", "molecules", &format!("keep: {keep}")),
            Self::Cluster => one("molecules.cluster", "molecules", "threshold: 0.3"),
            Self::Diverse(count) => one("molecules.diverse", "molecules", &format!("count: {count}")),
            Self::Similar(threshold, top) => {
                one("molecules.similar", "molecules", &format!("queries: [CCO], threshold: {threshold}, top: {top}"))
            }
            Self::Unite(index) => {
                two("table.union", &format!("first: {from}, second: {}", other(index)), "columns: all")
            }
            Self::Join(how) => two(
                "table.join",
                &format!("left: {from}, right: prices"),
                &format!("on: [name], right_on: [of], how: {how}"),
            ),
            Self::Priced(how) => two(
                "table.join",
                &format!("left: prices, right: {from}"),
                &format!("on: [of], right_on: [name], how: {how}"),
            ),
            Self::Aggregate(grouped) => {
                let by = if *grouped { "group" } else { "" };
                one("table.aggregate", "table", &format!("by: [{by}], values: [count]"))
            }
            Self::Unpivot => one(
                "table.unpivot",
                "table",
                "columns: [score, record], keep: [name, group], name: of, missing: drop, others: drop",
            ),
            Self::Split(seed) => {
                one("table.split", "table", &format!("parts: [a 0.5, b 0.5], seed: {seed}, column: part_of_{id}"))
            }
            Self::Pivot => {
                one("table.pivot", "table", "keep: [smiles], name: group, value: score, aggregate: count, others: drop")
            }
            Self::Standardize => one("molecules.standardize", "molecules", ""),
            Self::Rules => one("molecules.rules", "molecules", "rules: [lipinski, veber]"),
            Self::Alerts => one("molecules.alerts", "molecules", "catalogue: [brenk]"),
            Self::Program => {
                one("process.run", "table", "command: [sh, -c, 'tail -n +1'], version: sh@1, send: csv, receive: csv")
            }
        }
    }
}

fn ops() -> impl Strategy<Value = Op> {
    let hows = || select(vec!["inner", "left", "semi", "anti"]);
    prop_oneof![
        Just(Op::Describe),
        Just(Op::Scaffold),
        Just(Op::Cluster),
        Just(Op::Unpivot),
        Just(Op::Pivot),
        Just(Op::Standardize),
        Just(Op::Rules),
        Just(Op::Alerts),
        Just(Op::Program),
        (0_u64..9).prop_map(Op::Split),
        (0_i64..8).prop_map(Op::Filter),
        select(vec!["keep", "drop"]).prop_map(Op::Alcohols),
        select(vec!["score desc", "group", "smiles, score"]).prop_map(Op::Sort),
        (1_usize..4, any::<bool>()).prop_map(|(count, per)| Op::Top(count, per)),
        (0_usize..6, 0_u64..9).prop_map(|(count, seed)| Op::Sample(count, seed)),
        select(vec!["first", "last"]).prop_map(Op::Once),
        (1_usize..5).prop_map(Op::Diverse),
        (select(vec![0.0, 0.2, 0.9]), 1_usize..5).prop_map(|(threshold, top)| Op::Similar(threshold, top)),
        any::<Index>().prop_map(Op::Unite),
        hows().prop_map(Op::Join),
        hows().prop_map(Op::Priced),
        any::<bool>().prop_map(Op::Aggregate),
    ]
}

/// A flow: for each step, what chooses its input, and what it does.
type Flow = Vec<(Index, Op)>;

/// Returns the manifest of a flow, and the input of each step.
fn manifest(flow: &Flow) -> (String, Vec<String>) {
    let mut text = "flow: random\nsteps:\n  - { id: read, uses: molecules.read, with: { path: in.csv } }\n  \
                    - { id: prices, uses: table.read, source: true, with: { path: prices.csv } }\n"
        .to_owned();
    let (mut molecules, mut inputs) = (vec!["read".to_owned()], Vec::new());
    for (index, (from, op)) in flow.iter().enumerate() {
        let (id, from) = (format!("s{index}"), from.get(&molecules).clone());
        text.push_str(&op.written(&id, &from, |index| index.get(&molecules).clone()));
        inputs.push(from);
        if op.gives_molecules() {
            molecules.push(id);
        }
    }
    (text, inputs)
}

struct Ran {
    store: Arc<dyn EventStore>,
    instance: FlowInstance,
    events: Vec<FlowEvent>,
}

/// Runs a flow; `None` if it divides too few rows.
fn run(store: Arc<dyn EventStore>, records: &[Record], prices: &[u8], manifest: &str) -> Option<Ran> {
    let directory = tempfile::tempdir().unwrap();
    let lines = records.iter().map(|(smiles, name, score, group)| {
        let name = name.map(|name| format!("m{name}")).unwrap_or_default();
        format!("{},{name},{},g{group}\n", SMILES[*smiles].0, score.map(|score| score.to_string()).unwrap_or_default())
    });
    let text: String = std::iter::once("smiles,name,score,group\n".to_owned()).chain(lines).collect();
    std::fs::write(directory.path().join("in.csv"), text).unwrap();
    let prices = prices.iter().enumerate().map(|(index, of)| format!("m{of},{}\n", index % 3));
    let prices: String = std::iter::once("of,price\n".to_owned()).chain(prices).collect();
    std::fs::write(directory.path().join("prices.csv"), prices).unwrap();
    let checked = check(&Source::new("m.yaml", manifest), &[], Registry::linked().unwrap(), directory.path());
    let definition = checked.definition.unwrap_or_else(|| panic!("{:?}\n{manifest}", checked.diagnostics));
    let engine = FlowEngine::on(store.clone()).directory(directory.path()).definition(definition);
    let instance = match engine.run_to_end() {
        Err(error) if error.to_string().contains("would have none of the") => return None,
        ended => ended.unwrap_or_else(|error| panic!("{error}\n{manifest}")),
    };
    let events = store.list(instance.flow_id()).unwrap();
    Some(Ran { store, instance, events })
}

impl Ran {
    fn table(&self, step: &str) -> Table {
        let artifacts = StoredArtifacts(self.store.clone());
        let hash = self.instance.step(step).unwrap().output("main").unwrap().hash;
        Table::unpack(&self.store.read_artifact(hash).unwrap().unwrap(), &artifacts).unwrap()
    }

    fn trace(&self, source: &str, record: u64) -> RecordTrace {
        let wanted = Wanted::Record(record);
        let registry = Registry::linked().unwrap();
        let found =
            trace(&*self.store, registry, &self.instance, &self.events, &Files::relative_to("."), &wanted).unwrap();
        found.records.into_iter().find(|found| found.origin.step == source).unwrap()
    }

    /// Returns the records from which a row comes, each with its source.
    fn origins(&self, step: &str, row: usize) -> BTreeSet<(String, u64)> {
        let registry = Registry::linked().unwrap();
        let (of, number) = (Some(step), row as u64 + 1);
        let found =
            ancestry(&*self.store, registry, &self.instance, &self.events, &Files::relative_to("."), of, number)
                .unwrap();
        assert_eq!(found.more, 0);
        found.sources.into_iter().map(|origin| (origin.step, origin.record.unwrap())).collect()
    }
}

/// Returns the value in a row of a table.
fn cell(table: &Table, row: usize, column: &str) -> Value {
    table.column(column).map(|(_, data)| data.json(row)).unwrap_or_default()
}

/// Checks by own means that a step dropped the rows that `rows` has of a record, for the reason that the trace gives.
fn reason_is_true(op: &Op, step: &StepTrace, input: &Table, rows: &BTreeSet<usize>, main: &Table) {
    let why = match &step.outcome {
        StepOutcome::Dropped(why) => why.first(),
        StepOutcome::Merged { into, row, .. } => {
            assert!(matches!(op, Op::Once(_)));
            assert_eq!(into["smiles"], cell(main, *row, "smiles"));
            assert!(rows.iter().any(|row| cell(input, *row, "smiles") == into["smiles"]));
            return;
        }
        StepOutcome::Unfollowed(reason) => {
            assert!(matches!(op, Op::Program));
            let given = format!("given to the program `sh -c tail -n +1`, whose {} rows do not say", main.rows());
            assert!(reason.starts_with(&given), "{reason}");
            return;
        }
        StepOutcome::Used(_) => {
            assert!(matches!(op, Op::Priced("semi" | "anti")));
            return;
        }
        other => panic!("{op:?}: {other:?}"),
    };
    match (op, why.unwrap()) {
        (Op::Filter(least), WhyDropped::Condition { missing, columns, .. }) => {
            let score = columns["score"].as_i64();
            assert!(rows.iter().any(|row| cell(input, *row, "score").as_i64() == score));
            assert_eq!(missing.is_some(), score.is_none());
            assert!(score.is_none_or(|score| score < *least));
        }
        (Op::Top(count, per), WhyDropped::Told { values, .. }) => {
            let score = values["score"].as_i64();
            let Some(score) = score else {
                assert!(rows.iter().any(|row| cell(input, *row, "score").is_null()));
                return;
            };
            let (row, last) = (rows.iter().find(|row| cell(input, **row, "score") == score), values["last"].as_i64());
            let group = cell(input, *row.unwrap(), "group");
            let better = |row: &usize| {
                (!per || cell(main, *row, "group") == group) && cell(main, *row, "score").as_i64() >= Some(score)
            };
            assert!((0..main.rows()).filter(better).count() >= *count);
            assert!(last >= Some(score));
        }
        (Op::Sample(count, _), WhyDropped::Told { values, .. }) => {
            assert_eq!(values["drawn"].as_u64(), Some((*count).min(input.rows()) as u64));
            assert_eq!(main.rows(), (*count).min(input.rows()));
        }
        (Op::Alcohols(action), WhyDropped::Told { values, .. }) => {
            let occurs = ["CCO", "CC(=O)O", "Oc1ccccc1"].contains(&values["smiles"].as_str().unwrap());
            assert_eq!((values["occurs"].as_bool(), occurs), (Some(occurs), *action == "drop"));
        }
        (Op::Similar(threshold, _), WhyDropped::Told { values, .. }) => {
            let similarity = values["similarity"].as_f64().unwrap();
            match values.get("last") {
                Some(last) => {
                    assert!(last.as_f64().unwrap() >= similarity);
                    assert!((0..main.rows()).all(|row| cell(main, row, "similarity").as_f64().unwrap() >= similarity));
                }
                None => assert!(similarity <= *threshold),
            }
        }
        (Op::Diverse(count), WhyDropped::Told { values, .. }) => {
            assert_eq!(main.rows(), *count);
            if let Some(last) = values.get("last") {
                assert!(values["distance"].as_f64() <= last.as_f64());
            }
        }
        (Op::Join(how), WhyDropped::Told { values, .. }) => {
            let name = &values["name"];
            let there = (0..main.rows()).any(|row| cell(main, row, "name") == *name);
            assert!(rows.iter().any(|row| cell(input, *row, "name") == *name));
            assert!(!there && ["inner", "semi", "anti"].contains(how));
        }
        (Op::Priced(how), WhyDropped::Told { values, .. }) => {
            let there = (0..main.rows()).any(|row| cell(main, row, "of") == values["name"]);
            assert!(!there || values["name"].is_null(), "{how}");
        }
        (Op::Unpivot, WhyDropped::Parameters { .. }) => {
            // A record has a number, so that it has a row.
            panic!("every record has a row");
        }
        other => panic!("{other:?}"),
    }
}

fn the_ways_are_true(
    store: Arc<dyn EventStore>,
    records: &[Record],
    prices: &[u8],
    flow: &Flow,
) -> Result<(), TestCaseError> {
    let (manifest, inputs) = manifest(flow);
    let Some(ran) = run(store, records, prices, &manifest) else {
        return Err(TestCaseError::reject("a part of a split has no rows"));
    };
    let tables: BTreeMap<String, Table> =
        (0..flow.len()).map(|index| format!("s{index}")).map(|id| (id.clone(), ran.table(&id))).collect();
    let read = ran.table("read");
    let taken: BTreeSet<&String> = inputs.iter().collect();
    // For each row of each step, the records that lead to it.
    let mut leads: BTreeMap<(String, usize), BTreeSet<(String, u64)>> = BTreeMap::new();
    let sources = [("read", records.len()), ("prices", prices.len())];
    for (source, count) in sources {
        for record in 1..=count as u64 {
            let RecordTrace { origin, steps } = ran.trace(source, record);
            prop_assert_eq!(origin.record, Some(record));
            let rejected = source == "read" && SMILES[records[record as usize - 1].0].1.is_none();
            prop_assert_eq!(origin.rejected.is_some(), rejected);
            // The rows of the record in each table.
            let mut rows: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
            for step in &steps {
                let of_step = rows.entry(step.step.clone()).or_default();
                match &step.outcome {
                    StepOutcome::Kept(kept) => of_step.extend(kept.iter().map(|kept| kept.row)),
                    StepOutcome::Grouped(groups) => of_step.extend(groups.iter().map(|group| group.row)),
                    _ => {}
                }
            }
            for step in &steps {
                let index: usize = step.step[1..].parse().unwrap();
                let op = &flow[index].1;
                let came_out = matches!(&step.outcome, StepOutcome::Kept(_) | StepOutcome::Grouped(_));
                let goes_on = taken.contains(&step.step) || manifest.contains(&format!("second: {} ", step.step));
                prop_assert_eq!(step.last, !came_out || !goes_on, "{:?}\n{}", step, manifest);
                if !came_out && source == "read" {
                    let before: BTreeSet<usize> = match inputs[index].as_str() {
                        "read" => (0..read.rows()).filter(|row| cell(&read, *row, "record") == record).collect(),
                        from => rows[from].clone(),
                    };
                    let input = tables.get(&inputs[index]).unwrap_or(&read);
                    reason_is_true(op, step, input, &before, &tables[&step.step]);
                }
                // What is told once is not told again.
                let again = steps.iter().filter(|other| *other == step).count();
                prop_assert_eq!(again, 1, "{:?}", step);
            }
            for (step, rows) in rows {
                for row in rows {
                    leads.entry((step.clone(), row)).or_default().insert((source.to_owned(), record));
                }
            }
        }
    }
    for (step, table) in &tables {
        let is_made_outside = matches!(flow[step[1..].parse::<usize>().unwrap()].1, Op::Program);
        for row in 0..table.rows() {
            let empty = BTreeSet::new();
            let forward = leads.get(&(step.clone(), row)).unwrap_or(&empty);
            let back = ran.origins(step, row);
            let ambiguous = manifest.contains("molecules.diverse");
            if !ambiguous {
                prop_assert_eq!(forward, &back, "row {} of {}\n{}", row + 1, step, manifest);
            }
            prop_assert!(
                back.is_subset(forward)
                    && (ambiguous || is_made_outside || !back.is_empty() || table.columns().len() == 1)
            );
            // A molecule leads to the record that it says itself.
            let record = cell(table, row, "record").as_u64();
            if let Some(record) = record.filter(|_| table.column("smiles").is_some() && !is_made_outside) {
                prop_assert!(forward.contains(&("read".to_owned(), record)));
            }
        }
    }
    Ok(())
}

fn flows() -> impl Strategy<Value = (Vec<Record>, Vec<u8>, Flow)> {
    let record = (0..SMILES.len(), option::weighted(0.8, 0_u8..4), option::weighted(0.8, 0_i64..9), 0_u8..3);
    (vec(record, 0..8), vec(0_u8..5, 1..5), vec((any::<Index>(), ops()), 1..7)).prop_map(
        |(mut records, prices, flow)| {
            // So that the column has numbers, whatever comes before.
            records.push((0, Some(0), Some(8), 0));
            (records, prices, flow)
        },
    )
}

/// Checks random flows on a store, which keeps the runs of all of them and reuses their results.
fn the_ways_are_true_on<B: Backend>(number: u32) {
    let Some(backend) = B::fresh() else { return };
    TestRunner::new(cases(number))
        .run(&flows(), |(records, prices, flow)| the_ways_are_true(backend.store(), &records, &prices, &flow))
        .unwrap();
}

macro_rules! on_each_store {
    ($($(#[$meta:meta])* $store:ident => $backend:ty,)*) => {$(
        $(#[$meta])*
        mod $store {
            #[test]
            fn the_ways_of_records_through_random_flows_are_true() {
                super::the_ways_are_true_on::<$backend>(32);
            }
        }
    )*};
}

chem_tests::stores!(on_each_store);
