//! What goes wrong in the world: rubbish among the records, a disk that is full, a directory in the way, a column that is
//! not there. Every record is accounted for, and every trouble is one error that names it.

use std::path::Path;
use std::process::{Command, Output};

use chem_runtime::event::FlowEventKind;
use chem_runtime::manifest;
use chem_runtime::step::Registry;
use chem_runtime::store::EventStore;
use serde_json::Value;

/// Approved drugs, with rubbish in place of three records of ten.
fn rubbish() -> (String, usize) {
    const RUBBISH: [&str; 6] = ["C1CC", "not a molecule", "", "CN(C)(C)(C)C", "C(", "c1cc(C)cc1"];
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../flows/data/approved-drugs.csv");
    let drugs = std::fs::read_to_string(data).unwrap();
    let mut file = String::from("name,smiles\n");
    let mut records = 0;
    for line in drugs.lines().skip(1).take(150) {
        let cells: Vec<&str> = line.split(',').collect();
        let [name, smiles] = [cells[cells.len() - 3], cells[cells.len() - 2]];
        let smiles = if records % 10 < 3 { RUBBISH[records % RUBBISH.len()] } else { smiles };
        file.push_str(&format!("{name},{smiles}\n"));
        records += 1;
    }
    (file, records)
}

const ACCOUNTED: &str = r#"
flow: accounted
steps:
  - { id: read, uses: molecules.read, with: { path: drugs.csv } }
  - { id: describe, uses: molecules.describe, with: { properties: [molecular_weight, tpsa] } }
  - { id: light, uses: molecules.filter, with: { where: "molecular_weight < 450" } }
  - { id: rings, uses: molecules.substructure, with: { smarts: "[R]" } }
  - { id: near, uses: molecules.similar, with: { queries: ["CC(=O)Nc1ccccc1"], threshold: 0.1 } }
  - { id: pick, uses: molecules.diverse, with: { count: 20 } }
  - { id: write, uses: table.write, with: { path: out.csv } }
"#;

macro_rules! every_record_is_accounted_for {
    ($($(#[$meta:meta])* $name:ident => $backend:ty,)*) => {$(
        $(#[$meta])*
        #[test]
        fn $name() {
            if let Some(backend) = <$backend as stores::Backend>::fresh() {
                super::accounts(stores::Backend::store(&backend));
            }
        }
    )*};
}

mod every_record_of_a_library_with_rubbish_is_accounted_for {
    use chem_tests::stores;

    chem_tests::stores!(every_record_is_accounted_for);
}

fn accounts(store: std::sync::Arc<dyn EventStore>) {
    let directory = tempfile::tempdir().unwrap();
    let (file, records) = rubbish();
    std::fs::write(directory.path().join("drugs.csv"), file).unwrap();
    let path = directory.path().join("flow.yaml");
    std::fs::write(&path, ACCOUNTED).unwrap();
    let definition = manifest::load(&path, &[], Registry::linked().unwrap()).definition.unwrap();
    let engine = chem_runtime::engine::FlowEngine::on(store).directory(directory.path()).definition(definition);
    engine.run_to_end().unwrap();

    let mut left = records as u64;
    for event in engine.events().unwrap() {
        let FlowEventKind::StepSignal(signal) = event.kind else { continue };
        let count = |name: &str| signal.data.get(name).and_then(Value::as_u64);
        let step = signal.step_id.as_str();
        let came = match (step, count("kept")) {
            ("read", Some(kept)) => {
                assert_eq!(count("records"), Some(left));
                assert_eq!(count("rejected"), Some(left * 3 / 10));
                kept + count("rejected").unwrap()
            }
            (_, Some(kept)) => kept + count("dropped").unwrap(),
            ("describe", None) => count("molecules").unwrap(),
            ("write", None) => count("rows").unwrap(),
            (other, None) => panic!("`{other}` does not account for its records: {}", signal.data),
        };
        assert_eq!(came, left, "at `{step}`");
        left = count("kept").unwrap_or(left);
    }
    let written = std::fs::read_to_string(directory.path().join("out.csv")).unwrap();
    assert_eq!(written.lines().count() as u64, left + 1);
}

/// Runs a flow of `molecules.read` and this step.
fn run(directory: &Path, read: &str, write: &str, shell: &str) -> Output {
    let manifest = format!(
        "flow: f\nsteps:\n  - {{ id: read, uses: molecules.read, with: {read} }}\n  - {{ id: write, {write} }}\n"
    );
    std::fs::write(directory.join("f.yaml"), manifest).unwrap();
    let chem = env!("CARGO_BIN_EXE_chem-alone");
    Command::new("sh")
        .args(["-c", &format!("{shell} exec '{chem}' run f.yaml -q --store memory:")])
        .current_dir(directory)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

/// The one error that it said, having ended with this status.
fn error(output: &Output, status: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("error")).count(), 1, "{said}");
    said
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_one_error_and_leaves_no_half_written_file() {
    // A limit on the size of files fails a write in its middle, as a full disk does.
    const FULL: &str = "trap '' XFSZ; ulimit -f 16;";
    for (name, write) in [
        ("out.csv", "uses: table.write, with: { path: out.csv }"),
        ("out.html", "uses: report.write, with: { path: out.html }"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let drugs: String = (0..2_000).map(|index| format!("CC(=O)Nc1ccccc1 molecule {index}\n")).collect();
        std::fs::write(directory.path().join("a.smi"), drugs).unwrap();
        std::fs::write(directory.path().join(name), "what was there before").unwrap();
        let said = error(&run(directory.path(), "{ path: a.smi }", write, FULL), 1);
        assert!(said.contains(&format!("cannot write `{}", directory.path().join(name).display())), "{said}");
        assert!(said.contains("too large"), "{said}");
        assert_eq!(std::fs::read_to_string(directory.path().join(name)).unwrap(), "what was there before");
        let mut there: Vec<_> =
            std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        there.sort();
        assert_eq!(there, ["a.smi", "f.yaml", name]);
    }
}

#[test]
fn a_directory_in_the_way_and_a_missing_column_are_one_error_each() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("out.html")).unwrap();
    std::fs::create_dir(directory.path().join("out.csv")).unwrap();
    std::fs::write(directory.path().join("a.csv"), "id,structure\n1,CCO\n").unwrap();
    std::fs::write(directory.path().join("b.csv"), "id,smiles\n1,CCO\n").unwrap();
    for (read, write, status, words) in [
        ("{ path: b.csv }", "uses: report.write, with: { path: out.html }", 1, ["out.html", "it is a directory"]),
        ("{ path: b.csv }", "uses: table.write, with: { path: out.csv }", 1, ["out.csv", "it is a directory"]),
        ("{ path: a.csv }", "uses: table.write, with: { path: c.csv }", 2, ["`smiles`", "`structure`"]),
    ] {
        let said = error(&run(directory.path(), read, write, ""), status);
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
    assert!(!directory.path().join("c.csv").exists());
}
