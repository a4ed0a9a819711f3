//! Cuts rows into chunks as they come, so that a table need not be in memory to become an artifact.
//!
//! The content defines the boundaries (see `chunk`), so they do not depend on how many rows come at once, nor on whether the
//! work was interrupted and resumed.

use std::ops::Range;

use rayon::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::location::{self, Location};
use super::{Cells as _, ChunkRef, Column, ROWS, Table, TableRoot, Values};
use crate::artifact::{Artifact, ArtifactError, chunk};
use crate::cancel;
use crate::fingerprint::{CanonicalError, MAX_LENGTH, canonical_text, check_length};

/// The canonical text of consecutive rows, without the values that locate them.
#[derive(Debug, Default)]
pub(crate) struct RowTexts {
    text: Vec<u8>,
    /// The end of each row in the text.
    ends: Vec<usize>,
    /// For each row, whether a chunk that is long enough ends after it.
    may_end: Vec<bool>,
    /// The number of columns that locate rows.
    located_columns: usize,
    /// The values that locate the rows, row by row.
    located: Vec<Option<i64>>,
}

impl RowTexts {
    /// Returns the length of the text, in bytes.
    pub(crate) fn length(&self) -> usize {
        self.text.len()
    }

    /// Returns the texts of the rows.
    fn rows(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let start = |row: usize| row.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.ends.iter().enumerate().map(move |(row, end)| &self.text[start(row)..*end])
    }
}

impl Table {
    /// Returns the canonical text of these rows. Messages count rows from `first`, the number of rows before the table.
    ///
    /// # Errors
    /// Fails if a value has no canonical form, or if the step is asked to stop.
    pub(crate) fn row_texts(&self, rows: Range<usize>, first: usize) -> Result<RowTexts, ArtifactError> {
        let mut texts = RowTexts::default();
        self.write_row_texts(rows, first, &mut texts)?;
        Ok(texts)
    }

    /// Replaces `texts` by the canonical text of these rows, like [`row_texts`](Self::row_texts).
    ///
    /// # Errors
    /// Fails like [`row_texts`](Self::row_texts).
    pub(super) fn write_row_texts(
        &self,
        rows: Range<usize>,
        first: usize,
        texts: &mut RowTexts,
    ) -> Result<(), ArtifactError> {
        let located = self.columns.iter().zip(&self.data).filter(|(column, _)| column.locates_rows());
        let located: Vec<&Values> = located.map(|(_, data)| data).collect();
        let content = self.columns.iter().zip(&self.data).filter(|(column, _)| !column.locates_rows());
        let content: Vec<(&Column, &Values)> = content.collect();
        texts.text.clear();
        texts.ends.clear();
        texts.located.clear();
        texts.located_columns = located.len();
        for row in rows {
            let before = texts.text.len();
            write_content(&content, row, first, &mut texts.text)?;
            let length = texts.text.len() - before;
            if length > MAX_LENGTH {
                // At once, as a row may be very much longer.
                return Err(CanonicalError::TooLong { length }.into());
            }
            texts.ends.push(texts.text.len());
            texts.located.extend(located.iter().map(|data| location::value(data, row)));
        }
        texts.may_end = chunk::ends(texts.rows());
        Ok(())
    }
}

/// Appends the values of a row in these columns.
fn write_content(
    columns: &[(&Column, &Values)],
    row: usize,
    first: usize,
    out: &mut Vec<u8>,
) -> Result<(), ArtifactError> {
    out.push(b'[');
    for (index, (column, data)) in columns.iter().enumerate() {
        cancel::check_cell(index)?;
        if index > 0 {
            out.push(b',');
        }
        if !data.write(row, out) {
            let path = format!("$.rows[{}].{}", first + row, column.name);
            return Err(match data {
                Values::Float(values) => {
                    CanonicalError::NonFinite { path, value: values.cell(row).unwrap_or(f64::NAN).to_string() }
                }
                _ => CanonicalError::NulCharacter { path },
            }
            .into());
        }
    }
    out.push(b']');
    Ok(())
}

/// Cuts rows into chunks.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    /// The text of the chunk that is not finished yet, without its last bracket; empty if it has no rows.
    open: Vec<u8>,
    open_rows: usize,
    locations: Vec<Location>,
    /// The length in `open` of the values that locate rows, which do not count as content.
    located_length: usize,
    /// The chunks that are finished but not taken.
    finished: Vec<Finished>,
    finished_length: usize,
    /// The chunks that were taken.
    taken: Vec<ChunkRef>,
    rows: usize,
}

/// A chunk that is finished.
#[derive(Debug)]
enum Finished {
    /// Not hashed yet.
    New { text: String, rows: usize, starts: Vec<Option<i64>> },
    /// Stored by another step.
    Stored(ChunkRef),
}

/// The chunk that is not finished yet, as it is stored.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct OpenChunk {
    located: Vec<Location>,
    located_length: usize,
    rows: Vec<Box<RawValue>>,
}

impl Packer {
    /// Continues after `chunks` were taken, with the rows that [`open`](Self::open) returned.
    pub(crate) fn resumed(chunks: Vec<ChunkRef>, open: &OpenChunk) -> Self {
        let texts: Vec<&str> = open.rows.iter().map(|row| row.get()).collect();
        Self {
            open: if texts.is_empty() { Vec::new() } else { format!("[{}", texts.join(",")).into_bytes() },
            open_rows: texts.len(),
            locations: open.located.clone(),
            located_length: open.located_length,
            rows: chunks.iter().map(|chunk| chunk.rows).sum::<usize>() + texts.len(),
            taken: chunks,
            ..Self::default()
        }
    }

    /// Adds rows.
    ///
    /// # Errors
    /// Fails if a chunk becomes too long to store, because of a very long row.
    pub(crate) fn push(&mut self, texts: &RowTexts) -> Result<(), ArtifactError> {
        self.locations.resize_with(texts.located_columns, Location::default);
        for (index, (row, may_end)) in texts.rows().zip(&texts.may_end).enumerate() {
            self.open.push(if self.open_rows > 0 { b',' } else { b'[' });
            self.open.extend_from_slice(row);
            self.open_rows += 1;
            self.rows += 1;
            // The text of the content so far, with its opening bracket.
            let length = self.open.len() - self.located_length;
            let ends = chunk::ends_after(self.open_rows, length, *may_end);
            let content = self.open.len();
            let located = texts.located.iter().skip(index * texts.located_columns).copied();
            location::write(&mut self.locations, located, &mut self.open);
            self.located_length += self.open.len() - content;
            if ends {
                self.cut()?;
            }
        }
        Ok(())
    }

    /// Ends the chunk.
    fn cut(&mut self) -> Result<(), ArtifactError> {
        // The next chunk is about as long: a text that grows to its length is copied several times.
        let next = Vec::with_capacity(self.open.len());
        let text = text_of(std::mem::replace(&mut self.open, next), b"]")?;
        check_length(&text)?;
        self.located_length = 0;
        self.finished_length += text.len();
        let starts = self.locations.iter_mut().map(Location::restart).collect();
        self.finished.push(Finished::New { text, rows: std::mem::take(&mut self.open_rows), starts });
        Ok(())
    }

    /// Returns whether the next row begins a chunk.
    pub(crate) fn is_between_chunks(&self) -> bool {
        self.open_rows == 0
    }

    /// Adds a chunk that is stored, and that ends where it would if its rows were added: after a row by which a chunk ends. The
    /// next row must begin a chunk.
    pub(crate) fn push_stored(&mut self, chunk: ChunkRef) {
        self.rows += chunk.rows;
        self.finished.push(Finished::Stored(chunk));
    }

    /// Returns the number of rows so far.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the length of the finished chunks that were not taken, in bytes.
    pub(crate) fn finished_length(&self) -> usize {
        self.finished_length
    }

    /// Returns the unfinished chunk as canonical JSON, which reads as an [`OpenChunk`].
    ///
    /// # Errors
    /// Fails if it has no canonical form.
    pub(crate) fn open(&self) -> Result<String, CanonicalError> {
        let (located, length) = (canonical_text(&self.locations)?.text, self.located_length);
        let rows = text_of(self.open.clone(), if self.open.is_empty() { b"[]" } else { b"]" })?;
        Ok(format!("{{\"located\":{located},\"located_length\":{length},\"rows\":{rows}}}"))
    }

    /// Takes the finished chunks. The caller stores them before the root.
    pub(crate) fn take(&mut self) -> (Vec<ChunkRef>, Vec<Artifact>) {
        let finished = std::mem::take(&mut self.finished);
        self.finished_length = 0;
        let part = |finished| match finished {
            Finished::New { text, rows, starts } => {
                let chunk = Artifact::from_canonical(ROWS, text);
                (ChunkRef { hash: chunk.hash(), rows, starts }, Some(chunk))
            }
            Finished::Stored(chunk) => (chunk, None),
        };
        let (refs, chunks): (Vec<ChunkRef>, Vec<Option<Artifact>>) = finished.into_par_iter().map(part).unzip();
        self.taken.extend(refs.iter().cloned());
        (refs, chunks.into_iter().flatten().collect())
    }

    /// Returns the root of the table with `columns`, as an artifact of `kind`, and the chunks that were not taken.
    ///
    /// # Errors
    /// Fails if the root or the last chunk is too long to store.
    pub(crate) fn finish(mut self, kind: &str, columns: &[Column]) -> Result<(Artifact, Vec<Artifact>), ArtifactError> {
        if self.open_rows > 0 {
            self.cut()?;
        }
        let (_, parts) = self.take();
        let root = TableRoot { columns: columns.to_vec(), rows: self.rows, chunks: self.taken };
        Ok((Artifact::from_canonical(kind, canonical_text(&root)?.text), parts))
    }
}

/// Returns `bytes` and `end` as a text.
///
/// # Errors
/// Fails if they are not UTF-8, which canonical texts of rows are.
fn text_of(mut bytes: Vec<u8>, end: &[u8]) -> Result<String, CanonicalError> {
    bytes.extend_from_slice(end);
    String::from_utf8(bytes).map_err(|error| CanonicalError::NotJson { reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{ColumnType, Packed};

    /// Returns a table with a text of the length, and with columns that locate rows, of which one has gaps.
    fn table(values: &[u32], length: usize) -> Table {
        let record = (0..values.len() as i64).map(|row| row + 2);
        let line = || values.iter().map(|value| (value % 5 > 0).then_some(i64::from(*value)));
        let text = |value: &u32| format!("{value}{}", "x".repeat(length * (*value as usize % 3)));
        Table::new([
            (Column::new("record", ColumnType::Integer).as_location(), Values::integers(record)),
            (Column::new("text", ColumnType::Text), Values::texts(values.iter().map(text))),
            (Column::new("line", ColumnType::Integer).as_location(), Values::integers(line())),
            (Column::new("n", ColumnType::Integer), Values::integers(line())),
        ])
        .unwrap()
    }

    /// Packs the table in pieces of these sizes, in turn. After some pieces, takes the chunks; after others, also
    /// continues with another packer, as a resumed step does.
    fn in_pieces(table: &Table, sizes: &[usize]) -> (Packed, usize) {
        let (mut packer, mut parts, mut resumed, mut start) = (Packer::default(), Vec::new(), 0, 0);
        for size in sizes.iter().cycle() {
            let end = table.rows().min(start + size);
            packer.push(&table.slice(start..end).row_texts(0..end - start, start).unwrap()).unwrap();
            start = end;
            if size % 3 > 0 {
                parts.extend(packer.take().1);
            }
            if size % 3 == 2 {
                let open: OpenChunk = serde_json::from_str(&packer.open().unwrap()).unwrap();
                assert_eq!(open.rows.len(), packer.open_rows);
                packer = Packer::resumed(packer.taken, &open);
                resumed += 1;
            }
            if start == table.rows() {
                break;
            }
        }
        let (root, rest) = packer.finish("table", table.columns()).unwrap();
        parts.extend(rest);
        (Packed { root, parts }, resumed)
    }

    #[test]
    fn chunks_do_not_depend_on_how_the_rows_come() {
        let mut state = 7_u32;
        let mut below = |end: u32| {
            // A linear congruential generator by Knuth, without its weak low bits.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % end
        };
        for round in 0..60 {
            let (seed, rows) = (below(1 << 20), below(12_000));
            // Long rows end chunks by their length.
            let length = if round % 4 == 0 { 4_000 + below(1_000) } else { below(8) } as usize;
            let values: Vec<u32> = (0..rows).map(|row| row.wrapping_mul(2_654_435_761) ^ seed).collect();
            let sizes: Vec<usize> = (0..=below(12)).map(|_| 1 + below(900) as usize).collect();
            let table = table(&values, length);
            assert_eq!(in_pieces(&table, &sizes).0, table.pack_as("table").unwrap(), "round {round}");
        }
    }

    #[test]
    fn a_resumed_packer_continues_within_a_chunk() {
        let table = table(&(0..5_000).collect::<Vec<u32>>(), 0);
        let (packed, resumed) = in_pieces(&table, &[101]);
        assert!(resumed > 40);
        assert_eq!(packed, table.pack_as("table").unwrap());
    }

    #[test]
    fn messages_count_rows_from_the_beginning_of_the_table() {
        let column = Column::new("mass", ColumnType::Float);
        let table = Table::new([(column, Values::floats([1.0, f64::NAN]))]).unwrap();
        let error = table.row_texts(0..2, 1_000).unwrap_err();
        assert!(error.to_string().contains("`$.rows[1001].mass`"), "{error}");
    }
}
