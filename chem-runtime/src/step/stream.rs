//! An input that a step takes piece by piece.

use std::marker::PhantomData;
use std::sync::Arc;

use super::context::ExecutionContext;
use super::error::StepError;
use super::row_kind::RowKind;
use crate::artifact::{
    Artifact, ArtifactError, ArtifactSource, ArtifactValue, Column, Handed, Packed, Table, TableError, TablePiece,
    TableStream,
};

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
///     let count = ColumnData::Integer(vec![Some(missing)]);
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

    /// Returns the rows in order. Reads stored chunks as they are needed, and checks them for the constraints of the kind.
    pub fn pieces<'a>(
        &'a self,
        context: &'a ExecutionContext<'_>,
    ) -> impl Iterator<Item = Result<TablePiece, StepError>> + 'a {
        let stored = self.rows.in_memory().is_none();
        self.rows.pieces(context.artifacts(), 0).map(move |piece| {
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
