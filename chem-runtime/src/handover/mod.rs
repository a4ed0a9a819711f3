//! A run in one file, which proves itself.
//!
//! [`export`] writes the run with the runs below it, its manifest and files, its artifacts, the events of the runs whose results it reused, and the
//! hashes that lead from these events to a checkpoint of the log; with them come the signatures of the checkpoint and of what
//! people have stated about the run. The file is a Workflow Run RO-Crate. [`check`] audits it, on a machine that has never seen
//! the log, and names the file and the record that was changed. [`import`] puts the runs into a store, and [`unpack`] writes
//! the files of the flow to a directory, where the run can be repeated.
//!
//! What an audit can show depends on who signed what. Every event, with its index and its time, is covered by the root in the
//! checkpoint, every artifact and file by its hash in an event, and every description follows from these; so a file that
//! was changed and made consistent again has another root, which no signature fits.

mod archive;
mod check;
mod contents;
mod description;
mod error;
mod events;
mod export;
mod family;
mod files;
mod finding;
mod import;
mod manifests;
mod merge;
mod names;
mod read;
mod shards;

pub use check::{Checked, check};
pub use error::HandoverError;
pub use export::{ExportOptions, Exported, export};
pub use finding::{Finding, Subject};
pub use import::{Imported, import, unpack};
pub use merge::{Merged, Refused, merge};

/// The namespace of signatures of the list of all files.
const NAMESPACE: &str = "export@chem";
