//! The artifacts of a spool: a file each, named by its hash, in one of 256 directories.
//!
//! The first copy stays. A copy that does not match its name is not replaced: a further one is published beside it, and the
//! one that matches counts.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::Directory;
use crate::artifact::{Artifact, ArtifactError};
use crate::fingerprint::ArtifactHash;
use crate::store::packed::{PackedPayload, unpacked};
use crate::store::{AdmittedArtifact, PersistenceError};

/// The first line of the file of an artifact. The payload follows.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    kind: String,
    /// How the payload is compressed; `None` if it is canonical JSON as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    codec: Option<String>,
    /// The metadata as canonical JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<String>,
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
    let packed = PackedPayload::of(artifact);
    let codec = packed.as_ref().map(|packed| packed.codec.to_owned());
    let header = Header { kind: artifact.kind().to_owned(), codec, metadata: metadata.clone() };
    let mut content = serde_json::to_vec(&header).map_err(|error| PersistenceError::Corrupt {
        reason: format!("artifact {} has no stored form: {error}", artifact.hash()),
    })?;
    content.push(b'\n');
    content.extend_from_slice(packed.as_ref().map_or(artifact.payload_text().as_bytes(), |packed| &packed.bytes));
    Ok(content)
}

/// Returns the artifact in the content of a file, if it matches its hash.
fn decode(hash: ArtifactHash, content: &[u8]) -> Result<Artifact, ArtifactError> {
    let corrupt = |reason: String| ArtifactError::Corrupt { hash, reason };
    let end = content.iter().position(|byte| *byte == b'\n');
    let (header, payload) = end.map(|end| (&content[..end], &content[end + 1..])).unwrap_or_default();
    let header: Header =
        serde_json::from_slice(header).map_err(|error| corrupt(format!("its header is not JSON: {error}")))?;
    let payload = match header.codec.as_deref() {
        None => unpacked(Some(payload.to_vec()), None, None),
        codec => unpacked(None, codec, Some(payload)),
    };
    let payload = payload.map_err(corrupt)?;
    let metadata = header.metadata.map(|text| serde_json::from_str(&text)).transpose();
    let metadata = metadata.map_err(|error| corrupt(format!("its metadata is not JSON: {error}")))?;
    Artifact::from_stored(hash, &header.kind, &payload, metadata)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::Compression;
    use flate2::bufread::DeflateEncoder;
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

    #[test]
    fn a_payload_in_an_earlier_codec_is_read() {
        let artifact = Artifact::new("text", &json!("CCO".repeat(5000))).unwrap();
        let mut content = br#"{"kind":"text","codec":"deflate"}"#.to_vec();
        content.push(b'\n');
        let text = artifact.payload_text().as_bytes();
        DeflateEncoder::new(text, Compression::fast()).read_to_end(&mut content).unwrap();
        assert_eq!(decode(artifact.hash(), &content).unwrap(), artifact);
        let unknown = String::from_utf8_lossy(&content).replace("deflate", "lzma").into_bytes();
        assert!(decode(artifact.hash(), &unknown).unwrap_err().to_string().contains("`lzma`"));
    }
}
