//! Errors of sealing and auditing.

use std::path::PathBuf;

use super::finding::Finding;
use crate::store::PersistenceError;

/// Why a log could not be sealed, signed or audited.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PersistenceError),
    /// The store keeps no attestations.
    #[error("this kind of store keeps no checkpoints and signatures, so its log cannot be sealed")]
    Unsupported,
    /// The log is not as it was sealed, so that a new seal would cover up the change.
    #[error("the log is not as it was sealed: {0}")]
    NotAsSealed(Box<Finding>),
    /// Other processes sealed the log each time this one tried to.
    #[error("other processes are sealing the log all the time; try again when they are done")]
    Busy,
    /// The copy of the checkpoint outside the store cannot be read or written.
    #[error("cannot {action} the checkpoint outside the store, `{}`", .path.display())]
    Witness {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system, or what is wrong with the content.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file of the log outside the store cannot be read or written.
    #[error("cannot {action} `{}`", .path.display())]
    Tiles {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// A time stamp could not be had or checked.
    #[error("{message}")]
    Timestamp {
        /// What failed, and what to do.
        message: String,
        /// What the program that failed said.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The identity is malformed.
    #[error(transparent)]
    InvalidIdentity(#[from] InvalidIdentity),
    /// The identity file cannot be read or written.
    #[error("the identity in `{}` cannot be used", .path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The signature could not be made or checked.
    #[error("{message}")]
    Signature {
        /// What failed, and what to do.
        message: String,
        /// What the program that signs said.
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// Why an identity is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidIdentity {
    /// The name is missing.
    #[error("an identity needs a name")]
    NoName,
    /// The name is blank, or has control characters.
    #[error("`{}` is not a name: expected one line of text", .0.escape_debug())]
    Name(String),
    /// The ORCID iD is malformed.
    #[error("`{0}` is not an ORCID iD: expected a form like `0000-0002-1825-0097`, with its check digit")]
    Orcid(String),
    /// The institution is blank, or has control characters.
    #[error("`{}` is not an affiliation: expected one line of text", .0.escape_debug())]
    Affiliation(String),
    /// The identifier of the institution is malformed.
    #[error("`{0}` is not a ROR: expected a form like `https://ror.org/02mhbdp94`")]
    Ror(String),
}
