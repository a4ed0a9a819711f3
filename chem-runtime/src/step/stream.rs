//! An input that a step takes piece by piece.

use std::collections::HashSet;
use std::marker::PhantomData;
use std::sync::Arc;

use super::context::ExecutionContext;
use super::error::StepError;
use super::outlet::Outlets;
use super::port::MAIN_OUTPUT;
use super::row_kind::RowKind;
use super::rows::RowReturn;
use super::streamed::Streamed;
use crate::artifact::{
    Artifact, ArtifactError, ArtifactSource, ArtifactValue, Column, Handed, Packed, Table, TableBuilder, TableError,
    TablePiece, TableStream,
};

/// The number of rows that are worked on at once.
const AT_ONCE: usize = 4096;

/// A table of the kind `K` that a step takes piece by piece, as `Input<Stream<K>>`. Only one piece of a stored table is in
/// memory.
///
/// ```
/// use chem_runtime::prelude::*;
///
/// /// Counts the missing values in a column.
/// #[step("table.missing", version = 1)]
/// fn missing(
///     table: Input<Stream<Table>>,
///     /// The column.
///     column: ColumnName,
///     context: &ExecutionContext<'_>,
/// ) -> Result<Table, StepError> {
///     let mut missing = 0;
///     for piece in table.pieces(context) {
///         let piece = piece?;
///         let Some((_, data)) = piece.table.column(column.as_str()) else { continue };
///         missing += piece.rows.filter(|row| data.json(*row).is_null()).count() as i64;
///     }
///     let count = Values::integers([missing]);
///     Ok(Table::new([(Column::new("missing", ColumnType::Integer), count)])?)
/// }
/// # fn main() {
/// assert_eq!(Missing::SPEC.inputs[0].kind, "table");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Stream<K> {
    kind: Arc<str>,
    rows: TableStream,
    of: PhantomData<fn() -> K>,
}

impl<K: RowKind> Stream<K> {
    /// Returns the columns in order.
    pub fn columns(&self) -> &[Column] {
        self.rows.columns()
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.rows.rows()
    }

    /// Returns a table with the columns and no rows.
    ///
    /// # Errors
    /// Fails if two columns of a stored table have the same name.
    pub fn head(&self) -> Result<Table, TableError> {
        self.rows.head()
    }

    /// Returns the kind of the artifact.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the columns with these names, as far as they are there, with all of their rows, in memory.
    ///
    /// # Errors
    /// Fails if the rows cannot be read, or if the step is asked to stop.
    pub fn only<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        context: &ExecutionContext<'_>,
    ) -> Result<Table, StepError> {
        let wanted: HashSet<&str> = names.into_iter().collect();
        let columns = self.columns().iter().enumerate().filter(|(_, column)| wanted.contains(&*column.name));
        let columns: Vec<usize> = columns.map(|(index, _)| index).collect();
        if let Some(table) = self.rows.in_memory() {
            return Ok(table.select(&columns));
        }
        let mut all = TableBuilder::new(self.head()?.select(&columns).columns().to_vec());
        for piece in self.pieces(context) {
            all.append(&piece?.table.select(&columns))?;
        }
        Ok(all.finish()?)
    }

    /// Returns the rows with these indices, in this order, in memory.
    ///
    /// # Errors
    /// Fails if the rows cannot be read, or if the step is asked to stop.
    pub fn gather(&self, rows: &[usize], context: &ExecutionContext<'_>) -> Result<K, StepError> {
        let table = match self.rows.in_memory() {
            Some(table) => table.gather(rows),
            None => self.gather_stored(rows, context)?,
        };
        K::of_rows(&self.kind, Arc::new(table))
    }

    fn gather_stored(&self, rows: &[usize], context: &ExecutionContext<'_>) -> Result<Table, StepError> {
        let mut sorted = rows.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut found = TableBuilder::new(self.columns().to_vec());
        for piece in self.pieces(context) {
            let piece = piece?;
            let end = piece.first + piece.table.rows();
            let from = sorted.partition_point(|row| *row < piece.first);
            let wanted = &sorted[from..sorted.partition_point(|row| *row < end).max(from)];
            let wanted: Vec<usize> = wanted.iter().map(|row| row - piece.first).collect();
            found.append(&piece.table.gather(&wanted))?;
        }
        let order: Vec<usize> = rows.iter().map(|row| sorted.binary_search(row).unwrap_or(usize::MAX)).collect();
        Ok(found.finish()?.gather(&order))
    }

    /// Gives the rows that `work` makes of some rows after another, so that the output need not be in memory either. They all have
    /// the same columns, and `work` makes them of no rows, too.
    ///
    /// # Errors
    /// Fails like `work`, if the rows cannot be read, or if the step is asked to stop.
    pub(crate) fn map(
        &self,
        context: &ExecutionContext<'_>,
        mut work: impl FnMut(&TablePiece) -> Result<Table, StepError>,
    ) -> Result<Streamed<K>, StepError> {
        let mut outlets = Outlets::new(context, &[MAIN_OUTPUT]);
        outlets.resume::<()>()?;
        let start = usize::try_from(outlets.position()).unwrap_or(usize::MAX).min(self.rows());
        let mut put = |piece: &TablePiece, outlets: &mut Outlets<'_>| {
            let table = work(piece)?;
            let texts = table.row_texts(0..table.rows(), outlets.rows(0))?;
            outlets.push(0, table, &texts)
        };
        for piece in self.pieces_from(context, start) {
            let mut piece = piece?;
            while !piece.rows.is_empty() {
                let end = piece.rows.end.min(piece.rows.start + AT_ONCE);
                let part = TablePiece { rows: piece.rows.start..end, ..piece.clone() };
                put(&part, &mut outlets)?;
                outlets.reached((piece.first + end) as u64, || Ok("null".to_owned()))?;
                piece.rows.start = end;
                context.check_cancelled()?;
            }
        }
        if start == self.rows() {
            let table = Arc::new(self.head()?);
            put(&TablePiece { table, rows: 0..0, first: start }, &mut outlets)?;
        }
        let outputs = outlets.finish(|_, rows| {
            let handed = rows.map(|rows| <K as RowReturn>::hand_on(&self.kind, Arc::new(rows)));
            Ok((self.kind.as_ref().to_owned(), handed.transpose()?))
        })?;
        Ok(Streamed::of(outputs))
    }

    /// Returns the rows in order. Reads stored chunks as they are needed, and checks them for the constraints of the kind.
    pub fn pieces<'a>(
        &'a self,
        context: &'a ExecutionContext<'_>,
    ) -> impl Iterator<Item = Result<TablePiece, StepError>> + 'a {
        self.pieces_from(context, 0)
    }

    fn pieces_from<'a>(
        &'a self,
        context: &'a ExecutionContext<'_>,
        start: usize,
    ) -> impl Iterator<Item = Result<TablePiece, StepError>> + 'a {
        let stored = self.rows.in_memory().is_none();
        self.rows.pieces(context.artifacts(), start).map(move |piece| {
            context.check_cancelled()?;
            let piece = piece?;
            if stored {
                K::of_rows(&self.kind, piece.table.clone())?;
            }
            Ok(piece)
        })
    }
}

impl<K: RowKind> From<Arc<K>> for Stream<K> {
    fn from(value: Arc<K>) -> Self {
        let (kind, table) = value.into_rows();
        Self { kind, rows: table.into(), of: PhantomData }
    }
}

impl<K: RowKind> ArtifactValue for Stream<K> {
    const KIND: &'static str = K::KIND;
    const READS_AS: &'static [&'static str] = K::READS_AS;
    const KIND_OF_INPUT: bool = K::KIND_OF_INPUT;

    fn pack(&self) -> Result<Packed, ArtifactError> {
        self.rows.pack_as(&self.kind)
    }

    fn unpack(root: &Artifact, _: &dyn ArtifactSource) -> Result<Self, ArtifactError> {
        Ok(Self { kind: root.kind().into(), rows: TableStream::of(root)?, of: PhantomData })
    }

    fn take(handed: &Handed) -> Option<Arc<Self>> {
        Some(Arc::new(K::take(handed)?.into()))
    }
}
