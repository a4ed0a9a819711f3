//! From an empty virtual environment, with the wheel at hand, to the first result of a step.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use chem_tests::wheel;

use crate::table::{self, Line, Target};

const STEP: &str = "from chem_flow import step


@step(\"lab.half\", version=1, rows=True)
def half(mass: float) -> {\"half\": float}:
    return {\"half\": mass / 2}
";

const FLOW: &str = "flow: first
steps_from: [half.py]
steps:
  - { id: read, uses: table.read, with: { path: masses.csv } }
  - { id: half, uses: lab.half }
";

/// Measures a virtual environment that is made, the wheel that is installed in it, and a flow that runs.
pub fn result(python: &Path) {
    let Some(maturin) = std::env::var_os("CHEM_TEST_MATURIN") else {
        return println!("| an empty virtual environment | CHEM_TEST_MATURIN names no maturin | | | | |");
    };
    let directory = tempfile::tempdir().unwrap();
    let wheel = wheel::pack(Path::new(&maturin), Path::new(env!("CARGO_BIN_EXE_chem-alone")), directory.path());
    for (file, text) in [("half.py", STEP), ("first.yaml", FLOW), ("masses.csv", "name,mass\na,2\n")] {
        std::fs::write(directory.path().join(file), text).unwrap();
    }
    let run = |program: &Path, arguments: &[&str]| -> String {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(directory.path()).stdin(Stdio::null()).stderr(Stdio::inherit());
        command
            .env("XDG_CACHE_HOME", directory.path().join("cache"))
            .env_remove("PYTHONPATH")
            .env_remove("CHEM_PYTHON");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    // Everything else that the step needs, so that no download is measured.
    let ask = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let packages = run(python, &["-c", ask]);
    let began = Instant::now();
    run(python, &["-m", "venv", "lab"]);
    let pip = ["install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"];
    run(&directory.path().join("lab/bin/pip"), &[&pip[..], &[wheel.to_str().unwrap()]].concat());
    let there = run(&directory.path().join("lab/bin/python"), &["-c", ask]);
    std::fs::write(Path::new(there.trim()).join("packages.pth"), packages).unwrap();
    run(&directory.path().join("lab/bin/chem"), &["run", "first.yaml", "-q"]);
    let seconds = began.elapsed().as_secs_f64();
    let lines = STEP.lines().filter(|line| !line.is_empty()).count() + FLOW.lines().count();
    table::print(&Line {
        work: format!("from an empty virtual environment to the first result of a step, {lines} lines"),
        store: format!("{seconds:.1} s"),
        bare: "60 s, with the wheel and pyarrow at hand".to_owned(),
        ratio: seconds / 60.0,
        target: Some(Target::AtMost(1.0)),
    });
}
