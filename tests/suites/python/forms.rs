//! What a step function may take and give.

use serde_json::json;

use crate::harness::{Place, has};

#[test]
fn a_row_gives_none_one_or_several() {
    let module = r#"
from chem_flow import step


@step("lab.copies", version=1, rows=True)
def copies(name: str, ic50_nm: float | None) -> {"copy": int, "of": str}:
    if ic50_nm is None:
        return None
    if ic50_nm > 50:
        return [{"copy": 1, "of": name}, {"copy": 2, "of": name}]
    return {"copy": 1, "of": name}
"#;
    let Some(place) = Place::with(module) else { return };
    place.flow("{ id: it, uses: lab.copies }");
    let run = place.run();
    let rows: Vec<_> = place.rows(&run, 1, 0).into_iter().map(|row| (row[2].clone(), row[3].clone())).collect();
    let expected = [("a", 1), ("b", 1), ("c", 1), ("e", 1), ("e", 2)];
    assert_eq!(rows, expected.map(|(name, copy)| (json!(copy), json!(name))));
    place.chem(&["verify", "@last"]).expect(0);
}

#[test]
fn a_batch_is_a_frame() {
    for (import, frame, body) in [
        (
            "import pyarrow as pa\nimport pyarrow.compute as pc",
            "pa.Table",
            "pa.table({'double': pc.multiply(rows['ic50_nm'], 2.0)})",
        ),
        (
            "import pyarrow as pa",
            "pa.RecordBatch",
            "pa.table({'double': [n and n * 2 for n in rows['ic50_nm'].to_pylist()]})",
        ),
        ("import pandas as pd", "pd.DataFrame", "pd.DataFrame({'double': rows['ic50_nm'] * 2})"),
        ("import polars as pl", "pl.DataFrame", "rows.select((pl.col('ic50_nm') * 2).alias('double'))"),
        ("import pandas as pd", "pd.DataFrame", "(rows[['ic50_nm']] * 2).rename(columns={'ic50_nm': 'double'})"),
    ] {
        if !has(import.split_whitespace().nth(1).unwrap()) {
            continue;
        }
        let module = format!(
            "{import}\nfrom chem_flow import step\n\n\n@step('lab.double', version=1, rows=True, columns=['ic50_nm'])\n\
             def double(rows: {frame}) -> {{'double': float}}:\n    return {body}\n"
        );
        let Some(place) = Place::with(&module) else { return };
        place.flow("{ id: it, uses: lab.double }");
        let run = place.run();
        let rows: Vec<_> = place.rows(&run, 1, 0).into_iter().map(|row| row[2].clone()).collect();
        assert_eq!(rows, [json!(20), json!(-6), json!(0.4), json!(null), json!(200)], "{module}");
        place.chem(&["verify", "@last"]).expect(0);
    }
}

#[test]
fn a_whole_table_has_several_inputs_and_outputs() {
    let module = r#"
import pyarrow as pa
import pyarrow.compute as pc

from chem_flow import Context, OutputFile, step


@step("lab.halves", version=1)
def halves(table: pa.Table, other: pa.Table, context: Context, *, at: float, note: OutputFile = "out/note.txt") -> {
    "main": pa.Table, "high": pa.Table, "sizes": {"low": int, "high": int}
}:
    low = table.filter(pc.less(table["ic50_nm"], at))
    high = table.filter(pc.greater_equal(table["ic50_nm"], at))
    with open(note, "w") as file:
        file.write(f"{low.num_rows} of {other.num_rows}")
    context.signal("cut", {"at": at})
    context.progress(1, 1)
    context.check_cancelled()
    return {"main": low, "high": high, "sizes": pa.table({"low": [low.num_rows], "high": [high.num_rows]})}
"#;
    let Some(place) = Place::with(module) else { return };
    place.flow("{ id: it, uses: lab.halves, inputs: { table: read, other: read }, with: { at: 10 } }");
    let run = place.run();
    assert_eq!(place.rows(&run, 1, 0).len(), 2, "{run:#}");
    assert_eq!(place.rows(&run, 1, 1), [json!(["a", 10]), json!(["e", 100])]);
    assert_eq!(place.rows(&run, 1, 2), [json!([2, 2])]);
    assert_eq!(run["steps"][1]["outputs"][3]["kind"], "file");
    assert_eq!(std::fs::read_to_string(place.path().join("out/note.txt")).unwrap(), "2 of 5");
    let log = place.chem(&["log", "@last"]).expect(0).stdout;
    assert!(log.contains("cut"), "{log}");
    place.chem(&["verify", "@last"]).expect(0);
}

#[test]
fn a_source_and_a_sink() {
    let module = r#"
import pandas as pd

from chem_flow import InputFile, OutputFile, step


@step("lab.numbers", version=1)
def numbers(*, count: int = 3, seed: InputFile | None = None) -> {"n": int, "square": float}:
    first = int(open(seed).read()) if seed else 0
    return pd.DataFrame({"n": range(first, first + count), "square": [float(n * n) for n in range(first, first + count)]})


@step("lab.sum", version=1)
def total(table: pd.DataFrame, *, path: OutputFile) -> None:
    with open(path, "w") as file:
        file.write(str(table["square"].sum()))
"#;
    if !has("pandas") {
        return;
    }
    let Some(place) = Place::with(module) else { return };
    place.write("seed.txt", "2").steps(
        "  - { id: numbers, uses: lab.numbers, with: { seed: seed.txt } }\n  - { id: sum, uses: lab.sum, with: { path: sum.txt } }\n",
    );
    let run = place.run();
    assert_eq!(place.rows(&run, 0, 0), [json!([2, 4]), json!([3, 9]), json!([4, 16])]);
    assert_eq!(std::fs::read_to_string(place.path().join("sum.txt")).unwrap(), "29.0");
    assert_eq!(place.run()["steps"][0]["cached"], true);
    place.write("seed.txt", "3");
    assert_eq!(place.run()["steps"][0]["cached"], false);
}

#[test]
fn results_that_are_not_as_declared_fail_the_step() {
    for (result, says) in [
        ("{'score': 'x'}", "the column `score` is declared float, but the step gives `'x'`, a `str`"),
        ("{'score': float('nan')}", "has the value `nan`"),
        ("{'score': float('inf')}", "has the value `inf`"),
        ("{'scor': 1.0}", "the result lacks the column `score`"),
        ("{'score': 1.0, 'more': 2}", "the result has the column `more`"),
        ("{'score': numpy.float32(0.1)}", "write `float(…)`"),
        ("7", "the step returns a `int` for a row"),
    ] {
        let numpy = if result.contains("numpy") { "import numpy\n" } else { "" };
        if !numpy.is_empty() && !has("numpy") {
            continue;
        }
        let module = format!(
            "{numpy}from chem_flow import step\n\n\n@step('lab.score', version=1, rows=True)\n\
             def score(name: str) -> {{'score': float}}:\n    return {result}\n"
        );
        let Some(place) = Place::with(&module) else { return };
        place.flow("{ id: it, uses: lab.score }");
        let said = place.chem(&["run", "flow.yaml"]).expect(1).stderr;
        assert!(said.contains("`lab.score` failed") && said.contains(says), "{result}: {said}");
    }
}

#[test]
fn molecules_are_made_once_for_a_row() {
    if !has("rdkit") {
        return;
    }
    let module = r#"
from rdkit.Chem import Mol
from rdkit.Chem.rdMolDescriptors import CalcExactMolWt
from rdkit.Chem.Scaffolds.MurckoScaffold import GetScaffoldForMol

from chem_flow import step


@step("lab.scaffold", version=1, rows=True)
def scaffold(mol: Mol, name: str) -> {"exact": float, "core": Mol}:
    return {"exact": round(CalcExactMolWt(mol), 3), "core": GetScaffoldForMol(mol)}
"#;
    let Some(place) = Place::with(module) else { return };
    place.steps(
        "  - { id: given, uses: molecules.inline, with: { molecules: [CCO ethanol, Cc1ccccc1 toluene] } }\n  - { id: it, uses: \
         lab.scaffold }\n  - { id: keep, uses: molecules.filter, with: { where: exact > 50 } }\n",
    );
    let run = place.run();
    assert_eq!(run["steps"][1]["outputs"][0]["kind"], "molecules");
    let rows = place.rows(&run, 2, 0);
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0][3], &rows[0][4]), (&json!(92.063), &json!("c1ccccc1")));
    // Another library's structures become molecules where this one has read them.
    place.write("steps.py", &module.replace("\"core\"", "\"smiles\""));
    let found = place.chem(&["check", "flow.yaml"]).expect(2).stdout;
    assert!(
        found.contains("the column `smiles` holds the structures of the molecules") && found.contains("from_table"),
        "{found}"
    );
}

#[test]
fn a_whole_table_is_a_frame() {
    for (import, frame, body) in [
        ("import pyarrow as pa", "pa.Table", "table.select(['name'])"),
        ("import pandas as pd", "pd.DataFrame", "table[['name']]"),
        ("import polars as pl", "pl.DataFrame", "table.select('name')"),
    ] {
        if !has(import.split_whitespace().nth(1).unwrap()) {
            continue;
        }
        let module = format!(
            "{import}\nfrom chem_flow import step\n\n\n@step('lab.names', version=1)\n\
             def names(table: {frame}) -> {frame}:\n    assert type(table) is {frame}\n    return {body}\n"
        );
        let Some(place) = Place::with(&module) else { return };
        place.flow("{ id: it, uses: lab.names }");
        let run = place.run();
        assert_eq!(place.rows(&run, 1, 0), ["a", "b", "c", "d", "e"].map(|name| json!([name])), "{module}");
    }
}

#[test]
fn a_row_gives_a_dataclass() {
    let module = r#"
from dataclasses import dataclass

from chem_flow import step


@dataclass
class Half:
    half: float
    of: str


@step("lab.half", version=1, rows=True)
def half(name: str, ic50_nm: float) -> Half:
    return Half(ic50_nm / 2, of=name)


@step("lab.halves", version=1, rows=True)
def halves(name: str, ic50_nm: float) -> list[Half]:
    return [Half(ic50_nm / 2, of=name)] * (2 if name == "e" else 1)


@dataclass
class Other:
    half: float


@step("lab.wrong", version=1, rows=True)
def wrong(ic50_nm: float) -> Half:
    return Other(ic50_nm)
"#;
    let Some(place) = Place::with(module) else { return };
    for (step, last) in [("lab.half", 1), ("lab.halves", 2)] {
        place.flow(&format!("{{ id: it, uses: {step} }}"));
        let run = place.run();
        let rows = place.rows(&run, 1, 0);
        assert_eq!(rows[0], json!(["a", 10, 5, "a"]));
        assert_eq!(rows[3..], vec![json!(["e", 100, 50, "e"]); last]);
    }
    place.flow("{ id: it, uses: lab.wrong }");
    let said = place.chem(&["run", "flow.yaml"]).expect(1).stderr;
    assert!(said.contains("the step returns a `Other` for a row"), "{said}");
}
