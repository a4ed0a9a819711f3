//! Exit statuses, and failures with their messages. `errors` makes failures from the errors of the other modules.

mod errors;

use std::error::Error;
use std::process::ExitCode;

use serde_json::json;

use super::advice::Advice;
use super::args::{Format, Shared};
use super::output;
use crate::manifest::Diagnostic;

/// The exit statuses other than success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    RunFailed = 1,
    Usage = 2,
    Store = 3,
    Waiting = 4,
    Output = 5,
    OutOfSpace = 6,
    Interrupted = 130,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        ExitCode::from(status as u8)
    }
}

/// The failure of a command: its exit status, message, causes and hint.
#[derive(Debug)]
pub(super) struct Failure {
    status: Status,
    message: String,
    causes: Vec<String>,
    help: Option<Advice>,
    /// The problems of a manifest or a value, which are printed before the message.
    diagnostics: Vec<Diagnostic>,
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { status: Status::Usage, message: message.into(), causes: Vec::new(), help: None, diagnostics: Vec::new() }
    }

    pub(super) fn with_help(mut self, help: impl Into<Advice>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds `help` unless the failure already has a hint.
    pub(super) fn or_help(mut self, help: impl Into<Advice>) -> Self {
        self.help.get_or_insert_with(|| help.into());
        self
    }

    fn new(status: Status, error: &(dyn Error + 'static)) -> Self {
        let mut failure =
            Self { status, message: error.to_string(), causes: Vec::new(), help: None, diagnostics: Vec::new() };
        let mut next = error.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // Many errors repeat their cause in their own message.
            if !failure.causes.last().unwrap_or(&failure.message).contains(&text) {
                failure.causes.push(text);
            }
            next = cause.source();
        }
        failure
    }

    /// Returns the message alone.
    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Prints the failure and returns the exit status.
    pub(super) fn report(self, shared: &Shared) -> ExitCode {
        let help = self.help.as_ref().and_then(|help| help.render(shared));
        if shared.format == Format::Json && self.status != Status::Output {
            // The status reports the failure even if stdout cannot be written.
            let _ = output::print_json(&json!({"error": self.message, "causes": self.causes, "help": help}));
        }
        output::say_diagnostics(&self.diagnostics);
        output::print_error(&self.message, &self.causes, help.as_deref());
        self.status.into()
    }
}
