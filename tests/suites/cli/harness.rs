//! Runs the program in a temporary directory.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The path of the command line with the steps for tests linked in.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_chem-with-test-steps");

/// A temporary working directory for the program.
pub struct Place {
    pub directory: TempDir,
    /// What belongs to the user: the checkpoints outside the store.
    pub home: TempDir,
}

/// The status and output of a call.
#[derive(Debug)]
pub struct Outcome {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Parses stdout as one JSON value.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Parses stdout as one JSON value per line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
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

impl Place {
    pub fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), home: tempfile::tempdir().unwrap() }
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

    /// Returns a command for the program with these arguments, in this directory and without environment variables that
    /// affect it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.program(Command::new(PROGRAM), arguments)
    }

    /// Returns a command like [`Self::command`], which starts through another program that execs it.
    pub fn command_through(&self, program: &str, options: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(options).arg(PROGRAM);
        self.program(command, arguments)
    }

    fn program(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        for variable in ["CHEM_STORE", "DATABASE_URL", "RUST_LOG", "NO_COLOR", "CLICOLOR_FORCE"] {
            command.env_remove(variable);
        }
        command.env("CHEM_WITNESS", self.home.path().join("witness"));
        command.env("CHEM_IDENTITY", self.home.path().join("identity.toml"));
        command.env("XDG_CONFIG_HOME", self.home.path().join("config")).env_remove("CHEM_ALLOWED_SIGNERS");
        command
    }

    pub fn chem(&self, arguments: &[&str]) -> Outcome {
        self.command(arguments).output().unwrap().into()
    }

    /// Starts the program so that Ctrl-C stops it. A shell makes background processes ignore Ctrl-C, which the program
    /// respects, so the signals are reset first.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = if cfg!(target_os = "linux") {
            self.command_through("env", &["--default-signal=INT,TERM,HUP"], arguments)
        } else {
            self.command(arguments)
        };
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Returns the JSON of `chem show` for a run.
    pub fn show(&self, id: &str) -> Value {
        self.chem(&["show", id, "--format", "json"]).expect(0).json()
    }
}

/// Returns a flow of a seed and `slow` steps, each of which waits `wait` milliseconds and appends a line to `ran.txt`.
pub fn slow_flow(slow: usize, wait: u64) -> String {
    let mut manifest = "flow: slow\nsteps:\n  - { id: seed, uses: demo.seed, with: { text: CCO } }\n".to_owned();
    for index in 1..=slow {
        manifest
            .push_str(&format!("  - {{ id: s{index}, uses: test.slow, with: {{ wait: {wait}, ran: ran.txt }} }}\n"));
    }
    manifest
}
