//! Opening a store: one process at a time, so that two which open a new store at once both succeed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::error::{OpenError, not_writable, of_another_kind, sqlite_error};
use super::schema::{bring_up_to_date, refuse_foreign};
use crate::store::StoreError;

/// The connection to the store at `path`, ready for use, and the path made absolute, so that a later change of the
/// working directory does not matter.
pub(super) fn open(path: &Path, wait: Duration) -> Result<(PathBuf, Connection), StoreError> {
    let path = std::path::absolute(path).map_err(|error| unusable("the path of the store is empty".into(), error))?;
    if path.is_dir() {
        let message =
            format!("the store `{0}` is a directory; name a file in it, such as `sqlite:{0}/store.db`", path.display());
        return Err(StoreError::Unusable { message, source: None });
    }
    refuse_other_kinds(&path)?;
    make_directory_of(&path)?;
    // Held until this function returns.
    let _lock = lock(&path, wait)?;
    match connect(&path, wait) {
        Ok(connection) => Ok((path, connection)),
        Err(OpenError::Store(error)) => Err(error),
        Err(OpenError::Sqlite(error)) => Err(sqlite_error(&path, wait, "open", error)),
    }
}

/// Refuses a file that is no SQLite database, before anything is put beside it.
pub(super) fn refuse_other_kinds(path: &Path) -> Result<(), StoreError> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut start = Vec::new();
    // What cannot be read here is SQLite's to complain of.
    let _ = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start));
    if start.is_empty() || start == MAGIC {
        return Ok(());
    }
    Err(StoreError::Unusable { message: of_another_kind(&path.display()), source: None })
}

fn make_directory_of(path: &Path) -> Result<(), StoreError> {
    let Some(directory) = path.parent().filter(|directory| !directory.is_dir()) else {
        return Ok(());
    };
    let cannot = |error| unusable(format!("cannot make the directory `{}` for the store", directory.display()), error);
    std::fs::create_dir_all(directory).map_err(cannot)?;
    // The file's entry in its directory is SQLite's to make durable, the directory's own is ours.
    match directory.parent() {
        Some(above) if cfg!(unix) => File::open(above).and_then(|above| above.sync_all()).map_err(cannot),
        _ => Ok(()),
    }
}

/// Takes the lock beside the store. SQLite's own locks do not cover the change to WAL mode, and refinery takes none.
fn lock(path: &Path, wait: Duration) -> Result<File, StoreError> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(beside(path, ".lock"))
        .map_err(|error| unusable(not_writable(&path.display()), error))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() < wait => std::thread::sleep(Duration::from_millis(5)),
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Backend {
                    message: format!(
                        "waited {} s for another process that is opening the store `{}`; try again when it is done",
                        wait.as_secs_f64(),
                        path.display()
                    ),
                    transient: true,
                    source: "the lock beside the store is taken".into(),
                });
            }
            Err(TryLockError::Error(error)) => {
                let message = format!(
                    "the file system that holds the store `{}` has no locks, without which a store is not safe; name another place with `--store sqlite:PATH`",
                    path.display()
                );
                return Err(unusable(message, error));
            }
        }
    }
}

/// The file beside a store whose name goes on with `ending`.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn connect(path: &Path, wait: Duration) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    // SQLite opens a file that may not be written for reading alone.
    if connection.is_readonly("main")? {
        return Err(OpenError::unusable(not_writable(&path.display())));
    }
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", "full")?;
    refuse_foreign(path, &connection)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::unusable(format!(
            "the file system that holds the store `{}` does not let processes share memory, which a store needs; name another place with `--store sqlite:PATH`",
            path.display()
        )));
    }
    bring_up_to_date(path, &mut connection)?;
    Ok(connection)
}

fn unusable(message: String, error: std::io::Error) -> StoreError {
    StoreError::Unusable { message, source: Some(Box::new(error)) }
}
