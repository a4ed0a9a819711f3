//! The directories and files of a run, and their record in the log.

use std::path::PathBuf;

use crate::event::{ChildOf, Environment, Operator};
use crate::step::{Confinement, Files, Library};

/// The directories of a run, and the manifest that it came from.
#[derive(Debug, Clone, Default)]
pub(super) struct RunPlace {
    /// The directory that relative paths start from; `None` means the working directory.
    pub directory: Option<PathBuf>,
    /// The directory that relative paths of output files start from; `None` means `directory`.
    pub outputs: Option<PathBuf>,
    /// The manifest's file name; `None` if the flow was built in Rust.
    pub manifest: Option<String>,
    /// The folder that the run's files have to be in; `None` means anywhere.
    pub confinement: Option<Confinement>,
    /// Who runs the flow, for the log.
    pub operator: Option<Operator>,
    /// The step of another run that runs this one.
    pub child_of: Option<ChildOf>,
    /// Whether the log says what each step took.
    pub measures: bool,
}

impl RunPlace {
    pub(super) fn files(&self) -> Files {
        let files = Files::relative_to(self.directory.clone().unwrap_or_else(|| PathBuf::from(".")))
            .confined(self.confinement.clone());
        match &self.outputs {
            Some(outputs) => files.writing_to(outputs),
            None => files,
        }
    }

    /// Returns the log's record of this program and these directories.
    pub(super) fn environment(&self) -> Environment {
        Environment {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            libraries: Library::linked(),
            platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            directory: self.directory.as_ref().map(|directory| directory.to_string_lossy().into_owned()),
            manifest: self.manifest.clone(),
            operator: self.operator.clone(),
        }
    }
}
