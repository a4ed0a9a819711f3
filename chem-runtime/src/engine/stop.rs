//! Why a process cannot go on with the children of a step, although nothing is wrong with them: their store fails, or the machine
//! has no space.
//!
//! The step that they belong to is then interrupted, and does not fail. The reason is kept beside it, so that the run ends with the
//! same error as if the run itself had met it.

use std::sync::{Mutex, PoisonError};

use super::CoreEngineError;
use crate::artifact::ArtifactError;
use crate::step::StepError;
use crate::store::PersistenceError;

/// The reason, once there is one.
#[derive(Default)]
pub(super) struct Stop(Mutex<Option<CoreEngineError>>);

impl Stop {
    /// Keeps the reason, unless there is one, and returns the interruption of the step.
    pub(super) fn keep(&self, reason: CoreEngineError) -> StepError {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        StepError::interrupted()
    }

    /// Keeps the reason if the store has failed, and returns the interruption of the step; otherwise returns `error`.
    pub(super) fn keep_of_store(&self, error: StepError) -> StepError {
        match store_error(error) {
            Ok(error) => self.keep(error.into()),
            Err(error) => error,
        }
    }

    /// Keeps the reason that was kept for the children of a child, and returns the interruption of the step. Returns `error` if there is
    /// none.
    pub(super) fn keep_from(&self, below: &Self, error: StepError) -> StepError {
        match below.take() {
            Some(reason) => self.keep(reason),
            None => error,
        }
    }

    /// Returns the reason; `None` if the step was asked to stop.
    pub(super) fn take(&self) -> Option<CoreEngineError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Returns the error of the store that is the cause of `error`.
///
/// # Errors
/// Returns `error` if the store has not failed.
pub(super) fn store_error(error: StepError) -> Result<PersistenceError, StepError> {
    let error = match error.into_cause::<PersistenceError>() {
        Ok(error) => return Ok(error),
        Err(error) => error,
    };
    match error.into_cause::<ArtifactError>().map(PersistenceError::behind) {
        Ok(Err(error)) => Ok(error),
        Ok(Ok(error)) => Err(error.into()),
        Err(error) => Err(error),
    }
}

/// Returns the error of a process that cannot run the children of a step.
pub(super) fn cannot_run(error: StepError) -> CoreEngineError {
    store_error(error).map_or_else(|error| CoreEngineError::Child(format!("{error:#}")), CoreEngineError::Store)
}
