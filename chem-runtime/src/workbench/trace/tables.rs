//! Reads single rows of stored tables, and finds rows by their values.

use serde_json::Value;

use crate::artifact::{Artifact, ArtifactError, ArtifactSource, Column, ColumnType, Table, TableRoot, Values};
use crate::fingerprint::{ArtifactHash, canonical_text};
use crate::workbench::tables::Row;

/// A stored table.
pub(super) struct Stored<'a> {
    root: TableRoot,
    source: &'a dyn ArtifactSource,
}

impl<'a> Stored<'a> {
    /// Opens a table; `None` if the artifact is something else.
    pub(super) fn open(hash: ArtifactHash, source: &'a dyn ArtifactSource) -> Result<Option<Self>, ArtifactError> {
        let artifact: Artifact = source.artifact(hash)?;
        Ok(TableRoot::of(&artifact).ok().map(|root| Self { root, source }))
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
        matches: impl Fn(&Row) -> bool,
    ) -> Result<Vec<usize>, ArtifactError> {
        let (mut found, mut first) = (Vec::new(), 0);
        for chunk in &self.root.chunks {
            if let Some(rows) =
                self.root.read_if(chunk, self.source, |all| text.is_none_or(|text| all.contains(text)))?
            {
                found.extend(rows.iter().enumerate().filter(|(_, row)| matches(row)).map(|(at, _)| first + at));
            }
            first += chunk.rows;
        }
        Ok(found)
    }

    /// Calls `take` with each row.
    pub(super) fn each(&self, mut take: impl FnMut(&Row)) -> Result<(), ArtifactError> {
        for chunk in &self.root.chunks {
            self.root.read(chunk, self.source)?.iter().for_each(&mut take);
        }
        Ok(())
    }

    /// Returns the indices of the rows that have these values in the columns at these indices.
    pub(super) fn equal(&self, columns: &[usize], values: &[&Value]) -> Result<Vec<usize>, ArtifactError> {
        // The longest text is likely the rarest.
        let texts = values.iter().filter(|value| value.is_string());
        let longest = texts.max_by_key(|value| value.as_str().map_or(0, str::len));
        let text = longest.map(canonical_text).transpose()?.map(|text| text.text);
        self.matching(text.as_deref(), |row| {
            columns.iter().zip(values).all(|(column, value)| row.get(*column) == Some(*value))
        })
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
