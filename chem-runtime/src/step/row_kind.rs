//! The kinds of artifacts whose rows a step may take one by one.

use std::sync::Arc;

use super::error::StepError;
use crate::artifact::{ArtifactValue, Dataset, Table};

/// A kind of artifact whose rows a step may take one by one: a table, possibly with further constraints on each row by
/// itself.
#[diagnostic::on_unimplemented(
    message = "a step cannot take `{Self}` row by row",
    label = "not a table",
    note = "take `Rows<Table>`, `Rows<Dataset>` or `Rows<Molecules>`; other kinds implement `RowKind`"
)]
pub trait RowKind: ArtifactValue {
    /// Returns the kind of the artifact and its table.
    fn into_rows(self: Arc<Self>) -> (Arc<str>, Arc<Table>);

    /// Wraps rows of an artifact of the kind `kind`, or rows that came out of a step whose input was of that kind.
    ///
    /// # Errors
    /// Fails if the table does not satisfy the constraints of the kind.
    fn of_rows(kind: &str, table: Arc<Table>) -> Result<Self, StepError>;
}

impl RowKind for Table {
    fn into_rows(self: Arc<Self>) -> (Arc<str>, Arc<Table>) {
        (Self::KIND.into(), self)
    }

    fn of_rows(_: &str, table: Arc<Table>) -> Result<Self, StepError> {
        Ok(Arc::unwrap_or_clone(table))
    }
}

impl RowKind for Dataset {
    fn into_rows(self: Arc<Self>) -> (Arc<str>, Arc<Table>) {
        (self.kind().into(), self.table().clone())
    }

    fn of_rows(kind: &str, table: Arc<Table>) -> Result<Self, StepError> {
        Ok(Self::new(kind, table))
    }
}
