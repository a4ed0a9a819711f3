//! Resolves a path to the file it leads to: `a.csv`, `./a.csv` and a link to it are the same file.

use std::path::{Component, Path, PathBuf};

/// Returns the canonical form of `path`. Components that do not exist are kept as written, with `.` and `..` resolved.
pub(crate) fn place_of(path: &Path) -> PathBuf {
    for ancestor in path.ancestors() {
        let there = if ancestor.as_os_str().is_empty() { Path::new(".") } else { ancestor };
        if let (Ok(real), Ok(rest)) = (there.canonicalize(), path.strip_prefix(ancestor)) {
            return resolved(real, rest);
        }
    }
    resolved(PathBuf::new(), path)
}

fn resolved(mut from: PathBuf, rest: &Path) -> PathBuf {
    for part in rest.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                from.pop();
            }
            part => from.push(part),
        }
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_path() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        std::fs::write(root.join("a.csv"), "").unwrap();
        std::fs::create_dir(root.join("sub")).unwrap();
        let there = place_of(&root.join("a.csv"));
        for path in ["./a.csv", "sub/../a.csv", "absent/../a.csv", "sub//.././a.csv"] {
            assert_eq!(place_of(&root.join(path)), there, "{path}");
        }
        assert_eq!(place_of(&root.join("out/./b.csv")), place_of(&root.join("sub/../out/b.csv")));
        assert_ne!(place_of(&root.join("sub/a.csv")), there);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.join("a.csv"), root.join("link.csv")).unwrap();
            std::os::unix::fs::symlink(root, root.join("sub/up")).unwrap();
            assert_eq!(place_of(&root.join("link.csv")), there);
            assert_eq!(place_of(&root.join("sub/up/new.csv")), place_of(&root.join("new.csv")));
        }
    }
}
