//! Describes why a step failed, in words for the author of the flow.

use std::error::Error;
use std::fmt;

use crate::cancel;
use crate::disk::{FullDisk, NoSpace};

/// A step's failure: a message and its cause.
///
/// Every error type converts into it with `?`. [`StepError::new`] takes a message alone, and
/// [`context`](StepError::context) puts a message before a cause.
pub struct StepError {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
    interrupted: bool,
    transient: bool,
    left_behind: bool,
}

impl StepError {
    /// Creates a failure with a message: lower case, no full stop, values in backticks.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None, interrupted: false, transient: false, left_behind: false }
    }

    /// Creates a failure with a message and a cause. If the cause is an [`Interrupted`](super::Interrupted), the step
    /// was asked to stop and has not failed.
    pub fn context(message: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        let interrupted = cancel::is_interruption(source.as_ref());
        Self { source: Some(source), interrupted, ..Self::new(message) }
    }

    /// Creates the error of a step that stops because it was asked to. The run has then not failed and can be resumed.
    pub fn interrupted() -> Self {
        Self { interrupted: true, ..Self::new("interrupted") }
    }

    /// Marks the failure as transient: the same work may succeed later, for example if a server was busy. If the
    /// manifest has a `retry:` for the step, the engine then retries it.
    ///
    /// ```
    /// use chem_runtime::step::StepError;
    ///
    /// assert!(StepError::new("the licence server is busy").transient().is_transient());
    /// ```
    pub fn transient(mut self) -> Self {
        self.transient = true;
        self
    }

    /// Records that the step may still be running, so that another attempt would run beside it.
    pub(crate) fn left_behind(mut self) -> Self {
        self.left_behind = true;
        self
    }

    /// Returns whether the step may still be running.
    pub(crate) fn is_left_behind(&self) -> bool {
        self.left_behind
    }

    /// Returns why the failure is one of a full disk; `None` if it is not.
    pub(crate) fn no_space(&self) -> Option<NoSpace<'_>> {
        self.source.as_deref().and_then(|source| NoSpace::behind(source))
    }

    /// Adds the disk of temporary files as the cause, if it is full. Call this for the failure of a program that may write there,
    /// before what it has written is removed.
    pub(crate) fn blaming_full_disk(self) -> Self {
        match FullDisk::of_temporary_files() {
            Some(disk) if !self.interrupted && self.no_space().is_none() => {
                Self { message: format!("{self:#}"), source: Some(Box::new(disk)), ..self }
            }
            _ => self,
        }
    }

    /// Returns the cause if it is an `E`.
    ///
    /// # Errors
    /// Returns the failure itself if it has another cause, or none.
    pub(crate) fn into_cause<E: Error + 'static>(self) -> Result<E, Self> {
        match self.source.map(|source| source.downcast::<E>()) {
            Some(Ok(cause)) => Ok(*cause),
            Some(Err(source)) => Err(Self { source: Some(source), ..self }),
            None => Err(Self { source: None, ..self }),
        }
    }

    /// Returns whether the failure is transient.
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// Returns whether the step stopped because it was asked to.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted
    }

    /// Returns the message, without causes.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the causes, outermost first, without those that only repeat the message before them.
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut next: Option<&(dyn Error + 'static)> = self.source.as_deref().map(|source| source as _);
        while let Some(cause) = next {
            let text = cause.to_string();
            if causes.last().unwrap_or(&self.message) != &text {
                causes.push(text);
            }
            next = cause.source();
        }
        causes
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if f.alternate() {
            self.causes().iter().try_for_each(|cause| write!(f, ": {cause}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#}")
    }
}

// Like anyhow's, this type does not implement `Error`, so that every error type converts into it.
impl<E: Error + Send + Sync + 'static> From<E> for StepError {
    fn from(error: E) -> Self {
        Self::context(error.to_string(), error)
    }
}

/// An error that a step function may return: [`StepError`], or a type that converts into it.
#[diagnostic::on_unimplemented(
    message = "a step cannot fail with `{Self}`",
    label = "does not convert into `StepError`",
    note = "return `StepError`, or an error type that implements `std::error::Error`"
)]
pub trait IntoStepError {
    /// Converts the error into the one that the engine takes.
    fn into_step_error(self) -> StepError;
}

#[diagnostic::do_not_recommend]
impl<E: Into<StepError>> IntoStepError for E {
    fn into_step_error(self) -> StepError {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once_each() {
        let io = std::io::Error::other("disk on fire");
        let error = StepError::context("`out.csv` could not be written", io);
        assert_eq!(format!("{error:?}"), "`out.csv` could not be written: disk on fire");
        let plain: StepError = std::io::Error::other("disk on fire").into();
        assert_eq!(format!("{plain:?}"), "disk on fire");
    }
}
