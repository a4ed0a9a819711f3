//! Several files as one source.

use std::path::Path;

use chem_runtime::artifact::Table;
use chem_runtime::chemistry::ReadMolecules;
use chem_runtime::step::{Step, StepError};
use chem_runtime::steps::table::ReadTable;
use serde_json::{Map, Value, json};

use crate::bench::{run, table};

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let full = directory.path().join(path);
        std::fs::create_dir_all(full.parent().unwrap()).unwrap();
        std::fs::write(full, content).unwrap();
    }
    directory
}

/// What a step puts out for the parameters `params`: its columns and rows, and those of the rejects.
fn read<S: Step>(directory: &Path, params: Value) -> Result<[(Vec<String>, Value); 2], StepError> {
    let params: Map<String, Value> = params.as_object().unwrap().clone();
    let outputs = run(&S::from_params(&params).unwrap(), directory, &[])?;
    let content = |table: &Table| {
        let names = table.columns().iter().map(|column| column.name.to_string()).collect();
        (names, (0..table.rows()).map(|row| Value::from(table.row(row))).collect())
    };
    Ok([content(&table(&outputs[0])), content(&table(&outputs[1]))])
}

/// pandas: `pd.concat([pd.read_csv(file) for file in sorted(glob("plates/*.csv"))])`.
#[test]
fn tables_of_several_files_are_one_and_every_row_and_reject_names_its_file() {
    let plates = directory(&[
        ("plates/p2.csv", "n,well,id\n0.5,A1,7\nbroken\n"),
        ("plates/p1.csv", "well,n,id\nA1,1,007\nA2,2,8\n"),
        ("plates/.p0.csv", "x\n"),
    ]);
    let params = json!({ "path": "plates/*.csv", "file_column": "plate" });
    let [(names, rows), (of_rejects, rejects)] = read::<ReadTable>(plates.path(), params).unwrap();
    assert_eq!(names, ["well", "n", "id", "plate"]);
    // The types fit the cells of both files.
    assert_eq!(rows, json!([["A1", 1.0, "007", "p1.csv"], ["A2", 2.0, "8", "p1.csv"], ["A1", 0.5, "7", "p2.csv"]]));
    assert_eq!(of_rejects, ["file", "line", "record", "text", "reason"]);
    assert_eq!(
        (rejects[0][0].clone(), rejects[0][1].clone(), rejects[0][2].clone()),
        (json!("p2.csv"), json!(3), json!(2))
    );

    let listed = json!({ "path": ["plates/p2.csv", "plates/p1.csv"], "file_column": "plate" });
    let [(names, rows), _] = read::<ReadTable>(plates.path(), listed).unwrap();
    assert_eq!((names[0].as_str(), &rows[0]), ("n", &json!([0.5, "A1", "7", "p2.csv"])), "a list keeps its order");

    let strict = json!({ "path": "plates/*.csv", "on_error": "fail" });
    let failed = read::<ReadTable>(plates.path(), strict).unwrap_err().to_string();
    assert!(failed.starts_with("line 3 of `plates/p2.csv` cannot be used"), "{failed}");
    let share = json!({ "path": "plates/*.csv", "fail_above": 0.1 });
    let failed = read::<ReadTable>(plates.path(), share).unwrap_err().to_string();
    assert!(
        failed.starts_with("1 of 4 records of `plates/*.csv` cannot be used")
            && failed.ends_with("the first is line 3 of `p2.csv`"),
        "{failed}"
    );
}

/// pandas: `pd.concat(…, join="outer")` and `join="inner"`.
#[test]
fn files_with_different_columns_are_refused_united_or_cut() {
    for (one, other) in [("a.csv", "b.csv"), ("a.jsonl", "b.jsonl"), ("a.tsv", "b.tsv")] {
        let texts = match one {
            "a.csv" => ["x,y\n1,p\n", "z,x\ntrue,2\n"],
            "a.tsv" => ["x\ty\n1\tp\n", "z\tx\ntrue\t2\n"],
            _ => ["{\"x\":1,\"y\":\"p\"}\n", "{\"z\":true,\"x\":2}\n"],
        };
        let files = directory(&[(one, texts[0]), (other, texts[1])]);
        let of = |columns: &str| read::<ReadTable>(files.path(), json!({ "path": [one, other], "columns": columns }));
        let refused = of("same").unwrap_err().to_string();
        let expected = format!("`{other}` has no column `y`, which `{one}` has; `columns: all` keeps");
        assert!(refused.starts_with(&expected), "{refused}");
        let [(names, rows), _] = of("all").unwrap();
        assert_eq!((names.join(" "), rows), ("x y z".to_owned(), json!([[1, "p", null], [2, null, true]])), "{one}");
        let [(names, rows), _] = of("common").unwrap();
        assert_eq!((names.join(" "), rows), ("x".to_owned(), json!([[1], [2]])), "{one}");
    }
    let files = directory(&[("a.csv", "x\n1\n"), ("b.csv", ""), ("c.csv", "y\n1\n")]);
    let of = |path: Value, columns: &str| read::<ReadTable>(files.path(), json!({ "path": path, "columns": columns }));
    assert_eq!(
        of(json!(["a.csv", "b.csv"]), "same").unwrap()[0].1,
        json!([[1]]),
        "an empty file has no columns to unite"
    );
    let refused = of(json!("[ac].csv"), "same").unwrap_err().to_string();
    assert!(refused.contains("[ac].csv"), "brackets are no wildcards: {refused}");
    assert!(of(json!(["a.csv", "c.csv"]), "common").unwrap_err().to_string().contains("no column in common"));
    let taken = json!({ "path": ["a.csv"], "file_column": "x" });
    assert!(read::<ReadTable>(files.path(), taken).unwrap_err().to_string().contains("already have a column `x`"));
}

#[test]
fn molecules_of_several_files_are_one_library() {
    let files = directory(&[
        ("lib/b.csv", "SMILES,name,mw,lot\nCC,ethane,30,x\nC1,broken,1,y\n"),
        ("lib/a.csv", "smiles,mw,name,lot\nC,16.04,methane,007\n"),
        ("lib/more/c.csv", "smiles,name\nO,water\n"),
    ]);
    let params =
        json!({ "path": "lib/*.csv", "file_column": "library", "smiles_column": "smiles", "types": { "lot": "text" } });
    let [(names, rows), (of_rejects, rejects)] = read::<ReadMolecules>(files.path(), params).unwrap();
    assert_eq!(names, ["name", "smiles", "record", "mw", "lot", "library"]);
    assert_eq!(rows, json!([["methane", "C", 1, 16.04, "007", "a.csv"], ["ethane", "CC", 1, 30.0, "x", "b.csv"]]));
    assert_eq!(
        (of_rejects[0].as_str(), rejects[0][0].clone(), rejects[0][2].clone()),
        ("file", json!("b.csv"), json!(2))
    );

    let deep = json!({ "path": "lib/**/*.csv", "file_column": "from" });
    let refused = read::<ReadMolecules>(files.path(), deep.clone()).unwrap_err().to_string();
    assert!(refused.starts_with("`lib/more/c.csv` has no column `mw`, which `lib/a.csv` has"), "{refused}");
    let with = |member: (&str, Value)| {
        let mut params = deep.as_object().unwrap().clone();
        params.insert(member.0.to_owned(), member.1);
        params
    };
    let mut all = with(("columns", json!("all")));
    all.insert("numbers".to_owned(), json!(["mw"]));
    let [(_, rows), _] = read::<ReadMolecules>(files.path(), all.clone().into()).unwrap();
    assert_eq!(rows[2], json!(["water", "O", 1, null, null, "more/c.csv"]));
    all.insert("numbers".to_owned(), json!(["logp"]));
    let refused = read::<ReadMolecules>(files.path(), all.into()).unwrap_err().to_string();
    assert_eq!(refused, "none of the files has a column `logp`, which `numbers` names");
    let [(names, _), _] = read::<ReadMolecules>(files.path(), with(("columns", json!("common"))).into()).unwrap();
    assert_eq!(names.join(" "), "name smiles record from");
    let failed = read::<ReadMolecules>(files.path(), json!({ "path": "lib/?.csv", "on_error": "fail" })).unwrap_err();
    assert!(failed.to_string().starts_with("line 3 of `lib/b.csv` cannot be used"), "{failed}");
}

#[test]
fn sd_and_smiles_files_are_read_together() {
    let block = include_str!("../../reference/drawn.sdf").split_inclusive("M  END\n").next().unwrap();
    let sd = |data: &str| format!("{block}{data}$$$$\n");
    let (one, other) = (sd("> <ic50>\n5\n\n"), sd("> <ic50>\n0.5\n\n> <ki>\n1\n\n"));
    let files = directory(&[
        ("a.sdf", &one),
        ("b.sdf", &other),
        ("none.sdf", ""),
        ("a.smi", "C methane\n"),
        ("b.smi", "smiles name\nCC ethane\n"),
    ]);
    let refused = read::<ReadMolecules>(files.path(), json!({ "path": "*.sdf" })).unwrap_err().to_string();
    assert!(refused.starts_with("`a.sdf` has no column `ki`, which `b.sdf` has"), "{refused}");
    let all = json!({ "path": "*.sdf", "columns": "all", "types": { "ki": "integer" } });
    let [(_, rows), _] = read::<ReadMolecules>(files.path(), all).unwrap();
    assert_eq!(
        (&rows[0][3], &rows[0][4], &rows[1][3], &rows[1][4]),
        (&json!(5.0), &Value::Null, &json!(0.5), &json!(1))
    );
    let smiles = json!({ "path": ["b.smi", "a.smi"], "file_column": "file" });
    let [(_, rows), _] = read::<ReadMolecules>(files.path(), smiles).unwrap();
    assert_eq!(rows, json!([["ethane", "CC", 1, "b.smi"], ["methane", "C", 1, "a.smi"]]));
    let mixed = read::<ReadMolecules>(files.path(), json!({ "path": "a.*" })).unwrap_err().to_string();
    assert_eq!(mixed, "`a.sdf` and `a.smi` have different formats");
}
