//! A directory outside the workspace, with the program in `PATH`, where a user's crate can be built.
//!
//! Such a crate depends on `chem-runtime` as one from `chem new project` does. A cargo configuration keeps it off the
//! network and shares the build directory and profile of the workspace, so that nothing is built twice. It changes no
//! dependency.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// A temporary directory with its own cargo configuration.
pub struct Outside {
    root: TempDir,
    variables: Vec<(String, String)>,
}

/// The result of a command.
#[derive(Debug)]
pub struct Said {
    pub good: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// Panics unless the command succeeded.
    #[track_caller]
    pub fn well(self) -> Self {
        assert!(self.good, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Copies a program that is run next. Another process does it: a child that this one starts meanwhile would inherit the open
/// copy, and the system starts no program that is open for writing ("text file busy").
pub fn copy_program(program: &Path, to: &Path) {
    assert!(Command::new("cp").arg(program).arg(to).status().unwrap().success());
}

impl Outside {
    /// Creates a directory where `chem` is the program at `program`, which must be in the build directory.
    pub fn with(program: &Path) -> Self {
        let root = tempfile::tempdir().unwrap();
        for directory in ["bin", "work", ".cargo"] {
            std::fs::create_dir(root.path().join(directory)).unwrap();
        }
        copy_program(program, &root.path().join("bin/chem"));
        let target = program.parent().and_then(Path::parent).unwrap();
        let config = format!(
            "[build]\ntarget-dir = {target:?}\n\
             [net]\noffline = true\n\
             [profile.dev]\ndebug = \"line-tables-only\"\n\
             [profile.dev.package.\"*\"]\ndebug = false\n\
             [profile.dev.package.sha2]\nopt-level = 3\n",
        );
        std::fs::write(root.path().join(".cargo/config.toml"), config).unwrap();
        Self { root, variables: Vec::new() }
    }

    /// Adds an environment variable for commands.
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Returns the directory in which commands start.
    pub fn path(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// Writes a file and creates its parent directories.
    pub fn write(&self, path: impl AsRef<Path>, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Runs a command in the shell, in the directory `within` this one.
    pub fn shell(&self, within: impl AsRef<Path>, command: &str) -> Said {
        let mut paths = vec![self.root.path().join("bin")];
        paths.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(self.path().join(within)).stdin(Stdio::null());
        // The command should see a user's environment, not that of the tests of this workspace.
        for (name, _) in std::env::vars() {
            let ours =
                ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_TARGET_", "CARGO_PROFILE_", "INSTA_", "CHEM_"];
            let others = ["DATABASE_URL", "RUST_LOG", "CLICOLOR_FORCE", "CARGO_TERM_COLOR"];
            if ours.iter().any(|prefix| name.starts_with(prefix)) || others.contains(&name.as_str()) {
                shell.env_remove(name);
            }
        }
        shell.env("PATH", std::env::join_paths(paths).unwrap()).env("NO_COLOR", "1").env("INSTA_UPDATE", "no");
        shell.env("CHEM_WITNESS", self.root.path().join("witness"));
        shell.env("CHEM_IDENTITY", self.root.path().join("identity.toml"));
        shell.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let output = shell.output().unwrap();
        Said {
            good: output.status.success(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Returns the directory of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}
