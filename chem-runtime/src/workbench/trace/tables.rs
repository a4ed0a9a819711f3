//! Reads single rows of stored tables, and finds rows by their values.

use rayon::prelude::*;
use serde_json::Value;

use crate::artifact::{
    Artifact, ArtifactError, ArtifactSource, ChunkRef, Column, ColumnType, Table, TableBuilder, TableRoot, TableStream,
    Values,
};
use crate::fingerprint::{ArtifactHash, canonical_text};
use crate::step::workers::on_workers;
use crate::workbench::WorkbenchError;
use crate::workbench::tables::Row;

/// A stored table.
pub(super) struct Stored<'a> {
    root: TableRoot,
    stream: TableStream,
    source: &'a dyn ArtifactSource,
}

impl<'a> Stored<'a> {
    /// Opens a table; `None` if the artifact is something else.
    pub(super) fn open(hash: ArtifactHash, source: &'a dyn ArtifactSource) -> Result<Option<Self>, ArtifactError> {
        let artifact: Artifact = source.artifact(hash)?;
        let Ok(root) = TableRoot::of(&artifact) else { return Ok(None) };
        Ok(Some(Self { root, stream: TableStream::of(&artifact)?, source }))
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.root.columns
    }

    pub(super) fn rows(&self) -> usize {
        self.root.rows
    }

    pub(super) fn index_of(&self, column: &str) -> Option<usize> {
        self.root.columns.iter().position(|there| &*there.name == column)
    }

    /// Returns the row at this index; `None` if there are fewer rows.
    pub(super) fn row(&self, index: usize) -> Result<Option<Row>, ArtifactError> {
        let mut first = 0;
        for chunk in &self.root.chunks {
            if index < first + chunk.rows {
                return Ok(self.root.read(chunk, self.source)?.into_iter().nth(index - first));
            }
            first += chunk.rows;
        }
        Ok(None)
    }

    /// Returns the indices of the rows for which `matches` holds. Parses only chunks in whose text `text` occurs, if it is
    /// given.
    pub(super) fn matching(
        &self,
        text: Option<&str>,
        matches: impl Fn(&Row) -> bool + Sync,
    ) -> Result<Vec<usize>, WorkbenchError> {
        let mut first = 0;
        let numbered: Vec<(usize, &ChunkRef)> = self
            .root
            .chunks
            .iter()
            .map(|chunk| {
                first += chunk.rows;
                (first - chunk.rows, chunk)
            })
            .collect();
        let in_chunk = |(first, chunk): &(usize, &ChunkRef)| {
            let wanted = |all: &str| text.is_none_or(|text| all.contains(text));
            let rows = self.root.read_if(chunk, self.source, wanted)?.unwrap_or_default();
            Ok(rows.iter().enumerate().filter(|(_, row)| matches(row)).map(|(at, _)| first + at).collect::<Vec<_>>())
        };
        // Without threads, this one does the work.
        let found: Result<Vec<Vec<usize>>, ArtifactError> = on_workers(|| numbered.par_iter().map(in_chunk).collect())
            .unwrap_or_else(|_| numbered.iter().map(in_chunk).collect());
        Ok(found.map_err(WorkbenchError::Artifact)?.into_iter().flatten().collect())
    }

    /// Returns the indices of the rows that have these values in the columns at these indices.
    pub(super) fn equal(&self, columns: &[usize], values: &[&Value]) -> Result<Vec<usize>, WorkbenchError> {
        // The text of a chunk has the values of its rows, except those that locate rows.
        let spelled = columns.iter().zip(values).filter(|(column, value)| {
            !value.is_null() && self.root.columns.get(**column).is_some_and(|column| !column.location)
        });
        let texts: Vec<String> = spelled
            .map(|(_, value)| canonical_text(value).map(|text| text.text))
            .collect::<Result<_, _>>()
            .map_err(|error| WorkbenchError::Artifact(error.into()))?;
        // The longest text is likely the rarest.
        let text = texts.iter().max_by_key(|text| text.len()).map(String::as_str);
        self.matching(text, |row| columns.iter().zip(values).all(|(column, value)| row.get(*column) == Some(*value)))
    }

    /// Returns the indices of the rows with this number in a column whose values increase, by reading one chunk.
    pub(super) fn numbered(&self, column: usize, number: u64) -> Result<Vec<usize>, WorkbenchError> {
        let located = self.root.columns.iter().take(column).filter(|column| column.location).count();
        let start =
            |chunk: &ChunkRef| chunk.starts.get(located).copied().flatten().and_then(|at| u64::try_from(at).ok());
        let starts: Option<Vec<u64>> = self.root.chunks.iter().map(start).collect();
        let value = Value::from(number);
        let Some(starts) = starts.filter(|starts| starts.is_sorted()) else {
            return self.equal(&[column], &[&value]);
        };
        let Some(at) = starts.partition_point(|start| *start <= number).checked_sub(1) else { return Ok(Vec::new()) };
        let first: usize = self.root.chunks[..at].iter().map(|chunk| chunk.rows).sum();
        let rows = self.root.read(&self.root.chunks[at], self.source).map_err(WorkbenchError::Artifact)?;
        Ok(rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.get(column) == Some(&value))
            .map(|(row, _)| first + row)
            .collect())
    }

    /// Returns these columns, as far as they are there, with all rows.
    pub(super) fn only(&self, columns: &[&str]) -> Result<Table, ArtifactError> {
        let indices: Vec<usize> = columns.iter().filter_map(|name| self.index_of(name)).collect();
        let empty = self.stream.head()?.select(&indices);
        let mut all = TableBuilder::new(empty.columns().to_vec());
        for piece in self.stream.pieces(self.source, 0) {
            all.append(&piece?.table.select(&indices))?;
        }
        Ok(all.finish()?)
    }

    /// Returns a table with the columns and without rows.
    pub(super) fn head(&self) -> Result<Table, ArtifactError> {
        Ok(self.stream.head()?)
    }

    /// Returns a table of one row.
    pub(super) fn table_of(&self, row: &Row) -> Option<Table> {
        let cells = self.root.columns.iter().zip(row);
        let columns = cells.map(|(column, cell)| {
            let values: Values = Values::of_json(column.ty, [cell.clone()]).ok()?;
            Some((column.clone(), values))
        });
        Table::new(columns.collect::<Option<Vec<_>>>()?).ok()
    }

    /// Returns the integer in a column of a row, if it is not negative.
    pub(super) fn number(&self, row: &Row, column: &str) -> Option<u64> {
        row.get(self.index_of(column)?)?.as_u64()
    }

    /// Returns the text in a column of a row; a number as it is spelled.
    pub(super) fn text(&self, row: &Row, column: &str) -> Option<String> {
        match row.get(self.index_of(column)?)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// Returns whether a column has the type text.
    pub(super) fn is_text(&self, column: &str) -> bool {
        self.index_of(column).is_some_and(|index| self.root.columns[index].ty == ColumnType::Text)
    }
}
