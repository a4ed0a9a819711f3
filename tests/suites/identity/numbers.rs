//! A number is the same number after it was written to a file and read back, in every format of text.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use chem_runtime::artifact::{ArtifactValue as _, Column, ColumnType, Table, Values};
use chem_runtime::step::{
    CancelToken, ExecutionContext, Files, Input, Inputs, OutputFile, Silent, Step as _, StepId, Stream,
};
use chem_runtime::steps::table::{ReadTable, write_table};
use chem_tests::values::{cases, finite};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const FORMATS: [&str; 3] = ["csv", "tsv", "jsonl"];

fn floats() -> impl Strategy<Value = Vec<Option<f64>>> {
    let known = vec![
        6.022e23,
        602_200.0,
        1e17,
        9_007_199_254_740_992.0,
        9_007_199_254_740_994.0,
        9_223_372_036_854_775_808.0,
        1e22,
        1e-5,
        9.9e-6,
        0.1,
        -0.0,
        5.0,
    ];
    let value = prop_oneof![1 => Just(None), 4 => select(known).prop_map(Some), 4 => finite().prop_map(Some)];
    vec(value, 1..12)
}

/// The text that `table.write` makes of a table, and the table that `table.read` makes of that.
fn written_and_read(table: &Table, format: &str, directory: &Path) -> (String, Arc<Table>) {
    let (id, files, cancel) = (StepId::new("it").unwrap(), Files::relative_to(directory), CancelToken::default());
    let (inputs, artifacts) = (Inputs::default(), HashMap::new());
    let context = ExecutionContext::new(&id, &inputs, &artifacts, &files, &cancel, &Silent);
    let (name, input) = (format!("t.{format}"), Input::from(Arc::new(Stream::from(Arc::new(table.clone())))));
    write_table(input, OutputFile::new(&name), None, None, None, &context).unwrap();
    let read = ReadTable::new(name.as_str()).with_on_error("fail").execute(&context).unwrap();
    let text = std::fs::read_to_string(directory.join(&name)).unwrap();
    (text, Table::take(read[0].handed.as_ref().unwrap()).unwrap())
}

/// The numbers of a column, in digits that tell any two of them apart.
fn numbers(data: &Values) -> Vec<Option<String>> {
    match data {
        Values::Integer(values) => values.iter().map(|value| value.map(|value| value.to_string())).collect(),
        Values::Float(values) => {
            // A whole number without its decimals, however long: Rust writes all of its digits.
            values.iter().map(|value| value.map(|value| (value + 0.0).to_string())).collect()
        }
        // A column without a value.
        Values::Text(_) if !data.any_present() => vec![None; data.len()],
        other => panic!("{other:?} are no numbers"),
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn numbers_are_the_same_before_and_after(floats in floats(), whole in any::<i64>()) {
        let rows = floats.len();
        let table = Table::new([
            (Column::new("x", ColumnType::Float), Values::floats(floats)),
            (Column::new("n", ColumnType::Integer), Values::integers(vec![whole; rows])),
        ])
        .unwrap();
        let directory = tempfile::tempdir().unwrap();
        for format in FORMATS {
            let (text, back) = written_and_read(&table, format, directory.path());
            for column in 0..2 {
                let (before, after) = (numbers(table.data(column).unwrap()), numbers(back.data(column).unwrap()));
                prop_assert_eq!(before, after, "{}: {}", format, text);
            }
        }
    }
}
