//! Two runs side by side.

use std::sync::Mutex;

use chem_runtime::artifact::{
    Artifact, ArtifactError, ArtifactSource, ArtifactValue, Column, ColumnType, Table, TableRoot, Values,
};
use chem_runtime::event::OutputRef;
use chem_runtime::fingerprint::ArtifactHash;
use chem_runtime::flow::FlowStatus;
use chem_runtime::store::{InMemoryEventStore, StoredArtifacts};
use chem_runtime::workbench::{Change, Comparison, Difference, Example, FlowFacts, RecordDifference, StepFacts, diff};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// Artifacts, and which of them were read.
#[derive(Default)]
struct Shelf {
    artifacts: HashMap<ArtifactHash, Artifact>,
    read: Mutex<Vec<ArtifactHash>>,
}

impl ArtifactSource for Shelf {
    fn artifact(&self, hash: ArtifactHash) -> Result<Artifact, ArtifactError> {
        self.read.lock().unwrap().push(hash);
        self.artifacts.get(&hash).cloned().ok_or(ArtifactError::Missing { hash })
    }
}

impl Shelf {
    fn put(&mut self, table: &Table) -> ArtifactHash {
        let packed = table.pack().unwrap();
        let root = packed.root.hash();
        self.artifacts.extend(packed.parts.into_iter().chain([packed.root]).map(|one| (one.hash(), one)));
        root
    }

    fn compare(&self, before: ArtifactHash, after: ArtifactHash) -> Comparison {
        diff(self, &flow(before, 400), &flow(after, 500)).unwrap()
    }

    fn records(&self, before: ArtifactHash, after: ArtifactHash) -> RecordDifference {
        let mut steps = self.compare(before, after).steps;
        match steps.remove(0).outputs.remove(0).change {
            Change::Records(records) => records,
            other => panic!("{other:?}"),
        }
    }
}

/// A flow of one step that has put out a table.
fn flow(output: ArtifactHash, max: u32) -> FlowFacts {
    let outputs = vec![OutputRef { name: "main".into(), kind: "table".into(), hash: output }];
    let params = [("max".to_owned(), json!(max))].into_iter().collect();
    FlowFacts {
        flow_id: None,
        flow: "f".into(),
        status: None,
        definition_hash: None,
        params: Default::default(),
        step_ids: vec!["keep".into()],
        steps: vec![StepFacts {
            id: "keep".into(),
            uses: "test.keep".into(),
            version: 1,
            wiring: BTreeMap::new(),
            inputs: BTreeMap::new(),
            params,
            written: Default::default(),
            outputs,
        }],
        flow_fingerprint: None,
    }
}

/// A table of these records: a name and a weight.
fn table(records: impl Iterator<Item = (u32, f64)>) -> Table {
    let (names, weights): (Vec<u32>, Vec<f64>) = records.unzip();
    let names = names.into_iter().map(|name| format!("m{name}"));
    Table::new([
        (Column::new("name", ColumnType::Text), Values::texts(names)),
        (Column::new("weight", ColumnType::Float), Values::floats(weights)),
    ])
    .unwrap()
}

fn many() -> impl Iterator<Item = (u32, f64)> {
    (0..100_000).map(|name| (name, f64::from(name) / 8.0))
}

#[test]
fn records_are_found_without_reading_what_is_equal() {
    let mut shelf = Shelf::default();
    let before = shelf.put(&table(many()));
    let changed = many()
        .filter(|(name, _)| *name != 70_000)
        .map(|(name, weight)| (name, if name == 30_000 { 1.0 } else { weight }))
        .chain([(200_000, 2.0)]);
    let after = shelf.put(&table(changed));
    let records = shelf.records(before, after);
    assert_eq!((records.added, records.removed, records.changed), (1, 1, 1));
    assert_eq!(records.by_column, [("weight".to_owned(), 1)].into());
    assert_eq!(records.key.as_deref(), Some("name"));
    assert!(records.examples.contains(&Example::Removed(json!({"name": "m70000", "weight": 8750}))));
    assert!(records.examples.contains(&Example::Added(json!({"name": "m200000", "weight": 2}))));
    let change = [("weight".to_owned(), (json!(3750), json!(1)))].into();
    assert!(records.examples.contains(&Example::Changed("m30000".into(), change)), "{:#?}", records.examples);

    let chunks = TableRoot::of(&shelf.artifacts[&before]).unwrap().chunks.len();
    let read = shelf.read.lock().unwrap().len();
    // Both roots, and the chunks about three places on either side.
    assert!(chunks > 60 && read <= 2 + 2 * 3 * 3, "{read} artifacts were read of twice {chunks} chunks");
}

#[test]
fn the_first_step_that_parts_is_named_with_its_cause() {
    let mut shelf = Shelf::default();
    let (before, after) = (shelf.put(&table(many().take(10))), shelf.put(&table(many().take(12))));
    let comparison = shelf.compare(before, after);
    assert_eq!(comparison.parted().unwrap().why[0].to_string(), "parameter max 400 → 500");
    assert_eq!(shelf.records(before, after).added, 2);
    assert_eq!(shelf.records(after, before).removed, 2);
    let told = comparison.to_json();
    assert_eq!((&told["equal"], &told["parted"]["step"]), (&json!(false), &json!("keep")));
    assert_eq!(told["steps"][0]["outputs"][0]["change"]["added"], 2);

    let same = diff(&shelf, &flow(before, 400), &flow(before, 400)).unwrap();
    assert!(same.is_empty());
    assert_eq!(same.to_json()["equal"], Value::Bool(true));
}

#[test]
fn order_columns_and_records_that_come_twice_are_told_apart() {
    let mut shelf = Shelf::default();
    let forward = shelf.put(&table(many().take(100)));
    let backward = shelf.put(&table(many().take(100).collect::<Vec<_>>().into_iter().rev()));
    let records = shelf.records(forward, backward);
    assert_eq!((records.added, records.removed, records.changed, records.reordered), (0, 0, 0, true));

    let twice = shelf.put(&table(many().take(100).chain(many().take(1))));
    let records = shelf.records(forward, twice);
    assert_eq!((records.added, records.removed, records.changed, records.reordered), (1, 0, 0, false));

    let names = many().take(100).map(|(name, _)| format!("m{name}"));
    let narrow = Table::new([(Column::new("name", ColumnType::Text), Values::texts(names))]).unwrap();
    let narrow = shelf.put(&narrow);
    let records = shelf.records(forward, narrow);
    assert_eq!((records.added, records.removed, records.changed, records.reordered), (0, 0, 0, false));
    assert_eq!(records.columns_removed, ["weight"]);
}

#[test]
fn what_is_no_table_or_cannot_be_read_is_said_to_be_so() {
    let mut shelf = Shelf::default();
    let value = |payload: Value| Artifact::new("count", &payload).unwrap();
    let (one, other) = (value(json!({"n": [1, 2]})), value(json!({"n": [1, 3]})));
    for artifact in [&one, &other] {
        shelf.artifacts.insert(artifact.hash(), artifact.clone());
    }
    let change = |before: &Artifact, after: &Artifact, source: &dyn ArtifactSource| {
        let mut steps = diff(source, &flow(before.hash(), 1), &flow(after.hash(), 1)).unwrap().steps;
        assert_eq!(steps[0].why, []);
        steps.remove(0).outputs.remove(0).change
    };
    let expected = Change::Value { path: "$.n[1]".into(), before: json!(2), after: json!(3) };
    assert_eq!(change(&one, &other, &shelf), expected);
    let empty = InMemoryEventStore::new();
    assert!(matches!(change(&one, &other, &StoredArtifacts(&empty)), Change::Unreadable(_)));
}

#[test]
fn a_run_that_has_not_got_as_far_is_not_the_same() {
    let shelf = Shelf::default();
    let numbered = |number: u32| format!("{number:064x}");
    let complete = {
        let flow = flow(numbered(1).parse().unwrap(), 1);
        let fingerprint = Some(numbered(2).parse().unwrap());
        FlowFacts { status: Some(FlowStatus::Completed), flow_fingerprint: fingerprint, ..flow }
    };
    let mut failed = FlowFacts { status: Some(FlowStatus::Failed), flow_fingerprint: None, ..complete.clone() };
    failed.steps[0].outputs.clear();
    let pending = FlowFacts { status: Some(FlowStatus::Interrupted), steps: Vec::new(), ..failed.clone() };
    let planned = FlowFacts { status: None, ..failed.clone() };
    let told = |before: &FlowFacts, after: &FlowFacts| diff(&shelf, before, after).unwrap();

    for (before, after) in [(&complete, &failed), (&failed, &complete)] {
        let comparison = told(before, after);
        assert!(!comparison.is_empty() && comparison.statuses().is_some());
        assert_eq!(comparison.steps[0].outputs[0].change, Change::OneSided);
    }
    assert_eq!(told(&complete, &pending).steps[0].why, [Difference::Started { after: false }]);
    assert_eq!(told(&pending, &complete).steps[0].why, [Difference::Started { after: true }]);
    let mut meddled = complete.clone();
    meddled.flow_fingerprint = Some(numbered(3).parse().unwrap());
    assert!(!told(&complete, &meddled).is_empty());
    // What a plan does not know is no difference, nor is a run beside itself.
    assert!(told(&complete, &planned).is_empty());
    assert!([&complete, &failed, &pending].iter().all(|run| told(run, run).is_empty()));
}
