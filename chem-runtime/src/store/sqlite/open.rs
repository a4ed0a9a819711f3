//! Opens a store, one process at a time, so that two processes that open a new store concurrently both succeed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::error::{OpenError, not_writable, of_another_kind, sqlite_error};
use super::network;
use super::schema::{bring_up_to_date, read_status, refuse_foreign};
use crate::store::PersistenceError;

/// The number of pages in the WAL after which they are moved to the database: 16 MB. SQLite's own limit is a quarter of it, with which
/// many small commits move the same pages often.
const CHECKPOINT_PAGES: u32 = 4_000;

/// How to treat a store that contains events and has an older schema. A store without events is always upgraded.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Older {
    /// Refuse it and leave it unchanged, because the programs that made it could not use it after an upgrade.
    Refused,
    /// Upgrade it.
    Migrated,
}

/// Returns the connection to the store at `path`, ready for use, and the absolute path, so that a later change of the
/// working directory has no effect.
pub(super) fn open(path: &Path, wait: Duration, older: Older) -> Result<(PathBuf, Connection), PersistenceError> {
    open_on(path, wait, older, network::kind_of)
}

/// Opens a store like [`open`]. `network` returns the kind of the network file system of a path; `None` for a local one.
fn open_on(
    path: &Path,
    wait: Duration,
    older: Older,
    network: impl Fn(&Path) -> Option<&'static str>,
) -> Result<(PathBuf, Connection), PersistenceError> {
    let path = std::path::absolute(path).map_err(|error| unusable("the path of the store is empty".into(), error))?;
    if path.is_dir() {
        let message =
            format!("the store `{0}` is a directory; name a file in it, such as `sqlite:{0}/store.db`", path.display());
        return Err(PersistenceError::Unusable { message, source: None });
    }
    refuse_other_kinds(&path)?;
    if let Some(kind) = network(&path) {
        return Err(PersistenceError::Unusable { message: network::refusal(&path, kind), source: None });
    }
    make_directory_of(&path)?;
    // Held until this function returns.
    let lock = Lock::take(&path, wait)?;
    match connect(&path, wait, older, &lock) {
        Ok(connection) => Ok((path, connection)),
        Err(OpenError::Store(error)) => Err(error),
        Err(OpenError::Sqlite(error)) => Err(sqlite_error(&path, wait, "open", error)),
    }
}

/// Refuses anything that is not a regular file, and files that are not SQLite databases, before creating files beside
/// it.
pub(super) fn refuse_other_kinds(path: &Path) -> Result<(), PersistenceError> {
    // Opening a pipe would block until its other end is opened.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        let message = format!(
            "`{}` is not a store: it is a device, a pipe or a socket; name a file with `--store sqlite:PATH`, or keep the log \
             in memory with `--store memory:`",
            path.display()
        );
        return Err(PersistenceError::Unusable { message, source: None });
    }
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let mut start = Vec::new();
    // SQLite reports a file that cannot be read.
    let _ = File::open(path).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start));
    if start.is_empty() || start == MAGIC {
        return Ok(());
    }
    Err(PersistenceError::Unusable { message: of_another_kind(&path.display()), source: None })
}

fn make_directory_of(path: &Path) -> Result<(), PersistenceError> {
    let Some(directory) = path.parent().filter(|directory| !directory.is_dir()) else {
        return Ok(());
    };
    let cannot = |error| unusable(format!("cannot make the directory `{}` for the store", directory.display()), error);
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory).map_err(cannot)?;
    // SQLite makes the file's entry in its directory durable; the entry of the directory itself is left to this
    // function.
    match directory.parent() {
        Some(above) if cfg!(unix) => File::open(above).and_then(|above| above.sync_all()).map_err(cannot),
        _ => Ok(()),
    }
}

/// A lock file beside a store. SQLite's own locks do not cover the change to WAL mode, and refinery takes none.
struct Lock {
    /// Holds the lock for as long as it is open.
    _file: File,
    path: PathBuf,
    /// Whether the lock file did not exist before.
    is_new: bool,
}

impl Lock {
    /// Acquires the lock beside the store at `path`.
    fn take(path: &Path, wait: Duration) -> Result<Self, PersistenceError> {
        let beside = beside(path, ".lock");
        let is_new = !beside.exists();
        let opened = private(OpenOptions::new().create(true).append(true)).open(&beside);
        let file = opened.map_err(|error| unusable(not_writable(&path.display()), error))?;
        wait_for(&file, path, wait)?;
        Ok(Self { _file: file, path: beside, is_new })
    }

    /// Removes a newly created lock file, for a file that cannot be a store. Beside a usable store the lock file stays,
    /// because another process may be waiting for it.
    fn leave_no_trace(&self) {
        if self.is_new {
            // A lock file that cannot be removed is harmless.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn wait_for(file: &File, path: &Path, wait: Duration) -> Result<(), PersistenceError> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < wait => std::thread::sleep(Duration::from_millis(5)),
            Err(TryLockError::WouldBlock) => {
                return Err(PersistenceError::Backend {
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

/// Restricts files that `options` creates to their owner: a log may contain confidential data.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Returns the path of the file beside a store that has `ending` appended to its name.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn connect(path: &Path, wait: Duration, older: Older, lock: &Lock) -> Result<Connection, OpenError> {
    // SQLite creates a store with the permissions that the umask leaves, and the files beside it with those of the
    // store. An existing store keeps its permissions, because several users may share it. SQLite reports a file that
    // cannot be created.
    drop(private(OpenOptions::new().write(true).create_new(true)).open(path));
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    // SQLite falls back to read-only access for a file without write permission.
    if connection.is_readonly("main")? {
        return Err(OpenError::unusable(not_writable(&path.display())));
    }
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    if let Err(error) = refuse_foreign(path, &connection) {
        if matches!(error, OpenError::Store(_)) {
            lock.leave_no_trace();
        }
        return Err(error);
    }
    if older == Older::Refused {
        refuse_older(path, &connection)?;
    }
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

/// Refuses a store that contains events and has an older schema, and leaves it unchanged.
fn refuse_older(path: &Path, connection: &Connection) -> Result<(), OpenError> {
    let status = read_status(path, connection)?;
    // `bring_up_to_date` reports an obstacle that a migration would not remove.
    let Some((newest, _)) = status.pending.iter().max().filter(|_| status.has_events && status.obstacle.is_none())
    else {
        return Ok(());
    };
    let version = status.applied.last().map_or(0, |(number, _)| *number);
    Err(OpenError::unusable(format!(
        "the schema of the store `{}` has version {version}, and this program needs {newest}; make a backup, then run \
         `chem store migrate`",
        path.display()
    )))
}

fn unusable(message: String, error: std::io::Error) -> PersistenceError {
    PersistenceError::Unusable { message, source: Some(Box::new(error)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_on_a_network_file_system_is_refused_before_anything_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/store.db");
        let opened = |kind| open_on(&path, Duration::ZERO, Older::Refused, |_| kind);
        let error = opened(Some("NFS")).unwrap_err().to_string();
        assert!(error.contains("(NFS)") && error.contains("--store spool:DIR"), "{error}");
        assert!(!directory.path().join("new").exists());
        opened(None).unwrap();
    }
}
