//! The files of a run: where its paths lead, what it may read and write, and the hashes of what it has read.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::confine::Confinement;
use super::error::StepError;
use super::glob::Glob;
use super::limits::Limit;
use super::place::place_of;
use super::reading::Reading;
use crate::cancel::CancelToken;
use crate::fingerprint::ContentHash;

/// The directory at which a run's relative paths start, and the hashes of its input files. Clones share the hashes and what
/// patterns matched.
#[derive(Debug, Clone)]
pub struct Files {
    directory: PathBuf,
    outputs: PathBuf,
    /// Whether outputs are redirected from where the flow puts them.
    elsewhere: bool,
    /// The files of the run's log, which outputs must not overwrite.
    log: Vec<PathBuf>,
    confinement: Option<Confinement>,
    cancel: CancelToken,
    hashes: Arc<Mutex<HashMap<PathBuf, ContentHash>>>,
    /// The files that patterns matched, by the pattern.
    matches: Arc<Mutex<HashMap<String, Vec<String>>>>,
}

impl Files {
    /// Creates the files of a run, with paths relative to `directory`.
    pub fn relative_to(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        Self {
            outputs: directory.clone(),
            directory,
            elsewhere: false,
            log: Vec::new(),
            confinement: None,
            cancel: CancelToken::default(),
            hashes: Arc::default(),
            matches: Arc::default(),
        }
    }

    /// Returns the files of a run whose relative paths start at `directory`, which is relative to that of this run.
    pub(crate) fn below(&self, directory: &Path) -> Self {
        if directory.as_os_str().is_empty() {
            return self.clone();
        }
        let outputs = if self.elsewhere { self.outputs.clone() } else { self.outputs.join(directory) };
        Self { directory: self.directory.join(directory), outputs, matches: Arc::default(), ..self.clone() }
    }

    /// Redirects outputs below `outputs`, for tests.
    pub fn writing_to(mut self, outputs: impl Into<PathBuf>) -> Self {
        self.outputs = outputs.into();
        self.elsewhere = true;
        self
    }

    /// Refuses to overwrite the files `log`, which hold the log of the run.
    pub fn beside_log(mut self, log: &[PathBuf]) -> Self {
        self.log = log.iter().map(|path| place_of(path)).collect();
        self
    }

    /// Restricts files and programs to those that `confinement` allows; `None` allows all.
    pub fn confined(mut self, confinement: Option<Confinement>) -> Self {
        self.confinement = confinement;
        self
    }

    /// Makes reading fail with [`StepError::interrupted`] once `cancel` asks to stop.
    pub fn heeding(mut self, cancel: &CancelToken) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// Returns the token that asks readers of these files to stop.
    pub(super) fn cancel(&self) -> &CancelToken {
        &self.cancel
    }

    /// Returns whether `path`, with links resolved, is in the folder that the run is confined to, or, for a run that is
    /// not confined, below the directory at which relative paths start.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        match &self.confinement {
            Some(confinement) => confinement.holds(path),
            None => Confinement::to(&self.directory).holds(path),
        }
    }

    /// Checks that a step may start the program called `name`.
    ///
    /// # Errors
    /// Fails if the run is confined and may not start programs.
    pub fn check_program(&self, name: &str) -> Result<(), StepError> {
        self.confinement.as_ref().map_or(Ok(()), |confinement| confinement.check_program(name))
    }

    /// Checks that the file at `path` may be written.
    ///
    /// # Errors
    /// Fails if the file is outside the folder to which the run is confined.
    pub(crate) fn check_output(&self, path: &str) -> Result<(), StepError> {
        match &self.confinement {
            Some(confinement) if !self.elsewhere => confinement.check(&self.output(path), "write"),
            _ => Ok(()),
        }
    }

    /// Returns the directory at which relative paths start.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Finds the files that match `glob`, relative to its base, and remembers them.
    pub(crate) fn find(&self, glob: &Glob) -> Result<Vec<String>, StepError> {
        self.check_input(&self.input(glob.base()))?;
        let found = glob.find(&self.directory, &self.cancel)?;
        let mut matches = self.matches.lock().unwrap_or_else(PoisonError::into_inner);
        matches.insert(glob.as_str().to_owned(), found.clone());
        Ok(found)
    }

    /// Returns whether the file at `path` matches `glob`.
    pub(crate) fn matches(&self, glob: &Glob, path: &Path) -> bool {
        glob.matches(&self.directory, &place_of(path))
    }

    /// Returns the files that [`find`](Self::find) found last, or finds them.
    pub(super) fn found(&self, glob: &Glob) -> Result<Vec<String>, StepError> {
        let before = self.matches.lock().unwrap_or_else(PoisonError::into_inner).get(glob.as_str()).cloned();
        before.map_or_else(|| self.find(glob), Ok)
    }

    /// Returns the path of an input file.
    pub fn input(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// Returns the path of an output file. If outputs are redirected, neither an absolute path nor `..` leads out of
    /// their directory.
    pub fn output(&self, path: &str) -> PathBuf {
        if !self.elsewhere {
            return self.outputs.join(path);
        }
        let normal = |part: &Component<'_>| matches!(part, Component::Normal(_));
        self.outputs.join(Path::new(path).components().filter(normal).collect::<PathBuf>())
    }

    /// Returns the path of the file to replace when writing `path`: the target of a link, so that the link stays.
    ///
    /// # Errors
    /// Fails if something other than a regular file exists there, such as a directory or a device, if it is part of the
    /// log, or if it is write-protected. A write-protected file could still be replaced, since only its directory
    /// decides that.
    pub(super) fn place_for(&self, path: &str) -> Result<PathBuf, StepError> {
        self.check_output(path)?;
        let full = self.output(path);
        let place = place_of(&full);
        let refused = |because: &str| Err(StepError::new(format!("cannot write `{}`: {because}", full.display())));
        if self.log.contains(&place) {
            return refused("the log of this run is kept there; give the file another name");
        }
        match std::fs::metadata(&place) {
            Ok(there) if there.is_dir() => refused("it is a directory"),
            Ok(there) if !there.is_file() => refused("it is not a regular file; give the file another name"),
            Ok(there) if is_protected(&place, &there) => {
                refused("it is protected from writing; make it writable, or give the file another name")
            }
            _ => Ok(place),
        }
    }

    /// Hashes the file at `path`, at most as large as `limit`, and remembers the hash.
    pub(super) fn hash(&self, path: &str, limit: &'static Limit) -> Result<ContentHash, StepError> {
        let full = self.input(path);
        self.check_input(&full)?;
        let (hash, _) = Reading::open(&full, limit, &self.cancel)?.then(|file| ContentHash::of_reader(file))?;
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner).insert(full, hash);
        Ok(hash)
    }

    pub(super) fn check_input(&self, full: &Path) -> Result<(), StepError> {
        self.confinement.as_ref().map_or(Ok(()), |confinement| confinement.check(full, "read"))
    }

    /// Checks that `hash`, the current hash of the file at `full`, is the one from the start of the step.
    pub(super) fn check_unchanged(&self, full: &Path, hash: ContentHash) -> Result<(), StepError> {
        match self.hashes.lock().unwrap_or_else(PoisonError::into_inner).get(full) {
            Some(expected) if *expected != hash => Err(StepError::new(format!(
                "`{}` changed while the step was reading it; run the flow again once it is at rest",
                full.display()
            ))),
            _ => Ok(()),
        }
    }
}

/// Returns whether the file at `path` is write-protected, by its permissions or for this process.
fn is_protected(path: &Path, there: &std::fs::Metadata) -> bool {
    let opened = || std::fs::OpenOptions::new().append(true).open(path);
    there.permissions().readonly() || opened().is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_elsewhere_stays_there() {
        let files = Files::relative_to("/flows").writing_to("/elsewhere");
        for (path, expected) in [("out/a.csv", "out/a.csv"), ("/tmp/a.csv", "tmp/a.csv"), ("../../a.csv", "a.csv")] {
            assert_eq!(files.output(path), Path::new("/elsewhere").join(expected));
        }
        assert_eq!(Files::relative_to("/flows").output("/tmp/a.csv"), Path::new("/tmp/a.csv"));
    }
}
