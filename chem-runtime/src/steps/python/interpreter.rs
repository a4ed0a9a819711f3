//! Finds the Python interpreter, and starts it with an environment that does not depend on the machine.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::StepSources;
use crate::steps::process::environment::set_environment;

/// The variables of this process that Python inherits, besides those of every program: where packages and devices are.
const PASSED: &[&str] = &[
    "CONDA_PREFIX",
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    "PYTHONPATH",
    "UV_CACHE_DIR",
    "VIRTUAL_ENV",
];

/// An interpreter, and the directory in which it works.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Interpreter {
    program: OsString,
    arguments: Vec<OsString>,
    /// The directory of the manifest, as an absolute path.
    pub(super) directory: PathBuf,
}

impl Interpreter {
    /// Returns the interpreter for the modules of a manifest in `directory`: the one that the manifest names, or `CHEM_PYTHON`,
    /// or the one beside this program, or that of the active virtual environment, or `python3` from the PATH.
    pub(super) fn of(sources: &StepSources, directory: &Path) -> Self {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let named = sources.python.as_ref().map(|name| match Path::new(name).components().count() {
            1 => OsString::from(name),
            _ => directory.join(name).into_os_string(),
        });
        if sources.uv {
            let python = named.into_iter().flat_map(|python| ["--python".into(), python]);
            let arguments = ["run", "--locked", "--quiet"].map(OsString::from).into_iter().chain(python);
            let arguments = arguments.chain(["python".into()]).collect();
            return Self { program: "uv".into(), arguments, directory };
        }
        let found = named
            .or_else(|| std::env::var_os("CHEM_PYTHON").filter(|name| !name.is_empty()))
            .or_else(|| beside(std::env::current_exe().ok()?.parent()?))
            .or_else(|| beside(&in_environment()?));
        Self { program: found.unwrap_or_else(|| "python3".into()), arguments: Vec::new(), directory }
    }

    /// Returns the command as a person would type it.
    pub(super) fn shown(&self) -> String {
        let words = std::iter::once(&self.program).chain(&self.arguments).map(|word| word.to_string_lossy());
        words.collect::<Vec<_>>().join(" ")
    }

    /// Returns everything that decides which interpreter this is.
    pub(super) fn key(&self) -> Vec<String> {
        let variables = PASSED.iter().chain(&["PATH"]).map(|name| format!("{name}={:?}", std::env::var_os(name)));
        std::iter::once(self.shown()).chain([self.directory.display().to_string()]).chain(variables).collect()
    }

    /// Returns the command that starts `python -m chem_flow COMMAND`.
    pub(super) fn command(&self, command: &str) -> Command {
        let mut program = Command::new(&self.program);
        program.args(&self.arguments).args(["-m", "chem_flow", command]).current_dir(&self.directory);
        set_environment(&mut program, &PASSED.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        // A compiled file counts as current if only the second of its time and its length agree.
        program.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1").env("PYTHONIOENCODING", "utf-8");
        program
    }
}

fn in_environment() -> Option<PathBuf> {
    let root = PathBuf::from(std::env::var_os("VIRTUAL_ENV").filter(|root| !root.is_empty())?);
    Some(root.join(if cfg!(windows) { "Scripts" } else { "bin" }))
}

/// Returns the interpreter in `directory`, if there is one.
fn beside(directory: &Path) -> Option<OsString> {
    let names: &[&str] = if cfg!(windows) { &["python.exe"] } else { &["python3", "python"] };
    // The link in a virtual environment must not be resolved: its place tells Python which packages it has.
    names.iter().map(|name| directory.join(name)).find(|path| path.is_file()).map(PathBuf::into_os_string)
}
