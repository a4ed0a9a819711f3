//! Creates temporary files in the directories of the files that they will replace. A process that is killed leaves them
//! behind; the next one that writes to the directory removes them.

use std::fs::File;
use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

const BEGINNING: &str = ".chem-";
const END: &str = ".part";

/// Creates a temporary file in `directory`, which is deleted on drop unless it is persisted. Removes those that killed
/// processes left there.
pub(super) fn beside(directory: &Path) -> io::Result<NamedTempFile> {
    remove_abandoned(directory);
    let mut builder = tempfile::Builder::new();
    builder.prefix(BEGINNING).suffix(END);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The permissions of an ordinary file; the process's umask restricts them.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    loop {
        let file = builder.tempfile_in(directory)?;
        // Another process may have removed the file after it was created and before it was locked.
        if !lock(file.as_file()) || file.path().exists() {
            return Ok(file);
        }
    }
}

/// Locks a temporary file until it is closed or the process ends, and returns whether that succeeded. On a file system
/// without locks the file stays unlocked, and other processes do not remove it either.
fn lock(file: &File) -> bool {
    // On Windows, a lock would prevent reading the file.
    cfg!(unix) && file.lock().is_ok()
}

/// Removes the unfinished files in `directory` that no process has locked.
fn remove_abandoned(directory: &Path) {
    if cfg!(not(unix)) {
        return;
    }
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let is_unfinished = |name: &str| name.starts_with(BEGINNING) && name.ends_with(END);
    for path in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_unfinished)).map(|entry| entry.path())
    {
        let Ok(file) = File::open(&path) else { continue };
        // Holds the lock until the file is removed, so that a writer that has just created it notices the removal.
        if file.metadata().is_ok_and(|found| found.is_file()) && file.try_lock().is_ok() {
            let removed = std::fs::remove_file(&path);
            tracing::debug!(path = %path.display(), ?removed, "an unfinished file was left behind");
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn what_was_left_behind_goes_and_what_is_being_written_stays() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in [".chem-abandoned.part", ".chem-notes", "data.part"] {
            std::fs::write(at(name), "").unwrap();
        }
        let first = beside(directory.path()).unwrap();
        let second = beside(directory.path()).unwrap();
        let mut expected: Vec<String> = [&first, &second]
            .map(|file| file.path().file_name().unwrap().to_str().unwrap().to_owned())
            .into_iter()
            .chain([".chem-notes".to_owned(), "data.part".to_owned()])
            .collect();
        let mut found = names(directory.path());
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
        drop(first);
        second.persist(at("whole.csv")).unwrap();
        beside(directory.path()).unwrap();
        assert_eq!(names(directory.path()).len(), 3);
    }

    #[test]
    fn many_writers_at_once_lose_no_file() {
        let directory = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let directory = directory.path();
                scope.spawn(move || {
                    for number in 0..50 {
                        let file = beside(directory).unwrap();
                        file.persist(directory.join(format!("{writer}-{number}"))).unwrap();
                    }
                });
            }
        });
        assert_eq!(names(directory.path()).len(), 200);
    }
}
