//! Files as they come: in another encoding, with a decimal comma, without a header. pandas reads the tables alike.

use std::path::Path;

use chem_runtime::step::{Step as _, StepError};
use chem_runtime::steps::table::ReadTable;
use serde_json::{Map, Value, json};

use crate::bench::{read_file, run, table, texts};

/// The rows of the table and of the rejects that `table.read` makes of a file.
fn read_table(name: &str, content: &[u8], params: &[(&str, Value)]) -> Result<(Value, Value), StepError> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(name), content).unwrap();
    read_table_in(directory.path(), name.into(), params)
}

fn read_table_in(directory: &Path, path: Value, params: &[(&str, Value)]) -> Result<(Value, Value), StepError> {
    let mut all: Map<String, Value> = params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    all.insert("path".to_owned(), path);
    let outputs = run(&ReadTable::from_params(&all).unwrap(), directory, &[])?;
    let rows = |at: usize| {
        let table = table(&outputs[at]);
        (0..table.rows()).map(|row| Value::from(table.row(row))).collect()
    };
    Ok((rows(0), rows(1)))
}

/// `text` in an encoding in which each character is one byte or one unit of two bytes.
fn in_encoding(encoding: &str, text: &str) -> Vec<u8> {
    match encoding {
        "utf-8" => text.as_bytes().to_vec(),
        "latin1" | "windows-1252" => text.chars().map(|character| u8::try_from(character).unwrap()).collect(),
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect(),
    }
}

#[test]
fn a_file_says_the_same_in_every_encoding() {
    for encoding in ["utf-8", "latin1", "windows-1252", "utf-16", "utf-16le", "utf-16be"] {
        let named = [("encoding", json!(encoding))];
        let csv = in_encoding(encoding, "smiles,name,unité\r\nOCC,éthanol,µM\r\nC1,x,y\r\n");
        let (rows, _) = read_table("a.csv", &csv, &named).unwrap();
        assert_eq!(rows, json!([["OCC", "éthanol", "µM"], ["C1", "x", "y"]]), "{encoding}");
        let (molecules, rejects) = read_file("a.csv", &csv, &named).unwrap();
        assert_eq!(molecules.row(0), [json!("éthanol"), json!("CCO"), json!(1), json!("µM")], "{encoding}");
        assert_eq!(rejects.row(0)[..3], [json!(3), json!(2), json!("C1,x,y")], "{encoding}");
        let (molecules, _) = read_file("a.smi", &in_encoding(encoding, "OCC éthanol\n"), &named).unwrap();
        assert_eq!(texts(&molecules, "name"), ["éthanol"], "{encoding}");
        let lines = in_encoding(encoding, "{\"unité\": \"µM\"}\n");
        assert_eq!(read_table("a.jsonl", &lines, &named).unwrap().0, json!([["µM"]]), "{encoding}");
    }
    let sd = include_str!("../../reference/drawn.sdf").split_inclusive("M  END\n").next().unwrap();
    let sd = format!("{sd}> <t>\n25 °C\n\n$$$$\n");
    let (molecules, rejects) =
        read_file("a.sdf", &in_encoding("latin1", &sd), &[("encoding", json!("latin1"))]).unwrap();
    assert_eq!((texts(&molecules, "t"), rejects.rows()), (vec!["25 °C".to_owned()], 0));
}

#[test]
fn a_wrong_encoding_is_an_error_that_names_the_right_one() {
    let said = |content: &[u8], encoding: Option<&str>| {
        let params: Vec<(&str, Value)> = encoding.map(|encoding| ("encoding", json!(encoding))).into_iter().collect();
        let (table, molecules) = (read_table("a.csv", content, &params), read_file("a.csv", content, &params));
        let said = table.unwrap_err().to_string();
        assert_eq!(molecules.err().unwrap().to_string(), said);
        said
    };
    let utf_16 = in_encoding("utf-16", "smiles\nC\n");
    assert_eq!(said(&utf_16, None), "`a.csv` is UTF-16 text; write `encoding: utf-16`");
    assert!(said(b"smiles,name\nC,\x81\n", Some("windows-1252")).starts_with("line 2 of `a.csv` is not Windows-1252"));
    let (_, rejects) = read_table("a.csv", b"t\n25 \xb0C\n", &[]).unwrap();
    assert!(rejects[0][3].as_str().unwrap().contains("`encoding: windows-1252`"), "{rejects}");
}

/// pandas: `read_csv(…, sep=";", decimal=",")`.
#[test]
fn numbers_may_have_a_decimal_comma() {
    let csv = "name;ic50;n;share\na;1,5;3;0,25\nb;-0,001;4;\nc;1e-9;5;1\n".as_bytes();
    let params = [("delimiter", json!(";")), ("decimal", json!(","))];
    let (rows, rejects) = read_table("a.csv", csv, &params).unwrap();
    assert_eq!(rows, json!([["a", 1.5, 3, 0.25], ["b", -0.001, 4, null], ["c", 1e-9, 5, 1.0]]));
    assert_eq!(rejects, json!([]));
    // Without the parameter they are text, and with it a point is part of no number.
    assert_eq!(read_table("a.csv", csv, &params[..1]).unwrap().0[0], json!(["a", "1,5", 3, "0,25"]));
    let declared = [params[0].clone(), params[1].clone(), ("types", json!({ "x": "float" }))];
    let (rows, rejects) = read_table("a.csv", b"x\n1.234\n1,234\n", &declared).unwrap();
    assert_eq!((rows, &rejects[0][3]), (json!([[1.234]]), &json!("has `1.234` in the column `x`, which is float")));

    let csv = b"smiles;ic50\nC;1,5\nCC;1.5\n";
    let numbers = [params[0].clone(), params[1].clone(), ("numbers", json!(["ic50"]))];
    let (molecules, rejects) = read_file("a.csv", csv, &numbers).unwrap();
    assert_eq!((molecules.row(0)[3].clone(), rejects.rows()), (json!(1.5), 1));
}

/// pandas: `read_csv(…, header=None)`, and `names=[…]`.
#[test]
fn the_first_line_may_be_a_record() {
    let csv = b"CCO,ethanol,5\nCC,ethane,6\n";
    let bare = ("header", json!(false));
    let names = ("column_names", json!(["smiles", "name", "n"]));
    assert_eq!(
        read_table("a.csv", csv, std::slice::from_ref(&bare)).unwrap().0,
        json!([["CCO", "ethanol", 5], ["CC", "ethane", 6]])
    );
    let (molecules, _) = read_file("a.csv", csv, &[bare.clone(), names.clone()]).unwrap();
    assert_eq!((texts(&molecules, "name"), molecules.rows()), (vec!["ethanol".to_owned(), "ethane".to_owned()], 2));
    let column = ("smiles_column", json!("column_1"));
    let (molecules, _) = read_file("a.csv", csv, &[bare.clone(), column]).unwrap();
    let columns: Vec<&str> = molecules.columns().iter().map(|column| &*column.name).collect();
    assert_eq!(columns, ["name", "smiles", "record", "column_2", "column_3"]);
    // A file without records has the columns that the parameter names.
    assert_eq!(read_table("a.csv", b"", &[bare, names]).unwrap().0, json!([]));
}
