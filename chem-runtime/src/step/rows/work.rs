//! The work of a row step, which the runtime drives.

use std::marker::PhantomData;
use std::sync::Arc;

use serde_json::Value;

use super::batch::Batch;
use super::input::{RowInput, WholeInput};
use super::layout::{Clash, Layout};
use super::output::{BatchOutput, Tally, Totals};
use crate::artifact::{Column, Handed, Table, TableError};
use crate::step::error::StepError;
use crate::step::row_kind::RowKind;
use crate::step::signature::{StepReturn, WithRejects};

/// What a row step may give: a [`RowKind`], or [`WithRejects`] of one.
#[diagnostic::on_unimplemented(
    message = "a row step cannot give `{Self}`",
    label = "not a table",
    note = "give `RowWork<Table>`, `RowWork<Dataset>`, `RowWork<Molecules>`, or `RowWork<WithRejects<…>>` of one of these"
)]
pub trait RowReturn: StepReturn {
    /// Whether there is an output of rejects.
    const REJECTS: bool;

    /// Returns the kind of the main output of a step whose input is of the kind `input`.
    fn kind(input: &str) -> &str;

    /// Checks rows that came out of a step, and returns what the next step of the process receives for them.
    ///
    /// # Errors
    /// Fails if the table does not satisfy the constraints of the kind.
    fn hand_on(kind: &str, table: Arc<Table>) -> Result<Handed, StepError>;
}

#[diagnostic::do_not_recommend]
impl<K: RowKind> RowReturn for K {
    const REJECTS: bool = false;

    fn kind(input: &str) -> &str {
        if K::KIND_OF_INPUT { input } else { K::KIND }
    }

    fn hand_on(kind: &str, table: Arc<Table>) -> Result<Handed, StepError> {
        Ok(Arc::new(K::of_rows(kind, table)?).hand_on())
    }
}

impl<K: RowKind> RowReturn for WithRejects<K> {
    const REJECTS: bool = true;

    fn kind(input: &str) -> &str {
        <K as RowReturn>::kind(input)
    }

    fn hand_on(kind: &str, table: Arc<Table>) -> Result<Handed, StepError> {
        <K as RowReturn>::hand_on(kind, table)
    }
}

/// What the runtime adds to the rejects of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carried {
    /// Nothing.
    Nothing,
    /// The values of the column of this name, if the input has it.
    Column(&'static str),
    /// The numbers of the rows, in the column of this name.
    Number(&'static str),
    /// All columns of the input, before those that the step gives.
    Row,
}

/// How many rows a batch has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Batches {
    /// As many as take some time, and at most so many.
    UpTo(usize),
    /// So many.
    Of(usize),
}

impl Default for Batches {
    fn default() -> Self {
        Self::UpTo(256)
    }
}

type Work = Box<dyn Fn(&Batch<'_>, &mut Tally) -> Result<BatchOutput, StepError> + Send + Sync>;
type Guard = Box<dyn Fn(&WholeInput<'_>) -> Result<(), StepError> + Send + Sync>;
type Signal = Box<dyn Fn(&Tally, &Totals) -> Value + Send + Sync>;

/// The work of a row step over its input, which the runtime does after the step has returned it: on all cores, in the order
/// of the rows, with progress and cancellation. Made by [`Rows::each`](super::Rows::each).
///
/// `R` is the output: `Table`, `Molecules`, or [`WithRejects`] of one of these. Each row that comes out has the columns of
/// the row that it came from, and the computed columns.
pub struct RowWork<R> {
    pub(super) input: RowInput,
    pub(super) layout: Layout,
    pub(super) work: Work,
    pub(super) guard: Option<Guard>,
    pub(super) signal: Option<(&'static str, Signal)>,
    pub(super) rejects: Carried,
    /// The share of rejects above which the step fails, and what the message says of them.
    pub(super) fail_above: Option<(f64, &'static str)>,
    pub(super) batches: Batches,
    output: PhantomData<fn() -> R>,
}

impl<R> RowWork<R> {
    pub(super) fn new(
        input: RowInput,
        work: impl Fn(&Batch<'_>, &mut Tally) -> Result<BatchOutput, StepError> + Send + Sync + 'static,
    ) -> Self {
        let (layout, work) = (Layout::of(input.stream.columns()), Box::new(work));
        let (rejects, output) = (Carried::Nothing, PhantomData);
        Self {
            input,
            layout,
            work,
            guard: None,
            signal: None,
            rejects,
            fail_above: None,
            batches: Batches::default(),
            output,
        }
    }

    /// Keeps only these columns of the input, each by its index and with the name and properties that it gets. Without
    /// this, all are kept. Call it before declaring computed columns.
    pub fn carrying(mut self, columns: impl IntoIterator<Item = (usize, Column)>) -> Self {
        self.layout.carry(columns);
        self
    }

    /// Keeps these columns of the input, too, after the columns that were declared before.
    ///
    /// # Errors
    /// Fails if there is a column of that name.
    pub fn carrying_also(mut self, columns: impl IntoIterator<Item = (usize, Column)>) -> Result<Self, TableError> {
        self.layout.carry_also(columns)?;
        Ok(self)
    }

    /// Adds a column that locates each row by its number in the input, from 1. The runtime fills it in.
    ///
    /// # Errors
    /// Fails if there is a column of that name.
    pub fn numbered(mut self, column: Column) -> Result<Self, TableError> {
        self.layout.number(column.as_location())?;
        Ok(self)
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
    pub fn refusing(
        mut self,
        guard: impl Fn(&WholeInput<'_>) -> Result<(), StepError> + Send + Sync + 'static,
    ) -> Self {
        self.guard = Some(Box::new(guard));
        self
    }

    /// Fills the column `name` of the rejects from the column of that name of the input, as far as it has one. The step need
    /// not declare it.
    pub fn rejects_carry(mut self, name: &'static str) -> Self {
        self.rejects = Carried::Column(name);
        self
    }

    /// Fills the column `name` of the rejects with the number of each row in the input, from 1.
    pub fn rejects_numbered(mut self, name: &'static str) -> Self {
        self.rejects = Carried::Number(name);
        self
    }

    /// Puts all columns of the input before those of the rejects. The step need not declare them.
    pub fn rejects_carry_rows(mut self) -> Self {
        self.rejects = Carried::Row;
        self
    }

    /// Fails the step after its work if more than this share of the rows is rejected. `what` describes the rejected rows in the
    /// message, such as `rows are not molecules`.
    pub fn failing_above(mut self, share: Option<f64>, what: &'static str) -> Self {
        self.fail_above = share.map(|share| (share, what));
        self
    }

    /// Works on batches of at most this many rows, if that takes little time: for work with a cost for each batch, too.
    #[cfg(feature = "python")]
    pub(crate) fn in_batches_up_to(mut self, rows: usize) -> Self {
        self.batches = Batches::UpTo(rows);
        self
    }

    /// Works on batches of this many rows, however long they take: for work whose cost is that of a batch.
    pub(crate) fn in_batches_of(mut self, rows: usize) -> Self {
        self.batches = Batches::Of(rows);
        self
    }

    /// Records a signal with what was counted.
    pub fn signal(
        mut self,
        name: &'static str,
        data: impl Fn(&Tally, &Totals) -> Value + Send + Sync + 'static,
    ) -> Self {
        self.signal = Some((name, Box::new(data)));
        self
    }
}
