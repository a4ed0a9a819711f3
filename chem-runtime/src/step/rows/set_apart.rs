//! What comes out for rows that are set apart: nothing but a reject with the reason, if the step has an output for rejects.

use super::batch::Batch;
use super::layout::Layout;
use super::output::BatchOutput;
use crate::artifact::{Column, ColumnType, Table, Values};
use crate::step::error::StepError;

/// The number of characters kept of a row.
const MAX_CHARS: usize = 120;

/// Why rows are set apart, and how the step describes its rejects.
#[derive(Debug)]
pub(super) struct SetApart {
    pub(super) reason: String,
    /// The columns of the rejects that the step gives itself; `None` if it has no output for rejects.
    pub(super) rejects: Option<Vec<Column>>,
}

impl SetApart {
    /// Returns what comes out for a batch of a step with this layout.
    ///
    /// # Errors
    /// Fails if the step gives rejects whose columns cannot be filled.
    pub(super) fn answer(&self, batch: &Batch<'_>, layout: &Layout) -> Result<BatchOutput, StepError> {
        let computed = layout.computed_columns();
        let computed = computed.map(|column| Values::empty(column.map_or(ColumnType::Boolean, |column| column.ty)));
        let output = computed.fold(BatchOutput::of(Vec::new()), BatchOutput::with);
        let Some(columns) = &self.rejects else { return Ok(output) };
        let rows = batch.len();
        let texts: Vec<String> = (0..rows).map(|row| text_of(batch, row)).collect();
        // The steps of this program give the reason last, and the text of the row in a column of that name.
        let reason = columns.iter().rposition(|column| column.ty == ColumnType::Text);
        let filled = columns.iter().enumerate().map(|(index, column)| {
            let values = match column.ty {
                ColumnType::Text if Some(index) == reason => Values::texts(vec![self.reason.as_str(); rows]),
                ColumnType::Text if *column.name == *"text" => Values::texts(&texts),
                ColumnType::Text => Values::texts(vec![None::<&str>; rows]),
                ColumnType::Integer => Values::integers(vec![None::<i64>; rows]),
                ColumnType::Float => Values::floats(vec![None::<f64>; rows]),
                ColumnType::Boolean => Values::booleans(vec![None::<bool>; rows]),
            };
            (column.clone(), values)
        });
        Ok(output.rejecting((0..rows).collect(), Table::new(filled.collect::<Vec<_>>())?))
    }
}

/// Returns the values of a row that the step reads, shortened.
fn text_of(batch: &Batch<'_>, row: usize) -> String {
    let values = batch.declared(row);
    let text = match values.as_slice() {
        [(_, value)] => value.clone(),
        values => values.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", "),
    };
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
