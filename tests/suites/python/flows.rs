//! The flows of `flows/python`: RDKit, scikit-learn, and a slow step that is killed and resumed.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Place, has};

/// Returns a directory with the flows, if the interpreter has these packages. What is missing is said loudly, and is a failure
/// if `CHEM_REQUIRE_PYTHON_FLOWS=1`.
fn flows(packages: &[&str]) -> Option<Place> {
    let place = Place::with("")?;
    if let Some(missing) = packages.iter().find(|package| !has(package)) {
        let required = std::env::var("CHEM_REQUIRE_PYTHON_FLOWS").as_deref() == Ok("1");
        assert!(!required, "the Python interpreter has no {missing}: CHEM_TEST_PYTHON names another");
        // Bypasses the output capture of the test harness.
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: A FLOW OF flows/python: the interpreter has no {missing}\n");
        return None;
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in ["flows/python", "flows/data"] {
        for entry in std::fs::read_dir(repository.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap();
                place.write(&format!("{folder}/{name}"), &std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    Some(place)
}

fn lines(place: &Place, file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(place.path().join("flows/out").join(file)).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn descriptors_of_rdkit_are_columns() {
    let Some(place) = flows(&["rdkit"]) else { return };
    place.chem(&["run", "flows/python/descriptors.yaml"]).expect(0);
    let written = lines(&place, "rdkit-descriptors.csv");
    assert_eq!(written[0], "name,smiles,fraction_sp3,complexity,ring_systems");
    assert!(written[1].starts_with("abacavir,") && written[1].contains(",0.5,704.79"), "{}", written[1]);
    // The filter behind the step knows its columns.
    let wrong = std::fs::read_to_string(place.path().join("flows/python/descriptors.yaml")).unwrap();
    place.write("flows/python/wrong.yaml", &wrong.replace("fraction_sp3 >=", "fraction_sp2 >="));
    let found = place.chem(&["check", "flows/python/wrong.yaml"]).expect(2).stdout;
    assert!(found.contains("there is no column `fraction_sp2`"), "{found}");
}

#[test]
fn a_forest_has_its_metrics_model_and_plot_as_outputs() {
    let Some(place) = flows(&["sklearn", "matplotlib", "pandas"]) else { return };
    let run = ["run", "flows/python/forest.yaml", "--format", "json"];
    let first = place.chem(&run).expect(0).json();
    let forest =
        |run: &Value| run["steps"].as_array().unwrap().iter().find(|step| step["id"] == "forest").unwrap().clone();
    let outputs = forest(&first)["outputs"].clone();
    let named: Vec<(&str, &str)> = outputs
        .as_array()
        .unwrap()
        .iter()
        .map(|output| (output["name"].as_str().unwrap(), output["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(named, [("main", "table"), ("metrics", "table"), ("model", "file"), ("plot", "file")]);
    let metrics = lines(&place, "forest-metrics.csv");
    let area: f64 = metrics.iter().find_map(|line| line.strip_prefix("ROC AUC,")).unwrap().parse().unwrap();
    assert!((0.7..=1.0).contains(&area), "{metrics:?}");
    assert!(std::fs::read(place.path().join("flows/out/forest.pickle")).unwrap().len() > 10_000);
    assert!(lines(&place, "forest-roc.svg").iter().any(|line| line.contains("</svg>")));

    // The model and the plot have the same bytes again, and a file that is lost is written anew.
    std::fs::remove_file(place.path().join("flows/out/forest-roc.svg")).unwrap();
    let again = place.chem(&run).expect(0).json();
    assert_eq!(forest(&again)["outputs"], outputs);
    assert!(place.path().join("flows/out/forest-roc.svg").exists());
    let other = place.chem(&[&run[..], &["--set", "trees=50"]].concat()).expect(0).json();
    assert_ne!(forest(&other)["outputs"], outputs);
}

/// A step stores what it has after half a minute, so this takes longer.
#[test]
fn a_slow_step_that_was_killed_half_way_is_resumed() {
    let Some(place) = flows(&["rdkit"]) else { return };
    let mut run = place.command(&["run", "flows/python/conformers.yaml", "--set", "conformers=30", "-q"]);
    let mut child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    let events = || place.chem(&["log", "@last", "--format", "json"]).stdout;
    while !events().contains("stepprogressed") {
        assert!(child.try_wait().unwrap().is_none(), "the step ended before it stored anything");
        assert!(began.elapsed() < Duration::from_secs(300), "the step does not get on");
        std::thread::sleep(Duration::from_millis(500));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = place.chem(&["resume", "@last", "--format", "json"]).expect(0).json();
    assert_eq!(resumed["status"], "completed");
    let events = events();
    assert_eq!(events.matches("\"stepstarted\"").count(), 5, "the step started again");
    let rejected = place.rows(&resumed, 3, 1).len();
    let written = lines(&place, "conformers.csv").len() - 1;
    assert!(written > 50 && written + rejected == place.rows(&resumed, 2, 0).len(), "{written} and {rejected}");
}
