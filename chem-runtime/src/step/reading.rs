//! Reads files from outside within limits: checks the size first, and stops when the run is cancelled.

use std::fs::File;
use std::io::{Error, Read, Result};
use std::path::Path;

use super::error::StepError;
use super::limits::Limit;
use crate::cancel::CancelToken;

/// A file that is being read. Reading stops when the run is asked to stop or the file exceeds its limit.
pub(super) struct Reading<'a> {
    file: File,
    path: &'a Path,
    limit: &'static Limit,
    cancel: &'a CancelToken,
    length: u64,
    read: u64,
}

impl<'a> Reading<'a> {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// Fails if the path does not lead to a regular file, if the file is larger than `limit`, or if it cannot be
    /// opened.
    pub(super) fn open(
        path: &'a Path,
        limit: &'static Limit,
        cancel: &'a CancelToken,
    ) -> std::result::Result<Self, StepError> {
        // Opening a pipe would block, and a device may have no end.
        let there = std::fs::metadata(path).map_err(|error| cannot_read(path, error))?;
        if !there.is_file() {
            let because = if there.is_dir() { "it is a directory" } else { "it is not a regular file" };
            return Err(StepError::new(format!("cannot read `{}`: {because}", path.display())));
        }
        if there.len() > limit.get() {
            return Err(too_large(path, there.len(), limit));
        }
        let file = File::open(path).map_err(|error| cannot_read(path, error))?;
        Ok(Self { file, path, limit, cancel, length: there.len(), read: 0 })
    }

    /// Returns the length of the file when it was opened, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Runs `work` on the content of the file.
    ///
    /// # Errors
    /// Returns [`StepError::interrupted`] if the run was asked to stop. Fails if the file has grown beyond its limit or
    /// cannot be read.
    pub(super) fn then<T>(mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> std::result::Result<T, StepError> {
        match work(&mut self) {
            _ if self.cancel.is_cancelled() => Err(StepError::interrupted()),
            _ if self.read > self.limit.get() => Err(too_large(self.path, self.read, self.limit)),
            result => result.map_err(|error| cannot_read(self.path, error)),
        }
    }
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        // A slow disk reads 1 MiB in less than a tenth of a second.
        const PIECE: usize = 1 << 20;
        if self.cancel.is_cancelled() || self.read > self.limit.get() {
            return Err(Error::other("the reading was stopped"));
        }
        let piece = buffer.len().min(PIECE);
        let read = self.file.read(&mut buffer[..piece])?;
        self.read += read as u64;
        Ok(read)
    }
}

fn too_large(path: &Path, bytes: u64, limit: &Limit) -> StepError {
    StepError::new(format!("cannot read `{}`: it holds {bytes} bytes or more; {}", path.display(), limit.advice()))
}

fn cannot_read(path: &Path, error: Error) -> StepError {
    StepError::context(format!("cannot read `{}`", path.display()), error)
}
