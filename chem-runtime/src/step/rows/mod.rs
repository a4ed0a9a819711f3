//! Steps that work row by row.
//!
//! A row step promises that what comes out for a row depends on the row's values in the columns that the step declares, and
//! on the step's parameters, and on nothing else: not on other rows, the row's number, their order, or how they are cut into
//! batches. One row may come out for each, none, or several. The step prepares its work from its parameters and the columns
//! of its input, and the runtime drives it: no step has a loop over the cores of its own.

mod answer;
mod batch;
mod drive;
mod in_order;
mod input;
mod joined;
mod known_rows;
mod layout;
mod method;
mod outcomes;
mod output;
mod row_index;
mod set_apart;
mod sums;
mod taken_over;
mod work;

use std::sync::Arc;

pub use batch::Batch;
pub use drive::{Driven, reads};
pub(crate) use in_order::in_order;
use input::RowInput;
pub(super) use input::TextSurvey;
pub use input::WholeInput;
pub use method::{RowMethod, RunRows, row_ports};
pub(crate) use outcomes::RowOutcomes;
pub use output::{BatchOutput, Tally, Totals};
pub(crate) use taken_over::rows_in_common;
pub use work::{RowReturn, RowWork};

use super::context::ExecutionContext;
use super::error::StepError;
use super::port::PortSpec;
use super::row_kind::RowKind;
use super::run_step::StepInputs;
use super::sample::Sample;
use super::signature::StepInput;
use crate::artifact::{Column, Table, TableError, TableStream, Values};

/// The input of a row step: its columns. The rows come in batches, to the function that [`each`](Self::each) takes.
///
/// ```
/// use chem_runtime::prelude::*;
///
/// /// Adds the ratio of two columns; it is missing if a value is, or if the divisor is zero.
/// #[step("table.ratio", version = 1, rows)]
/// fn ratio(
///     table: Rows<Table>,
///     /// The dividend.
///     of: ColumnName,
///     /// The divisor.
///     to: ColumnName,
/// ) -> Result<RowWork<Table>, StepError> {
///     let work = table.each(move |batch, tally| {
///         let pairs = batch.numbers(of.as_str())?.zip(batch.numbers(to.as_str())?);
///         let ratios: Vec<Option<f64>> =
///             pairs.map(|(of, to)| Some(of? / to?).filter(|ratio| ratio.is_finite())).collect();
///         for (row, _) in ratios.iter().enumerate().filter(|(_, ratio)| ratio.is_none()) {
///             tally.add(row, "missing");
///         }
///         Ok(BatchOutput::all().with(Values::floats(ratios)))
///     });
///     let work = work.with_columns([Column::new("ratio", ColumnType::Float)])?;
///     Ok(work.signal("divided", |tally, _| tally.count("missing").into()))
/// }
/// # fn main() {
/// let reads = Ratio::new("mass", "length").row_columns().unwrap();
/// assert!(reads.contains("mass") && !reads.contains("name"));
/// # }
/// ```
#[derive(Debug)]
pub struct Rows<K> {
    input: RowInput,
    of: std::marker::PhantomData<fn() -> K>,
}

impl<K: RowKind> Rows<K> {
    fn new(kind: Arc<str>, stream: TableStream) -> Self {
        Self { input: RowInput::new::<K>(kind, stream), of: std::marker::PhantomData }
    }
}

impl<K> Rows<K> {
    /// Returns the kind of the artifact that the rows are from.
    pub(crate) fn kind(&self) -> &str {
        &self.input.kind
    }

    /// Returns the columns of the input.
    pub fn columns(&self) -> &[Column] {
        self.input.stream.columns()
    }

    /// Returns a table with the columns of the input and no rows.
    ///
    /// # Errors
    /// Fails if two columns of a stored table have the same name.
    pub fn head(&self) -> Result<Table, TableError> {
        self.input.stream.head()
    }

    /// Returns for each of the columns at these indices whether it has a value in some row. Meant for what is said of a column
    /// as a whole, such as its unit: no value that comes out may depend on it.
    ///
    /// # Errors
    /// Fails if the rows cannot be read.
    pub fn with_values(&self, columns: &[usize], context: &ExecutionContext<'_>) -> Result<Vec<bool>, StepError> {
        let whole = context.sample().map_or(&self.input.stream, Sample::whole);
        let mut found = vec![false; columns.len()];
        let mut pieces = whole.pieces(context.artifacts(), 0);
        while found.contains(&false)
            && let Some(piece) = pieces.next()
        {
            context.check_cancelled()?;
            let table = piece?.table;
            for (index, found) in columns.iter().zip(&mut found) {
                *found = *found || table.data(*index).is_some_and(Values::any_present);
            }
        }
        Ok(found)
    }

    /// Returns the work that `work` does on each batch. It counts in the tally what the step's signal reports.
    ///
    /// Files and everything else that `work` needs are read before, once.
    pub fn each<R>(
        self,
        work: impl Fn(&Batch<'_>, &mut Tally) -> Result<BatchOutput, StepError> + Send + Sync + 'static,
    ) -> RowWork<R> {
        RowWork::new(self.input, work)
    }
}

impl<K: RowKind> From<Arc<K>> for Rows<K> {
    fn from(value: Arc<K>) -> Self {
        let (kind, table) = value.into_rows();
        Self::new(kind, table.into())
    }
}

impl<K: RowKind> StepInput for Rows<K> {
    const KIND: &'static str = K::KIND;
    const OPTIONAL: bool = false;
    const ROWS: bool = true;

    fn take(context: &ExecutionContext<'_>, port: &str) -> Result<Self, StepError> {
        let (kind, stream) = context.stream::<K>(port)?;
        Ok(Self::new(kind, stream))
    }
}

impl<K: RowKind> StepInputs for Rows<K> {
    const PORTS: &'static [PortSpec] = &[PortSpec::of::<Self>(PortSpec::ANY.name)];

    fn take(context: &ExecutionContext<'_>) -> Result<Self, StepError> {
        StepInput::take(context, PortSpec::ANY.name)
    }
}
