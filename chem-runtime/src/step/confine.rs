//! Confines a run to a folder, for manifests from other authors.

use std::path::{Path, PathBuf};

use super::error::StepError;
use super::place::place_of;

/// The folder that must contain all files of a run, with links resolved, and whether the run may start programs, which
/// cannot be confined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confinement {
    root: PathBuf,
    programs: bool,
}

impl Confinement {
    /// Confines a run to `folder`, and forbids it to start programs.
    pub fn to(folder: &Path) -> Self {
        Self { root: place_of(folder), programs: false }
    }

    /// Allows the run to start programs.
    pub fn allowing_programs(mut self) -> Self {
        self.programs = true;
        self
    }

    /// Returns whether `path`, with links resolved, is in the folder.
    pub fn holds(&self, path: &Path) -> bool {
        place_of(path).starts_with(&self.root)
    }

    /// Checks that `path` is in the folder.
    ///
    /// # Errors
    /// Fails with a message that names both.
    pub(super) fn check(&self, path: &Path, verb: &str) -> Result<(), StepError> {
        if self.holds(path) {
            return Ok(());
        }
        Err(StepError::new(format!(
            "cannot {verb} `{}`: it is outside of `{}`, to which the run is confined; `--confined=FOLDER` names another folder",
            path.display(),
            self.root.display()
        )))
    }

    /// Checks that the run may start programs.
    ///
    /// # Errors
    /// Fails with a message that says how to allow it.
    pub(super) fn check_program(&self, name: &str) -> Result<(), StepError> {
        if self.programs {
            return Ok(());
        }
        Err(StepError::new(format!(
            "cannot start `{name}`: the run is confined, and a program can read and write everywhere; \
             `--allow-programs` lets it start those that the manifest names"
        )))
    }
}
