//! A directory with a flow whose steps are in Python, and the program with an interpreter that can run them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A step that works on one row at a time.
pub const PIC50: &str = r#"
import math
from typing import Annotated

from chem_flow import param, step


@step("lab.pic50", version=1, rows=True)
def pic50(ic50_nm: float, *, floor: Annotated[float, param(min=0, unit="nM")] = 0.01) -> {"pic50": float}:
    """Turns an IC50 into a pIC50.

    floor: The smallest concentration.
    """
    if ic50_nm < 0:
        raise ValueError(f"{ic50_nm} is negative")
    return {"pic50": 9 - math.log10(max(ic50_nm, floor))}
"#;

pub const ASSAY: &str = "name,ic50_nm\na,10\nb,-3\nc,0.2\nd,\ne,100\n";

/// A temporary directory with a flow.
pub struct Place {
    pub directory: TempDir,
    /// What belongs to the user: the cache of descriptions.
    pub home: TempDir,
    python: PathBuf,
}

/// The status and output of a call.
#[derive(Debug)]
pub struct Outcome {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Outcome {
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Parses stdout as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Place {
    /// Returns a directory with the module `steps.py`, and `assay.csv`; `None`, after a message, if there is no interpreter.
    pub fn with(module: &str) -> Option<Self> {
        let python = python()?.to_owned();
        let place = Self { directory: tempfile::tempdir().unwrap(), home: tempfile::tempdir().unwrap(), python };
        place.write("steps.py", module).write("assay.csv", ASSAY);
        Some(place)
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn write(&self, path: &str, text: &str) -> &Self {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// Writes a flow that reads `assay.csv` and passes it to a step.
    pub fn flow(&self, step: &str) -> &Self {
        self.steps(&format!("  - {{ id: read, uses: table.read, with: {{ path: assay.csv }} }}\n  - {step}\n"))
    }

    /// Writes a flow with these steps, which may use those of `steps.py`.
    pub fn steps(&self, steps: &str) -> &Self {
        self.write("flow.yaml", &format!("flow: it\nsteps_from: [steps.py]\nsteps:\n{steps}"))
    }

    /// Writes a program that records its arguments, and then does what the interpreter does.
    pub fn recording(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        let python = self.python.display();
        self.script(name, &format!("echo \"$@\" >>'{}'\nexec '{python}' \"$@\"", path.with_extension("log").display()));
        path
    }

    /// Returns the arguments of each call of a program that records them.
    pub fn recorded(&self, program: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(program.with_extension("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Writes a shell script that can be run.
    pub fn script(&self, name: &str, text: &str) -> &Self {
        use std::os::unix::fs::PermissionsExt as _;

        self.write(name, &format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(self.path().join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// Installs a package with one module of steps where Python finds it: in the directory `site`.
    pub fn package(&self, name: &str, module: &str, text: &str, version: &str) -> &Self {
        let facts = format!("site/{module}-{version}.dist-info");
        // A reader that caches the directory may not see what is written within the same tick of its clock.
        let _ = std::fs::remove_dir_all(self.path().join("site"));
        self.write(&format!("site/{module}.py"), text)
            .write(&format!("{facts}/METADATA"), &format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"))
            .write(
                &format!("{facts}/WHEEL"),
                "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            )
            .write(&format!("{facts}/entry_points.txt"), &format!("[chem_flow.steps]\n{name} = {module}\n"))
            .write(&format!("{facts}/RECORD"), &format!("{module}.py,,{}\n{facts}/RECORD,,\n", text.len()))
    }

    pub fn python(&self) -> &Path {
        &self.python
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        self.program(Command::new(env!("CARGO_BIN_EXE_chem-alone")), arguments)
    }

    /// Returns a command like [`Self::command`] that Ctrl-C stops. A shell makes background processes ignore Ctrl-C, which the
    /// program respects, so the signals are reset first.
    pub fn command_in_foreground(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("env");
        command.arg("--default-signal=INT,TERM,HUP").arg(env!("CARGO_BIN_EXE_chem-alone"));
        self.program(command, arguments)
    }

    fn program(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for variable in ["CHEM_STORE", "DATABASE_URL", "RUST_LOG", "CLICOLOR_FORCE", "VIRTUAL_ENV"] {
            command.env_remove(variable);
        }
        for (name, below) in
            [("CHEM_WITNESS", "witness"), ("CHEM_IDENTITY", "identity.toml"), ("XDG_CACHE_HOME", "cache")]
        {
            command.env(name, self.home.path().join(below));
        }
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../python").canonicalize().unwrap();
        command.env("XDG_CONFIG_HOME", self.home.path().join("config")).env("NO_COLOR", "1");
        let path = std::env::join_paths([package, self.path().join("site")]).unwrap();
        command.env("PYTHONPATH", path).env("CHEM_PYTHON", &self.python);
        command
    }

    pub fn chem(&self, arguments: &[&str]) -> Outcome {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs the flow, and returns the report.
    #[track_caller]
    pub fn run(&self) -> Value {
        self.chem(&["run", "flow.yaml", "--format", "json"]).expect(0).json()
    }

    /// Returns the rows of an output of a step of a run.
    #[track_caller]
    pub fn rows(&self, run: &Value, step: usize, output: usize) -> Vec<Value> {
        let hash = run["steps"][step]["outputs"][output]["hash"].as_str().unwrap();
        let artifact = self.chem(&["artifact", hash, "--rows", "--format", "json"]).expect(0).json();
        artifact["rows"].as_array().unwrap().iter().map(with_plain_numbers).collect()
    }
}

/// Returns a value in which a number that is an integer is written as one.
fn with_plain_numbers(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(with_plain_numbers).collect(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 => (float as i64).into(),
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

/// Makes a virtual environment in which pip has installed a package with one module of steps, and returns its interpreter;
/// `None`, after a message, if the interpreter has no pip.
pub fn installed(place: &Place, name: &str, module: &str, text: &str) -> Option<String> {
    if !has("pip") {
        return None;
    }
    place.package(name, module, text, "1.0");
    let run = |directory: &str, arguments: &[&str]| {
        let output =
            Command::new(&place.python).args(arguments).current_dir(place.path().join(directory)).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let wheel = format!("{module}-1.0-py3-none-any.whl");
    run(
        "site",
        &["-m", "zipfile", "-c", &format!("../{wheel}"), &format!("{module}.py"), &format!("{module}-1.0.dist-info")],
    );
    std::fs::remove_dir_all(place.path().join("site")).unwrap();
    run(".", &["-m", "venv", "--without-pip", "lab"]);
    let python = "lab/bin/python";
    let quiet = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"];
    run(".", &[&["-m", "pip", "--python", python, "install"][..], &quiet, &[&wheel]].concat());
    // The packages of the interpreter of the tests, such as pyarrow.
    let ask = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let packages = run(".", &["-c", ask]);
    let there = Command::new(place.path().join(python)).args(["-c", ask]).output().unwrap();
    let there = PathBuf::from(String::from_utf8(there.stdout).unwrap().trim());
    std::fs::write(there.join("packages.pth"), packages).unwrap();
    Some(python.to_owned())
}

/// Waits until `is_so`, for at most two minutes.
#[track_caller]
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(120), "waited for two minutes until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Returns the interpreter, or `None` after a message.
pub fn python() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let named = std::env::var_os("CHEM_TEST_PYTHON").filter(|name| !name.is_empty());
        let python = PathBuf::from(named.unwrap_or_else(|| "python3".into()));
        let output = Command::new(&python).args(["-c", "import pyarrow, sys; print(sys.executable)"]).output();
        match output {
            Ok(output) if output.status.success() => Some(String::from_utf8(output.stdout).unwrap().trim().into()),
            _ => None,
        }
    });
    if found.is_none() {
        assert!(
            std::env::var("CHEM_REQUIRE_PYTHON").as_deref() != Ok("1"),
            "no Python with pyarrow; CHEM_TEST_PYTHON names one"
        );
        eprintln!("skipped: no Python with pyarrow; CHEM_TEST_PYTHON names one");
    }
    found.as_deref()
}

/// Returns whether the interpreter has a package.
pub fn has(package: &str) -> bool {
    let Some(python) = python() else { return false };
    let found = Command::new(python).args(["-c", &format!("import {package}")]).output().unwrap().status.success();
    if !found {
        eprintln!("skipped: the Python interpreter has no {package}");
    }
    found
}
