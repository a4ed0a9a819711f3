//! The files of a spool: each is published whole under a name that no other writer has, and never changed.
//!
//! Nothing here relies on locks. A file is written under a temporary name, made durable, and linked to its own name, which the
//! file server does for one caller only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::store::PersistenceError;

/// The directory of a spool, in which all its files are.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// The permissions of new directories.
    mode: u32,
}

impl Directory {
    /// Returns the directory at `path`, whose permissions new files and directories in it get, less what the umask denies.
    pub(super) fn new(path: PathBuf) -> Self {
        #[cfg(unix)]
        let mode = fs::metadata(&path)
            .map_or(0o700, |found| std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777);
        #[cfg(not(unix))]
        let mode = 0o700;
        Self { path, mode }
    }

    /// Returns the path of the directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the content of a file; `None` if there is none.
    pub(super) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, PersistenceError> {
        let mut content = Vec::new();
        match File::open(path).and_then(|mut file| file.read_to_end(&mut content)) {
            Ok(_) => Ok(Some(content)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", error)),
        }
    }

    /// Opens a directory, so that a network file system asks its server what is in it. Returns whether it exists.
    pub(super) fn look_again(&self, directory: &Path) -> Result<bool, PersistenceError> {
        match File::open(directory) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.failed("read", error)),
        }
    }

    /// Returns the names in a directory, without temporary ones, in no order; an empty list if there is no such directory.
    pub(super) fn names(&self, directory: &Path) -> Result<Vec<String>, PersistenceError> {
        let failed = |error| self.failed("read", error);
        let entries = match fs::read_dir(directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let name = |entry: io::Result<fs::DirEntry>| Ok(entry.map_err(failed)?.file_name().into_string().ok());
        let names: Result<Vec<Option<String>>, PersistenceError> = entries.map(name).collect();
        Ok(names?.into_iter().flatten().filter(|name| !name.starts_with('.')).collect())
    }

    /// Creates a directory unless it exists.
    pub(super) fn make(&self, directory: &Path) -> Result<(), PersistenceError> {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, self.mode);
        match builder.create(directory) {
            Ok(()) => self.settle(directory.parent().unwrap_or(directory)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(self.failed("write", error)),
        }
    }

    /// Creates a file with a short content at once. Returns `false` if there is a file with that name. A crash may leave
    /// the file without its content.
    pub(super) fn mark(&self, path: &Path, content: &str) -> Result<bool, PersistenceError> {
        let written = self.create(path).and_then(|mut file| {
            file.write_all(content.as_bytes())?;
            file.sync_all()
        });
        match written {
            Ok(()) => self.settle_beside(path).map(|()| true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(self.failed("write", error)),
        }
    }

    /// Publishes a file with its whole content. Returns `false`, and changes nothing, if there is a file with that name.
    pub(super) fn publish(&self, path: &Path, content: &[u8]) -> Result<bool, PersistenceError> {
        // Some file systems link only within a directory.
        let temporary = path.with_file_name(format!(".{}", Uuid::new_v4()));
        let written = self.create(&temporary).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
        let linked = match written {
            Ok(()) => self.link(&temporary, path),
            Err(error) => Err(self.failed("write", error)),
        };
        // A temporary file that cannot be removed is harmless.
        let _ = fs::remove_file(&temporary);
        if linked? { self.settle_beside(path).map(|()| true) } else { Ok(false) }
    }

    fn link(&self, temporary: &Path, path: &Path) -> Result<bool, PersistenceError> {
        match fs::hard_link(temporary, path) {
            Ok(()) => Ok(true),
            // A server whose reply was lost has made the link, and refuses the repeated request.
            Err(_) if names_of(temporary) > 1 => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::Unsupported) => {
                let message = format!(
                    "the file system of the spool `{}` has no hard links, by which one of several writers is first; use a \
                     directory on another file system",
                    self.path.display()
                );
                Err(PersistenceError::Unusable { message, source: Some(error.into()) })
            }
            Err(error) => Err(self.failed("write", error)),
        }
    }

    /// Creates a file that must not exist.
    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, self.mode & 0o666);
        options.open(path)
    }

    fn settle_beside(&self, path: &Path) -> Result<(), PersistenceError> {
        path.parent().map_or(Ok(()), |directory| self.settle(directory))
    }

    /// Makes the names in a directory durable.
    fn settle(&self, directory: &Path) -> Result<(), PersistenceError> {
        if cfg!(unix) {
            File::open(directory).and_then(|opened| opened.sync_all()).map_err(|error| self.failed("write", error))?;
        }
        Ok(())
    }

    /// Returns the error for a failure to `action` a file of the spool.
    pub(super) fn failed(&self, action: &str, error: io::Error) -> PersistenceError {
        let path = self.path.display();
        let message = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => format!(
                "the disk is full: cannot {action} the spool `{path}`; free some room or ask for more files and bytes, and try \
                 again, all that was stored before is there"
            ),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => format!(
                "cannot {action} the spool `{path}`: allow this user to {action} in that directory, or name another one with \
                 `--store spool:DIR`"
            ),
            ErrorKind::StaleNetworkFileHandle | ErrorKind::TimedOut | ErrorKind::NetworkDown => {
                let message = format!("cannot {action} the spool `{path}`: its file server does not answer");
                return PersistenceError::Backend { message, transient: true, source: error.into() };
            }
            _ => format!("cannot {action} the spool `{path}`; see that its file system is in order, then try again"),
        };
        PersistenceError::Unusable { message, source: Some(error.into()) }
    }
}

/// Returns the number of names of a file.
fn names_of(path: &Path) -> u64 {
    #[cfg(unix)]
    return fs::metadata(path).map_or(0, |found| std::os::unix::fs::MetadataExt::nlink(&found));
    #[cfg(not(unix))]
    return u64::from(path.exists());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_who_publish_one_name_one_succeeds_and_its_content_stays() {
        let place = tempfile::tempdir().unwrap();
        let (directory, path) = (Directory::new(place.path().into()), place.path().join("name"));
        let won: Vec<usize> = std::thread::scope(|scope| {
            let publish = |number: usize| (directory.publish(&path, number.to_string().as_bytes()).unwrap(), number);
            let writers: Vec<_> = (0..8).map(|number| scope.spawn(move || publish(number))).collect();
            let results = writers.into_iter().map(|writer| writer.join().unwrap());
            results.filter_map(|(is_first, number)| is_first.then_some(number)).collect()
        });
        assert_eq!(won.len(), 1);
        assert_eq!(directory.read(&path).unwrap().unwrap(), won[0].to_string().into_bytes());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "no temporary file is left");
    }
}
