//! Where steps come from and run: installed packages, uv, and the number of workers.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{PIC50, Place, installed};

fn flow(environment: &str, from: &str) -> String {
    format!(
        "flow: it\nsteps_from: [{from}]\n{environment}steps:\n  - {{ id: read, uses: table.read, with: {{ path: assay.csv }} }}\n  \
         - {{ id: potency, uses: lab.pic50 }}\n"
    )
}

/// A fake uv: it records how it is called, and starts the interpreter of the tests.
#[test]
fn uv_starts_the_interpreter_from_the_lock_file() {
    let Some(place) = Place::with(PIC50) else { return };
    let uv = place.path().join("bin/uv");
    let called = "while [ \"$1\" != python ]; do shift; done\nshift\nexec";
    place.script(
        "bin/uv",
        &format!("echo \"$@\" >>'{}.log'\n{called} '{}' \"$@\"", uv.display(), place.python().display()),
    );
    let path = std::env::join_paths(
        [place.path().join("bin")].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let path = path.unwrap();
    let run = |environment: &str| -> Value {
        place.write("flow.yaml", &flow(environment, "steps.py"));
        let mut command = place.command(&["run", "flow.yaml", "--format", "json", "--no-cache"]);
        let output = command.env("PATH", &path).env("CHEM_PYTHON", "no-such-python").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let first = run("environment: { uv: true }\n");
    assert_eq!(place.rows(&first, 1, 0).len(), 3);
    let second = run("environment: { uv: true, python: \"3.12\" }\n");
    assert_eq!(second["flow_fingerprint"], first["flow_fingerprint"], "how it is started is not what it is");
    let called: BTreeSet<String> = place.recorded(&uv).into_iter().collect();
    let python = |version: &str, what: &str| format!("run --locked --quiet {version}python -m chem_flow {what}");
    let expected =
        ["", "--python 3.12 "].map(|version| [python(version, "describe steps.py"), python(version, "worker")]);
    assert_eq!(called, expected.into_iter().flatten().collect());
}

#[test]
fn an_installed_package_has_steps_and_its_version_is_their_identity() {
    let Some(place) = Place::with("") else { return };
    place.package("lab-tools", "lab_tools", PIC50, "1.0").write("flow.yaml", &flow("", "lab-tools"));
    let first = place.run();
    assert_eq!(place.rows(&first, 1, 0).len(), 3, "{first:#}");
    assert_eq!(place.run()["steps"][1]["cached"], true);
    place.package("lab-tools", "lab_tools", &PIC50.replace("9 -", "10 -"), "1.1");
    let other = place.run();
    assert_eq!(other["steps"][1]["cached"], false);
    assert_eq!(place.rows(&other, 1, 0)[0][2], 9);
    place.package("lab-tools", "lab_tools", &PIC50.replace("9 -", "100 -"), "1.1");
    assert_eq!(place.rows(&place.run(), 1, 0)[0][2], 99, "other files in the same version");
    place.package("lab-tools", "lab_tools", &PIC50.replace("9 -", "100 -"), "1.2");
    assert_eq!(place.run()["steps"][1]["cached"], false);
    let why = place.chem(&["why", "@last", "potency"]).expect(0).stdout;
    assert!(why.contains("lab-tools") && why.contains("1.2"), "{why}");
    place.write("flow.yaml", &flow("", "lab-tool"));
    let found = place.chem(&["check", "flow.yaml"]).expect(2).stdout;
    assert!(
        found.contains(
            "error[E0416]: `lab-tool` cannot be used: no installed package has steps under this name; these do: \
                        lab-tools"
        ),
        "{found}"
    );
}

/// A small package, installed by pip into an environment of its own.
#[test]
fn a_package_that_pip_installed_has_steps() {
    let Some(place) = Place::with("") else { return };
    let Some(python) = installed(&place, "lab-tools", "lab_tools", PIC50) else { return };
    place.write("flow.yaml", &flow(&format!("environment: {{ python: {python} }}\n"), "lab-tools"));
    let run = place.run();
    assert_eq!(place.rows(&run, 1, 0).len(), 3, "{run:#}");
    let listed = place.chem(&["steps", "--manifest", "flow.yaml", "lab.pic50"]).expect(0).stdout;
    assert!(listed.contains("Turns an IC50 into a pIC50."), "{listed}");
}

/// Each worker waits for the others, so that no worker can do the work of all.
#[test]
fn there_are_as_many_workers_as_the_manifest_says() {
    let module = r#"
import os
import time
from pathlib import Path

from chem_flow import step

WORKERS = int(Path("workers").read_text())


@step("lab.pids", version=1, rows=True)
def pids(n: int) -> {"pid": int}:
    folder = Path("pids")
    (folder / str(os.getpid())).touch()
    until = time.monotonic() + 60
    while len(os.listdir(folder)) < WORKERS and time.monotonic() < until:
        time.sleep(0.005)
    return {"pid": os.getpid()}
"#;
    for workers in [1_usize, 2] {
        let Some(place) = Place::with(module) else { return };
        std::fs::create_dir(place.path().join("pids")).unwrap();
        let numbers: String = (0..2_000).map(|n| format!("{n}\n")).collect();
        place.write("workers", &workers.to_string()).write("assay.csv", &format!("n\n{numbers}"));
        place.write(
            "flow.yaml",
            &flow(&format!("environment: {{ workers: {workers} }}\n"), "steps.py").replace("lab.pic50", "lab.pids"),
        );
        let run = place.run();
        let pids: BTreeSet<i64> = place.rows(&run, 1, 0).iter().map(|row| row[1].as_i64().unwrap()).collect();
        assert_eq!(pids.len(), workers);
        assert_eq!(run["steps"][1]["status"], json!("finished_ok"));
    }
}
