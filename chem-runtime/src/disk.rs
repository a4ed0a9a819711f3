//! Recognises a full disk: by the error of a write, or by what the file system says.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A file system with less than this many free bytes is full, if that is also less than one part in [`FULL_PART`] of it.
const FULL_BYTES: u64 = 16 << 20;

/// See [`FULL_BYTES`]. A small file system need not be full when it has little room.
const FULL_PART: u64 = 100;

/// The room that a file system has for this user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// The number of free bytes.
    pub(crate) available: u64,
    /// The size of the file system, in bytes.
    pub(crate) total: u64,
    /// Whether no further file can be made, however small.
    pub(crate) no_more_files: bool,
}

impl Room {
    /// Returns the room in a directory; `None` if the system does not say.
    #[cfg(unix)]
    pub(crate) fn in_directory(directory: &Path) -> Option<Self> {
        let found = rustix::fs::statvfs(directory).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        // File systems without a limit on files say that they have none at all.
        let no_more_files = found.f_files > 0 && found.f_favail == 0;
        Some(Self { available: bytes(found.f_bavail), total: bytes(found.f_blocks), no_more_files })
    }

    /// Returns the room in a directory; `None` if the system does not say.
    #[cfg(not(unix))]
    pub(crate) fn in_directory(_: &Path) -> Option<Self> {
        None
    }

    /// Returns whether practically nothing is left.
    fn is_none(self) -> bool {
        self.no_more_files || self.available < FULL_BYTES.min(self.total / FULL_PART)
    }
}

/// The cause of a failure: a disk that has practically no space left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the disk of `{}` is full", .directory.display())]
pub(crate) struct FullDisk {
    /// A directory on the disk.
    pub(crate) directory: PathBuf,
}

impl FullDisk {
    /// Returns the disk of `directory` if it is full.
    pub(crate) fn of(directory: &Path) -> Option<Self> {
        let is_full = Room::in_directory(directory).is_some_and(Room::is_none);
        is_full.then(|| Self { directory: directory.to_owned() })
    }

    /// Returns the disk of temporary files if it is full.
    pub(crate) fn of_temporary_files() -> Option<Self> {
        Self::of(&std::env::temp_dir())
    }
}

/// The reasons for which a failure is one of the disk.
pub(crate) enum NoSpace<'e> {
    /// The system refused a write: no space, a quota, or a limit on the size of files.
    Refused,
    /// Something failed while this disk was full.
    Full(&'e FullDisk),
}

impl<'e> NoSpace<'e> {
    /// Looks for a full disk among `error` and its causes.
    pub(crate) fn behind(error: &'e (dyn Error + 'static)) -> Option<Self> {
        if let Some(disk) = error.downcast_ref::<FullDisk>() {
            return Some(Self::Full(disk));
        }
        let error_of_system = error.downcast_ref::<io::Error>();
        let refused = |error: &io::Error| {
            matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
        };
        if error_of_system.is_some_and(refused) {
            return Some(Self::Refused);
        }
        // `io::Error::source` skips the wrapped error itself.
        let wrapped = error_of_system.and_then(io::Error::get_ref);
        wrapped.and_then(|inner| Self::behind(inner)).or_else(|| error.source().and_then(Self::behind))
    }
}

/// Returns a number of bytes as a person reads it, such as `256 KiB`, rounded down.
pub(crate) fn bytes(count: u64) -> String {
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
    match units.into_iter().find(|(_, shift)| count >> shift >= 10) {
        Some((unit, shift)) => format!("{} {unit}", count >> shift),
        None => format!("{count} B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_if_next_to_nothing_of_it_is_left() {
        let is_full = |available, total| Room { available, total, no_more_files: false }.is_none();
        assert!(is_full(0, 256 << 10) && is_full(2 << 10, 256 << 10));
        assert!(!is_full(4 << 10, 256 << 10), "a small disk with little room is not full");
        assert!(is_full(10 << 20, 1 << 40) && !is_full(20 << 20, 1 << 40));
        assert!(Room { available: 1 << 40, total: 1 << 41, no_more_files: true }.is_none());
        assert!(!is_full(0, 0), "a file system without a size says nothing");
    }

    #[test]
    fn a_full_disk_is_found_among_the_causes() {
        let refused = |kind| io::Error::new(kind, "no room");
        let is_found = |error: &(dyn Error + 'static)| NoSpace::behind(error).is_some();
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge] {
            assert!(is_found(&refused(kind)));
            assert!(is_found(&io::Error::other(refused(kind))), "in an error of the system");
        }
        assert!(is_found(&io::Error::other(FullDisk { directory: "/tmp".into() })));
        assert!(!is_found(&refused(ErrorKind::PermissionDenied)));
    }

    #[test]
    fn bytes_are_said_in_units_that_keep_two_digits() {
        let said = [0, 9_000, 10 << 10, 256 << 10, 2 << 30, 20 << 40].map(bytes);
        assert_eq!(said, ["0 B", "9000 B", "10 KiB", "256 KiB", "2048 MiB", "20 TiB"]);
    }
}
