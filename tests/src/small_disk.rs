//! Provides disks that are full: small file systems in memory or, for a user who may mount none, a limit on the size of files.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The limit on the size of files of a process, in bytes, where no disk can be mounted. A store has to fit.
const FILE_LIMIT: u64 = 8 << 20;

/// A file system of its own for as long as it lives.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Makes the directory `at` and mounts a file system of `kibibytes` there; `None` for a user who may not.
    pub fn mounted(at: PathBuf, kibibytes: u64) -> Option<Self> {
        std::fs::create_dir(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={kibibytes}k"), "tmpfs"]).arg(&at);
        mount.output().is_ok_and(|mounted| mounted.status.success()).then(|| Self(at))
    }

    /// Says loudly that a test is skipped because this user may not mount a disk.
    pub fn skip(test: &str) {
        // Bypasses the output capture of the test harness.
        let _ = writeln!(std::io::stderr(), "\nSKIPPED: {test}: this user may not mount a small disk\n");
    }

    /// Returns the path of the disk.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Fills the disk.
    pub fn fill(&self) {
        let mut filler = std::fs::File::create(self.filler()).unwrap();
        let full = loop {
            if let Err(error) = filler.write_all(&[0; 4096]) {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }

    /// Makes room again after [`fill`](Self::fill).
    pub fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// A machine that cannot keep temporary files: their disk is full, or no process may write large files.
pub struct FullScratch(Option<SmallDisk>);

impl FullScratch {
    /// Makes one, whose disk is mounted in the new directory `at`.
    pub fn at(at: PathBuf) -> Self {
        let disk = SmallDisk::mounted(at, 256);
        disk.iter().for_each(SmallDisk::fill);
        Self(disk)
    }

    /// Returns the disk; `None` if there is a limit instead.
    pub fn disk(&self) -> Option<&SmallDisk> {
        self.0.as_ref()
    }

    /// Returns `command` as it is started on this machine.
    pub fn command(&self, mut command: Command) -> Command {
        if let Some(disk) = &self.0 {
            command.env("TMPDIR", disk.path());
            return command;
        }
        let mut limited = Command::new("prlimit");
        limited.arg(format!("--fsize={FILE_LIMIT}")).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            limited.current_dir(directory);
        }
        limited
    }
}
