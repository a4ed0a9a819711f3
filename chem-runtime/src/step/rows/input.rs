//! The input of a row step: a stream of rows, and what a guard sees of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::artifact::{ArtifactError, ArtifactSource, Table, TableStream, TextCensus};
use crate::cancel;
use crate::step::error::StepError;
use crate::step::row_kind::RowKind;

/// The number of rows for which columns are computed at a time.
const WIDENED_ROWS: usize = 1024;

/// The rows of the input, with the kind of its artifact.
#[derive(Debug)]
pub(super) struct RowInput {
    pub(super) kind: Arc<str>,
    pub(super) stream: TableStream,
    /// Checks rows that were read from the store for the constraints of the kind.
    pub(super) check: fn(&str, Arc<Table>) -> Result<(), StepError>,
}

impl RowInput {
    pub(super) fn new<K: RowKind>(kind: Arc<str>, stream: TableStream) -> Self {
        Self { kind, stream, check: |kind, table| K::of_rows(kind, table).map(drop) }
    }
}

/// What is known of the values of text columns, by name.
pub(in crate::step) type TextSurvey = BTreeMap<String, TextCensus>;

/// The input of a row step as a whole, for a condition on it: see [`RowWork::refusing`](super::RowWork::refusing).
pub struct WholeInput<'a> {
    head: Table,
    stream: &'a TableStream,
    artifacts: &'a dyn ArtifactSource,
}

impl<'a> WholeInput<'a> {
    pub(super) fn new(stream: &'a TableStream, artifacts: &'a dyn ArtifactSource) -> Result<Self, StepError> {
        Ok(Self { head: stream.head()?, stream, artifacts })
    }

    /// Returns a table with the columns of the input and no rows.
    pub fn head(&self) -> &Table {
        &self.head
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.stream.rows()
    }

    /// Looks at the values of text columns: at all of those for whose numbers `columns` asks, and at others until one is not
    /// missing. Reads the rows only as far as necessary. `widen` adds computed columns to rows, if `columns` names some.
    ///
    /// # Errors
    /// Fails if the rows cannot be read, or like `widen`.
    pub(in crate::step) fn survey<E: From<ArtifactError>>(
        &self,
        columns: &BTreeMap<String, bool>,
        widen: impl Fn(Table) -> Result<Table, E>,
    ) -> Result<TextSurvey, E> {
        let mut found: TextSurvey = columns.keys().map(|name| (name.clone(), TextCensus::default())).collect();
        let computed = columns.keys().any(|name| self.head.index_of(name).is_none());
        let mut pieces = self.stream.pieces(self.artifacts, 0);
        let wanted = |found: &TextSurvey| {
            columns.iter().any(|(name, all)| *all || found.get(name).is_some_and(|census| !census.any()))
        };
        while wanted(&found)
            && let Some(piece) = pieces.next()
        {
            let table = piece?.table;
            let (mut start, step) = (0, if computed { WIDENED_ROWS } else { table.rows().max(1) });
            while start < table.rows() && wanted(&found) {
                let rows = table.slice(start..start + step);
                let rows = if computed { widen(rows)? } else { rows };
                for (name, census) in &mut found {
                    if let Some((_, data)) = rows.column(name) {
                        census.add(data);
                    }
                }
                start += step;
                cancel::check().map_err(ArtifactError::from)?;
            }
        }
        Ok(found)
    }
}
