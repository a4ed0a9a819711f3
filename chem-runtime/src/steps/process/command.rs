//! The command of a program: what is started, where, with which environment, and what it said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::RunProcess;
use super::child::{Finished, run_child};
use super::environment::set_environment;
use super::undeclared::is_path;
use crate::prelude::*;
use crate::records::shortened;
use crate::step::secret::{found_in, mask};
use crate::step::{Files, PathPart, nearest};

/// A program that is ready to be started any number of times.
pub(super) struct Program {
    /// The name as the manifest writes it.
    pub(super) name: String,
    executable: PathBuf,
    arguments: Vec<String>,
    directory: PathBuf,
    env: Vec<String>,
    secrets: Vec<(String, String)>,
    timeout: Duration,
}

impl Program {
    /// Returns the program of `step`, which writes the outputs `written` to these paths.
    ///
    /// # Errors
    /// Fails if the command is empty or not allowed, if a file of `files` has changed, or if a secret is missing.
    pub(super) fn of(
        step: &RunProcess,
        written: &BTreeMap<&str, PathBuf>,
        context: &ExecutionContext<'_>,
    ) -> Result<Self, StepError> {
        let files = context.files();
        let Some((name, arguments)) = named(&step.command) else { return Err(no_program().into()) };
        files.check_program(name)?;
        let mut paths = BTreeMap::new();
        for (name, file) in &step.files {
            // The program must read the content that the fingerprint covers.
            file.check_unchanged(files)?;
            paths.insert(name.as_str(), text_of(&absolute(files, file.as_str())?)?);
        }
        for (name, path) in written {
            paths.insert(name, text_of(path)?);
        }
        let secrets = step.secrets.iter().flatten();
        Ok(Self {
            name: name.to_owned(),
            executable: executable(files, &filled(name, &paths))?,
            arguments: arguments.iter().map(|argument| filled(argument, &paths)).collect(),
            directory: absolute(files, ".")?,
            env: step.env.clone(),
            secrets: secrets
                .map(|(name, secret)| Ok((name.clone(), secret.reveal()?)))
                .collect::<Result<_, StepError>>()?,
            timeout: Duration::from_secs_f64(step.timeout),
        })
    }

    /// Runs the program with `input`, and returns what it wrote to its standard output. `errors` takes what it wrote to its
    /// standard error.
    ///
    /// # Errors
    /// Fails if the program cannot be started, fails, or prints a secret, and like `check_cancelled` and `errors`.
    pub(super) fn run(
        &self,
        input: Vec<u8>,
        check_cancelled: &dyn Fn() -> Result<(), StepError>,
        errors: impl FnOnce(&str) -> Result<(), StepError>,
    ) -> Result<Vec<u8>, StepError> {
        let mut program = Command::new(&self.executable);
        program.args(&self.arguments).current_dir(&self.directory);
        set_environment(&mut program, &self.env);
        program.envs(self.secrets.iter().map(|(name, value)| (name, value)));
        let name = format!("`{}`", self.name);
        answer(&name, run_child(&name, program, input, self.timeout, check_cancelled)?, errors)
    }
}

/// Returns the name of the program and its arguments; `None` if the command is empty.
pub(super) fn named(command: &[String]) -> Option<(&str, &[String])> {
    let (name, arguments) = command.split_first()?;
    (!name.trim().is_empty()).then_some((name, arguments))
}

/// Returns the program to start: a path starts at the directory of the manifest.
pub(super) fn executable(files: &Files, name: &str) -> Result<PathBuf, StepError> {
    if is_path(name) { absolute(files, name) } else { Ok(name.into()) }
}

/// Returns a path of the manifest as an absolute one.
pub(super) fn absolute(files: &Files, path: &str) -> Result<PathBuf, StepError> {
    let full = files.input(path);
    std::path::absolute(&full).map_err(|error| StepError::context(format!("cannot find `{}`", full.display()), error))
}

fn text_of(path: &Path) -> Result<String, StepError> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| StepError::new(format!("the path `{}` is not UTF-8 text", path.display())))
}

pub(super) fn no_program() -> Misfit {
    Misfit::new("command", "`command` is empty; expected a program")
}

/// Reports arguments in braces that are probably misspelt names of files that the program reads or writes.
pub(super) fn unfilled(command: &[String], names: &[&str]) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    for (index, argument) in command.iter().enumerate() {
        let name = argument.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let Some(name) = name.filter(|name| !names.contains(name)) else { continue };
        // Other arguments in braces may be meant for the program.
        if let Some(nearest) = nearest(name, names.iter().copied()) {
            let message = format!("`files` has no file called `{name}`");
            let misfit = Misfit::new("command", message).at(PathPart::Index(index));
            misfits.push(misfit.with_help(format!("did you mean `{{{nearest}}}`?")));
        }
    }
    misfits
}

/// Replaces each name in braces by its path. Does not replace names within the inserted paths.
pub(super) fn filled(text: &str, paths: &BTreeMap<&str, String>) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, from)) = rest.split_once('{') {
        filled.push_str(before);
        let named = paths.iter().find_map(|(name, path)| Some((path, from.strip_prefix(name)?.strip_prefix('}')?)));
        rest = match named {
            Some((path, rest)) => {
                filled.push_str(path);
                rest
            }
            None => {
                filled.push('{');
                from
            }
        };
    }
    filled.push_str(rest);
    filled
}

/// Returns the standard output of a program that exited with status 0.
pub(super) fn answer(
    name: &str,
    finished: Finished,
    errors_to: impl FnOnce(&str) -> Result<(), StepError>,
) -> Result<Vec<u8>, StepError> {
    let Finished { status, output, errors } = finished;
    // Mask secrets before truncating, which could cut one in half.
    let errors = mask(&String::from_utf8_lossy(&errors)).replace('\0', "\u{fffd}");
    let errors = errors.trim();
    if !errors.is_empty() {
        errors_to(errors)?;
    }
    if status.success() {
        return expect_no_secret(&format!("the output of {name}"), &output).map(|()| output);
    }
    let how = match status.code() {
        Some(code) => format!("exited with status {code}"),
        None => format!("was killed: {status}"),
    };
    // The last lines are usually the most informative.
    let last: Vec<String> = errors.lines().rev().take(5).map(|line| shortened(line.as_bytes())).collect();
    let last: Vec<&str> = last.iter().rev().map(String::as_str).collect();
    Err(StepError::new(match last.as_slice() {
        [] => format!("{name} {how} and wrote nothing to its standard error"),
        last => format!("{name} {how}; standard error: {}", last.join(" / ")),
    }))
}

/// Refuses `what` if it contains a secret.
pub(super) fn expect_no_secret(what: &str, output: &[u8]) -> Result<(), StepError> {
    match found_in(output) {
        None => Ok(()),
        Some(variable) => Err(StepError::new(format!(
            "{what} contains the secret in the environment variable `{variable}`, which the log would record; change the \
             program so that it does not print the secret"
        ))),
    }
}
