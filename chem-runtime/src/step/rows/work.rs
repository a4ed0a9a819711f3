//! The work of a row step, which the runtime drives.

use std::marker::PhantomData;
use std::sync::Arc;

use serde_json::Value;

use super::batch::Batch;
use super::layout::{Clash, Layout};
use super::output::{BatchOutput, Tally, Totals};
use crate::artifact::{ArtifactValue, Column, Dataset, Table, TableError};
use crate::step::error::StepError;
use crate::step::signature::{StepReturn, WithRejects};

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

    /// Wraps the rows that came out of a step, whose input was of the kind `kind`.
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

/// What a row step may give: a [`RowKind`], or [`WithRejects`] of one.
#[diagnostic::on_unimplemented(
    message = "a row step cannot give `{Self}`",
    label = "not a table",
    note = "give `RowWork<Table>`, `RowWork<Dataset>`, `RowWork<Molecules>`, or `RowWork<WithRejects<…>>` of one of these"
)]
pub trait RowReturn: StepReturn {
    /// Whether there is an output of rejects.
    const REJECTS: bool;

    /// Wraps the rows and the rejects that came out of a step, whose input was of the kind `kind`.
    fn of_parts(kind: &str, table: Arc<Table>, rejects: Table) -> Result<Self, StepError>
    where
        Self: Sized;
}

#[diagnostic::do_not_recommend]
impl<K: RowKind> RowReturn for K {
    const REJECTS: bool = false;

    fn of_parts(kind: &str, table: Arc<Table>, _: Table) -> Result<Self, StepError> {
        K::of_rows(kind, table)
    }
}

impl<K: RowKind> RowReturn for WithRejects<K> {
    const REJECTS: bool = true;

    fn of_parts(kind: &str, table: Arc<Table>, rejects: Table) -> Result<Self, StepError> {
        Ok(Self { kept: K::of_rows(kind, table)?, rejects })
    }
}

type Work = Box<dyn Fn(&Batch<'_>, &mut Tally) -> Result<BatchOutput, StepError> + Send + Sync>;
type Guard = Box<dyn Fn(&Batch<'_>) -> Result<(), StepError>>;
type Signal = Box<dyn Fn(&Tally, &Totals) -> Value>;

/// The work of a row step over its input, which the runtime does after the step has returned it: on all cores, in the order
/// of the rows, with progress and cancellation. Made by [`Rows::each`](super::Rows::each).
///
/// `R` is the output: `Table`, `Molecules`, or [`WithRejects`] of one of these. Each row that comes out has the columns of
/// the row that it came from, and the computed columns.
pub struct RowWork<R> {
    pub(super) kind: Arc<str>,
    pub(super) input: Arc<Table>,
    pub(super) layout: Layout,
    pub(super) work: Work,
    pub(super) guard: Option<Guard>,
    pub(super) signal: Option<(&'static str, Signal)>,
    output: PhantomData<fn() -> R>,
}

impl<R> RowWork<R> {
    pub(super) fn new(
        (kind, input): (Arc<str>, Arc<Table>),
        work: impl Fn(&Batch<'_>, &mut Tally) -> Result<BatchOutput, StepError> + Send + Sync + 'static,
    ) -> Self {
        let (layout, work) = (Layout::of(&input), Box::new(work));
        Self { kind, input, layout, work, guard: None, signal: None, output: PhantomData }
    }

    /// Keeps only these columns of the input, each by its index and with the name and properties that it gets. Without
    /// this, all are kept. Call it before declaring computed columns.
    pub fn carrying(mut self, columns: impl IntoIterator<Item = (usize, Column)>) -> Self {
        self.layout.carry(columns);
        self
    }

    /// Declares computed columns, each of which replaces a column of its name.
    ///
    /// # Errors
    /// None; returns a `Result` like the other methods that declare columns.
    pub fn replacing(self, columns: impl IntoIterator<Item = Column>) -> Result<Self, TableError> {
        self.computing(columns, Clash::Replaces)
    }

    /// Declares computed columns, which name their provider. Each may replace an earlier computed column of its name.
    ///
    /// # Errors
    /// Fails if the original data has a column of that name.
    pub fn with_results(self, columns: impl IntoIterator<Item = Column>) -> Result<Self, TableError> {
        self.computing(columns, Clash::ReplacesComputed)
    }

    /// Declares computed columns.
    ///
    /// # Errors
    /// Fails if there is a column of that name.
    pub fn with_columns(self, columns: impl IntoIterator<Item = Column>) -> Result<Self, TableError> {
        self.computing(columns, Clash::Refused)
    }

    fn computing(mut self, columns: impl IntoIterator<Item = Column>, clash: Clash) -> Result<Self, TableError> {
        columns.into_iter().try_for_each(|column| self.layout.compute(column, clash))?;
        Ok(self)
    }

    /// Refuses an input as a whole before any row of it is worked on, such as a condition that orders text by number. A
    /// guard decides whether the step fails, never what comes out.
    pub fn refusing(mut self, guard: impl Fn(&Batch<'_>) -> Result<(), StepError> + 'static) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    /// Records a signal with what was counted.
    pub fn signal(mut self, name: &'static str, data: impl Fn(&Tally, &Totals) -> Value + 'static) -> Self {
        self.signal = Some((name, Box::new(data)));
        self
    }
}
