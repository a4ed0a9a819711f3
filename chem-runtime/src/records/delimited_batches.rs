//! Works on the records of delimited text in batches.

use csv::StringRecord;

use super::batches::Batches;
use super::delimited_reader::{Header, Layout, Row};
use super::delimited_records::Records;
use super::record_text::RecordText;
use crate::step::StepError;

/// Calls `open` with the names of the columns of the text called `name`, `work` with batches of the records behind them, on all
/// cores, and `take` with the results in the order of the text. Returns what `open` returned; `None` if there are no records.
///
/// # Errors
/// Fails like `open`, like [`Batches::each`], or if the text or the names of its columns cannot be read.
pub(crate) fn each_row_batch<P: Sync, T: Send>(
    (name, text): (&str, &RecordText<'_>),
    layout: Layout<'_>,
    batches: &mut Batches,
    open: impl Fn(&StringRecord) -> Result<P, StepError>,
    work: impl Fn(&P, u64, &mut dyn Iterator<Item = Row<'_>>) -> Result<T, StepError> + Sync,
    mut take: impl FnMut(T) -> Result<(), StepError>,
) -> Result<Option<P>, StepError> {
    let mut opened: Option<(Header, P)> = None;
    text.in_parts(name, |part| {
        let mut records = Records::of_part(&part, layout.delimiter);
        if opened.is_none() {
            opened = match Header::open(name, &mut records, layout)? {
                Some(header) => {
                    let plan = open(header.names())?;
                    Some((header, plan))
                }
                None => None,
            };
        }
        let Some((header, plan)) = &opened else { return Ok(records.taken()) };
        let work = |first, batch: Vec<_>| work(plan, first, &mut batch.into_iter().map(|record| header.row(record)));
        batches.each(records.by_ref(), work, &mut take)?;
        Ok(records.taken())
    })?;
    Ok(opened.map(|(_, plan)| plan))
}
