//! Recognizes network file systems, on which an SQLite file in WAL mode loses data: its writers share memory, which processes
//! of different machines do not.

use std::path::Path;

/// The numbers by which Linux names the kinds of network file systems (`statfs(2)`, and `magic.h` of the kernel).
#[cfg(any(target_os = "linux", test))]
const NETWORK: &[(u32, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x1983_0326, "BeeGFS"),
    (0x00c3_6400, "Ceph"),
    (0xaad7_aaea, "PanFS"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x2003_0528, "OrangeFS"),
    (0x0131_11a8, "IBRIX"),
];

/// The number of all file systems that a program provides (FUSE), most of which are local.
#[cfg(any(target_os = "linux", test))]
const FUSE: u32 = 0x6573_5546;

/// The names of FUSE file systems whose files are on other machines.
#[cfg(any(target_os = "linux", test))]
const FUSE_NETWORK: &[(&str, &str)] = &[
    ("fuse.sshfs", "sshfs"),
    ("fuse.glusterfs", "GlusterFS"),
    ("fuse.ceph", "Ceph"),
    ("fuse.ceph-fuse", "Ceph"),
    ("fuse.juicefs", "JuiceFS"),
    ("fuse.mfs", "MooseFS"),
    ("fuse.rclone", "rclone"),
    ("fuse.s3fs", "s3fs"),
    ("fuse.gcsfuse", "gcsfuse"),
    ("fuse.nfs", "NFS"),
];

/// Returns the kind of the network file system that has `path`, or would have it; `None` for a local one, and where the system
/// cannot tell.
#[cfg(target_os = "linux")]
pub(super) fn kind_of(path: &Path) -> Option<&'static str> {
    let there = path.ancestors().find(|path| path.exists())?;
    let found = rustix::fs::statfs(there).ok()?;
    // The numbers have 32 bits; the width and the sign of the field differ between machines.
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let place = there.canonicalize().ok()?;
    kind(found.f_type as u32, &place, mounts)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn kind_of(_: &Path) -> Option<&'static str> {
    None
}

/// Returns the kind of the file system with the number `magic`, if it is a network file system. `mounts` returns the mounts as
/// `/proc/self/mountinfo` lists them.
#[cfg(any(target_os = "linux", test))]
fn kind(magic: u32, path: &Path, mounts: impl FnOnce() -> String) -> Option<&'static str> {
    if magic != FUSE {
        return NETWORK.iter().find(|(number, _)| *number == magic).map(|(_, kind)| *kind);
    }
    let mounts = mounts();
    let name = mounts.lines().filter_map(|line| mount(line)).filter(|(point, _)| path.starts_with(point));
    // Of the mounts above a path, the deepest counts, and of those at one point the last.
    let (_, name) = name.max_by_key(|(point, _)| Path::new(point).components().count())?;
    FUSE_NETWORK.iter().find(|(fuse, _)| *fuse == name).map(|(_, kind)| *kind)
}

/// Returns the mount point and the file system type of a line of `mountinfo`.
#[cfg(any(target_os = "linux", test))]
fn mount(line: &str) -> Option<(String, &str)> {
    let (mount, kind) = line.split_once(" - ")?;
    let point = mount.split(' ').nth(4)?.replace("\\040", " ");
    Some((point, kind.split(' ').next()?))
}

/// Returns the message for a store at `path`, on a network file system of this kind.
pub(super) fn refusal(path: &Path, kind: &str) -> String {
    let path = path.display();
    format!(
        "the store `{path}` is on a network file system ({kind}), where an SQLite file is not safe; use `--store spool:DIR`, which \
         machines may share, a file on a local disk, or a server with `--store postgres://…`; \
         `chem store merge {path} --store spool:DIR` copies the runs of a file that is there"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_told_from_local_ones_by_their_numbers() {
        let none = || panic!("only FUSE has names");
        let kind = |magic| super::kind(magic, Path::new("/a"), none);
        let network = [(0x6969, "NFS"), (0x0bd0_0bd0, "Lustre"), (0x4750_4653, "GPFS"), (0x1983_0326, "BeeGFS")];
        assert!(network.iter().all(|(magic, name)| kind(*magic) == Some(name)));
        assert_eq!([0xff53_4d42, 0xfe53_4d42].map(kind), [Some("SMB"); 2]);
        // ext, XFS, btrfs, tmpfs, overlayfs, ZFS
        for local in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630, 0x2fc1_2fc1] {
            assert_eq!(kind(local), None, "{local:x}");
        }
    }

    #[test]
    fn a_file_system_in_a_program_is_known_by_the_name_of_its_deepest_mount() {
        let mounts = "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                      30 21 0:50 / /home/ada/my\\040data rw,nosuid shared:1 - fuse.sshfs ada@far:/ rw\n\
                      31 30 0:51 / /home/ada/my\\040data/local rw - fuse.fuse-overlayfs x rw\n";
        let kind = |path: &str| super::kind(FUSE, Path::new(path), || mounts.to_owned());
        assert_eq!(kind("/home/ada/my data/store.db"), Some("sshfs"));
        assert_eq!(kind("/home/ada/my data/local/store.db"), None);
        assert_eq!(kind("/home/ada/my data less/store.db"), None);
    }

    #[test]
    fn the_directory_of_these_tests_is_local() {
        assert_eq!(kind_of(&std::env::temp_dir().join("new/store.db")), None);
    }
}
