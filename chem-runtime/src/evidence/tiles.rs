//! The log as static files, in the layout of <https://c2sp.org/tlog-tiles>.
//!
//! A reader of the files checks the log without the store: `checkpoint`, the newest one; `tile/entries/N`, whose entries are
//! the leaf data of 256 events each; `tile/L/N`, the hashes of level L in groups of 256, of which level 0 has the leaves; and
//! `checkpoint.sig`, the signature of the checkpoint in the format of `ssh-keygen -Y`, if it has one. The checkpoint has no
//! signature lines of its own.
//!
//! A tile that is full never changes, so a directory that is better protected than the store is evidence: a tile there that
//! is not the one of the log is a finding.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::checkpoint::Checkpoint;
use super::error::EvidenceError;
use super::finding::Finding;
use super::hash::Digest;
use super::head::leaf_data;
use super::record::CHECKPOINT;
use super::tree::{Frontier, root_of};
use super::walk::Walk;
use super::witness::replace;
use crate::store::{Cursor, EventStore};

/// The number of hashes in a full tile.
const WIDTH: usize = 256;

/// What [`write_tiles`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiles {
    /// The checkpoint that was written; `None` if nothing is sealed yet.
    pub checkpoint: Option<Checkpoint>,
    /// The number of files that were written. Full tiles that are there already are compared, and not written again.
    pub written: u64,
}

/// Writes the newest checkpoint, and the tiles of the events that it covers, to `directory`. Reads the whole log.
///
/// # Errors
/// [`EvidenceError::NotAsSealed`] if a full tile there is another one, or the log does not have the root of its checkpoint;
/// [`EvidenceError::Tiles`] if a file cannot be read or written.
pub fn write_tiles(store: &dyn EventStore, directory: &Path) -> Result<Tiles, EvidenceError> {
    let attestations = store.attestations().ok_or(EvidenceError::Unsupported)?;
    let Some(newest) = attestations.newest_attestation(CHECKPOINT)? else {
        return Ok(Tiles { checkpoint: None, written: 0 });
    };
    let found = |finding| EvidenceError::NotAsSealed(Box::new(finding));
    let checkpoint: Checkpoint = newest.statement.parse().map_err(|_| {
        let reason = "the checkpoint is not as it was written".to_owned();
        found(Finding::Attestation { number: newest.number, reason })
    })?;
    let (mut walk, mut files) = (Walk::after(store, Cursor::START), Files::new(directory));
    'log: loop {
        let page = walk.next_page()?;
        if page.is_empty() {
            break;
        }
        for hashed in page {
            if files.tree.size() == checkpoint.size {
                break 'log;
            }
            files.push(&leaf_data(&hashed.event, &hashed.head), hashed.leaf)?;
        }
    }
    if files.tree.size() < checkpoint.size {
        return Err(found(Finding::EventsMissing { found: files.tree.size(), sealed: checkpoint.size }));
    }
    if files.tree.root() != checkpoint.root {
        return Err(found(Finding::Events { first: 0, end: checkpoint.size }));
    }
    files.finish()?;
    // A reader that has the checkpoint finds its tiles.
    files.write("checkpoint", checkpoint.to_string().as_bytes())?;
    if let Some(signature) = &newest.signature {
        files.write("checkpoint.sig", signature.as_bytes())?;
    }
    Ok(Tiles { checkpoint: Some(checkpoint), written: files.written })
}

/// The files of a log, as far as its events have been read.
struct Files<'a> {
    directory: &'a Path,
    tree: Frontier,
    /// The entries since the last full group.
    entries: Vec<u8>,
    /// The hashes of each level since its last full tile, with the number of that tile.
    levels: Vec<(u64, Vec<Digest>)>,
    written: u64,
}

impl<'a> Files<'a> {
    fn new(directory: &'a Path) -> Self {
        Self { directory, tree: Frontier::default(), entries: Vec::new(), levels: Vec::new(), written: 0 }
    }

    fn push(&mut self, data: &[u8], leaf: Digest) -> Result<(), EvidenceError> {
        self.tree.push(leaf);
        // Leaf data are some two hundred bytes.
        let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
        self.entries.extend_from_slice(&length.to_be_bytes());
        self.entries.extend_from_slice(data);
        if self.tree.size().is_multiple_of(WIDTH as u64) {
            let number = self.tree.size() / WIDTH as u64 - 1;
            let entries = std::mem::take(&mut self.entries);
            self.keep(&format!("tile/entries/{}", path_of(number)), &entries)?;
        }
        self.push_hash(0, leaf)
    }

    /// Adds a hash to a level, and the root of the tile to the next one if it is full.
    fn push_hash(&mut self, level: usize, hash: Digest) -> Result<(), EvidenceError> {
        if self.levels.len() == level {
            self.levels.push((0, Vec::with_capacity(WIDTH)));
        }
        // Levels are added one by one, just above.
        let Some((number, hashes)) = self.levels.get_mut(level) else { return Ok(()) };
        hashes.push(hash);
        if hashes.len() < WIDTH {
            return Ok(());
        }
        let (full, tile) = (*number, std::mem::take(hashes));
        *number += 1;
        self.keep(&format!("tile/{level}/{}", path_of(full)), &bytes_of(&tile))?;
        self.push_hash(level + 1, root_of(&tile))
    }

    /// Writes the tiles that are not full.
    fn finish(&mut self) -> Result<(), EvidenceError> {
        let size = self.tree.size();
        let (number, width) = (size / WIDTH as u64, size % WIDTH as u64);
        if width > 0 {
            let entries = std::mem::take(&mut self.entries);
            self.write(&format!("tile/entries/{}.p/{width}", path_of(number)), &entries)?;
        }
        for (level, (number, hashes)) in std::mem::take(&mut self.levels).into_iter().enumerate() {
            if !hashes.is_empty() {
                let name = format!("tile/{level}/{}.p/{}", path_of(number), hashes.len());
                self.write(&name, &bytes_of(&hashes))?;
            }
        }
        Ok(())
    }

    /// Writes a full tile, unless it is there already.
    fn keep(&mut self, name: &str, content: &[u8]) -> Result<(), EvidenceError> {
        let path = self.directory.join(name);
        match fs::read(&path) {
            Ok(there) if there == content => Ok(()),
            Ok(_) => Err(EvidenceError::NotAsSealed(Box::new(Finding::Tile { path }))),
            Err(error) if error.kind() == ErrorKind::NotFound => self.write(name, content),
            Err(error) => Err(failed("read", path, error)),
        }
    }

    fn write(&mut self, name: &str, content: &[u8]) -> Result<(), EvidenceError> {
        let path = self.directory.join(name);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| replace(&path, content));
        self.written += 1;
        written.map_err(|error| failed("write", path, error))
    }
}

fn failed(action: &'static str, path: PathBuf, source: io::Error) -> EvidenceError {
    EvidenceError::Tiles { action, path, source }
}

fn bytes_of(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.bytes()).collect()
}

/// Returns the number of a tile as a path: groups of three digits, all but the last with an `x` before them.
fn path_of(number: u64) -> String {
    let mut path = format!("{:03}", number % 1_000);
    let mut rest = number / 1_000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1_000);
        rest /= 1_000;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_tile_is_a_path_of_three_digits_each() {
        for (number, path) in [(0, "000"), (67, "067"), (1_000, "x001/000"), (1_234_067, "x001/x234/067")] {
            assert_eq!(path_of(number), path);
        }
    }
}
