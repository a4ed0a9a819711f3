//! A table that a step passes on to the next step of the process without reading its rows.

use std::sync::Arc;

use crate::artifact::TableStream;

/// The rows of a table whose chunks are stored, although its root may not be.
#[derive(Debug, Clone)]
pub(super) struct StoredRows {
    /// The kind of the artifact.
    pub(super) kind: Arc<str>,
    pub(super) rows: TableStream,
}
