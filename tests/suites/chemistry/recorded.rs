//! The reference values are what RDKit and pandas give. If `CHEM_TEST_RDKIT` names a Python with both, a test runs the scripts that
//! wrote them and compares; `CHEM_REQUIRE_RDKIT=1` makes a missing RDKit a failure.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

/// Each script, its arguments and the file that it wrote, relative to the repository.
const SCRIPTS: &[(&str, &[&str], &str)] = &[
    ("rdkit_reference.py", &["flows/data/approved-drugs.csv"], "approved-drugs.tsv"),
    ("rdkit_alerts.py", &["flows/data/approved-drugs.csv", "tests/reference/odd.smi"], "alerts.tsv"),
    (
        "rdkit_search.py",
        &["flows/data/approved-drugs.csv", "tests/reference/patterns.smarts", "tests/reference/hydrogens.smarts"],
        "approved-drugs-search.tsv",
    ),
    ("rdkit_odd.py", &["tests/reference/odd.smi", "tests/reference/patterns.smarts"], "odd.tsv"),
    ("rdkit_standard.py", &[], "standardized.tsv"),
    ("rdkit_forms.py", &[], "forms.tsv"),
    ("rdkit_flows.py", &["rule-of-five"], "rule-of-five.csv"),
    ("rdkit_flows.py", &["violations"], "violations.csv"),
    ("rdkit_flows.py", &["path-clusters"], "path-clusters.csv"),
    ("rdkit_flows.py", &["registry"], "registry.csv"),
    ("rdkit_fingerprints.py", &["flows/data/approved-drugs.csv"], "fingerprints.tsv"),
    (
        "rdkit_inchi.py",
        &["flows/data/approved-drugs.csv", "tests/reference/salts.smi", "tests/reference/odd.smi"],
        "inchi.tsv",
    ),
    ("pandas_reading.py", &[], "pandas_reading.jsonl"),
    ("pandas_workbook.py", &[], "workbook.jsonl"),
];

#[test]
fn rdkit_gives_the_recorded_values() {
    let Ok(python) = std::env::var("CHEM_TEST_RDKIT") else {
        let hint = "set CHEM_TEST_RDKIT to a Python that has it: pip install rdkit==2026.9.1 pandas==3.1.1";
        assert!(std::env::var("CHEM_REQUIRE_RDKIT").as_deref() != Ok("1"), "no RDKit to test with: {hint}");
        // Bypasses the output capture of the test harness.
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: THE TEST THAT NEEDS RDKIT: {hint}\n");
        return;
    };
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let reference = repository.join("tests/reference");
    for (script, args, file) in SCRIPTS {
        let output = Command::new(&python)
            .arg(reference.join(script))
            .args(*args)
            .current_dir(&repository)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .output();
        let output = output.unwrap();
        if String::from_utf8_lossy(&output.stderr).contains("No module named 'openpyxl'") {
            let _ = writeln!(std::io::stderr(), "\nSKIPPED: {script} NEEDS openpyxl: pip install openpyxl==3.1.5\n");
            continue;
        }
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        let given = String::from_utf8(output.stdout).unwrap();
        let kept = std::fs::read_to_string(reference.join(file)).unwrap();
        let differing = given.lines().zip(kept.lines()).find(|(given, kept)| given != kept);
        assert_eq!(differing, None, "what {script} writes (left) differs from {file}");
        assert_eq!(given.lines().count(), kept.lines().count(), "{script}");
    }
}
