//! `rows: true`: the program answers one row for each row of a batch.

use std::collections::BTreeMap;

use serde_json::json;

use super::command::Program;
use super::shape::replaced_structures;
use super::{RunProcess, format};
use crate::artifact::Dataset;
use crate::cancel;
use crate::prelude::*;
use crate::records::column_indices;
use crate::step::rows::Driven as _;
use crate::step::{BatchOutput, RowColumns, Rows, StepInput, StepOutput};

/// The number of rows for which the program is started, unless the manifest says another.
const BATCH: usize = 1000;

/// What a program answers for a batch.
struct ByRow {
    program: Program,
    send: String,
    receive: String,
    /// The columns that are sent, in their order.
    columns: Vec<String>,
    /// The columns that the program computes.
    types: BTreeMap<String, ColumnType>,
}

/// Does the work of `step`, whose new columns have this provider.
pub(super) fn run(
    step: &RunProcess,
    provider: &str,
    context: &ExecutionContext<'_>,
) -> Result<Vec<StepOutput>, StepError> {
    let rows = <Rows<Dataset> as StepInput>::take(context, "table")?;
    if let Some(misfit) = replaced_structures(step, rows.kind()) {
        return Err(misfit.into());
    }
    let columns: Vec<String> = match &step.columns {
        Some(columns) => {
            column_indices(&rows.head()?, columns, "columns")?;
            columns.iter().map(|column| column.as_str().to_owned()).collect()
        }
        None => rows.columns().iter().map(|column| column.name.to_string()).collect(),
    };
    let reads = match &step.columns {
        Some(_) => RowColumns::Named(columns.iter().cloned().collect()),
        None => RowColumns::All,
    };
    let computed: Vec<Column> =
        step.types.iter().map(|(name, ty)| Column::new(name, *ty).with_provider(provider)).collect();
    let by_row = ByRow {
        program: Program::of(step, &BTreeMap::new(), context)?,
        send: step.send.clone(),
        receive: step.receive.clone(),
        columns,
        types: step.types.clone(),
    };
    let work = rows.each::<Dataset>(move |batch, _| {
        by_row.answer(&batch.as_table(&by_row.columns)?).map_err(StepError::blaming_full_disk)
    });
    let work = work.with_results(computed)?.in_batches_of(step.batch.map_or(BATCH, |rows| rows as usize));
    let work = work.signal("answered", |_, rows| json!({ "sent": rows.input, "received": rows.output }));
    work.drive(&reads, context)
}

impl ByRow {
    fn answer(&self, sent: &Table) -> Result<BatchOutput, StepError> {
        if sent.rows() == 0 {
            let none = self.types.values().map(|ty| Values::empty(*ty));
            return Ok(none.fold(BatchOutput::all(), BatchOutput::with));
        }
        let all: Vec<usize> = (0..sent.columns().len()).collect();
        let input = format::written(sent, &all, &self.send)?;
        let check = || cancel::check().map_err(StepError::from);
        let text = self.program.run(input, &check, |_| Ok(()))?;
        let (source, columns) =
            (format!("the output of {}", self.program.name), sent.columns().iter().collect::<Vec<_>>());
        let answer = format::read(&source, &text, &self.receive, &columns, &self.types)?;
        if answer.rows() != sent.rows() {
            return Err(StepError::new(format!(
                "{source} has {} rows for {}; with `rows: true` a program answers each row with one",
                answer.rows(),
                sent.rows()
            )));
        }
        for (index, column) in answer.columns().iter().enumerate() {
            if self.types.contains_key(&*column.name) {
                continue;
            }
            let Some((_, before)) = sent.column(&column.name) else {
                return Err(StepError::new(format!(
                    "{source} has the column `{}`, which `types` does not declare",
                    column.name
                )));
            };
            if answer.data(index) != Some(before) {
                return Err(StepError::new(format!(
                    "{source} has other values in the column `{}` than were sent: the rows have to come back in their order, \
                     and a column that changes has to be in `types` under another name",
                    column.name
                )));
            }
        }
        let computed = self.types.keys().filter_map(|name| Some(answer.column(name)?.1.clone()));
        Ok(computed.fold(BatchOutput::all(), BatchOutput::with))
    }
}
