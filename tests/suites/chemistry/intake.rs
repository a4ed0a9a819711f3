//! Files as they come: in another encoding, with a decimal comma, without a header. pandas reads the tables alike.

use std::path::Path;

use chem_runtime::chemistry::MoleculesFromTable;
use chem_runtime::step::{Step as _, StepError};
use chem_runtime::steps::table::ReadTable;
use serde_json::{Map, Value, json};

use crate::bench::{read_file, run, table, texts};

/// The rows of the table and of the rejects that `table.read` makes of a file.
pub fn read_table(name: &str, content: &[u8], params: &[(&str, Value)]) -> Result<(Value, Value), StepError> {
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

/// `tests/reference/pandas_reading.py` recorded what pandas reads.
#[test]
fn tables_are_what_pandas_reads() {
    for case in include_str!("../../reference/pandas_reading.jsonl").lines() {
        let case: Value = serde_json::from_str(case).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let texts = case["texts"].as_array().unwrap();
        for (index, text) in texts.iter().enumerate() {
            std::fs::write(directory.path().join(format!("{index}.csv")), text.as_str().unwrap()).unwrap();
        }
        let path = if texts.len() == 1 { "0.csv" } else { "*.csv" };
        let mut params = case["params"].as_object().unwrap().clone();
        params.insert("path".to_owned(), path.into());
        let outputs = run(&ReadTable::from_params(&params).unwrap(), directory.path(), &[]).unwrap();
        let table = table(&outputs[0]);
        let names: Value = table.columns().iter().map(|column| column.name.to_string()).collect();
        let rows: Value = (0..table.rows()).map(|row| Value::from(table.row(row))).collect();
        assert_eq!((&names, &rows), (&case["columns"], &case["rows"]), "{params:?}");
    }
}

/// `tests/reference/rdkit_inchi.py` recorded RDKit's molecules. Some are refused: they do not have the InChI from which they were
/// read.
#[test]
fn inchis_in_a_table_and_in_a_file_are_the_molecules_that_rdkit_reads() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.tsv"), include_str!("../../reference/inchi.tsv")).unwrap();
    let params = |params: Value| params.as_object().unwrap().clone();
    let read = ReadTable::from_params(&params(json!({ "path": "a.tsv" }))).unwrap();
    let rows = run(&read, directory.path(), &[]).unwrap();
    let from_table = MoleculesFromTable::from_params(&params(json!({ "smiles": "inchi" }))).unwrap();
    let outputs = run(&from_table, directory.path(), &[("table", &rows[0])]).unwrap();
    let (molecules, rejects) = (table(&outputs[0]), table(&outputs[1]));
    let different = texts(&molecules, "smiles").into_iter().zip(texts(&molecules, "table_smiles"));
    let different: Vec<(String, String)> = different.filter(|(own, theirs)| own != theirs).collect();
    assert_eq!(different, []);
    assert_eq!(molecules.rows() + rejects.rows(), 455);
    let reasons = texts(&rejects, "reason");
    assert!(rejects.rows() <= 5, "{reasons:#?}");
    assert!(reasons.iter().all(|reason| reason.contains("InChI")), "{reasons:#?}");

    let inchi = [("inchi_column", json!("inchi"))];
    let (read, rejected) = read_file("a.tsv", include_bytes!("../../reference/inchi.tsv"), &inchi).unwrap();
    assert_eq!(texts(&read, "smiles"), texts(&molecules, "smiles"));
    assert_eq!(texts(&rejected, "reason"), reasons);
}

#[test]
fn every_reader_infers_the_same_types() {
    let csv = b"smiles,n,x,ok,batch,long,mixed\nC,1,0.5,true,007,99999999999999999999,1\nCC,2,1e-3,False,8,1,\nCCC,,,,+5,2,n/a\n";
    let expected = json!([
        [1, 0.5, true, "007", "99999999999999999999", "1"],
        [2, 1e-3, false, "8", "1", null],
        [null, null, null, "+5", "2", "n/a"],
    ]);
    let (rows, _) = read_table("a.csv", csv, &[]).unwrap();
    let (molecules, _) = read_file("a.csv", csv, &[]).unwrap();
    let sd: String = ["1|0.5|true|007|99999999999999999999|1", "2|1e-3|False|8|1|", "|||+5|2|n/a"]
        .iter()
        .map(|record| {
            let block = include_str!("../../reference/drawn.sdf").split_inclusive("M  END\n").next().unwrap();
            let fields = ["n", "x", "ok", "batch", "long", "mixed"].iter().zip(record.split('|'));
            let fields: String = fields.map(|(name, value)| format!("> <{name}>\n{value}\n\n")).collect();
            format!("{block}{fields}$$$$\n")
        })
        .collect();
    let (drawn, _) = read_file("a.sdf", sd.as_bytes(), &[]).unwrap();
    for row in 0..3 {
        assert_eq!(rows[row].as_array().unwrap()[1..], *expected[row].as_array().unwrap(), "{row}");
        for molecules in [&molecules, &drawn] {
            assert_eq!(molecules.row(row)[3..], *expected[row].as_array().unwrap(), "{row}");
        }
    }
}

#[test]
fn declared_types_hold_for_every_reader() {
    let types = [("types", json!({ "n": "text", "x": "float" }))];
    let csv = b"smiles,n,x\nC,1,5\nCC,2,high\n";
    let (rows, rejects) = read_table("a.csv", csv, &types).unwrap();
    let (molecules, rejected) = read_file("a.csv", csv, &types).unwrap();
    assert_eq!((rows, molecules.row(0)[3..].to_vec()), (json!([["C", "1", 5.0]]), vec![json!("1"), json!(5.0)]));
    let reason = "has `high` in the column `x`, which is float";
    assert_eq!((rejects[0][3].as_str(), &texts(&rejected, "reason")[0][..]), (Some(reason), reason));
}

#[test]
fn numbers_with_relations_are_read_on_request() {
    let csv = "smiles,ic50,n\nC,>10,1\nCC,< 0.1,2\nCCC,~5,3\nO,≥ 7.5,4\nN,12,5\nF,NA,6\nCl,>x,7\n".as_bytes();
    let params = [("qualified", json!(["ic50"])), ("missing", json!(["NA"]))];
    let expected = [
        (json!(10.0), json!(">")),
        (json!(0.1), json!("<")),
        (json!(5.0), json!("~")),
        (json!(7.5), json!(">=")),
        (json!(12.0), json!("=")),
        (Value::Null, Value::Null),
    ];
    let (rows, rejects) = read_table("a.csv", csv, &params).unwrap();
    let (molecules, rejected) = read_file("a.csv", csv, &params).unwrap();
    assert_eq!((rows.as_array().unwrap().len(), molecules.rows()), (6, 6));
    for (row, (number, relation)) in expected.into_iter().enumerate() {
        assert_eq!([&rows[row][1], &rows[row][2]], [&number, &relation], "{row}");
        assert_eq!(molecules.row(row)[3..5], [number, relation], "{row}");
    }
    let reason = "has `x` in the column `ic50`, which is float";
    assert_eq!((rejects[0][3].as_str(), &texts(&rejected, "reason")[0][..]), (Some(reason), reason));
    // Not on request, they are text.
    assert_eq!(read_table("a.csv", csv, &[]).unwrap().0[0][1], json!(">10"));
    let lines = b"{\"ic50\": \">10\"}\n{\"ic50\": 7.5}\n{}\n";
    let (rows, _) = read_table("a.jsonl", lines, &params[..1]).unwrap();
    assert_eq!(rows, json!([[10.0, ">"], [7.5, "="], [null, null]]));
}

/// A chlorofluoroalkane with two stereocentres, and their stereo groups.
fn grouped(groups: &str) -> String {
    let atoms = ["C 0 0", "F 0 1", "Cl -1 0", "C 1 0", "Br 1 1", "O 2 0", "C -0.5 -1"];
    let bonds = ["1 2 CFG=1", "1 3", "1 4", "4 5 CFG=3", "4 6", "1 7"];
    let rows = |rows: &[&str], before: &str, after: &str| -> String {
        (1..).zip(rows).map(|(number, row)| format!("M  V30 {number} {before}{row}{after}\n")).collect()
    };
    let (atoms, bonds) = (rows(&atoms, "", " 0 0"), rows(&bonds, "1 ", ""));
    let collection = match groups {
        "" => String::new(),
        groups => format!("M  V30 BEGIN COLLECTION\nM  V30 MDLV30/{groups}\nM  V30 END COLLECTION\n"),
    };
    format!(
        "t\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\nM  V30 COUNTS 7 6 0 0 0\nM  V30 BEGIN ATOM\n\
         {atoms}M  V30 END ATOM\nM  V30 BEGIN BOND\n{bonds}M  V30 END BOND\n{collection}M  V30 END CTAB\nM  END\n$$$$\n"
    )
}

/// RDKit 2026.09.1: `MolToSmiles` and `MolToCXSmiles` with stereo groups alone.
#[test]
fn stereo_groups_are_refused_ignored_or_kept() {
    let sd: String = ["", "STERAC1 ATOMS=(1 1)", "STERAC1 ATOMS=(2 1 4)", "STEREL2 ATOMS=(1 4)"].map(grouped).concat();
    let drawn = "C[C@](F)(Cl)[C@H](O)Br";
    let (molecules, rejects) = read_file("a.sdf", sd.as_bytes(), &[]).unwrap();
    assert_eq!((molecules.rows(), rejects.rows()), (1, 3));
    assert!(
        texts(&rejects, "reason")[0].contains("`STERAC1`")
            && texts(&rejects, "reason")[0].contains("stereo_groups: keep")
    );
    let (molecules, rejects) = read_file("a.sdf", sd.as_bytes(), &[("stereo_groups", json!("ignore"))]).unwrap();
    assert_eq!((texts(&molecules, "smiles"), rejects.rows()), (vec![drawn.to_owned(); 4], 0));
    let (molecules, _) = read_file("a.sdf", sd.as_bytes(), &[("stereo_groups", json!("keep"))]).unwrap();
    assert_eq!(texts(&molecules, "smiles"), [drawn; 4]);
    let kept = ["", "|&1:1|", "|&1:1,4|", "|o1:4|"];
    let kept = kept.map(|groups| if groups.is_empty() { String::new() } else { format!("{drawn} {groups}") });
    assert_eq!(texts(&molecules, "stereo_groups"), kept);

    let smi =
        "C[C@H](F)[C@@H](O)Cl |&1:1,3| both\nC[C@H](F)[C@@H](O)Cl |o1:1,&2:3| apart\nOC(=O)[C@@H](C)N |&4:3| alanine\n";
    let (molecules, rejects) = read_file("a.smi", smi.as_bytes(), &[]).unwrap();
    assert_eq!((molecules.rows(), rejects.rows()), (0, 3));
    let (molecules, _) = read_file("a.smi", smi.as_bytes(), &[("stereo_groups", json!("keep"))]).unwrap();
    let smiles = ["C[C@H](F)[C@@H](O)Cl", "C[C@H](F)[C@@H](O)Cl", "C[C@@H](N)C(=O)O"];
    assert_eq!(
        (texts(&molecules, "smiles"), &texts(&molecules, "name")[2][..]),
        (smiles.map(str::to_owned).to_vec(), "alanine")
    );
    let kept = ["C[C@H](F)[C@@H](O)Cl |&1:1,3|", "C[C@H](F)[C@H](O)Cl |o1:1,&1:3|", "C[C@H](N)C(=O)O |&1:1|"];
    assert_eq!(texts(&molecules, "stereo_groups"), kept);
}

#[test]
fn extensions_are_refused_ignored_or_kept() {
    let csv = b"smiles,name\n*CC |$R1;;$|,a\nC[C@H](F)Cl |&1:1|,b\nC[C@H](F)Cl |$;;;X$&1:1|,c\nCC,d\n";
    let read = |params: &[(&str, Value)]| {
        let (molecules, rejects) = read_file("a.csv", csv, params).unwrap();
        (molecules, texts(&rejects, "reason"))
    };
    let (_, reasons) = read(&[("stereo_groups", json!("ignore"))]);
    assert!(reasons.len() == 2 && reasons.iter().all(|reason| reason.contains("`cxsmiles: ignore`")), "{reasons:?}");
    let ignored = [("cxsmiles", json!("ignore")), ("stereo_groups", json!("ignore"))];
    let (molecules, reasons) = read(&ignored);
    assert_eq!(
        (texts(&molecules, "smiles"), reasons.len()),
        (["*CC", "C[C@H](F)Cl", "C[C@H](F)Cl", "CC"].map(str::to_owned).to_vec(), 0)
    );
    let kept = [("cxsmiles", json!("keep")), ("stereo_groups", json!("ignore"))];
    let (molecules, _) = read(&kept);
    assert_eq!(texts(&molecules, "cxsmiles"), ["*CC |$R1;;$|", "", "C[C@H](F)Cl |$;;;X$&1:1|", ""]);
}

/// RDKit's SDMolSupplier takes the last value.
#[test]
fn data_that_come_twice_are_refused_or_merged() {
    let block = include_str!("../../reference/drawn.sdf").split_inclusive("M  END\n").next().unwrap();
    let sd = format!("{block}> <id>\n1\n\n> <id>\n2\n\n$$$$\n");
    let (_, rejects) = read_file("a.sdf", sd.as_bytes(), &[]).unwrap();
    assert!(texts(&rejects, "reason")[0].contains("`duplicate_data: last`"), "{:?}", texts(&rejects, "reason"));
    for (how, value) in [("first", json!(1)), ("last", json!(2)), ("join", json!("1\n2"))] {
        let (molecules, _) = read_file("a.sdf", sd.as_bytes(), &[("duplicate_data", json!(how))]).unwrap();
        assert_eq!(molecules.row(0)[3], value, "{how}");
    }
}

/// RDKit 2026.09.1: `MolFromInchi`.
#[test]
fn a_column_of_inchis_is_read_as_molecules() {
    let csv = b"id,InChI,smiles\n1,\"InChI=1S/C3H7NO2/c1-2(4)3(5)6/h2H,4H2,1H3,(H,5,6)/t2-/m0/s1\",x\n2,InChI=1/CH4/h1H4,y\n3,,z\n";
    let (molecules, rejects) = read_file("a.csv", csv, &[("inchi_column", json!("inchi"))]).unwrap();
    assert_eq!(texts(&molecules, "smiles"), ["C[C@H](N)C(=O)O"]);
    assert_eq!(texts(&molecules, "file_smiles"), ["x"]);
    let reasons = texts(&rejects, "reason");
    assert!(reasons.len() == 2 && reasons.iter().all(|reason| reason.contains("not a standard InChI")), "{reasons:?}");
}

/// `tests/reference/pandas_parquet.py` wrote it.
const PARQUET: &[u8] = include_bytes!("../../reference/pandas.parquet");

#[test]
fn a_parquet_file_of_pandas_reads_as_pandas_has_it() {
    let expected = json!([
        ["CCO", "ethanol", 1, 0.5, true, "2023-02-01"],
        ["CC", null, null, null, false, "1969-12-31"],
        ["C1", "ethanol", 3, 1e-9, null, null],
    ]);
    assert_eq!(read_table("a.parquet", PARQUET, &[]).unwrap().0, expected);
    assert_eq!(read_table("a.dat", PARQUET, &[("format", json!("parquet"))]).unwrap().0, expected);
    let (rows, rejects) =
        read_table("a.parquet", PARQUET, &[("types", json!({ "n": "text", "name": "integer" }))]).unwrap();
    assert_eq!(rows, json!([["CC", null, null, null, false, "1969-12-31"]]));
    assert_eq!(rejects[1], json!([null, 3, "", "has `ethanol` in the column `name`, which is integer"]));
    let damaged = read_table("a.parquet", &PARQUET[..PARQUET.len() / 2], &[]).unwrap_err().to_string();
    assert!(damaged.starts_with("cannot read `a.parquet` as Parquet"), "{damaged}");
}
