//! Excel workbooks: sheets are what pandas reads, a wrong sheet is found by the check, and what was made to exhaust or crash a
//! program is refused.

use std::io::{Cursor, Write as _};

use chem_runtime::manifest::{self, Source};
use chem_runtime::step::{Registry, Step as _};
use chem_runtime::steps::table::ReadTable;
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::bench::{read_file, run, table, texts};
use crate::intake::read_table;

/// `tests/reference/pandas_workbook.py` wrote it.
const WORKBOOK: &[u8] = include_bytes!("../../reference/workbook.xlsx");

/// Whether two values are equal, whole numbers in any notation.
fn same(one: &Value, other: &Value) -> bool {
    one == other || one.as_f64().is_some_and(|number| Some(number) == other.as_f64())
}

/// `tests/reference/pandas_workbook.py` recorded what pandas reads.
#[test]
fn sheets_are_what_pandas_reads() {
    for case in include_str!("../../reference/workbook.jsonl").lines() {
        let case: Value = serde_json::from_str(case).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.xlsx"), WORKBOOK).unwrap();
        let mut params = case["params"].as_object().unwrap().clone();
        params.insert("path".to_owned(), "a.xlsx".into());
        let outputs = run(&ReadTable::from_params(&params).unwrap(), directory.path(), &[]).unwrap();
        let table = table(&outputs[0]);
        let names: Value = table.columns().iter().map(|column| column.name.to_string()).collect();
        assert_eq!(names, case["columns"], "{params:?}");
        let expected = case["rows"].as_array().unwrap();
        assert_eq!(table.rows(), expected.len(), "{params:?}");
        for (row, expected) in expected.iter().enumerate() {
            let found = table.row(row);
            let equal = found.iter().zip(expected.as_array().unwrap()).all(|(one, other)| same(one, other));
            assert!(equal, "{params:?}: {found:?} is not {expected}");
        }
    }
}

#[test]
fn types_are_those_of_the_cells_unless_a_parameter_declares_them() {
    let sheet = ("sheet", json!("Assay 1"));
    let types = json!({ "n": "text", "ic50": "float", "ok": "text" });
    let (rows, rejects) = read_table("a.xlsx", WORKBOOK, &[sheet.clone(), ("types", types)]).unwrap();
    assert_eq!((&rows[0][2], &rows[1][3], &rows[0][8]), (&json!("1"), &json!(12.0), &json!("true")));
    assert_eq!(rejects, json!([]));
    let (rows, rejects) = read_table("a.xlsx", WORKBOOK, &[sheet, ("types", json!({ "note": "float" }))]).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    let text = "CCO\tethanol\t1\t0.5\t007\t2023-02-01\t12:30:00\t26:30:00\ttrue\ta";
    assert_eq!(rejects[0], json!([3, 1, text, "has `a` in the column `note`, which is float"]));
}

#[test]
fn molecules_are_read_from_a_sheet() {
    let sheet = ("sheet", json!("Assay 1"));
    let (molecules, rejects) = read_file("a.xlsx", WORKBOOK, std::slice::from_ref(&sheet)).unwrap();
    assert_eq!(texts(&molecules, "smiles"), ["CCO", "CC", "C"]);
    assert_eq!(texts(&molecules, "name"), ["ethanol", "ethane", "méthane & co"]);
    assert_eq!(molecules.row(1)[2..6], [json!(2), json!(2), json!(12.0), json!("8")]);
    assert_eq!((rejects.rows(), &rejects.row(0)[..2]), (1, &[json!(7), json!(4)][..]));
    let (molecules, _) = read_file("a.dat", WORKBOOK, &[sheet, ("format", json!("xlsx"))]).unwrap();
    assert_eq!(molecules.rows(), 3);
}

#[test]
fn a_cell_without_a_value_that_can_be_used_rejects_its_row() {
    for (sheet, line, part) in
        [("Errors", 2, "has the error `#DIV/0!`"), ("Formulas", 2, "a formula without a stored value")]
    {
        let (_, rejects) = read_table("a.xlsx", WORKBOOK, &[("sheet", json!(sheet))]).unwrap();
        let reason = rejects[0][3].as_str().unwrap();
        assert!(rejects[0][0] == line && reason.contains(part) && reason.contains("column `y`"), "{rejects}");
        assert!(reason.contains("`missing: ["), "{reason}");
    }
}

/// What the check says of a step: the text that it points at, the message, and the help.
fn found(step: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.xlsx"), WORKBOOK).unwrap();
    std::fs::write(directory.path().join("cut.xlsx"), &WORKBOOK[..5000]).unwrap();
    std::fs::write(directory.path().join("t.csv"), "x,y\n1,2\n").unwrap();
    let text = format!("flow: it\nsteps:\n  - {{ id: read, {step} }}\n");
    let checked = manifest::check(&Source::new("it.yaml", &text), &[], Registry::linked().unwrap(), directory.path());
    let found = checked.diagnostics.iter().map(|it| {
        let help = it.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        format!("{}: {}{help}", &text[it.primary.span.start..it.primary.span.end], it.message)
    });
    found.collect()
}

#[test]
fn the_check_finds_a_wrong_sheet() {
    let join = "uses: table.read, with: { path: t.csv } }\n  - { id: join, uses: table.join";
    for step in [
        "uses: table.read, with: { path: a.xlsx, sheet: Asay 1 }",
        "uses: molecules.read, with: { path: a.xlsx, sheet: Asay 1 }",
        &format!("{join}, with: {{ on: [x], file: a.xlsx, sheet: Asay 1 }}"),
    ] {
        let sheets = "`Assay 1`, `Merged`, `Errors`, `Formulas`, `Bare` and `Empty`";
        let message = format!("`a.xlsx` has no sheet `Asay 1`; its sheets are {sheets}");
        let found = found(step);
        assert_eq!(found, [format!("Asay 1: {message}; did you mean `Assay 1`?")], "{step}");
    }
    for (step, part) in [
        ("uses: table.read, with: { path: a.xlsx }", "write `sheet: Assay 1`"),
        ("uses: table.read, with: { path: a.xlsx, sheet: Merged }", "A2:A3"),
        ("uses: table.read, with: { path: cut.xlsx }", "cannot read `cut.xlsx` as an Excel workbook"),
        ("uses: molecules.read, with: { path: cut.xlsx }", "cannot read `cut.xlsx` as an Excel workbook"),
        ("uses: molecules.read, with: { path: a.xlsx, sheet: Errors }", "there is no column `smiles`"),
        ("uses: molecules.read, with: { path: a.xlsx, sheet: Assay 1, numbers: [ic5] }", "did you mean `ic50`?"),
        ("uses: table.read, with: { path: a.xlsx, sheet: Errors, types: { z: text } }", "there is no column `z`"),
        ("uses: table.read, with: { path: a.xlsx, sheet: Errors, decimal: \",\" }", "a workbook has typed values"),
        ("uses: table.read, with: { path: t.csv, sheet: Errors }", "applies to Excel workbooks"),
        ("uses: molecules.read, with: { path: t.csv, smiles_column: x, sheet: Errors }", "applies to Excel workbooks"),
    ] {
        let found = found(step);
        assert!(found.len() == 1 && found[0].contains(part), "{step}: {found:?}");
    }
    let next = "with: { path: a.xlsx, sheet: Errors } }\n  - { id: next, uses: table.select, with: { columns: [z] }";
    assert!(found(&format!("uses: table.read, {next}"))[0].contains("`z`"));
}

/// An archive with these parts.
fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        archive.start_file(*name, SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

/// A workbook with one sheet, which has these rows, and with these shared texts.
fn workbook(rows: &str, after: &str, texts: &str) -> Vec<u8> {
    let sheet = format!("<worksheet><sheetData>{rows}</sheetData>{after}</worksheet>");
    let types = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let relation = |of: &str, to: &str| {
        format!("<Relationships><Relationship Id=\"a\" Type=\"{types}/{of}\" Target=\"{to}\"/></Relationships>")
    };
    let (package, book) = (relation("officeDocument", "xl/workbook.xml"), relation("worksheet", "sheet.xml"));
    let names = "<workbook><sheets><sheet name=\"S\" r:id=\"a\"/></sheets></workbook>";
    archive(&[
        ("_rels/.rels", package.as_bytes()),
        ("xl/_rels/workbook.xml.rels", book.as_bytes()),
        ("xl/workbook.xml", names.as_bytes()),
        ("xl/sharedStrings.xml", texts.as_bytes()),
        ("xl/sheet.xml", sheet.as_bytes()),
    ])
}

const NO_TEXTS: &str = "<sst/>";

fn refused(workbook: &[u8], params: &[(&str, Value)]) -> String {
    let error = format!("{:#}", read_table("a.xlsx", workbook, params).unwrap_err());
    let of_molecules = format!("{:#}", read_file("a.xlsx", workbook, params).unwrap_err());
    assert_eq!(error, of_molecules);
    error
}

#[test]
fn a_sheet_that_claims_to_be_huge_costs_what_it_contains() {
    let rows = "<row r=\"1\"><c r=\"A1\" t=\"str\"><v>n</v></c></row><row r=\"1048576\"><c r=\"A1048576\"><v>5</v></c>";
    let read = |rows: &str| read_table("a.xlsx", &workbook(&format!("{rows}</row>"), "", NO_TEXTS), &[]);
    assert_eq!(read(rows).unwrap().0, json!([[5]]));
    let error = read(&format!("{rows}<c r=\"XFD1048576\"><v>6</v></c>")).unwrap_err().to_string();
    assert!(error.contains("column XFD of the sheet `S` of `a.xlsx` has values, but no name"), "{error}");
    for beyond in ["A1048577", "XFE1", "A4294967297", "ZZZZZZZZ1", "1", "A", "é"] {
        let error = read(&format!("{rows}<c r=\"{beyond}\"><v>6</v></c>")).unwrap_err().to_string();
        assert!(error.contains("has a cell beyond row 1048576") || error.contains("as an Excel workbook"), "{error}");
    }
    let error = read(&format!("{rows}<c r=\"A1048576\"><v>6</v></c>")).unwrap_err().to_string();
    assert!(error.contains("has two values in the cell A1048576"), "{error}");
    // Rows with a value in another column each.
    let names: String = (0..16_384).map(|at| format!("<c t=\"str\"><v>c{at}</v></c>")).collect();
    let values: String = (2..9000).map(|row| format!("<row r=\"{row}\"><c><v>1</v></c></row>")).collect();
    let sparse = workbook(&format!("<row r=\"1\">{names}</row>{values}"), "", NO_TEXTS);
    assert!(refused_table(&sparse).contains("`CHEM_LIMIT_TABLE_CELLS`"));
}

/// The error of `table.read`.
fn refused_table(workbook: &[u8]) -> String {
    format!("{:#}", read_table("a.xlsx", workbook, &[]).unwrap_err())
}

#[test]
fn a_workbook_that_expands_is_refused() {
    let growth = "`CHEM_LIMIT_GROWTH`";
    // A gigabyte of blanks is a megabyte in the archive; less is enough to exceed the limit.
    let blanks = " ".repeat(40 << 20);
    assert!(refused(&workbook(&blanks, "", NO_TEXTS), &[]).contains(growth));
    assert!(refused(&archive(&[("xl/media/image.png", blanks.as_bytes())]), &[]).contains(growth));
    // A text that many cells share.
    let text = format!("<sst uniqueCount=\"1\"><si><t>{}</t></si></sst>", "x".repeat(1 << 20));
    let cells: String = (1..100).map(|row| format!("<row r=\"{row}\"><c t=\"s\"><v>0</v></c></row>")).collect();
    assert!(refused(&workbook(&cells, "", &text), &[]).contains(growth));
    // Merged cells that share it, and merged cells without number.
    let fill = [("merged_cells", json!("fill"))];
    let merge = |to: &str| format!("<mergeCells><mergeCell ref=\"A1:{to}\"/></mergeCells>");
    let one = "<row r=\"1\"><c t=\"s\"><v>0</v></c></row>";
    assert!(refused(&workbook(one, &merge("A100"), &text), &fill).contains(growth));
    let number = "<row r=\"1\"><c><v>0</v></c></row>";
    assert!(refused(&workbook(number, &merge("XFD1048576"), NO_TEXTS), &fill).contains("`CHEM_LIMIT_SPARSE_CELLS`"));
    // A reader would reserve memory for this many texts.
    let claims = "<sst uniqueCount=\"4000000000000\"><si><t>a</t></si></sst>";
    assert!(refused(&workbook(one, "", claims), &[]).contains("more texts than fit into it"));
}

#[test]
fn shared_texts_and_texts_in_cells_are_read() {
    let texts = "<?xml version=\"1.0\"?><sst count=\"3\" uniqueCount=\"2\"><si><t>n &amp; m</t></si><si><r><t>bo</t></r><r><t>ld</t></r></si></sst>";
    let rows = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row><row r=\"2\"><c r=\"A2\" t=\"s\"><v>1</v></c></row>\
                <row r=\"3\"><c r=\"A3\" t=\"inlineStr\"><is><t>a</t></is></c></row><row r=\"4\"><c r=\"A4\" t=\"str\"><f>B1</f><v></v></c></row>\
                <row r=\"5\"><c r=\"A5\"><f>1+1</f><v>2</v></c></row>";
    let (rows, rejects) = read_table("a.xlsx", &workbook(rows, "", texts), &[]).unwrap();
    assert_eq!((rows, rejects.as_array().unwrap().len()), (json!([["bold"], ["a"], ["2"]]), 0));
}

#[test]
fn damaged_encrypted_and_other_files_are_refused() {
    for length in (0..WORKBOOK.len()).step_by(301) {
        let error = refused(&WORKBOOK[..length], &[("sheet", json!("Bare"))]);
        assert!(error.starts_with("cannot read `a.xlsx` as an Excel workbook"), "{length}: {error}");
    }
    let compound = [&[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1][..], &[0; 600]].concat();
    assert_eq!(refused(&compound, &[]), "`a.xlsx` is a workbook of Excel 97 (`.xls`); save it as `.xlsx`");
    let package: Vec<u8> = "EncryptedPackage".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let encrypted = [compound, package].concat();
    assert_eq!(refused(&encrypted, &[]), "`a.xlsx` is a workbook with a password; save it without one");
    for (part, kind) in [("xl/workbook.bin", "`.xlsb`"), ("content.xml", "`.ods`")] {
        let error = refused(&archive(&[(part, b"x")]), &[]);
        assert!(error.contains(kind) && error.ends_with("save it as `.xlsx`"), "{error}");
    }
    for other in [archive(&[]), archive(&[("a.txt", b"a")]), b"name,smiles\n".to_vec()] {
        assert!(refused(&other, &[]).starts_with("cannot read `a.xlsx` as an Excel workbook"));
    }
}

#[test]
fn no_changed_byte_is_a_panic() {
    let turned = "<mergeCells><mergeCell ref=\"B5:A1\"/></mergeCells>";
    let _ = read_table("a.xlsx", &workbook("<row><c><v>0</v></c></row>", turned, NO_TEXTS), &[]);
    let book = workbook("<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row>", "", "<sst><si><t>a</t></si></sst>");
    let parts =
        ["_rels/.rels", "xl/_rels/workbook.xml.rels", "xl/workbook.xml", "xl/sharedStrings.xml", "xl/sheet.xml"];
    let mut read = zip::ZipArchive::new(Cursor::new(&book)).unwrap();
    let contents = parts.map(|part| std::io::read_to_string(read.by_name(part).unwrap()).unwrap().into_bytes());
    for changed in 0..parts.len() {
        for at in 0..contents[changed].len() {
            for byte in [b'0', b'<', 0xff] {
                let mut contents = contents.clone();
                contents[changed][at] = byte;
                let all: Vec<(&str, &[u8])> = parts.into_iter().zip(contents.iter().map(Vec::as_slice)).collect();
                // Either is right: what counts is that the process and the step survive.
                let _ = read_table("a.xlsx", &archive(&all), &[]);
            }
        }
    }
}
