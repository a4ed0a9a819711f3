//! What an audit of an export finds.

use std::fmt;

use serde_json::{Value, json};

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A file in the archive, or the archive itself.
    File {
        /// The path in the archive.
        name: String,
    },
    /// An event.
    Event {
        /// The id of the run.
        run: String,
        /// The position in the run; one more than that of the last line if events are missing.
        position: u64,
    },
    /// An artifact.
    Artifact {
        /// The hash by which an event or a table names it.
        hash: String,
    },
    /// The checkpoint, the statement of a person, or the signature of one.
    Attestation {
        /// The path in the archive.
        name: String,
    },
    /// The hashes from the events to the root of the log.
    Proof,
}

/// Something that is not as it was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub subject: Subject,
    /// What is wrong with it.
    pub reason: String,
}

impl Finding {
    pub(super) fn file(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { subject: Subject::File { name: name.into() }, reason: reason.into() }
    }

    pub(super) fn event(run: impl Into<String>, position: u64, reason: impl Into<String>) -> Self {
        Self { subject: Subject::Event { run: run.into(), position }, reason: reason.into() }
    }

    pub(super) fn artifact(hash: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self { subject: Subject::Artifact { hash: hash.to_string() }, reason: reason.into() }
    }

    pub(super) fn attestation(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { subject: Subject::Attestation { name: name.into() }, reason: reason.into() }
    }

    pub(super) fn proof(reason: impl Into<String>) -> Self {
        Self { subject: Subject::Proof, reason: reason.into() }
    }

    /// Returns the finding as JSON.
    pub fn to_json(&self) -> Value {
        let mut json = match &self.subject {
            Subject::File { name } => json!({ "subject": "file", "name": name }),
            Subject::Event { run, position } => json!({ "subject": "event", "flow_id": run, "position": position }),
            Subject::Artifact { hash } => json!({ "subject": "artifact", "hash": hash }),
            Subject::Attestation { name } => json!({ "subject": "attestation", "name": name }),
            Subject::Proof => json!({ "subject": "proof" }),
        };
        json["message"] = self.to_string().into();
        json
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, reason } = self;
        match subject {
            Subject::File { name } => write!(f, "`{name}`: {reason}"),
            Subject::Event { run, position } => write!(f, "event {position} of run {run}: {reason}"),
            Subject::Artifact { hash } => write!(f, "artifact {hash}: {reason}"),
            Subject::Attestation { name } => write!(f, "attestation `{name}`: {reason}"),
            Subject::Proof => write!(f, "the proof: {reason}"),
        }
    }
}
