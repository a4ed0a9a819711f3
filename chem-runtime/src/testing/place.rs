//! Locates the snapshot of a manifest.

use std::path::{Component, Path, PathBuf};

/// The location of a manifest's snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SnapshotPlace {
    pub(super) directory: PathBuf,
    pub(super) name: String,
    /// The directory that contains both `flows` and `snapshots`; displayed paths are relative to it.
    around: PathBuf,
    manifest: PathBuf,
}

impl SnapshotPlace {
    pub(super) fn of(manifest: &Path) -> Self {
        let directory = directory_of(manifest);
        let is_flows =
            |directory: &&Path| directory.components().next_back() == Some(Component::Normal("flows".as_ref()));
        let flows = directory.ancestors().find(is_flows).unwrap_or(directory);
        let folder = directory.strip_prefix(flows).unwrap_or(Path::new(""));
        let around = flows.parent().unwrap_or(Path::new(".."));
        Self {
            directory: around.join("snapshots/flows").join(folder),
            name: manifest.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
            around: around.to_owned(),
            manifest: manifest.to_owned(),
        }
    }

    /// Returns the path of the manifest to display.
    pub(super) fn manifest(&self) -> &Path {
        self.manifest.strip_prefix(&self.around).unwrap_or(&self.manifest)
    }

    /// Returns the path of the snapshot.
    pub(super) fn file(&self) -> PathBuf {
        self.directory.join(format!("{}.snap", self.name))
    }

    /// Returns the path of the snapshot to display.
    pub(super) fn shown(&self) -> PathBuf {
        let file = self.file();
        file.strip_prefix(&self.around).map(Path::to_owned).unwrap_or(file)
    }
}

/// Returns the directory that the manifest's relative paths start from.
pub(super) fn directory_of(manifest: &Path) -> &Path {
    manifest.parent().unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_flows_has_its_snapshots_in_a_folder_of_snapshots() {
        for (manifest, file, shown) in [
            ("/p/flows/a.yaml", "/p/snapshots/flows/a.snap", "snapshots/flows/a.snap"),
            ("/p/t/../flows/b/c.d.yaml", "/p/t/../snapshots/flows/b/c.d.snap", "snapshots/flows/b/c.d.snap"),
            ("/p/q/a.yaml", "/p/snapshots/flows/a.snap", "snapshots/flows/a.snap"),
        ] {
            let place = SnapshotPlace::of(Path::new(manifest));
            assert_eq!((place.file(), place.shown()), (file.into(), shown.into()));
        }
    }
}
