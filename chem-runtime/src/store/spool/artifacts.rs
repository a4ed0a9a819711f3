//! The artifacts of a spool: a file each, named by its hash, in one of 256 directories.
//!
//! The first copy stays. A copy that does not match its name is not replaced: a further one is published beside it, and the
//! one that matches counts.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::files::Directory;
use crate::artifact::{Artifact, ArtifactError};
use crate::fingerprint::ArtifactHash;
use crate::store::{AdmittedArtifact, PersistenceError};

/// The length of a payload in bytes from which it is compressed. A file takes a block of the file system in any case.
const WORTH_IT: usize = 2048;

/// The most that a payload may become, so that a damaged file does not fill the memory.
const LONGEST: u64 = 1 << 30;

/// The first line of the file of an artifact. The payload follows.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    kind: String,
    /// How the payload is compressed; `None` if it is canonical JSON as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    codec: Option<Codec>,
    /// The metadata as canonical JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Codec {
    Deflate,
}

fn directory_of(hash: &str, files: &Directory) -> PathBuf {
    files.path().join("artifacts").join(hash.get(..2).unwrap_or_default())
}

/// Stores an artifact unless a sound copy of it is there. Returns whether it did.
pub(super) fn keep(admitted: &AdmittedArtifact, files: &Directory) -> Result<bool, PersistenceError> {
    let artifact = &admitted.artifact;
    let name = artifact.hash().to_string();
    let directory = directory_of(&name, files);
    files.look_again(&directory)?;
    // Another process may publish a copy at the same time, which then has to be read.
    loop {
        let mut copies = 0;
        loop {
            let Some(content) = files.read(&copy(&directory, &name, copies))? else { break };
            if decode(artifact.hash(), &content).is_ok() {
                return Ok(false);
            }
            copies += 1;
        }
        files.make(&directory)?;
        if files.publish(&copy(&directory, &name, copies), &encode(admitted)?)? {
            if copies > 0 {
                tracing::warn!(hash = %name, "stored an artifact again: the stored copy was not what its name says");
            }
            return Ok(true);
        }
    }
}

/// Returns the artifact with this hash; `None` if there is none.
pub(super) fn read(hash: ArtifactHash, files: &Directory) -> Result<Option<Artifact>, PersistenceError> {
    let name = hash.to_string();
    let directory = directory_of(&name, files);
    if !files.look_again(&directory)? {
        return Ok(None);
    }
    let mut damaged = None;
    for number in 0.. {
        let Some(content) = files.read(&copy(&directory, &name, number))? else { break };
        match decode(hash, &content) {
            Ok(artifact) => return Ok(Some(artifact)),
            Err(error) => damaged = damaged.or(Some(error)),
        }
    }
    damaged.map_or(Ok(None), |error| Err(PersistenceError::Artifact(error)))
}

/// Returns up to `limit` hashes whose text begins with `prefix`, in order.
pub(super) fn find(prefix: &str, limit: usize, files: &Directory) -> Result<Vec<ArtifactHash>, PersistenceError> {
    let mut directories = files.names(&files.path().join("artifacts"))?;
    directories.retain(|name| name.starts_with(prefix) || prefix.starts_with(name.as_str()));
    directories.sort_unstable();
    let mut found = Vec::new();
    for directory in directories {
        let names = files.names(&files.path().join("artifacts").join(directory))?;
        let mut hashes: Vec<ArtifactHash> =
            names.iter().filter(|name| name.starts_with(prefix)).filter_map(|name| name.parse().ok()).collect();
        hashes.sort_unstable();
        found.extend(hashes);
        if found.len() >= limit {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

/// Returns the path of a copy: 0 for the first.
fn copy(directory: &Path, hash: &str, number: u32) -> PathBuf {
    directory.join(if number == 0 { hash.to_owned() } else { format!("{hash}.{number}") })
}

fn encode(AdmittedArtifact { artifact, metadata, .. }: &AdmittedArtifact) -> Result<Vec<u8>, PersistenceError> {
    let payload = artifact.payload_text().as_bytes();
    let failed = |error: std::io::Error| PersistenceError::Corrupt {
        reason: format!("artifact {} has no stored form: {error}", artifact.hash()),
    };
    let mut compressed = None;
    if payload.len() >= WORTH_IT {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(payload).map_err(failed)?;
        compressed = Some(encoder.finish().map_err(failed)?).filter(|small| small.len() < payload.len());
    }
    let codec = compressed.as_ref().map(|_| Codec::Deflate);
    let header = Header { kind: artifact.kind().to_owned(), codec, metadata: metadata.clone() };
    let mut content = serde_json::to_vec(&header).map_err(|error| failed(error.into()))?;
    content.push(b'\n');
    content.extend_from_slice(compressed.as_deref().unwrap_or(payload));
    Ok(content)
}

/// Returns the artifact in the content of a file, if it matches its hash.
fn decode(hash: ArtifactHash, content: &[u8]) -> Result<Artifact, ArtifactError> {
    let corrupt = |reason: String| ArtifactError::Corrupt { hash, reason };
    let end = content.iter().position(|byte| *byte == b'\n');
    let (header, payload) = end.map(|end| (&content[..end], &content[end + 1..])).unwrap_or_default();
    let header: Header =
        serde_json::from_slice(header).map_err(|error| corrupt(format!("its header is not JSON: {error}")))?;
    let mut payload = payload.to_vec();
    if let Some(Codec::Deflate) = header.codec {
        let mut text = Vec::new();
        let read = DeflateDecoder::new(payload.as_slice()).take(LONGEST + 1).read_to_end(&mut text);
        let read = read.map_err(|error| corrupt(format!("it cannot be decompressed: {error}")))?;
        if read as u64 > LONGEST {
            return Err(corrupt(format!("it has more than {LONGEST} bytes")));
        }
        payload = text;
    }
    let payload = String::from_utf8(payload).map_err(|error| corrupt(format!("it is not text: {error}")))?;
    let metadata = header.metadata.map(|text| serde_json::from_str(&text)).transpose();
    let metadata = metadata.map_err(|error| corrupt(format!("its metadata is not JSON: {error}")))?;
    Artifact::from_stored(hash, &header.kind, &payload, metadata)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::admit_artifacts;

    #[test]
    fn a_large_payload_is_compressed_and_a_small_one_is_not() {
        for (text, is_compressed) in [("CCO".to_owned(), false), ("CCO".repeat(5000), true)] {
            for metadata in [json!({"by": "me\n"}), json!(null)] {
                let artifact = Artifact::new("text", &json!(text)).unwrap().with_metadata(metadata);
                let content = encode(&admit_artifacts(std::slice::from_ref(&artifact)).unwrap()[0]).unwrap();
                assert_eq!(content.len() < text.len(), is_compressed);
                assert_eq!(decode(artifact.hash(), &content).unwrap(), artifact);
                assert!(decode(artifact.hash(), &content[..content.len() - 2]).is_err());
            }
        }
    }
}
