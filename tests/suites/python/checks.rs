//! What a check finds, and what it costs.

use chem_runtime::manifest::RULES;

use crate::harness::{ASSAY, PIC50, Place};

#[test]
fn a_wrong_parameter_is_found_at_its_place() {
    let Some(place) = Place::with(PIC50) else { return };
    for (with, code, says) in [
        ("floor: x", "E0404", "expected a number, found the text `x`"),
        ("floor: -1", "E0405", "`-1` is out of range: it must be at least 0"),
        ("flor: 1", "E0403", "`lab.pic50` has no parameter `flor`"),
    ] {
        place.flow(&format!("{{ id: potency, uses: lab.pic50, with: {{ {with} }} }}"));
        let found = place.chem(&["check", "flow.yaml", "--format", "json"]).expect(2).json();
        assert_eq!((found[0]["code"].as_str(), found[0]["line"].as_u64()), (Some(code), Some(5)), "{found:#}");
        assert!(found[0]["message"].as_str().unwrap().contains(says), "{found:#}");
    }
}

#[test]
fn columns_are_known_before_and_behind_the_step() {
    let Some(place) = Place::with(PIC50) else { return };
    let read = "  - { id: read, uses: table.read, with: { path: assay.csv } }\n";
    place.steps(&format!(
        "{read}  - {{ id: potency, uses: lab.pic50 }}\n  - {{ id: keep, uses: table.filter, with: {{ where: pic51 > 7 }} }}\n"
    ));
    let found = place.chem(&["check", "flow.yaml"]).expect(2).stdout;
    assert!(found.contains("there is no column `pic51`") && found.contains("did you mean `pic50`?"), "{found}");
    place.write("assay.csv", "name,ic50\na,10\n").flow("{ id: potency, uses: lab.pic50 }");
    let found = place.chem(&["check", "flow.yaml"]).expect(2).stdout;
    assert!(found.contains("error[E0410]: there is no column `ic50_nm`, which `lab.pic50` reads"), "{found}");
}

#[test]
fn what_python_says_of_a_module_is_shown() {
    let Some(place) = Place::with("import nothing_of_this_name\n") else { return };
    place.flow("{ id: potency, uses: lab.pic50 }");
    let found = place.chem(&["check", "flow.yaml"]).expect(2).stdout;
    assert!(found.contains("error[E0416]: `steps.py` cannot be used: ModuleNotFoundError: No module named"), "{found}");
    assert!(found.contains("flow.yaml:2:14") && found.contains("line 1, in <module>"), "{found}");
    assert!(!found.contains("E0401"), "the step type may be one of the module: {found}");
    std::fs::remove_file(place.path().join("steps.py")).unwrap();
    let found = place.chem(&["check", "flow.yaml"]).expect(2).stdout;
    assert!(found.contains("error[E0416]") && found.contains("there is no file"), "{found}");
}

#[test]
fn an_interpreter_without_the_package_is_named() {
    let Some(place) = Place::with(PIC50) else { return };
    place.flow("{ id: potency, uses: lab.pic50 }");
    let found = place.command(&["check", "flow.yaml"]).env_remove("PYTHONPATH").output().unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    assert!(
        found.contains("error[E0417]: the Python interpreter `") && found.contains("-m pip install chem-flow"),
        "{found}"
    );
    let found = place.command(&["check", "flow.yaml"]).env("CHEM_PYTHON", "no-such-python").output().unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    assert!(found.contains("error[E0417]: cannot start `no-such-python`"), "{found}");
}

#[test]
fn an_unchanged_module_starts_no_interpreter() {
    let Some(place) = Place::with(PIC50) else { return };
    place.flow("{ id: potency, uses: lab.pic50 }");
    let python = place.recording("python-that-records");
    let chem = |arguments: &[&str]| place.command(arguments).env("CHEM_PYTHON", &python).output().unwrap();
    let starts = || place.recorded(&python).len();
    for _ in 0..2 {
        assert!(chem(&["check", "flow.yaml"]).status.success());
        assert_eq!(starts(), 1);
    }
    assert!(chem(&["schema", "--manifest", "flow.yaml"]).status.success());
    assert_eq!(starts(), 1);
    assert!(chem(&["run", "flow.yaml", "-q"]).status.success());
    let began = starts();
    assert!(began > 1, "the step ran in a worker");
    // All results are reused, so that there is nothing to run.
    assert!(chem(&["run", "flow.yaml", "-q"]).status.success());
    assert_eq!(starts(), began);
    place.write("steps.py", &format!("{PIC50}\n# A comment.\n"));
    for _ in 0..2 {
        assert!(chem(&["check", "flow.yaml"]).status.success());
        assert_eq!(starts(), began + 1);
    }
}

#[test]
fn what_is_installed_is_compared_with_the_lock_file() {
    let Some(place) = Place::with(&format!("import pyarrow\n{PIC50}")) else { return };
    let of = |version: &str| {
        let flow = "flow: it\nsteps_from: [steps.py]\nenvironment: { lock: requirements.lock }\nsteps:\n  - { id: read, uses: \
                    table.read, with: { path: assay.csv } }\n  - { id: potency, uses: lab.pic50 }\n";
        place.write("flow.yaml", flow).write("requirements.lock", &format!("pyarrow=={version}\nunrelated==1\n"));
    };
    let check = |status| place.chem(&["check", "flow.yaml"]).expect(status).stdout;
    of("0.1");
    let found = check(2);
    assert!(found.contains("error[E0417]: `pyarrow` ") && found.contains("`requirements.lock` says 0.1"), "{found}");
    assert!(found.contains("flow.yaml:3:1"), "{found}");
    place.chem(&["run", "flow.yaml"]).expect(2);
    let installed = found.split("`pyarrow` ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    of(&installed);
    check(0);
    place.chem(&["run", "flow.yaml", "-q"]).expect(0);
    // What no step needs may change; what one needs must be there.
    place.write("requirements.lock", &format!("pyarrow=={installed}\nunrelated==2\n"));
    let again = place.chem(&["run", "flow.yaml", "--format", "json"]).expect(0).json();
    assert_eq!(again["steps"][1]["cached"], true, "{again:#}");
    place.write("requirements.lock", "unrelated==2\n");
    let found = check(2);
    assert!(
        found.contains("the steps need `pyarrow`, which the lock file `requirements.lock` does not have"),
        "{found}"
    );
    place.write("requirements.lock", "pyarrow>=2\n");
    let found = check(2);
    assert!(found.contains("line 1, `pyarrow>=2`, does not say one version"), "{found}");
}

/// The pages of the diagnostics show what is right with modules and an environment, which their own test does not have.
#[test]
fn the_right_examples_of_the_pages_are_right() {
    let Some(place) = Place::with(PIC50) else { return };
    let mut shown = Vec::new();
    place.write("python/pic50.py", PIC50).write("data/assay.csv", ASSAY).package(
        "dock-tools",
        "dock_tools",
        PIC50,
        "1.0",
    );
    std::fs::rename(place.recording("python-of-the-environment"), place.path().join("python-here")).unwrap();
    std::fs::create_dir_all(place.path().join(".venv/bin")).unwrap();
    std::fs::rename(place.path().join("python-here"), place.path().join(".venv/bin/python")).unwrap();
    for rule in RULES {
        let right = rule.page.split_once("\nRight:\n\n```yaml\n").and_then(|(_, rest)| rest.split_once("```"));
        let Some((right, _)) = right.filter(|(right, _)| right.contains("steps_from:")) else { continue };
        place.write("flow.yaml", right);
        let found = place.chem(&["check", "flow.yaml"]);
        assert_eq!((found.status, found.stdout.contains(rule.code)), (0, false), "{}: {found:?}", rule.code);
        shown.push(rule.code);
    }
    assert_eq!(shown, ["E0416", "E0417"]);
}
