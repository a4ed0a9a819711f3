//! Keeps descriptions of modules, so that a check starts no interpreter while nothing has changed.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::description::{Description, Watched};
use super::interpreter::Interpreter;
use crate::configuration;
use crate::fingerprint::ContentHash;

/// Returns the file that holds the description of `modules`; `None` if the system has no place for it.
pub(super) fn place(python: &Interpreter, modules: &[String]) -> Option<PathBuf> {
    let key: Vec<String> = [vec![env!("CARGO_PKG_VERSION").to_owned()], python.key(), modules.to_vec()].concat();
    let name = ContentHash::of(serde_json::to_string(&key).ok()?.as_bytes());
    Some(configuration::cache()?.join("python").join(format!("{name}.json")))
}

/// Returns the description at `place`, if nothing that it depends on has changed.
pub(super) fn read(place: &Path) -> Option<Description> {
    let description: Description = serde_json::from_slice(&std::fs::read(place).ok()?).ok()?;
    changed(&description).is_none().then_some(description)
}

/// Stores a description. A directory that cannot be written costs only time.
pub(super) fn store(place: &Path, description: &Description) {
    let write = || -> std::io::Result<()> {
        let directory = place.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(directory)?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer(&mut file, description)?;
        file.persist(place)?;
        Ok(())
    };
    if let Err(error) = write() {
        tracing::debug!(%error, place = %place.display(), "the description of the steps is not kept");
    }
}

/// Returns a file that is not as it was when the modules were described; `None` if all are.
pub(super) fn changed(description: &Description) -> Option<&Path> {
    let watched = description.steps().flat_map(|step| &step.identity.watched);
    watched.filter(|file| !is_unchanged(file)).map(|file| file.path.as_path()).next()
}

fn is_unchanged(file: &Watched) -> bool {
    let Ok(metadata) = std::fs::metadata(&file.path) else {
        return file.sha256.is_none() && file.mtime_ns.is_none();
    };
    if let Some(expected) = file.mtime_ns {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let same_size = metadata.is_dir() || file.size == Some(metadata.len());
        return same_size && modified.is_some_and(|time| time.as_nanos() == u128::from(expected));
    }
    let hash = std::fs::read(&file.path).map(|content| ContentHash::of(&content).to_string());
    hash.is_ok_and(|hash| file.sha256.as_deref() == Some(&hash))
}
