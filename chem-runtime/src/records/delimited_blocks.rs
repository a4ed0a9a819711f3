//! Reads delimited text in blocks of records, on all cores.
//!
//! Where a record ends is known only after reading it, because a quoted cell may contain line ends. Blocks therefore begin on
//! the assumption that a line end outside of them ends a record. One that turns out to begin within a record is read anew.

use csv::{ByteRecord, StringRecord};
use rayon::prelude::*;

use super::delimited_reader::{Header, Layout};
use super::delimited_records::Records;
use super::parts::Taken;
use super::record_text::RecordText;
use crate::cancel;
use crate::step::StepError;
use crate::step::workers::workers;

/// The length of a block, in bytes, unless a record is longer.
const BLOCK: usize = 256 << 10;

/// The length of a block for each column, in bytes, so that a block has several records.
const BLOCK_PER_COLUMN: usize = 256;

/// The number of blocks for each core that are in memory at once.
const AT_ONCE: usize = 8;

/// A block of a text: its columns, and its records.
pub(super) struct Block<'t> {
    pub(super) header: &'t Header,
    records: Records<'t>,
}

impl Block<'_> {
    /// Calls `each` with the line, the text and the cells of each record, or with the reason why it cannot be used.
    ///
    /// # Errors
    /// Fails like `each`, or if the step is asked to stop.
    pub(super) fn each_record(
        &mut self,
        mut each: impl FnMut(u64, &[u8], Result<&StringRecord, String>) -> Result<(), StepError>,
    ) -> Result<(), StepError> {
        let mut spare = Some(ByteRecord::new());
        loop {
            let mut cells = spare.take().unwrap_or_default();
            let Some((line, raw, read)) = self.records.read(&mut cells) else { return Ok(()) };
            match read.and_then(|()| self.header.cells(cells, raw)) {
                Ok(cells) => {
                    each(line, raw, Ok(&cells))?;
                    spare = Some(cells.into_byte_record());
                }
                Err(reason) => each(line, raw, Err(reason))?,
            }
            cancel::check()?;
        }
    }
}

/// Calls `work` with the blocks of a delimited text, on all cores, and `take` with the results in the order of the text.
/// `name` is that of the text, for messages. Returns the columns, or `None` if there are no records.
///
/// # Errors
/// Fails like `take`, like `work` for the first block for which it fails, or if the text cannot be read.
pub(super) fn each_block<T: Send>(
    name: &str,
    text: &RecordText<'_>,
    layout: Layout<'_>,
    work: impl Fn(&mut Block<'_>) -> Result<T, StepError> + Sync,
    take: impl FnMut(T) -> Result<(), StepError>,
) -> Result<Option<Header>, StepError> {
    let length = |header: &Header| BLOCK.max(BLOCK_PER_COLUMN * header.names().len());
    each_block_of(length, name, text, layout, work, take)
}

fn each_block_of<T: Send>(
    length: impl Fn(&Header) -> usize,
    name: &str,
    text: &RecordText<'_>,
    layout: Layout<'_>,
    work: impl Fn(&mut Block<'_>) -> Result<T, StepError> + Sync,
    mut take: impl FnMut(T) -> Result<(), StepError>,
) -> Result<Option<Header>, StepError> {
    let most = AT_ONCE * workers()?.current_num_threads();
    let (mut header, mut count) = (None, most);
    text.in_parts(name, |part| {
        let mut records = Records::of_part(&part, layout.delimiter);
        if header.is_none() {
            header = Header::open(name, &mut records, layout)?;
        }
        let Some(header) = &header else { return Ok(records.taken()) };
        loop {
            let before = records.taken();
            let blocks = records.blocks(length(header), count).into_iter().map(|records| Block { header, records });
            let (mut taken, worked) = (0, on_all_cores(blocks.collect(), &work)?);
            let begun = worked.len();
            for Worked { began, block, result } in worked {
                if !records.continues_with(began, &block.records) {
                    break;
                }
                taken += 1;
                take(result?)?;
            }
            // Where records often contain line ends, few blocks are begun in vain.
            count = if taken < begun { taken.max(1) } else { (2 * count).min(most) };
            if records.taken().bytes == before.bytes {
                return Ok(before);
            }
        }
    })?;
    Ok(header)
}

/// A block after the work on it.
struct Worked<'t, T> {
    /// Where it began.
    began: Taken,
    block: Block<'t>,
    result: Result<T, StepError>,
}

fn on_all_cores<'t, T: Send>(
    blocks: Vec<Block<'t>>,
    work: &(impl Fn(&mut Block<'_>) -> Result<T, StepError> + Sync),
) -> Result<Vec<Worked<'t, T>>, StepError> {
    let one = |mut block: Block<'t>| {
        let began = block.records.taken();
        let result = work(&mut block);
        Worked { began, block, result }
    };
    if blocks.len() < 2 {
        return Ok(blocks.into_iter().map(one).collect());
    }
    let token = cancel::current();
    Ok(workers()?.install(|| blocks.into_par_iter().map(|block| token.scope(|| one(block))).collect()))
}

#[cfg(test)]
mod tests {
    use super::super::all_texts::all_texts;
    use super::super::delimited_records::RawRecord;
    use super::*;

    type Read = (u64, Vec<u8>, Result<StringRecord, String>);

    #[test]
    fn the_blocks_of_a_text_have_its_records() {
        let layout = Layout::delimited_by(b',');
        for text in all_texts("a,\"\n\r", 5) {
            let text = format!("a,b\n{text}");
            let mut whole: Vec<Read> = Vec::new();
            let mut records = Records::new(text.as_bytes(), b',');
            let header = Header::open("a", &mut records, layout).unwrap().unwrap();
            for RawRecord { line, raw, cells } in records {
                whole.push((line, raw.to_vec(), cells.and_then(|cells| header.cells(cells, raw))));
            }
            for length in 1..=text.len() {
                let mut found: Vec<Read> = Vec::new();
                let work = |block: &mut Block<'_>| {
                    let mut read: Vec<Read> = Vec::new();
                    block.each_record(|line, raw, cells| {
                        read.push((line, raw.to_vec(), cells.cloned()));
                        Ok(())
                    })?;
                    Ok(read)
                };
                let take = |read| {
                    found.extend(read);
                    Ok(())
                };
                let source = RecordText::Whole(text.as_bytes().into());
                each_block_of(|_| length, "a", &source, layout, work, take).unwrap();
                assert_eq!(found, whole, "{text:?} in blocks of {length}");
            }
        }
    }

    #[test]
    fn few_blocks_are_begun_within_a_record() {
        let record = format!("1,\"{}\"\n", "line\n".repeat(40));
        let text = format!("a,b\n{}", record.repeat(2_000));
        let begun = std::sync::atomic::AtomicUsize::new(0);
        let work = |block: &mut Block<'_>| {
            begun.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let mut records = 0;
            block.each_record(|_, _, _| {
                records += 1;
                Ok(())
            })?;
            Ok(records)
        };
        let (mut records, mut blocks) = (0, 0);
        let take = |more: usize| {
            (records, blocks) = (records + more, blocks + 1);
            Ok(())
        };
        let source = RecordText::Whole(text.as_bytes().into());
        each_block_of(|_| 1_000, "a", &source, Layout::delimited_by(b','), work, take).unwrap();
        assert_eq!(records, 2_000);
        assert!(begun.into_inner() <= 2 * blocks + AT_ONCE * 64, "{blocks}");
    }
}
