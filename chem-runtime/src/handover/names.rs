//! The names of the files in an export.

use std::path::{Component, Path};

use crate::fingerprint::ArtifactHash;

/// The description of the export, in RO-Crate's form.
pub(super) const METADATA: &str = "ro-crate-metadata.json";
pub(super) const README: &str = "README.md";
/// The program that checks the export without `chem`.
pub(super) const VERIFIER: &str = "verify.py";
/// What was exported, and how.
pub(super) const EXPORT: &str = "proof/export.json";
/// The checkpoint of the log.
pub(super) const CHECKPOINT: &str = "proof/checkpoint.txt";
/// The hashes that lead from the events to the root in the checkpoint.
pub(super) const PATHS: &str = "proof/paths.txt";
/// The number, kind, run and time of each attestation.
pub(super) const ATTESTATIONS: &str = "proof/attestations.jsonl";
/// Who may sign, by the person who exported.
pub(super) const SIGNERS: &str = "proof/allowed_signers";
/// The SHA-256 of every other file.
pub(super) const SUMS: &str = "proof/files.sha256";
/// The folder of the manifest, of the files that it reads, and of those that it writes.
pub(super) const FLOW: &str = "flow/";
/// The folder, below that of the flow, of files that were outside of the directory of the manifest.
pub(super) const ELSEWHERE: &str = "elsewhere/";
pub(super) const ARTIFACTS: &str = "artifacts/";

/// Returns the name of the file with the signature of the file `name`.
pub(super) fn signature_of(name: &str) -> String {
    format!("{name}.sig")
}

/// Returns the name of the file with the events of a run.
pub(super) fn events_of(run: &str) -> String {
    format!("proof/events/{run}.jsonl")
}

/// Returns the name of the file with the proof of the last event of a run.
pub(super) fn last_of(run: &str) -> String {
    format!("proof/events/{run}.tlog-proof")
}

/// Returns the name of the file with an attestation about a run.
pub(super) fn attestation(number: u64, kind: &str) -> String {
    format!("proof/attestations/{number:06}-{kind}.txt")
}

/// Returns the name of the file with the manifest of a run below the exported one.
pub(super) fn manifest_of_child(run: &str) -> String {
    format!("{FLOW}{run}.yaml")
}

/// Returns the name of the file with an artifact.
pub(super) fn artifact(hash: ArtifactHash) -> String {
    format!("{ARTIFACTS}{hash}.jsonl")
}

/// Returns the path of a file of the flow in the export: where it is relative to the manifest, if it is below its directory, and
/// otherwise a folder named after its content.
pub(super) fn of_file(path: &str, sha256: &str) -> String {
    let mut plain = Some(Vec::new());
    for part in Path::new(path).components() {
        plain = plain.and_then(|mut parts: Vec<&str>| {
            match part {
                Component::CurDir => {}
                Component::ParentDir => drop(parts.pop()?),
                Component::Normal(part) => parts.push(part.to_str()?),
                Component::RootDir | Component::Prefix(_) => return None,
            }
            Some(parts)
        });
    }
    let below = plain.map(|parts| parts.join("/")).filter(|path| is_safe(path));
    below.unwrap_or_else(|| {
        let name = Path::new(path).file_name().and_then(|name| name.to_str()).filter(|name| is_safe(name));
        format!("{ELSEWHERE}{}/{}", &sha256[..sha256.len().min(12)], name.unwrap_or("file"))
    })
}

/// Returns whether `name` is a relative path that leads to the same file on every system: without `..`, and without characters
/// that some systems give a meaning.
pub(super) fn is_safe(name: &str) -> bool {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.ends_with(['.', ' ']);
    let is_allowed = |character: char| !character.is_control() && !"\\:*?\"<>|".contains(character);
    name.len() < 4_096 && name.chars().all(is_allowed) && name.split('/').all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else() {
        for safe in ["a", "a/b.csv", "flow/.hidden", "ä/ö ü.csv"] {
            assert!(is_safe(safe), "{safe}");
        }
        for other in ["", "/a", "../a", "a/../b", "a//b", "a/", "./a", "c:/a", "a\\b", "a\nb", "a/b.", "a\0"] {
            assert!(!is_safe(other), "{other:?}");
        }
    }

    #[test]
    fn a_file_of_the_flow_stays_below_it() {
        let sha256 = "0123456789abcdef0123456789abcdef";
        for (path, expected) in [
            ("data/a.csv", "data/a.csv"),
            ("./data/./a.csv", "data/a.csv"),
            ("flows/../data/a.csv", "data/a.csv"),
            ("flows/../../a.csv", "elsewhere/0123456789ab/a.csv"),
            ("../a.csv", "elsewhere/0123456789ab/a.csv"),
            ("/srv/a.csv", "elsewhere/0123456789ab/a.csv"),
            ("..", "elsewhere/0123456789ab/file"),
        ] {
            assert_eq!(of_file(path, sha256), expected);
        }
    }
}
