//! Molecules among the steps over tables: what chooses and orders rows gives molecules, what remakes columns a table.

use std::path::Path;

use chem_runtime::chemistry::{InlineMolecule, InlineMolecules, MoleculesFromTable};
use chem_runtime::engine::FlowEngine;
use chem_runtime::manifest::{self, Checked};
use chem_runtime::step::{ParamValue as _, Registry, Step as _, StepOutput};
use chem_runtime::steps::process::RunProcess;
use chem_runtime::steps::table::{JoinTable, ReadTable, SelectColumns, SortTable, TopRows, WriteTable};
use serde_json::{Map, Value, json};

use crate::bench::{integers, run, table, texts};

fn here() -> &'static Path {
    Path::new(".")
}

fn params(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn inline(molecules: &[&str]) -> StepOutput {
    let molecules = molecules.iter().map(|text| InlineMolecule::new(*text)).collect();
    run(&InlineMolecules { molecules }, here(), &[]).unwrap().remove(0)
}

fn checked(steps: &str) -> Checked {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("flow.yaml");
    std::fs::write(&path, format!("flow: tables\nsteps:\n{steps}")).unwrap();
    manifest::load(&path, &[], Registry::linked().unwrap())
}

#[test]
fn molecules_that_are_ordered_chosen_and_joined_are_molecules_still() {
    let read = inline(&["OCC ethanol", "C methane", "CC ethane", "CCC"]);
    let sort = SortTable::from_params(&params(json!({ "by": ["name desc"] }))).unwrap();
    let sorted = run(&sort, here(), &[("table", &read)]).unwrap().remove(0);
    assert_eq!(sorted.packed.root.kind(), "molecules");
    assert_eq!(texts(&table(&sorted), "smiles"), ["C", "CCO", "CC", "CCC"]);
    let top = TopRows::from_params(&params(json!({ "by": "record", "count": 2 }))).unwrap();
    let top = run(&top, here(), &[("table", &sorted)]).unwrap().remove(0);
    assert_eq!((top.packed.root.kind(), integers(&table(&top), "record")), ("molecules", vec![4, 3]));

    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("assay.csv"), "compound,pIC50,batch\nethane,5,007\nC,6,008\n").unwrap();
    let join = json!({ "on": ["name"], "right_on": ["compound"], "file": "assay.csv", "how": "left" });
    let join = JoinTable::from_params(&params(join)).unwrap();
    let joined = run(&join, directory.path(), &[("left", &top)]).unwrap().remove(0);
    assert_eq!(joined.packed.root.kind(), "molecules");
    assert_eq!(table(&joined).row(1), [json!("ethane"), json!("CC"), json!(3), json!(5), json!("007")]);
    assert_eq!(table(&joined).row(0)[3], Value::Null);

    let select = SelectColumns::from_params(&params(json!({ "drop": ["record"] }))).unwrap();
    let selected = run(&select, here(), &[("table", &joined)]).unwrap().remove(0);
    assert_eq!(selected.packed.root.kind(), "table");
}

/// What a program gives goes on as molecules, and the rows that are none go apart with the reason.
#[cfg(unix)]
#[test]
fn the_answer_of_a_program_becomes_molecules() {
    let program =
        r#"cat > /dev/null; echo '{"name":"a","smiles":"OCC","score":1}'; echo '{"name":"b","smiles":"C1","score":2}'"#;
    let process = json!({ "command": ["sh", "-c", program], "version": "generator@1" });
    let process = RunProcess::from_params(&params(process)).unwrap();
    let answer = run(&process, here(), &[("table", &inline(&["C methane"]))]).unwrap().remove(0);
    let turned = run(&MoleculesFromTable::new(), here(), &[("table", &answer)]).unwrap();
    assert_eq!(turned[0].packed.root.kind(), "molecules");
    let (kept, rejects) = (table(&turned[0]), table(&turned[1]));
    assert_eq!(kept.columns().last().and_then(|column| column.provider.as_deref()), Some("generator@1"));
    assert_eq!((texts(&kept, "smiles"), integers(&kept, "score")), (vec!["CCO".to_owned()], vec![1]));
    assert_eq!((integers(&rejects, "record"), rejects.rows()), (vec![2], 1));
}

#[test]
fn the_check_knows_what_a_step_gives_by_what_feeds_it() {
    let read = "  - { id: read, uses: molecules.inline, with: { molecules: [C] } }\n";
    let sort = "  - { id: sort, uses: table.sort, with: { by: [name] } }\n";
    let top = "  - { id: top, uses: table.top, with: { by: name, count: 1 } }\n";
    let select = "  - { id: select, uses: table.select, with: { columns: [name] } }\n";
    let describe = "  - { id: describe, uses: molecules.describe }\n";
    let good = checked(&[read, sort, top, describe].concat());
    assert!(good.diagnostics.is_empty() && good.definition.is_some(), "{:?}", good.diagnostics);
    let engine = FlowEngine::new_with_definition(good.definition.unwrap());
    engine.run_to_end().unwrap();
    let kind = |step: &str| engine.last_step_output(step).unwrap().unwrap().kind().to_owned();
    assert_eq!(["read", "sort", "top", "describe"].map(kind), ["molecules"; 4]);
    let bad = checked(&[read, select, sort, describe].concat());
    let said: Vec<&str> = bad.diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    assert_eq!(said, ["the input `molecules` expects `molecules`, found `table` from `sort`"]);
    assert_eq!(bad.diagnostics[0].help.as_deref(), Some("take it from `read`: `inputs: { molecules: read }`"));
}

#[test]
fn a_molecule_in_a_manifest_that_is_none_is_told_with_its_place() {
    for (text, why) in [("", "empty"), ("C |&1:1|", "CXSMILES"), ("C\0 x", "U+0000"), (&"C".repeat(2000), "atoms")] {
        let said = InlineMolecule::read(&json!(text)).unwrap_err();
        assert!(said.message.contains(why), "{said:?}");
    }
    let step = InlineMolecules { molecules: vec!["C methane".into(), "C1CC broken".into()] };
    let said = run(&step, here(), &[]).unwrap_err().to_string();
    assert!(said.contains("molecule 2, `C1CC broken`") && said.contains("unclosed"), "{said}");
}

#[test]
fn a_table_comes_back_from_the_file_that_it_was_written_to() {
    let directory = tempfile::tempdir().unwrap();
    let text = "id,x,n,ok\n007,1.5,3,true\nb,,,\n\"c\nd\",-0.25,4,false\n";
    std::fs::write(directory.path().join("a.csv"), text).unwrap();
    let read = |path: &str| ReadTable::from_params(&params(json!({ "path": path, "on_error": "fail" }))).unwrap();
    let first = run(&read("a.csv"), directory.path(), &[]).unwrap();
    let write = WriteTable::from_params(&params(json!({ "path": "b.csv" }))).unwrap();
    run(&write, directory.path(), &[("table", &first[0])]).unwrap();
    assert_eq!(std::fs::read_to_string(directory.path().join("b.csv")).unwrap(), text);
    let again = run(&read("b.csv"), directory.path(), &[]).unwrap();
    assert_eq!(again[0].packed.root, first[0].packed.root);
    let write = WriteTable::from_params(&params(json!({ "path": "b.jsonl" }))).unwrap();
    run(&write, directory.path(), &[("table", &first[0])]).unwrap();
    let again = run(&read("b.jsonl"), directory.path(), &[]).unwrap();
    assert_eq!(again[0].packed.root, first[0].packed.root);
}
