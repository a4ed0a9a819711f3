//! What became of the records of random libraries: each is in the result, or one step took it out, for a reason that is true.

use std::collections::BTreeMap;
use std::sync::Arc;

use chem_runtime::artifact::{ArtifactValue as _, Table};
use chem_runtime::engine::FlowEngine;
use chem_runtime::flow::{FlowInstance, replay};
use chem_runtime::manifest::{Source, check};
use chem_runtime::step::{Files, Registry};
use chem_runtime::store::{EventStore, InMemoryEventStore, StoredArtifacts};
use chem_runtime::workbench::{RecordTrace, StepOutcome, Wanted, WhyDropped, trace};
use chem_tests::values::cases;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use serde_json::Value;

/// Molecules in several spellings, and texts that are none.
const SMILES: [&str; 10] =
    ["CCO", "OCC", "C1CC", "c1ccccc1", "C1=CC=CC=C1", "CCCCCCCC", "CC(=O)O", "not", "Oc1ccccc1", "CCN"];

/// A record: the index of its SMILES, and its score.
type Record = (usize, Option<i64>);

fn manifest(limit: f64, least: i64, count: usize, keep: &str) -> String {
    format!(
        "flow: traced
params: {{ limit: {limit:?} }}
steps:
  - {{ id: read, uses: molecules.read, with: {{ path: in.csv }} }}
  - {{ id: describe, uses: molecules.describe, with: {{ properties: [logp] }} }}
  - {{ id: keep, uses: molecules.filter, with: {{ where: \"logp <= params.limit && score >= {least}\" }} }}
  - {{ id: once, uses: molecules.deduplicate, with: {{ keep: {keep} }} }}
  - {{ id: acids, uses: molecules.substructure, with: {{ smarts: 'C(=O)[OX2H]', action: drop }} }}
  - {{ id: best, uses: table.top, with: {{ by: score, count: {count} }} }}
"
    )
}

struct Ran {
    store: Arc<dyn EventStore>,
    instance: FlowInstance,
}

fn run(records: &[Record], manifest: &str) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let lines = records.iter().enumerate().map(|(index, (smiles, score))| {
        let score = score.map(|score| score.to_string()).unwrap_or_default();
        format!("{},m{index},{score}\n", SMILES[*smiles])
    });
    let text: String = std::iter::once("smiles,name,score\n".to_owned()).chain(lines).collect();
    std::fs::write(directory.path().join("in.csv"), text).unwrap();
    let checked = check(&Source::new("m.yaml", manifest), &[], Registry::linked().unwrap(), directory.path());
    let definition = checked.definition.unwrap_or_else(|| panic!("{:?}", checked.diagnostics));
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let engine = FlowEngine::on(store.clone()).directory(directory.path()).definition(definition);
    let instance = engine.run_to_end().unwrap_or_else(|error| panic!("{error}"));
    Ran { store, instance }
}

impl Ran {
    fn table(&self, step: &str) -> Table {
        let artifacts = StoredArtifacts(self.store.clone());
        let hash = self.instance.step(step).unwrap().output("main").unwrap().hash;
        Table::unpack(&self.store.read_artifact(hash).unwrap().unwrap(), &artifacts).unwrap()
    }

    fn trace(&self, record: u64) -> RecordTrace {
        let events = self.store.list(self.instance.flow_id()).unwrap();
        let instance = replay(self.instance.flow_id(), &events).unwrap();
        let (files, wanted) = (Files::relative_to("."), Wanted::Record(record));
        let mut found = trace(&*self.store, Registry::linked().unwrap(), &instance, &events, &files, &wanted).unwrap();
        assert_eq!((found.records.len(), found.more), (1, 0));
        found.records.remove(0)
    }
}

/// The values of the rows of a table by the number of their records.
fn by_record(table: &Table) -> BTreeMap<u64, BTreeMap<String, Value>> {
    let names: Vec<String> = table.columns().iter().map(|column| column.name.to_string()).collect();
    let rows = (0..table.rows()).map(|row| names.iter().cloned().zip(table.row(row)).collect());
    rows.map(|row: BTreeMap<String, Value>| (row["record"].as_u64().unwrap(), row)).collect()
}

fn every_record_has_one_end(
    records: &[Record],
    (limit, least, count, last): (f64, i64, usize, bool),
) -> Result<(), TestCaseError> {
    let keep = if last { "last" } else { "first" };
    let ran = run(records, &manifest(limit, least, count, keep));
    let tables: BTreeMap<&str, _> =
        ["describe", "keep", "once", "acids", "best"].map(|step| (step, by_record(&ran.table(step)))).into();
    for (record, (smiles, score)) in (1..).zip(records) {
        let RecordTrace { origin, steps } = ran.trace(record);
        prop_assert_eq!(origin.record, Some(record));
        prop_assert_eq!(origin.rejected.is_some(), ["C1CC", "not"].contains(&SMILES[*smiles]));
        prop_assert_eq!(origin.rejected.is_some(), steps.is_empty());
        let Some((end, passed)) = steps.split_last() else { continue };
        for step in passed {
            let StepOutcome::Kept(rows) = &step.outcome else { panic!("{step:?} is not the last") };
            prop_assert_eq!((rows.len(), rows[0].alike), (1, 1));
            prop_assert!(tables[step.step.as_str()].contains_key(&record));
        }
        let step = end.step.as_str();
        let there = tables[step].contains_key(&record);
        prop_assert_eq!(there, step == "best" && matches!(&end.outcome, StepOutcome::Kept(_)));
        match (&end.outcome, step) {
            (StepOutcome::Kept(rows), "best") => prop_assert_eq!((rows.len(), rows[0].alike), (1, 1)),
            (StepOutcome::Dropped(why), "keep") => {
                prop_assert!(!why.is_empty());
                for why in why {
                    let WhyDropped::Condition { condition, missing, columns, params } = why else { panic!("{why:?}") };
                    if condition == "logp <= params.limit" {
                        let logp = tables["describe"][&record]["logp"].clone();
                        prop_assert_eq!(&columns["logp"], &logp);
                        prop_assert!(logp.as_f64().unwrap() > params["limit"].as_f64().unwrap());
                        prop_assert_eq!(params["limit"].as_f64(), Some(limit));
                    } else {
                        prop_assert_eq!(condition, &format!("score >= {least}"));
                        prop_assert_eq!(columns["score"].as_i64(), *score);
                        prop_assert_eq!(missing.as_deref(), score.is_none().then_some("score"));
                        prop_assert!(score.is_none_or(|score| score < least));
                    }
                }
            }
            (StepOutcome::Merged { into, .. }, "once") => {
                let other = into["record"].as_u64().unwrap();
                prop_assert_eq!(&tables["once"][&other]["smiles"], &tables["keep"][&record]["smiles"]);
                prop_assert_eq!(other > record, last);
            }
            (StepOutcome::Dropped(why), "acids") => {
                let WhyDropped::Told { values, .. } = &why[0] else { panic!("{why:?}") };
                prop_assert_eq!((values["smiles"].as_str(), values["occurs"].as_bool()), (Some("CC(=O)O"), Some(true)));
            }
            (StepOutcome::Dropped(why), "best") => {
                let WhyDropped::Told { values, .. } = &why[0] else { panic!("{why:?}") };
                prop_assert_eq!(values["score"].as_i64(), *score);
                let kept = tables["best"].values();
                prop_assert_eq!(values["last"].as_i64(), kept.clone().filter_map(|row| row["score"].as_i64()).min());
                prop_assert!(kept.clone().all(|row| row["score"].as_i64() >= *score) && kept.count() == count);
            }
            other => panic!("{other:?}"),
        }
    }
    Ok(())
}

#[test]
fn every_record_is_in_the_result_or_left_it_in_one_step_for_a_reason_that_is_true() {
    let record = (0..SMILES.len(), option::of(0_i64..9));
    let rules = (prop_oneof![Just(-5.0), Just(0.5), Just(2.0), Just(9.0)], 0_i64..5, 1..4_usize, any::<bool>());
    TestRunner::new(cases(24))
        .run(&(vec(record, 0..12), rules), |(mut records, rules)| {
            // So that the column has numbers, whatever comes before.
            records.push((0, Some(8)));
            every_record_has_one_end(&records, rules)
        })
        .unwrap();
}
