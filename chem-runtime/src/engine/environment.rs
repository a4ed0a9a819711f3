//! Where a run takes place, and the record of it.

use std::path::PathBuf;

use crate::event::Environment;
use crate::step::{Confinement, Files, Library};

/// Where a run takes place.
#[derive(Debug, Clone, Default)]
pub(super) struct RunPlace {
    /// The directory that relative paths start from; the working directory if there is none.
    pub directory: Option<PathBuf>,
    /// The directory that relative paths of files to write start from, if it is another.
    pub outputs: Option<PathBuf>,
    /// The manifest's file name.
    pub manifest: Option<String>,
    /// The folder that its files have to lie in.
    pub confinement: Option<Confinement>,
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

    /// What the log records of this program and this place.
    pub(super) fn environment(&self) -> Environment {
        Environment {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            libraries: Library::linked(),
            platform: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            directory: self.directory.as_ref().map(|directory| directory.to_string_lossy().into_owned()),
            manifest: self.manifest.clone(),
        }
    }
}
