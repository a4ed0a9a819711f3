//! Where a row is in its source is not part of its content: whatever is inserted, deleted or exchanged, the chunks of a table
//! change where the content of the rows does, and the values come back.

use std::collections::{HashMap, HashSet};

use chem_runtime::artifact::{Artifact, ArtifactValue, Column, ColumnType, Packed, Table, TableRoot, Values};
use chem_runtime::fingerprint::ArtifactHash;
use chem_tests::values::cases;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

/// Returns a table of records, each with its number in the file. A step has dropped those that `kept` refuses.
fn table(records: &[u32], kept: impl Fn(u32) -> bool, numbered: bool) -> Table {
    let rows: Vec<(i64, u32)> = (1..).zip(records.iter().copied()).filter(|(_, record)| kept(*record)).collect();
    let text = |(_, record): &(i64, u32)| format!("m{record}");
    let number = |(number, _): &(i64, u32)| numbered.then_some(*number);
    Table::new([
        (Column::new("name", ColumnType::Text), Values::texts(rows.iter().map(text))),
        (Column::new("record", ColumnType::Integer).as_location(), Values::integers(rows.iter().map(number))),
        (Column::new("x", ColumnType::Integer), Values::integers(rows.iter().map(|row| i64::from(row.1 % 7)))),
    ])
    .unwrap()
}

/// A change of the records of a file.
#[derive(Debug, Clone)]
enum Edit {
    InFront(u32),
    Insert(Index, u32),
    Delete(Index),
    Swap(Index, Index),
    Duplicate(Index),
}

impl Edit {
    fn apply(&self, records: &mut Vec<u32>) {
        let count = records.len();
        let at = |index: &Index| index.index(count);
        match self {
            Self::InFront(record) => records.insert(0, *record),
            Self::Insert(index, record) => records.insert(at(index), *record),
            Self::Delete(index) => drop(records.remove(at(index))),
            Self::Swap(one, other) => records.swap(at(one), at(other)),
            Self::Duplicate(index) => records.insert(at(index), records[at(index)]),
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let record = 1_000_000_u32..2_000_000;
    prop_oneof![
        record.clone().prop_map(Edit::InFront),
        (any::<Index>(), record).prop_map(|(index, record)| Edit::Insert(index, record)),
        any::<Index>().prop_map(Edit::Delete),
        (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Edit::Swap(one, other)),
        any::<Index>().prop_map(Edit::Duplicate),
    ]
}

fn shelf(packed: &Packed) -> HashMap<ArtifactHash, Artifact> {
    packed.parts.iter().map(|part| (part.hash(), part.clone())).collect()
}

/// Returns the number of chunks that only `after` has.
fn new_chunks(before: &Packed, after: &Packed) -> usize {
    let known: HashSet<_> = before.parts.iter().map(Artifact::hash).collect();
    after.parts.iter().filter(|part| !known.contains(&part.hash())).count()
}

fn sizes(packed: &Packed) -> Vec<usize> {
    TableRoot::of(&packed.root).unwrap().chunks.iter().map(|chunk| chunk.rows).collect()
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn chunks_change_where_the_content_does(edits in vec(edit(), 1..6), seed in any::<u32>(), dropped in 2_u32..9) {
        let before: Vec<u32> = (0..6_000_u32).map(|record| record.wrapping_mul(2_654_435_761) ^ seed).collect();
        let mut after = before.clone();
        edits.iter().for_each(|edit| edit.apply(&mut after));
        let packed = |records: &[u32], every: u32, numbered: bool| {
            table(records, |record| record % every != 1, numbered).pack().unwrap()
        };
        for every in [u32::MAX, dropped] {
            let [content, numbered] = [false, true].map(|numbered| {
                new_chunks(&packed(&before, every, numbered), &packed(&after, every, numbered))
            });
            prop_assert_eq!(sizes(&packed(&after, every, true)), sizes(&packed(&after, every, false)));
            // In the file, records follow each other without a gap. Where a step has dropped some, an edit changes two gaps.
            let gaps = if every == dropped { 2 * edits.len() } else { 0 };
            prop_assert!(numbered <= content + gaps, "{numbered} new chunks, of which {content} for their content");
        }
        let (edited, packed) = (table(&after, |_| true, true), packed(&after, u32::MAX, true));
        prop_assert_eq!(Table::unpack(&packed.root, &shelf(&packed)).unwrap(), edited);
    }

    #[test]
    fn all_values_come_back(values in vec(prop_oneof![
        Just(None), any::<i64>().prop_map(Some), Just(Some(i64::MIN)), Just(Some(i64::MAX)),
    ], 0..2_000)) {
        let column = |name| (Column::new(name, ColumnType::Integer).as_location(), Values::integers(values.clone()));
        let table = Table::new([column("record"), column("line")]).unwrap();
        let packed = table.pack().unwrap();
        prop_assert_eq!(Table::unpack(&packed.root, &shelf(&packed)).unwrap(), table);
    }
}

#[test]
fn a_record_put_in_front_of_many_changes_a_handful_of_chunks() {
    let records: Vec<u32> = (0..100_000).collect();
    let more: Vec<u32> = [1_000_000].into_iter().chain(records.iter().copied()).collect();
    let [before, after] = [&records, &more].map(|records| table(records, |_| true, true).pack().unwrap());
    let new = new_chunks(&before, &after);
    assert!(before.parts.len() > 40 && (1..=4).contains(&new), "{new} of {} chunks are new", after.parts.len());
}

/// Tables that earlier releases stored have no such columns, and their chunks have the values.
#[test]
fn chunks_with_the_values_themselves_are_read_as_before() {
    let chunk = Artifact::new("rows", &json!([["a", 5], ["b", 6], ["c", null]])).unwrap();
    let root = |columns: Value, more: Value| {
        let mut of_chunk = json!({ "hash": chunk.hash(), "rows": 3 });
        of_chunk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Artifact::new("table", &json!({ "columns": columns, "rows": 3, "chunks": [of_chunk] })).unwrap()
    };
    let columns = |location: bool| {
        let mut record = json!({ "name": "record", "type": "integer" });
        if location {
            record["location"] = true.into();
        }
        json!([{ "name": "name", "type": "text" }, record])
    };
    let shelf = HashMap::from([(chunk.hash(), chunk.clone())]);
    let values = |root: &Artifact| Table::unpack(root, &shelf).map(|table| table.data(1).unwrap().clone());
    let earlier = root(columns(false), json!({}));
    assert_eq!(values(&earlier).unwrap(), Values::integers([Some(5), Some(6), None]));
    let located = root(columns(true), json!({ "starts": [10] }));
    assert_eq!(values(&located).unwrap(), Values::integers([Some(15), Some(21), None]));
    for (starts, why) in [
        (json!({}), "it has 0 starts for 1 columns that locate rows"),
        (json!({ "starts": [1, 2] }), "it has 2 starts for 1 columns"),
        (json!({ "starts": [null] }), "row 0 has 5 in column `record`"),
    ] {
        let error = values(&root(columns(true), starts)).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
