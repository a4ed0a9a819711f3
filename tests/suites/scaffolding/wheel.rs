//! The wheel `chem-flow`: what it holds, that an empty virtual environment runs flows with it and without Rust, and the tests of
//! the package in it.
//!
//! maturin packs the program of these tests, so that nothing is compiled again: in place of cargo it calls a script that names
//! this program as built. `CHEM_TEST_MATURIN` names maturin; `CHEM_REQUIRE_MATURIN=1` makes a missing one a failure.
//! `CHEM_TEST_PYTEST` names a Python interpreter with pytest and what the tests of the package use, and
//! `CHEM_REQUIRE_PYTEST=1` requires it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use chem_tests::outside::repository;
use chem_tests::wheel::{pack, path_from, well};

/// Returns the program that the variable `NAME` names, unless it is missing, which is said loudly.
fn named(variable: &str, hint: &str) -> Option<PathBuf> {
    if let Some(program) = std::env::var_os(format!("CHEM_TEST_{variable}")) {
        return Some(program.into());
    }
    let required = std::env::var(format!("CHEM_REQUIRE_{variable}")).as_deref() == Ok("1");
    assert!(!required, "CHEM_TEST_{variable} is not set: {hint}");
    // Bypasses the output capture of the test harness.
    let _ = writeln!(std::io::stderr(), "\nSKIPPED: A TEST OF THE PYTHON PACKAGE: set CHEM_TEST_{variable}: {hint}\n");
    None
}

/// The wheel has the program and the package, and no compiled extension: one wheel serves every version of Python.
#[test]
fn a_wheel_runs_flows_where_there_is_no_rust() {
    let Some(maturin) = named("MATURIN", "pip install maturin, and name its program") else { return };
    let folder = tempfile::tempdir().unwrap();
    let wheel = pack(&maturin, Path::new(super::PROGRAM), folder.path());
    let name = wheel.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("chem_flow-0.1.0-py3-none-"), "{name}");
    let archive = zip::ZipArchive::new(std::fs::File::open(&wheel).unwrap()).unwrap();
    let packed: Vec<String> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    for file in
        ["chem_flow-0.1.0.data/scripts/chem", "chem_flow/__init__.py", "chem_flow/py.typed", "chem_flow/testing.py"]
    {
        assert!(packed.iter().any(|packed| packed == file), "{file} is missing: {packed:?}");
    }
    let strange =
        packed.iter().find(|file| file.ends_with(".so") || file.contains("tests/") || file.contains("__pycache__"));
    assert_eq!(strange, None);

    let environment = folder.path().join("environment");
    well(Command::new(maturin.with_file_name("python")).args(["-m", "venv"]).arg(&environment));
    let bin = environment.join("bin");
    let mut install = Command::new(bin.join("pip"));
    well(install.args(["install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]).arg(&wheel));

    // A directory of a user who has neither cargo nor this checkout.
    let work = folder.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let run = |script: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).current_dir(&work).env_clear().env("HOME", &work);
        let output = well(shell.env("PATH", format!("{}:/usr/bin:/bin", bin.display())));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(run("command -v cargo || command -v rustc || echo none"), "none\n");
    assert_eq!(run("chem --version"), "chem 0.1.0\n");
    run("chem new flow hello && chem run flows/hello.yaml");
    let script = "import chem_flow, importlib.metadata as m
run = chem_flow.run('flows/hello.yaml')
print(run.status, all(step.reused for step in run.steps[:-1]), len(run['describe']), m.version('chem-flow'))";
    assert_eq!(run(&format!("python -c \"{script}\"")), "completed True 3 0.1.0\n");
}

/// A new step in Python runs: of each kind, in one flow.
#[test]
fn a_new_step_in_python_runs() {
    let Some(python) = named("PYTHON", "pip install pyarrow, and name the interpreter") else { return };
    let outside = super::outside().variable("CHEM_PYTHON", python.to_str().unwrap());
    let outside = outside.variable("PYTHONPATH", repository().join("python").to_str().unwrap());
    let cache = outside.path().join("cache");
    let outside = outside.variable("XDG_CACHE_HOME", cache.to_str().unwrap());
    for kind in ["source", "transform", "sink"] {
        let said = outside.shell(".", &format!("chem new step lab.{kind} --python --kind {kind}")).well();
        assert_eq!(said.stdout, format!("wrote flows/{kind}_lab.py\n"));
        let next = format!("write `steps_from: [{kind}_lab.py]` into a manifest in flows, and `uses: lab.{kind}`");
        assert!(said.stderr.contains(&next), "{said:?}");
    }
    outside.write("flows/names.csv", "name\naspirin\nacetylsalicylic acid\n");
    outside.write(
        "flows/all.yaml",
        "flow: all\nsteps_from: [source_lab.py, transform_lab.py, sink_lab.py]\nsteps:\n  \
         - { id: numbers, uses: lab.source, with: { rows: 4 } }\n  \
         - { id: shape, uses: lab.sink, with: { path: out/shape.txt } }\n  \
         - { id: read, uses: table.read, source: true, with: { path: names.csv } }\n  \
         - { id: letters, uses: lab.transform }\n  - { id: write, uses: table.write, with: { path: out/names.csv } }\n",
    );
    outside.shell(".", "chem run flows/all.yaml").well();
    let written = |file: &str| std::fs::read_to_string(outside.path().join("flows/out").join(file)).unwrap();
    assert_eq!(written("shape.txt"), "number\nsquare\n4 rows\n");
    assert_eq!(written("names.csv"), "name,letters,is_long\naspirin,7,false\nacetylsalicylic acid,19,true\n");
    let again = outside.shell(".", "chem new step lab.sink --python --kind sink");
    assert!(!again.good && again.stderr.contains("`flows/sink_lab.py` already exists"), "{again:?}");
}

/// The tests of the package run with the program of these tests.
#[test]
fn the_tests_of_the_package_pass() {
    let Some(python) = named("PYTEST", "pip install pytest pyarrow pandas polars nbclient ipykernel") else { return };
    let folder = tempfile::tempdir().unwrap();
    chem_tests::outside::copy_program(Path::new(super::PROGRAM), &folder.path().join("chem"));
    let package = repository().join("python");
    let mut tests = Command::new(python);
    tests.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).current_dir(&package);
    tests.env("PATH", path_from(folder.path())).env("PYTHONPATH", &package);
    well(tests.env("CHEM_REQUIRE_PROGRAM", "1").env("PYTHONDONTWRITEBYTECODE", "1"));
}
