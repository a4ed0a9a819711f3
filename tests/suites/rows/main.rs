//! The promise of the steps that work row by row: what comes out for a row depends on the row's values in the columns that the
//! step declares and on its parameters, and on nothing else.
//!
//! Every such step type of the program runs here on made-up rows: as a whole, shuffled, in other pieces, and one by one. A step
//! type without an example fails the test, so that none is forgotten. `broken` has steps that break the promise; `edits` changes the rows between
//! runs, of which the later takes over what it can; `shards` and `shard_inputs` run the steps in shards.

mod broken;
mod edits;
mod shard_inputs;
mod shards;

use std::collections::HashMap;

use chem_runtime::artifact::{ArtifactValue, Column, ColumnType, Dataset, Table, Values};
use chem_runtime::step::{
    CancelToken, ExecutionContext, Files, Inputs, Registry, RowColumns, Sample, Silent, StepDefinition, StepError,
    StepId, StepRunResult,
};
use chem_runtime::workbench::check_rows;
use serde_json::{Value, json};

/// Outputs by name.
type Outputs = Vec<(String, Table)>;

/// Returns uses of the row step types: the name and the parameters.
fn examples() -> Vec<(&'static str, Value)> {
    let mut examples = vec![
        ("table.select", json!({"columns": ["b", "name"], "rename": {"b": "c"}})),
        ("table.select", json!({"drop": ["a"]})),
        ("table.filter", json!({"where": "a > 2 && (b == null || b < 5.5 || name != 'x')"})),
        ("table.filter", json!({"where": "name >= 'm'"})),
        ("table.filter", json!({"where": "size(extract(name, '[0-9]+')) > 1"})),
        (
            "table.compute",
            json!({
                "columns": [{"twice": "a * 2"}, {"ratio": "b / a"}, {"first": "extract(name, '^.')"}, {"late": "first > 'm'"}],
                "types": {"twice": "float"},
                "on_error": "reject",
            }),
        ),
        ("table.compute", json!({"columns": [{"one": "1"}, {"missing": "null"}], "types": {"missing": "text"}})),
        ("table.unpivot", json!({"columns": ["b", "a"], "name": "of", "keep": ["name"], "others": "drop"})),
        ("table.unpivot", json!({"columns": ["a", "b"], "name": "of", "missing": "drop", "others": "drop"})),
        ("table.unpivot", json!({"columns": ["u", "a"], "name": "of", "keep": ["name"], "others": "drop"})),
        (
            "process.run",
            json!({
                "command": ["sed", "s/}$/, \"one\": 1}/"], "version": "sed", "rows": true, "types": {"one": "integer"},
                "columns": ["a"],
            }),
        ),
        (
            "process.run",
            json!({
                "command": ["awk", "/2/{exit 1}{sub(/}$/, \", \\\"one\\\": 1}\"); print}"], "version": "awk", "rows": true,
                "types": {"one": "integer"}, "columns": ["a"], "on_error": "reject",
            }),
        ),
    ];
    if cfg!(feature = "chemistry") {
        let all_properties = [
            "molecular_weight",
            "logp",
            "tpsa",
            "hbd",
            "hba",
            "rotatable_bonds",
            "exact_mass",
            "formula",
            "heavy_atoms",
            "molar_refractivity",
            "rings",
            "aromatic_rings",
            "fraction_csp3",
            "formal_charge",
            "qed",
            "inchi_key",
        ];
        examples.extend([
            ("molecules.describe", json!({"properties": all_properties})),
            ("molecules.describe", json!({"properties": ["logp", "logp"]})),
            ("molecules.rules", json!({})),
            ("molecules.filter", json!({"where": "a > 2 && (b == null || b < 5.5 || name != 'x')"})),
            ("molecules.filter", json!({"where": "name >= 'm' || size(name) > 3"})),
            ("molecules.substructure", json!({"smarts": "c1ccccc1"})),
            ("molecules.substructure", json!({"smarts": "[OX2H]", "action": "drop"})),
            ("molecules.alerts", json!({"path": "data/alerts.smarts"})),
            ("molecules.alerts", json!({"catalogue": ["pains_a", "zinc"]})),
            ("molecules.fingerprint", json!({"fingerprint": "topological_torsion"})),
            ("molecules.fingerprint", json!({"fingerprint": "fcfp4", "bits": 512, "counts": true})),
            ("molecules.scaffold", json!({})),
            ("molecules.standardize", json!({"operations": ["disconnect_metals", "normalize", "reionize", "largest_fragment", "neutralize", "canonical_tautomer"]})),
            ("molecules.from_table", json!({"smiles": "smiles"})),
            ("molecules.from_table", json!({"smiles": "spelled", "name": "a", "fail_above": 1})),
            ("properties.prefer", json!({"property": "p", "from": ["b", "a"], "policy": "agree", "tolerance": 1})),
            ("properties.prefer", json!({"property": "p", "from": ["b", "a"], "policy": "median"})),
        ]);
    }
    examples
}

/// Returns made-up rows: molecules if the program has chemistry, with columns of each type and missing values. Some rows are
/// equal to others, and some molecules are refused or changed by `molecules.standardize`.
fn input() -> Dataset {
    let mut names: Vec<String> = (0..60_usize).map(|row| format!("m{}", row * 7 % 13)).collect();
    // A row whose name looks like a number, although those of all rows do not.
    names[5] = "123".to_owned();
    let present = |row: usize, every: usize| row % every != 3;
    let a = (0..60).map(|row| present(row, 5).then_some(row as i64 * 5 % 11));
    let b = (0..60).map(|row| present(row, 4).then_some((row * 3 % 17) as f64 / 2.0));
    let more = [
        (Column::new("a", ColumnType::Integer), Values::integers(a)),
        (Column::new("b", ColumnType::Float), Values::floats(b)),
        (
            Column::new("ok", ColumnType::Boolean),
            Values::booleans((0..60).map(|row| present(row, 7).then_some(row % 2 == 0))),
        ),
        without_values(60),
        spelled(0..60),
    ];
    let name = (
        Column::new("name", ColumnType::Text),
        Values::texts(names.iter().enumerate().map(|(row, name)| present(row, 9).then_some(name))),
    );
    if cfg!(not(feature = "chemistry")) {
        let columns = [name].into_iter().chain(more);
        return Dataset::new("table", Table::new(columns).unwrap());
    }
    let chain = "C".repeat(151);
    let smiles = [
        "CC(=O)Oc1ccccc1C(=O)O",
        "c1ccccc1",
        "CCO",
        "[Na+].CC(=O)[O-]",
        "O=C1CCCCC1",
        "Cl.CNCCC(c1ccccc1)O",
        &chain,
        "[999C]CC",
        "C[C@H](N)C(=O)O",
        "Oc1ccncc1",
        "*C",
    ];
    let molecules: Vec<String> =
        names.iter().enumerate().map(|(row, name)| format!("{} {name}", smiles[row * 5 % smiles.len()])).collect();
    let outputs = run("molecules.inline", &json!({ "molecules": molecules }), None, None).unwrap().0;
    let table = outputs[0].1.with_column(name.0, name.1).unwrap();
    Dataset::new("molecules", table).with_columns(more).unwrap()
}

/// Returns a column with a unit and without values.
fn without_values(rows: usize) -> (Column, Values) {
    (Column::new("u", ColumnType::Integer).with_unit("nM"), Values::integers(vec![None::<i64>; rows]))
}

/// Returns a column of SMILES, of which some are not SMILES.
fn spelled(molecules: impl Iterator<Item = usize>) -> (Column, Values) {
    let smiles = [Some("OC"), Some("C1"), None, Some(" c1ccccc1O "), Some("C |$R1$|")];
    (
        Column::new("spelled", ColumnType::Text),
        Values::texts(molecules.map(|molecule| smiles[molecule % 5]).collect::<Vec<_>>()),
    )
}

fn bound(uses: &str, params: &Value) -> Box<dyn StepDefinition> {
    let registration = Registry::linked().unwrap().get(uses).unwrap_or_else(|| panic!("there is no `{uses}`"));
    registration.bind(StepId::new("it").unwrap(), params.as_object().unwrap()).unwrap_or_else(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{uses}: {problems:?}")
    })
}

/// Runs a step on `rows`, and returns its outputs and signals. `batch` is the number of rows of a batch, if it is not left to
/// the runtime.
fn run(
    uses: &str,
    params: &Value,
    rows: Option<Dataset>,
    batch: Option<usize>,
) -> Result<(Outputs, Vec<Value>), StepError> {
    run_in(uses, params, rows, |context| match batch {
        Some(rows) => context.in_batches_of(rows),
        None => context,
    })
}

/// Runs a step in the context that `with` returns.
fn run_in(
    uses: &str,
    params: &Value,
    rows: Option<Dataset>,
    with: impl for<'a> Fn(ExecutionContext<'a>) -> ExecutionContext<'a>,
) -> Result<(Outputs, Vec<Value>), StepError> {
    let step = bound(uses, params);
    let mut inputs = Inputs::default();
    if let Some(rows) = rows {
        let port = step.inputs().iter().find(|port| port.rows).unwrap().name;
        let (packed, handed) = rows.pack_and_hand_on().unwrap();
        inputs.wire(port, packed.root.hash(), Some(handed));
    }
    let (artifacts, cancel) = (HashMap::new(), CancelToken::default());
    let files = Files::relative_to(concat!(env!("CARGO_MANIFEST_DIR"), "/../flows"));
    let context = with(ExecutionContext::new(step.id(), &inputs, &artifacts, &files, &cancel, &Silent));
    match step.run(&context) {
        StepRunResult::Success { outputs, signals } => {
            let table = |handed| Table::clone(&Table::take(handed).unwrap());
            let outputs =
                outputs.iter().map(|output| (output.name.to_owned(), table(output.handed.as_ref().unwrap()))).collect();
            Ok((outputs, signals.into_iter().map(|signal| json!([signal.name, signal.data])).collect()))
        }
        StepRunResult::Failure { error, .. } => Err(error),
    }
}

/// Checks a row step on the rows in the order given and in another order, in batches of several sizes.
fn keeps_its_promise(uses: &str, params: &Value, input: &Dataset) -> Result<(), String> {
    let count = input.table().rows();
    let sample: Vec<usize> = (0..count).collect();
    // Multiplying by a number without a common divisor permutes the rows.
    for factor in [1, 31] {
        let order: Vec<usize> = sample.iter().map(|row| row * factor % count).collect();
        let ordered = input.gather(&order);
        let run = |batch| run(uses, params, Some(ordered.clone()), batch);
        let (whole, signals) = run(Some(count)).map_err(|error| format!("{error:#}"))?;
        let again = |rows: &[usize]| {
            let sample = Sample::of(&ordered, rows);
            let rows = Some(ordered.gather(rows));
            Ok(run_in(uses, params, rows, |context| context.in_batches_of(count).on_sample(sample.clone()))?.0)
        };
        check_rows(again, &whole, &sample).map_err(|error| format!("rows times {factor}: {error}"))?;
        for batch in [None, Some(7)] {
            let (other, counted) = run(batch).map_err(|error| format!("{error:#}"))?;
            if (&other, &counted) != (&whole, &signals) {
                return Err(format!("in batches of {batch:?} rows: {counted:?} in place of {signals:?}"));
            }
        }
    }
    Ok(())
}

#[test]
fn every_row_step_keeps_its_promise() {
    let (input, examples) = (input(), examples());
    for (uses, params) in &examples {
        keeps_its_promise(uses, params, &input).unwrap_or_else(|broken| panic!("{uses} {params}: {broken}"));
        let reversed: Vec<usize> = (0..input.table().rows()).rev().collect();
        let [forward, backward] =
            [input.clone(), input.gather(&reversed)].map(|rows| run(uses, params, Some(rows), None).unwrap());
        assert_eq!(forward.1, backward.1, "the signals of {uses} {params}");
        assert!(forward.0[0].1.rows() > 0, "{uses} {params} gives no rows");
    }
    let registry = Registry::linked().unwrap();
    let row_steps = registry.iter().map(|registration| registration.spec()).filter(|spec| spec.rows.is_some());
    let without: Vec<&str> = row_steps
        .filter(|spec| spec.defined_in.0 == "chem-runtime" && examples.iter().all(|(uses, _)| *uses != spec.name))
        .map(|spec| spec.name)
        .collect();
    assert!(without.is_empty(), "row steps without an example here: {without:?}");
}

/// A step that reads only the declared columns gives the same for rows whose other columns have changed, except in the columns
/// that it carries over.
#[test]
fn other_columns_do_not_matter() {
    let input = input();
    for (uses, params) in &examples() {
        let reads = match bound(uses, params).row_columns() {
            Some(RowColumns::Named(reads)) => reads,
            // It has no other columns.
            Some(RowColumns::All) => continue,
            None => panic!("{uses} is not a row step"),
        };
        let mut changed = input.table().as_ref().clone();
        // `ok` is read by none of the examples.
        assert!(!reads.contains("ok"));
        let other = Values::booleans(vec![true; input.table().rows()]);
        changed = changed.with_column(Column::new("ok", ColumnType::Boolean), other).unwrap();
        let changed = Dataset::new(input.kind(), changed);
        let [before, after] = [input.clone(), changed].map(|rows| run(uses, params, Some(rows), None).unwrap());
        assert_eq!(before.1, after.1, "{uses}");
        for ((_, before), (_, after)) in before.0.iter().zip(&after.0) {
            let read = |table: &Table| -> Vec<usize> {
                (0..table.columns().len()).filter(|index| &*table.columns()[*index].name != "ok").collect()
            };
            assert_eq!(before.select(&read(before)), after.select(&read(after)), "{uses}");
        }
    }
}

/// The steps of the program that have a loop of their own over the cores, because they do not work row by row.
#[test]
fn no_row_step_has_a_parallel_loop_of_its_own() {
    let source = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../chem-runtime/src"));
    for family in ["chemistry", "steps"] {
        for path in rust_files(&source.join(family)) {
            let text = std::fs::read_to_string(&path).unwrap();
            let rows = text.lines().any(|line| line.contains("version = ") && line.contains(", rows"));
            let looped = ["map_records(", "par_iter"].iter().any(|call| text.contains(call));
            assert!(!(rows && looped), "{} is a row step and has a parallel loop", path.display());
        }
    }
}

fn rust_files(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
