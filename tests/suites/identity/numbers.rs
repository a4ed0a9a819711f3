//! A number is the same number after it was written to a file and read back, in every format of text.

use std::collections::BTreeMap;

use chem_runtime::artifact::{Column, ColumnData, ColumnType, Table};
use chem_runtime::records::{TableFormat, TableText, write_delimited, write_json_lines};
use chem_tests::values::{cases, finite};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const FORMATS: [TableFormat; 4] =
    [TableFormat::Delimited(b','), TableFormat::Delimited(b'\t'), TableFormat::Delimited(b';'), TableFormat::JsonLines];

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

fn written(table: &Table, format: TableFormat) -> Vec<u8> {
    let (mut text, columns) = (Vec::new(), [0, 1]);
    match format {
        TableFormat::Delimited(delimiter) => write_delimited(table, &columns, delimiter, &mut text).unwrap(),
        TableFormat::JsonLines => write_json_lines(table, &columns, &mut text).unwrap(),
    }
    text
}

fn read(text: &[u8], format: TableFormat) -> Table {
    let types = BTreeMap::new();
    TableText { name: "t", format, types: &types, missing: &[], strict: true }.read(text).unwrap().kept
}

/// The numbers of a column, in digits that tell any two of them apart.
fn numbers(data: &ColumnData) -> Vec<Option<String>> {
    match data {
        ColumnData::Integer(values) => values.iter().map(|value| value.map(|value| value.to_string())).collect(),
        ColumnData::Float(values) => {
            // A whole number without its decimals, however long: Rust writes all of its digits.
            values.iter().map(|value| value.map(|value| (value + 0.0).to_string())).collect()
        }
        // A column without a value.
        ColumnData::Text(values) if values.iter().all(Option::is_none) => vec![None; values.len()],
        other => panic!("{other:?} are no numbers"),
    }
}

proptest! {
    #![proptest_config(cases(512))]

    #[test]
    fn numbers_are_the_same_before_and_after(floats in floats(), whole in any::<i64>()) {
        let rows = floats.len();
        let table = Table::new([
            (Column::new("x", ColumnType::Float), ColumnData::Float(floats)),
            (Column::new("n", ColumnType::Integer), ColumnData::Integer(vec![Some(whole); rows])),
        ])
        .unwrap();
        for format in FORMATS {
            let text = written(&table, format);
            let back = read(&text, format);
            let told = String::from_utf8_lossy(&text).into_owned();
            for column in 0..2 {
                let (before, after) = (numbers(table.data(column).unwrap()), numbers(back.data(column).unwrap()));
                prop_assert_eq!(before, after, "{:?}: {}", format, told);
            }
        }
    }
}
