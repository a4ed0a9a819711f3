//! Chooses the user that runs a temporary server: PostgreSQL refuses to run as root.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// An unprivileged user that the server runs as if this process is root.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrdinaryUser {
    uid: u32,
    gid: u32,
}

impl OrdinaryUser {
    /// Returns `None` if this process does not run as root, judged by the owner of a directory that it has created.
    pub(super) fn needed(own_directory: &Path) -> Result<Option<Self>, String> {
        let owner = own_directory.metadata().map_err(|error| error.to_string())?.uid();
        if owner != 0 {
            return Ok(None);
        }
        let passwd = std::fs::read_to_string("/etc/passwd").map_err(|error| format!("/etc/passwd: {error}"))?;
        let find = |name: &str| {
            let mut fields = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
            let found = fields.find(|fields| fields.len() > 3 && fields[0] == name)?;
            Some(Self { uid: found[2].parse().ok()?, gid: found[3].parse().ok()? })
        };
        find("postgres").or_else(|| find("nobody")).map(Some).ok_or_else(|| {
            "PostgreSQL does not run as root, and there is neither a user `postgres` nor a user `nobody`".to_owned()
        })
    }

    pub(super) fn owns(self, path: &Path) -> Result<(), String> {
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    pub(super) fn runs(self, command: &mut Command) {
        command.uid(self.uid).gid(self.gid);
    }
}
