//! `rows: true`: the program answers one row for each row of a batch.

use std::collections::BTreeMap;

use serde_json::json;

use super::command::Program;
use super::rejects::{answer_or_reject, with_columns_of};
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
    /// The columns that the program computes, as the step puts them out.
    computed: Vec<Column>,
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
        computed: computed.clone(),
        program: Program::of(step, &BTreeMap::new(), context)?,
        send: step.send.clone(),
        receive: step.receive.clone(),
        columns,
        types: step.types.clone(),
    };
    let batch = step.batch.map_or(BATCH, |rows| rows as usize);
    if step.rejects_rows() {
        let work = rows.each::<WithRejects<Dataset>>(move |batch, _| {
            answer_or_reject(&by_row.computed, &|sent| by_row.answer(sent), &batch.as_table(&by_row.columns)?)
                .map_err(StepError::blaming_full_disk)
        });
        let work = work.with_results(computed)?.rejects_carry("record").in_batches_of(batch);
        let work = work.signal(
            "answered",
            |_, rows| json!({ "sent": rows.input, "received": rows.output, "rejected": rows.rejected }),
        );
        return work.drive(&reads, context);
    }
    let work = rows.each::<Dataset>(move |batch, _| {
        let answer = by_row.answer(&batch.as_table(&by_row.columns)?).map_err(StepError::blaming_full_disk)?;
        Ok(with_columns_of(BatchOutput::all(), &answer))
    });
    let work = work.with_results(computed)?.in_batches_of(batch);
    let work = work.signal("answered", |_, rows| json!({ "sent": rows.input, "received": rows.output }));
    work.drive(&reads, context)
}

impl ByRow {
    /// Returns the computed columns for these rows, in their order.
    ///
    /// # Errors
    /// Fails if the program fails, or does not answer each row with one.
    fn answer(&self, sent: &Table) -> Result<Table, StepError> {
        if sent.rows() == 0 {
            let none = self.computed.iter().map(|column| (column.clone(), Values::empty(column.ty)));
            return Ok(Table::new(none)?);
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
        let computed = self.computed.iter();
        let computed = computed.filter_map(|column| Some((column.clone(), answer.column(&column.name)?.1.clone())));
        Ok(Table::new(computed)?)
    }
}
