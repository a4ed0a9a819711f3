//! Errors of exports and imports.

use std::path::PathBuf;

use crate::artifact::ArtifactError;
use crate::event::FlowId;
use crate::evidence::EvidenceError;
use crate::store::PersistenceError;

/// Why a run could not be exported, or an export could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PersistenceError),
    /// The log could not be proved, or a signature could not be made or checked.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// An artifact cannot be read.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Events of the run are not sealed.
    #[error("run {flow_id} has {events} events, of which {sealed} are sealed")]
    NotSealed {
        /// The run.
        flow_id: FlowId,
        /// The number of its events.
        events: u64,
        /// The number of those that a checkpoint covers.
        sealed: u64,
    },
    /// The run has no manifest.
    #[error("run {flow_id} cannot be described: {reason}")]
    Indescribable {
        /// The run.
        flow_id: FlowId,
        /// Why not.
        reason: String,
    },
    /// A file is too large for a zip archive.
    #[error("`{name}` does not fit into a zip archive, which holds 65,534 files and 4 GiB")]
    TooLarge {
        /// The file.
        name: String,
    },
    /// The file cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// The file is not one that `chem export` wrote.
    #[error("`{}` is not an export of a run: {reason}", .path.display())]
    NotAnExport {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file in the export is damaged.
    #[error("`{name}` in the export is damaged: {reason}")]
    Damaged {
        /// The file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An audit of the export finds something, so it is not imported.
    #[error("the export is not as it was written: {first}")]
    NotSound {
        /// The first finding.
        first: String,
    },
    /// The export has no artifacts.
    #[error("the export has no data: it was written with `--without-data`")]
    WithoutData,
    /// The store has another run with this id.
    #[error("the store has a run {flow_id} with other events")]
    OtherRun {
        /// The run.
        flow_id: FlowId,
    },
    /// An event was written by a later release.
    #[error("event {position} of run {flow_id} cannot be stored by this release: {reason}")]
    LaterRelease {
        /// The run.
        flow_id: FlowId,
        /// The position of the event.
        position: u64,
        /// Why not.
        reason: String,
    },
    /// The file cannot be written.
    #[error("cannot write the export")]
    Io(#[from] std::io::Error),
}
