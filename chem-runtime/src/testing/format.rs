//! Defines the format of a snapshot: JSON with every value that fits on a line on one line.
//!
//! A snapshot holds the events of a run as the log has them, and the outputs of each step: small payloads in full, and a
//! summary of large ones (see `output`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::output::PinnedOutput;
use crate::fingerprint::{DefinitionHash, Fingerprint};

/// The version of this format. Snapshots of the first format have no version, and pin hashes instead of results.
const FORMAT: u64 = 2;

/// The length up to which a value stays on one line, in bytes.
const WIDTH: usize = 120;

/// The content of a snapshot, with its members in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Pinned {
    format: u64,
    pub(super) flow: String,
    pub(super) status: String,
    pub(super) event_variants: String,
    /// The versions of the libraries that computed columns of the run's tables, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) libraries: BTreeMap<String, String>,
    pub(super) definition_hash: Option<DefinitionHash>,
    pub(super) flow_fingerprint: Option<Fingerprint>,
    pub(super) steps: Vec<PinnedStep>,
    pub(super) events: Vec<PinnedEvent>,
}

/// A step with its outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PinnedStep {
    pub(super) id: String,
    pub(super) fingerprint: Option<Fingerprint>,
    /// The names of the parameters that the manifest sets. The others have their defaults.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) given: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) outputs: Vec<PinnedOutput>,
}

/// An event without its sequence number, timestamp and run id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct PinnedEvent {
    pub(super) position: u64,
    pub(super) event_type: String,
    pub(super) payload: Value,
}

/// Why a snapshot cannot be compared with a run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum UnreadableSnapshot {
    /// It has the first format, which had no version.
    #[error("the snapshot is in an earlier format, which does not pin the results of steps")]
    Earlier(Value),
    /// It has a format that this release does not know.
    #[error(
        "the snapshot is in format {0}, which a later release of chem-runtime wrote; this one reads format {FORMAT}"
    )]
    Later(u64),
    /// It is not a snapshot of a flow, or it was damaged.
    #[error("the snapshot cannot be read: {0}")]
    Damaged(String),
}

impl Pinned {
    /// Returns a snapshot without steps and events, which the caller fills in.
    pub(super) fn new(flow: String, status: &str, event_variants: String) -> Self {
        Self {
            format: FORMAT,
            flow,
            status: status.to_owned(),
            event_variants,
            libraries: BTreeMap::new(),
            definition_hash: None,
            flow_fingerprint: None,
            steps: Vec::new(),
            events: Vec::new(),
        }
    }

    /// Reads the text of a snapshot.
    pub(super) fn parse(text: &str) -> Result<Self, UnreadableSnapshot> {
        let damaged = |error: serde_json::Error| UnreadableSnapshot::Damaged(error.to_string());
        let value: Value = serde_json::from_str(text).map_err(damaged)?;
        match value.get("format").map(Value::as_u64) {
            Some(Some(FORMAT)) => serde_json::from_value(value).map_err(damaged),
            Some(Some(later)) if later > FORMAT => Err(UnreadableSnapshot::Later(later)),
            None if value.get("event_variants").is_some() => Err(UnreadableSnapshot::Earlier(value)),
            _ => Err(UnreadableSnapshot::Damaged("it has no format version".to_owned())),
        }
    }

    /// Writes the text of the snapshot.
    pub(super) fn text(&self) -> serde_json::Result<String> {
        let mut text = String::new();
        lay_out(&serde_json::to_string(self)?, 0, &mut text);
        Ok(text)
    }
}

/// Reformats compact JSON for people: a value that does not fit on a line gets a line for each member.
fn lay_out(json: &str, indent: usize, out: &mut String) {
    let inside = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    let is_list = json.starts_with('[');
    if indent + json.len() <= WIDTH || !(is_list || json.starts_with('{')) {
        out.push_str(json);
        return;
    }
    out.push_str(if is_list { "[" } else { "{" });
    for (index, member) in members(inside).into_iter().enumerate() {
        out.push_str(if index == 0 { "\n" } else { ",\n" });
        out.extend(std::iter::repeat_n(' ', indent + 2));
        // The colon follows the name of the member.
        let (name, value) = member.split_at(if is_list { 0 } else { (text_end(member) + 1).min(member.len()) });
        out.push_str(name);
        out.push_str(if is_list { "" } else { " " });
        lay_out(value, indent + 2, out);
    }
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
    out.push_str(if is_list { "]" } else { "}" });
}

/// Splits the text between the brackets of a list or an object into its members.
fn members(inside: &str) -> Vec<&str> {
    let (mut members, mut start, mut depth, mut at) = (Vec::new(), 0, 0_usize, 0);
    let bytes = inside.as_bytes();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at += text_end(&inside[at..]).saturating_sub(1),
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                members.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    members.push(&inside[start..]);
    members
}

/// Returns the length of the JSON string at the start of `json`.
fn text_end(json: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in json.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_on_a_line_is_on_one_and_nothing_is_lost() {
        let long = "x\"\\, {[".repeat(20);
        let value = json!({"a": [1, {"b": []}], "c,\"": {"d": long, "e": [[1.5, null], [true, long]]}});
        let mut text = String::new();
        lay_out(&value.to_string(), 0, &mut text);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..3], ["{", "  \"a\": [1,{\"b\":[]}],", "  \"c,\\\"\": {"]);
        assert!(lines.contains(&"      [1.5,null],"), "{text}");
    }

    #[test]
    fn a_snapshot_of_another_format_says_so() {
        let parse = |text: &str| Pinned::parse(text).unwrap_err().to_string();
        assert!(parse(r#"{"event_variants":"IC"}"#).contains("in an earlier format"));
        assert!(parse(r#"{"format":3}"#).contains("in format 3, which a later release"));
        assert!(parse("{}").ends_with("it has no format version"));
        assert!(parse("<<<<<<< ours").starts_with("the snapshot cannot be read: expected value"));
    }
}
