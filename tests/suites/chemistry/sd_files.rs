//! SD files: what RDKit draws is read as RDKit reads it, and what is written is read back.

use std::path::Path;

use chem_runtime::artifact::{Column, ColumnType, Table, Values};
use chem_runtime::chemistry::{Molecules, Structure, WriteMolecules};
use chem_runtime::step::StepOutput;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bench::{read, read_file, run, table, texts};

/// `tests/reference/rdkit_sdf.py` wrote it.
const DRAWN: &str = include_str!("../../reference/drawn.sdf");

#[test]
fn what_is_drawn_in_the_plane_and_in_space_is_the_molecule_that_rdkit_sees() {
    let (molecules, rejects) = read_file("drawn.sdf", DRAWN.as_bytes(), &[("numbers", json!(["atoms"]))]).unwrap();
    assert_eq!(rejects.rows(), 0, "{:?}", texts(&rejects, "reason"));
    assert!(molecules.rows() > 20);
    for (row, name) in texts(&molecules, "name").iter().enumerate() {
        assert_eq!(texts(&molecules, "smiles")[row], texts(&molecules, "expected")[row], "{name}");
    }
    assert!(molecules.column("atoms").unwrap().1.json(0).is_f64());
}

#[test]
fn what_is_written_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.sdf"), DRAWN).unwrap();
    let first = run(&read("a.sdf", &[]), directory.path(), &[]).unwrap().remove(0);
    run(&write("b.sdf"), directory.path(), &[("molecules", &first)]).unwrap();
    let again = run(&read("b.sdf", &[]), directory.path(), &[]).unwrap().remove(0);
    assert_eq!(again.packed.root, first.packed.root);
    run(&write("b.smi"), directory.path(), &[("molecules", &first)]).unwrap();
    let lines = run(&read("b.smi", &[]), directory.path(), &[]).unwrap().remove(0);
    assert_eq!(table(&lines).data(1), table(&first).data(1));
    assert_eq!(table(&lines).data(0), table(&first).data(0));
}

#[test]
fn dummy_atoms_that_are_written_are_read_back() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.smi"), "*CCO a\n[1*]c1ccccc1 b\nCC[*:1] c\n").unwrap();
    let first = run(&read("a.smi", &[]), directory.path(), &[]).unwrap().remove(0);
    run(&write("b.sdf"), directory.path(), &[("molecules", &first)]).unwrap();
    let again = run(&read("b.sdf", &[]), directory.path(), &[]).unwrap().remove(0);
    assert_eq!(texts(&table(&first), "smiles").len(), 3);
    assert_eq!(texts(&table(&again), "smiles"), texts(&table(&first), "smiles"));
}

#[test]
fn a_file_that_is_cut_off_loses_its_last_record_and_says_so() {
    let (whole, _) = read_file("a.sdf", DRAWN.as_bytes(), &[]).unwrap();
    let (kept, rejects) = read_file("a.sdf", &DRAWN.as_bytes()[..DRAWN.len() - 200], &[]).unwrap();
    assert_eq!((kept.rows(), rejects.rows()), (whole.rows() - 1, 1));
    assert!(texts(&rejects, "reason")[0].contains("cut off"));
    assert_eq!(texts(&rejects, "text")[0], texts(&whole, "name")[kept.rows()]);
}

/// `molecules.write` to `path`, which keeps apart what the file does not hold.
fn write(path: &str) -> WriteMolecules {
    write_or("reject", path)
}

fn write_or(on_error: &str, path: &str) -> WriteMolecules {
    WriteMolecules {
        path: path.into(),
        format: None,
        columns: None,
        coordinates: None,
        on_error: on_error.into(),
        fail_above: None,
    }
}

/// A SMILES, a name, and what stands in the column `note`.
type Row<'a> = (&'a str, &'a str, Option<&'a str>);

/// Molecules with a column `note`, as a step puts them out.
fn molecules(rows: &[Row<'_>]) -> StepOutput {
    let text = |of: &dyn Fn(&Row<'_>) -> Option<String>| Values::texts(rows.iter().map(of));
    let records = (1..).take(rows.len());
    let table = Table::new([
        (Column::new("name", ColumnType::Text), text(&|row| Some(row.1.to_owned()).filter(|name| !name.is_empty()))),
        (Column::new("smiles", ColumnType::Text), text(&|row| Some(row.0.to_owned()))),
        (Column::new("record", ColumnType::Integer), Values::integers(records)),
        (Column::new("note", ColumnType::Text), text(&|row| row.2.map(str::to_owned))),
    ]);
    StepOutput::of("main", Molecules::new(table.unwrap()).unwrap()).unwrap()
}

#[test]
fn what_an_sd_file_does_not_hold_is_kept_apart_and_the_others_are_written() {
    let directory = tempfile::tempdir().unwrap();
    let rows = [
        ("CC=C/C=C/C", "hexadiene", Some(" ")),
        ("CPc1ccccc1", "fine", Some("  two\nlines  ")),
        ("C[P@H]c1ccccc1", "phosphine", None),
        ("[F][Pt@SP1]([Cl])([Br])[I]", "square", None),
        ("C", "a\n\nb", None),
        ("C", "empty line", Some("a\n\nb")),
        ("C", "end", Some("x\n$$$$ y")),
        ("C", "field", Some("x\n> <a>")),
        ("C", "return", Some("x\ry")),
        ("C", "empty", Some("")),
        ("C", "$$$$", None),
        ("CC", "last", Some(">10")),
    ];
    let input = [("molecules", &molecules(&rows))];
    let outputs = run(&write("out/a.sdf"), directory.path(), &input).unwrap();
    let rejects = table(&outputs[1]);
    assert_eq!(rejects.rows(), 9);
    for (reason, why) in texts(&rejects, "reason").iter().zip([
        "stereocentre P2",
        "stereocentre Pt2",
        "its name has a line end",
        "an empty line",
        "`$$$$`",
        "begin a field",
        "carriage return",
        "empty text",
        "the end of a record",
    ]) {
        assert!(reason.contains(why), "{why}: {reason}");
    }
    assert_eq!(texts(&rejects, "text")[0], "C[P@H]c1ccccc1 phosphine");
    let again = run(&read("out/a.sdf", &[]), directory.path(), &[]).unwrap();
    let kept = table(&again[0]);
    assert_eq!(texts(&kept, "smiles"), ["CC=C/C=C/C", "CPc1ccccc1", "CC"]);
    assert_eq!(texts(&kept, "note"), [" ", "  two\nlines  ", ">10"]);

    // On request, what can be written is, and what ends a record never.
    let outputs = run(&write_or("write", "b.sdf"), directory.path(), &input).unwrap();
    assert_eq!(table(&outputs[1]).rows(), 5);
    let again = run(&read("b.sdf", &[]), directory.path(), &[]).unwrap();
    assert_eq!((table(&again[0]).rows(), table(&again[1]).rows()), (7, 0));
    let said = run(&write_or("fail", "c.sdf"), directory.path(), &input).unwrap_err().to_string();
    assert!(said.contains("molecule 3") && said.contains("stereocentre P2"), "{said}");
    assert!(!directory.path().join("c.sdf").exists());
}

#[test]
fn a_column_whose_name_would_read_back_as_another_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a<b", "a\nb", " a"] {
        let molecules = molecules(&[("C", "", Some("x"))]);
        let table = table(&molecules);
        let columns = table.columns().iter().enumerate();
        let columns = columns.map(|(at, column)| match at {
            3 => (Column::new(name, ColumnType::Text), table.data(at).unwrap().clone()),
            _ => (column.clone(), table.data(at).unwrap().clone()),
        });
        let renamed = StepOutput::of("main", Molecules::new(Table::new(columns).unwrap()).unwrap()).unwrap();
        let said = run(&write("a.sdf"), directory.path(), &[("molecules", &renamed)]).unwrap_err().to_string();
        assert!(said.contains("would not read back unchanged"), "{said}");
    }
    let said = run(&read("nowhere.sdf", &[("on_error", Value::from("fail"))]), Path::new("."), &[]).unwrap_err();
    assert!(said.to_string().contains("nowhere.sdf"));
}

#[test]
fn a_mol_file_needs_no_end_of_record_and_an_sd_file_does() {
    let record = DRAWN.split_inclusive("M  END\n").next().unwrap();
    for text in [record.to_owned(), format!("{record}\n"), format!("{record}$$$$\n")] {
        let (kept, rejects) = read_file("a.mol", text.as_bytes(), &[]).unwrap();
        assert_eq!((texts(&kept, "name"), rejects.rows()), (vec!["abacavir".to_owned()], 0), "{text}");
    }
    assert_eq!(read_file("a.txt", record.as_bytes(), &[("format", json!("mol"))]).unwrap().0.rows(), 1);
    for (name, text) in
        [("a.sdf", record), ("a.mol", &record[..record.len() - 8]), ("a.mol", &format!("{record}> <a>\n1"))]
    {
        let (kept, rejects) = read_file(name, text.as_bytes(), &[]).unwrap();
        assert_eq!((kept.rows(), rejects.rows()), (0, 1), "{name}: {text}");
        assert!(texts(&rejects, "reason")[0].contains("cut off"));
    }
}

/// A biaryl with a wedge at its axis.
const ATROPISOMER: &str = include_str!("../../reference/atropisomer.mol");

#[test]
fn an_atropisomer_is_refused_in_the_words_of_a_chemist_or_flattened_on_request() {
    let (kept, rejects) = read_file("a.mol", ATROPISOMER.as_bytes(), &[]).unwrap();
    let reason = &texts(&rejects, "reason")[0];
    assert_eq!(kept.rows(), 0);
    assert!(reason.contains("cannot rotate (8 to 9)") && reason.contains("`atropisomers: flatten`"), "{reason}");
    let (kept, _) = read_file("a.mol", ATROPISOMER.as_bytes(), &[("atropisomers", json!("flatten"))]).unwrap();
    assert_eq!(texts(&kept, "smiles"), ["Cc1cccc(Br)c1-c1c(C)cccc1I"]);
    let flat = ATROPISOMER.replace("  8  6  1  1", "  8  6  1  0");
    assert_eq!(texts(&read_file("a.mol", flat.as_bytes(), &[]).unwrap().0, "smiles"), ["Cc1cccc(Br)c1-c1c(C)cccc1I"]);
}

#[test]
fn a_field_in_another_encoding_is_refused_with_the_way_out_and_takes_no_other_record_with_it() {
    let record = |data: &[u8]| {
        let block = DRAWN.split_inclusive("M  END\n").next().unwrap();
        [block.as_bytes(), data, b"\n$$$$\n"].concat()
    };
    for data in [b"> <temp>\n25 \xb0C\n".as_slice(), b"> <temp \xb0C>\n25\n"] {
        let (kept, rejects) = read_file("a.sdf", &[record(b""), record(data), record(b"")].concat(), &[]).unwrap();
        assert_eq!((kept.rows(), rejects.rows()), (2, 1));
        let reason = &texts(&rejects, "reason")[0];
        assert!(reason.contains("byte 0xb0") && reason.contains("`encoding: windows-1252`"), "{reason}");
    }
}

/// Molecules of all kinds that a library may hold.
fn spellings() -> Vec<String> {
    let file = include_str!("../../reference/spellings.smi");
    let odd = [
        "CC=C/C=C/C",
        "CC=C/C=C/C=CC",
        "C/C=C/C=CC=CC",
        "CCC(C)=C/C=C(\\C)CC",
        "CC=C/C(C)=C/C=C(C)C(=O)O",
        "CC=CC=NO",
        "C[P@H]c1ccccc1",
        "C[P@](CC)c1ccccc1",
        "C[S@](=O)CC",
        "F[Pt@SP1](Cl)(Br)I",
        "F[As@TB1](Cl)(Br)(I)N",
        "F[Co@OH1](Cl)(Br)(I)(N)O",
        "N[Pt@SP1](N)(Cl)Cl",
        "[NH3]->[Pt](<-[NH3])(Cl)Cl",
        "CC=C=CC",
        "C/C=C=C=C/C",
        "[H]/N=C(/N)C",
        "[1*]/C=C/[2*]",
        "C$C",
        "C~C",
        "[CH2]C",
        "C[N@+]([O-])(CC)CCC",
        "C1CCCCCC/C=C/1",
        "[2H][C@H](C)F",
        "*C=C*",
        "[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1",
        "C[C@]12CC[C@H](CC1)C2",
        "C[Se@](=O)CC",
        "[99*]C",
        "[CH3:1][OH:2]",
    ];
    let lines = file.lines().step_by(7);
    let words = lines.filter_map(|line| line.split_whitespace().next()).chain(odd);
    words
        .filter_map(|word| {
            let smiles = Structure::from_smiles(word).ok()?.canonical_smiles().ok()?;
            let again = Structure::from_smiles(&smiles).ok()?.canonical_smiles().ok()?;
            // One of which the canonical form is not stable cannot be compared by it.
            (again == smiles && smiles.len() < 100).then_some(smiles)
        })
        .collect()
}

proptest! {
    #![proptest_config(chem_tests::values::cases(32))]

    #[test]
    fn what_is_written_reads_back_as_it_is_or_is_a_reject(
        chosen in prop::collection::vec((any::<prop::sample::Index>(), "[ -~\n\r]{0,8}", prop::option::of("[ -~\n\r\t]{0,12}|> <a>|\\$\\$\\$\\$[ -~]{0,2}")), 1..8),
    ) {
        static SPELLINGS: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
        let spellings = SPELLINGS.get_or_init(spellings);
        let rows: Vec<(&str, &str, Option<&str>)> =
            chosen.iter().map(|(at, name, note)| (at.get(spellings).as_str(), name.as_str(), note.as_deref())).collect();
        let directory = tempfile::tempdir().unwrap();
        let written = run(&write("a.sdf"), directory.path(), &[("molecules", &molecules(&rows))]).unwrap();
        let refused: Vec<i64> = crate::bench::integers(&table(&written[1]), "record");
        let kept: Vec<_> = (1..).zip(&rows).filter(|(record, _)| !refused.contains(record)).map(|(_, row)| row).collect();
        // Notes that are all digits would be inferred as integers.
        let types = kept.iter().any(|(.., note)| note.is_some()).then(|| ("types", json!({ "note": "text" })));
        let outputs = run(&read("a.sdf", types.as_slice()), directory.path(), &[]).unwrap();
        let (again, rejects) = (table(&outputs[0]), table(&outputs[1]));
        prop_assert_eq!(rejects.rows(), 0, "{:?}", texts(&rejects, "reason"));
        prop_assert_eq!(again.rows(), kept.len());
        let note = |row: usize| again.column("note").map_or(Value::Null, |(_, notes)| notes.json(row));
        for (row, (smiles, name, expected)) in kept.into_iter().enumerate() {
            prop_assert_eq!(&texts(&again, "smiles")[row], smiles);
            prop_assert_eq!(&texts(&again, "name")[row], name);
            prop_assert_eq!(note(row), expected.map_or(Value::Null, Value::from));
        }
    }
}
