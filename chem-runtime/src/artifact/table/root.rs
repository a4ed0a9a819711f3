//! The root artifact of a table: its columns and chunks, without its rows.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Column, Table, TableBuilder, location};
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChunkRef {
    /// The artifact with its rows: an array of rows, each an array of values in the order of the columns, except that those
    /// of columns with [`location`](Column::location) come last. Each of these is the difference from the one before it in
    /// the chunk that is not missing; the first is 0.
    pub hash: ArtifactHash,
    /// The number of its rows.
    pub rows: usize,
    /// The first value of each column with [`location`](Column::location), in order; `None` if all are missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<Option<i64>>,
}

impl TableRoot {
    /// Parses the root of a table, or of a type that is a table with further constraints, such as `molecules`.
    ///
    /// # Errors
    /// Fails with [`ArtifactError::Malformed`] if the artifact is anything else.
    pub fn of(artifact: &Artifact) -> Result<Self, ArtifactError> {
        serde_json::from_str(artifact.payload_text()).map_err(|error| artifact.malformed(error))
    }

    /// Returns the table whose columns that locate rows have values that are greater by `offsets`, one for each of them.
    pub(crate) fn shifted(mut self, offsets: &[i64]) -> Self {
        for chunk in &mut self.chunks {
            for (start, offset) in chunk.starts.iter_mut().zip(offsets) {
                *start = start.map(|start| start.wrapping_add(*offset));
            }
        }
        self
    }

    /// Reads a chunk of this table as a table.
    ///
    /// # Errors
    /// Fails if the source fails, and with [`ArtifactError::Malformed`] if the artifact is not a chunk with these columns
    /// and this number of rows.
    pub(crate) fn read_chunk(&self, chunk: &ChunkRef, source: &dyn ArtifactSource) -> Result<Table, ArtifactError> {
        let artifact = source.artifact(chunk.hash)?;
        let malformed = |reason: String| artifact.malformed(reason);
        let mut builder = TableBuilder::new(location::stored(&self.columns));
        builder.push_text(artifact.payload_text()).map_err(malformed)?;
        let table = location::restore_columns(&self.columns, &chunk.starts, &builder.finish()?).map_err(malformed)?;
        if table.rows() != chunk.rows {
            return Err(malformed(format!("it has {} rows, expected {}", table.rows(), chunk.rows)));
        }
        Ok(table)
    }

    /// Reads the rows of a chunk of this table, each with a value for each column.
    ///
    /// # Errors
    /// Fails if the source fails, and with [`ArtifactError::Malformed`] if the artifact is not such a chunk.
    pub fn read(&self, chunk: &ChunkRef, source: &dyn ArtifactSource) -> Result<Vec<Vec<Value>>, ArtifactError> {
        Ok(self.read_if(chunk, source, |_| true)?.unwrap_or_default())
    }

    /// Reads the rows of a chunk like [`read`](Self::read), if `wanted` holds for its text.
    ///
    /// # Errors
    /// Fails like [`read`](Self::read).
    pub(crate) fn read_if(
        &self,
        chunk: &ChunkRef,
        source: &dyn ArtifactSource,
        wanted: impl FnOnce(&str) -> bool,
    ) -> Result<Option<Vec<Vec<Value>>>, ArtifactError> {
        let artifact = source.artifact(chunk.hash)?;
        if !wanted(artifact.payload_text()) {
            return Ok(None);
        }
        let rows = serde_json::from_str(artifact.payload_text());
        let mut rows: Vec<Vec<Value>> = rows.map_err(|error| artifact.malformed(error))?;
        location::restore(&self.columns, &chunk.starts, &mut rows).map_err(|reason| artifact.malformed(reason))?;
        Ok(Some(rows))
    }
}
