//! A table that is read piece by piece.

use std::ops::Range;
use std::sync::Arc;

use super::{Column, Table, TableError, TableRoot};
use crate::artifact::{Artifact, ArtifactError, ArtifactSource, Packed};
use crate::fingerprint::canonical_text;

/// A table whose rows come in pieces: from memory, or chunk by chunk from where it is stored. Only one piece of a stored
/// table need be in memory.
#[derive(Debug, Clone)]
pub struct TableStream(Rows);

#[derive(Debug, Clone)]
enum Rows {
    Here(Arc<Table>),
    Stored(Arc<TableRoot>),
}

/// Consecutive rows of a [`TableStream`].
#[derive(Debug, Clone)]
pub struct TablePiece {
    /// The table that holds the rows.
    pub table: Arc<Table>,
    /// The indices of the rows in `table`.
    pub rows: Range<usize>,
    /// The index in the stream of the row with the index 0 in `table`.
    pub first: usize,
}

impl From<Arc<Table>> for TableStream {
    fn from(table: Arc<Table>) -> Self {
        Self(Rows::Here(table))
    }
}

impl TableStream {
    /// Returns the stream of the rows of a stored table, or of a kind that is a table with further constraints.
    ///
    /// # Errors
    /// Fails with [`ArtifactError::Malformed`] if the artifact is anything else.
    pub fn of(root: &Artifact) -> Result<Self, ArtifactError> {
        let table = TableRoot::of(root)?;
        let chunks: usize = table.chunks.iter().map(|chunk| chunk.rows).sum();
        if chunks != table.rows {
            return Err(root.malformed(format!("it has {chunks} rows but declares {}", table.rows)));
        }
        Ok(Self(Rows::Stored(Arc::new(table))))
    }

    /// Returns the columns in order.
    pub fn columns(&self) -> &[Column] {
        match &self.0 {
            Rows::Here(table) => table.columns(),
            Rows::Stored(root) => &root.columns,
        }
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        match &self.0 {
            Rows::Here(table) => table.rows(),
            Rows::Stored(root) => root.rows,
        }
    }

    /// Returns the table if it is in memory.
    pub fn in_memory(&self) -> Option<&Arc<Table>> {
        match &self.0 {
            Rows::Here(table) => Some(table),
            Rows::Stored(_) => None,
        }
    }

    /// Returns a table with the columns and no rows.
    ///
    /// # Errors
    /// Fails if two columns have the same name.
    pub fn head(&self) -> Result<Table, TableError> {
        Table::without_rows(self.columns())
    }

    /// Converts the table to an artifact of `kind`. The chunks of a stored table are where they are.
    ///
    /// # Errors
    /// Fails if a value has no canonical form.
    pub(crate) fn pack_as(&self, kind: &str) -> Result<Packed, ArtifactError> {
        match &self.0 {
            Rows::Here(table) => table.pack_as(kind),
            Rows::Stored(root) => Ok(Artifact::from_canonical(kind, canonical_text(root.as_ref())?.text).into()),
        }
    }

    /// Returns the rows from the index `start` on, in order. Stored chunks are read from `source` as they are needed.
    pub fn pieces<'a>(
        &'a self,
        source: &'a dyn ArtifactSource,
        start: usize,
    ) -> Box<dyn Iterator<Item = Result<TablePiece, ArtifactError>> + 'a> {
        match &self.0 {
            Rows::Here(table) => {
                let piece = TablePiece { table: table.clone(), rows: start..table.rows(), first: 0 };
                Box::new((start < table.rows()).then_some(Ok(piece)).into_iter())
            }
            Rows::Stored(root) => {
                let mut end = 0;
                let chunks = root.chunks.iter().map(move |chunk| {
                    end += chunk.rows;
                    (chunk, end - chunk.rows, end)
                });
                let needed = chunks.filter(move |(_, _, end)| start < *end);
                Box::new(needed.map(move |(chunk, first, _)| {
                    let table = Arc::new(root.read_chunk(chunk, source)?);
                    Ok(TablePiece { rows: start.saturating_sub(first)..table.rows(), table, first })
                }))
            }
        }
    }
}
