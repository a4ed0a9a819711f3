//! The root artifact of a table: its columns and chunks, without its rows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Column;
use crate::artifact::{Artifact, ArtifactError, ArtifactSource};
use crate::fingerprint::ArtifactHash;

/// The payload of a table's root artifact. The rows are in chunks, which are separate artifacts.
///
/// Not validated against the chunks; [`Table::unpack`](super::Table) does that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableRoot {
    /// The columns, in order.
    pub columns: Vec<Column>,
    /// The number of rows of all chunks.
    pub rows: usize,
    /// The chunks, in the order of their rows.
    pub chunks: Vec<ChunkRef>,
}

/// A chunk of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChunkRef {
    /// The artifact with its rows.
    pub hash: ArtifactHash,
    /// The number of its rows.
    pub rows: usize,
}

impl TableRoot {
    /// Parses the root of a table, or of a type that is a table with further constraints, such as `molecules`.
    ///
    /// # Errors
    /// Fails with [`ArtifactError::Malformed`] if the artifact is anything else.
    pub fn of(artifact: &Artifact) -> Result<Self, ArtifactError> {
        serde_json::from_str(artifact.payload_text()).map_err(|error| artifact.malformed(error))
    }
}

impl ChunkRef {
    /// Reads the rows of the chunk, each with a value for each column.
    ///
    /// # Errors
    /// Fails if the source fails, and with [`ArtifactError::Malformed`] if the artifact is not a chunk.
    pub fn read(&self, source: &dyn ArtifactSource) -> Result<Vec<Vec<Value>>, ArtifactError> {
        let artifact = source.artifact(self.hash)?;
        serde_json::from_str(artifact.payload_text()).map_err(|error| artifact.malformed(error))
    }
}
