//! The version that a program itself gives, as part of the step's identity.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::child::run_child;
use super::command::{absolute, answer, executable, named, no_program};
use super::environment::set_environment;
use crate::cancel;
use crate::prelude::*;
use crate::step::{Files, InvalidParam, ParamType, identity_of_answer};

/// How long a program may take to say its version.
const PATIENCE: Duration = Duration::from_secs(60);

/// The longest version that is recorded, in bytes.
const MAX_ANSWER: usize = 8 << 10;

/// A command that prints the version of a program, such as `[xtb, --version]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionCommand(Vec<String>);

impl VersionCommand {
    /// Returns the program and its arguments.
    pub(super) fn command(&self) -> &[String] {
        &self.0
    }

    /// Runs the command, and returns what it prints.
    ///
    /// # Errors
    /// Fails if the program cannot be run, fails, or prints nothing.
    pub(super) fn ask(&self, files: &Files) -> Result<String, StepError> {
        let Some((name, arguments)) = named(&self.0) else { return Err(no_program().into()) };
        files.check_program(name)?;
        let mut program = Command::new(executable(files, name)?);
        program.args(arguments).current_dir(absolute(files, ".")?);
        set_environment(&mut program, &[]);
        let shown = format!("`{}`", self.0.join(" "));
        let check = || cancel::check().map_err(StepError::from);
        let mut errors = String::new();
        let finished = run_child(&shown, program, Vec::new(), PATIENCE, &check)?;
        let output = answer(&shown, finished, |text| {
            text.clone_into(&mut errors);
            Ok(())
        })?;
        let output = String::from_utf8_lossy(&output).replace('\0', "\u{fffd}");
        // Some programs print their version to the standard error.
        let text = [output.trim(), errors.trim()].into_iter().find(|text| !text.is_empty());
        match text {
            None => Err(StepError::new(format!("{shown} prints nothing; expected a version"))),
            Some(text) if text.len() > MAX_ANSWER => {
                Err(StepError::new(format!("{shown} prints more than {MAX_ANSWER} bytes; expected a version")))
            }
            Some(text) => Ok(text.to_owned()),
        }
    }
}

impl ParamValue for VersionCommand {
    fn ty() -> ParamType {
        Vec::<String>::ty()
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        Vec::<String>::read(value).map(Self)
    }

    fn write(&self) -> Value {
        self.0.write()
    }

    /// Returns the command and what it prints.
    fn identity(&self, files: &Files) -> Result<Value, StepError> {
        Ok(identity_of_answer(&self.0, &self.ask(files)?))
    }
}
