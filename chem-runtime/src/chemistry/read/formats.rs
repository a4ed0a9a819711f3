//! The formats of texts that molecules are read from.

use super::accept::Accept;
use super::delimited_columns::{self, FileColumns, Plan};
use super::raw::{Found, RawRecord, Source, UntypedColumn};
use super::sd_records::{self, SdFields};
use super::smiles_lines;
use crate::cancel;
use crate::records::{Batches, Inference, Notation, SheetChoice};
use crate::step::StepError;

/// How the records of a text are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Format<'a> {
    /// A SMILES and a name on each line, with what happens to extensions; `None` for a step that has no parameters for them.
    Lines(Option<Accept>),
    Delimited(FileColumns<'a>),
    Sheet(SheetChoice<'a>, FileColumns<'a>),
    Sd(SdFields<'a>),
}

impl Format<'_> {
    /// Finds out the columns of a text.
    ///
    /// # Errors
    /// Fails if the text cannot be read, or lacks a column that a parameter names.
    pub(super) fn survey(&self, source: Source<'_>, notation: Notation) -> Result<Found, StepError> {
        if let Self::Sd(params) = self {
            return sd_records::survey(source, *params, notation);
        }
        let (mut kinds, mut records): (Vec<Inference>, u64) = Default::default();
        let work = |_: u64, batch: &mut dyn Iterator<Item = RawRecord<'_>>| kinds_of(batch, notation);
        let plan = self.each(source, &[], &mut Batches::default(), work, |(more, count)| {
            kinds.resize(kinds.len().max(more.len()), Inference::default());
            kinds.iter_mut().zip(more).for_each(|(kind, more)| kind.add_all(more));
            records += count;
            Ok(())
        })?;
        let Some(Plan { more, found: named, .. }) = plan else { return Ok(Found { records, ..Found::default() }) };
        kinds.resize(more.len(), Inference::default());
        let more = more.into_iter().zip(kinds).map(|((_, column), kind)| UntypedColumn { kind, ..column }).collect();
        Ok(Found { more, fields: Vec::new(), named, records })
    }

    /// Calls `work` with the number of the first record of each batch and with its records, on all cores, and `take` with the
    /// results in the order of the text. `fields` are the data fields of an SD file that become columns.
    ///
    /// # Errors
    /// Fails like `take`, like `work` for the first batch for which it fails, or if the text cannot be read.
    pub(super) fn each<T: Send>(
        &self,
        source: Source<'_>,
        fields: &[String],
        batches: &mut Batches,
        work: impl Fn(u64, &mut dyn Iterator<Item = RawRecord<'_>>) -> Result<T, StepError> + Sync,
        take: impl FnMut(T) -> Result<(), StepError>,
    ) -> Result<Option<Plan>, StepError> {
        match *self {
            Self::Lines(accept) => smiles_lines::each_batch(source, accept, batches, work, take).map(|()| None),
            Self::Delimited(columns) => delimited_columns::each_batch(source, columns, batches, work, take),
            Self::Sheet(sheet, columns) => {
                delimited_columns::each_sheet_batch(source, sheet, columns, batches, work, take)
            }
            Self::Sd(params) => sd_records::each_batch(source, fields, params, batches, work, take).map(|()| None),
        }
    }

    /// Calls `each` with the first line and the text of each record, in order.
    ///
    /// # Errors
    /// Fails like `each`, or if the text cannot be read.
    pub(super) fn each_text(
        &self,
        source: Source<'_>,
        mut each: impl FnMut(u64, &[u8]) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        if let Self::Sd(_) = self {
            return sd_records::each_text(source, each);
        }
        let work = |_: u64, batch: &mut dyn Iterator<Item = RawRecord<'_>>| {
            Ok(batch.map(|record| (record.line, record.raw.into_owned())).collect::<Vec<(u64, Vec<u8>)>>())
        };
        let take = |batch: Vec<(u64, Vec<u8>)>| batch.iter().try_for_each(|(line, raw)| each(*line, raw));
        self.each(source, &[], &mut Batches::default(), work, take).map(drop)
    }
}

/// Returns what the values of records are, by column, and the number of the records.
fn kinds_of(
    records: &mut dyn Iterator<Item = RawRecord<'_>>,
    notation: Notation,
) -> Result<(Vec<Inference>, u64), StepError> {
    let (mut kinds, mut count): (Vec<Inference>, u64) = Default::default();
    for record in records {
        count += 1;
        // A record that cannot be used does not affect the types.
        let cells = record.content.map(|content| content.more).unwrap_or_default();
        kinds.resize(kinds.len().max(cells.len()), Inference::default());
        cells.iter().zip(&mut kinds).for_each(|(cell, kind)| kind.add(cell, notation));
        cancel::check()?;
    }
    Ok((kinds, count))
}
