//! Cuts a stored table into shards: tables of consecutive rows that share its chunks.
//!
//! The boundaries follow from the chunks alone, as those of chunks follow from the rows: a row put in front of a table changes
//! one shard or two. So that it does not change the others, the values of a column that locates rows begin anew in each.

use std::ops::Range;

use super::{ChunkRef, Table, TableRoot};
use crate::artifact::{Artifact, ArtifactError, ArtifactSource, ArtifactValue as _, Packed};
use crate::fingerprint::canonical_text;

/// The rows that a chunk has on average.
const CHUNK_ROWS: usize = 1280;

/// Consecutive rows of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TableShard {
    /// The chunks with the rows.
    pub(crate) root: TableRoot,
    /// The rows of the chunks that belong to the shard, if those are not all.
    pub(crate) part: Option<Range<usize>>,
    /// The indices of the rows in the table.
    pub(crate) rows: Range<usize>,
    /// How much greater the values of each column that locates rows are in the table.
    pub(crate) offsets: Vec<i64>,
}

impl TableRoot {
    /// Cuts the table into shards of about `rows` rows: at least half as many, and at most twice as many, except for the last
    /// shard and those that are a part of one chunk. A table without rows has none. The values of columns that locate rows
    /// stay only where `keeps` holds for the name.
    pub(crate) fn shards(&self, rows: usize, keeps: impl Fn(&str) -> bool) -> Vec<TableShard> {
        let kept: Vec<bool> =
            self.columns.iter().filter(|column| column.locates_rows()).map(|column| keeps(&column.name)).collect();
        let (mut shards, mut open, mut before) = (Vec::new(), Vec::new(), 0);
        let mut end = |open: &mut Vec<ChunkRef>, shards: &mut Vec<TableShard>| {
            let chunks = std::mem::take(open);
            let count = chunks.iter().map(|chunk| chunk.rows).sum::<usize>();
            if count == 0 {
                return;
            }
            let (chunks, offsets) = begun_anew(chunks, &kept);
            let root = TableRoot { columns: self.columns.clone(), rows: count, chunks };
            let parts = if root.chunks.len() == 1 { count.div_ceil(rows.saturating_mul(2).max(1)) } else { 1 };
            if parts == 1 {
                shards.push(TableShard { root, part: None, rows: before..before + count, offsets });
            } else {
                // Few of the chunks that are cut have a number of rows that `rows` divides.
                let parts = count.div_ceil(rows.max(1));
                let border = |part: usize| count * part / parts;
                shards.extend((0..parts).map(|part| {
                    let part = border(part)..border(part + 1);
                    let rows = before + part.start..before + part.end;
                    TableShard { root: root.clone(), part: Some(part), rows, offsets: offsets.clone() }
                }));
            }
            before += count;
        };
        let mut count = 0;
        for chunk in &self.chunks {
            if count > 0 && count + chunk.rows > rows.saturating_mul(2) {
                end(&mut open, &mut shards);
                count = 0;
            }
            open.push(chunk.clone());
            count += chunk.rows;
            if count >= rows.div_ceil(2) && may_end(chunk, rows) {
                end(&mut open, &mut shards);
                count = 0;
            }
        }
        end(&mut open, &mut shards);
        shards
    }
}

/// Returns whether a shard that is large enough ends after `chunk`: as often as makes shards of `rows` rows on average.
fn may_end(chunk: &ChunkRef, rows: usize) -> bool {
    let every = (rows / 2 / CHUNK_ROWS).max(1) as u64;
    let [a, b, c, d, e, f, g, h, ..] = *chunk.hash.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h]).is_multiple_of(every)
}

/// Returns the chunks with the values of columns that locate rows counted from the first in them, except for those that are
/// `kept`, and for each of these columns how much greater its values were.
fn begun_anew(mut chunks: Vec<ChunkRef>, kept: &[bool]) -> (Vec<ChunkRef>, Vec<i64>) {
    let mut offsets = vec![0; kept.len()];
    for (column, _) in kept.iter().enumerate().filter(|(_, kept)| !**kept) {
        let Some(first) = chunks.iter().find_map(|chunk| chunk.starts.get(column).copied().flatten()) else { continue };
        offsets[column] = first;
        for start in chunks.iter_mut().filter_map(|chunk| chunk.starts.get_mut(column)) {
            *start = start.map(|start| start.wrapping_sub(first));
        }
    }
    (chunks, offsets)
}

impl TableShard {
    /// Cuts the shard into `most` parts of about the same number of rows, or into its rows if it has fewer.
    pub(crate) fn cut(&self, most: usize) -> Vec<Self> {
        let count = self.rows.len();
        let parts = most.clamp(1, count.max(1));
        let border = |part: usize| count * part / parts;
        (0..parts).map(|part| self.rows_of(border(part)..border(part + 1))).collect()
    }

    /// Returns the part of the shard with the rows at these indices within it.
    fn rows_of(&self, rows: Range<usize>) -> Self {
        let before = self.part.as_ref().map_or(0, |part| part.start);
        let (start, end) = (before + rows.start, before + rows.end);
        let (mut chunks, mut skipped, mut next) = (Vec::new(), 0, 0);
        for chunk in &self.root.chunks {
            let (first, after) = (next, next + chunk.rows);
            next = after;
            if after <= start {
                skipped = after;
            } else if first < end {
                chunks.push(chunk.clone());
            }
        }
        let count = chunks.iter().map(|chunk| chunk.rows).sum();
        let part = start - skipped..end - skipped;
        Self {
            root: TableRoot { columns: self.root.columns.clone(), rows: count, chunks },
            part: Some(part).filter(|part| *part != (0..count)),
            rows: self.rows.start + rows.start..self.rows.start + rows.end,
            offsets: self.offsets.clone(),
        }
    }

    /// Returns the shard as an artifact of `kind`. Only a part of a chunk has chunks that are not stored yet; its table is
    /// returned, too.
    ///
    /// # Errors
    /// Fails if the chunk cannot be read.
    pub(crate) fn pack_as(
        root: &TableRoot,
        part: Option<Range<usize>>,
        kind: &str,
        source: &dyn ArtifactSource,
    ) -> Result<(Packed, Option<Table>), ArtifactError> {
        let packed = Artifact::from_canonical(kind, canonical_text(root)?.text);
        let Some(part) = part else { return Ok((packed.into(), None)) };
        let whole = Table::unpack(&packed, source)?;
        if part.start > part.end || part.end > whole.rows() {
            return Err(packed.malformed(format!("it has no rows {} to {}", part.start, part.end)));
        }
        let table = whole.slice(part);
        Ok((table.pack_as(kind)?, Some(table)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::artifact::{Column, ColumnType, Values};
    use crate::fingerprint::ArtifactHash;

    type Shelf = HashMap<ArtifactHash, Artifact>;

    fn table(names: impl Iterator<Item = usize>) -> Table {
        let names: Vec<usize> = names.collect();
        let record = Values::integers((0..names.len() as i64).map(|row| row + 1));
        Table::new([
            (Column::new("record", ColumnType::Integer).as_location(), record),
            (Column::new("name", ColumnType::Text), Values::texts(names.iter().map(|n| format!("m{n}")))),
        ])
        .unwrap()
    }

    fn cut(table: &Table, rows: usize, keeps: bool) -> (Vec<TableShard>, Shelf) {
        let packed = table.pack_as("table").unwrap();
        let root = TableRoot::of(&packed.root).unwrap();
        let shelf = packed.parts.into_iter().map(|part| (part.hash(), part)).collect();
        (root.shards(rows, |_| keeps), shelf)
    }

    fn hashes(shards: &[TableShard], shelf: &Shelf) -> Vec<ArtifactHash> {
        let hash = |shard: &TableShard| {
            TableShard::pack_as(&shard.root, shard.part.clone(), "table", shelf).unwrap().0.root.hash()
        };
        shards.iter().map(hash).collect()
    }

    #[test]
    fn shards_are_the_rows_of_the_table_in_their_order() {
        let whole = table(0..20_000);
        for rows in [1, 7, 100, 900, 5_000, 12_000, 1_000_000] {
            let (shards, shelf) = cut(&whole, rows, true);
            let mut next = 0;
            for shard in &shards {
                let (packed, part) = TableShard::pack_as(&shard.root, shard.part.clone(), "table", &shelf).unwrap();
                let found = part.unwrap_or_else(|| Table::unpack(&packed.root, &shelf).unwrap());
                assert_eq!(shard.rows.start, next, "{rows}");
                assert_eq!(found, whole.slice(shard.rows.clone()), "{rows}");
                next = shard.rows.end;
                assert!(shard.rows.len() <= rows * 2, "{rows}: {:?}", shard.rows);
            }
            assert_eq!(next, 20_000, "{rows}");
            if rows < 100_000 {
                let average = 20_000 / shards.len();
                assert!((rows / 2..=rows * 2).contains(&average), "{rows}: {average}");
            }
        }
        assert_eq!(cut(&table(0..0), 10, true).0, []);
    }

    #[test]
    fn parts_of_a_shard_are_its_rows_in_their_order() {
        let whole = table(0..9_000);
        for rows in [40, 700, 5_000] {
            let (shards, shelf) = cut(&whole, rows, true);
            for shard in [shards[0].clone(), shards[shards.len() - 1].clone()] {
                let parts = shard.cut(16);
                let twice: Vec<TableShard> = parts.iter().flat_map(|part| part.cut(16)).collect();
                for parts in [parts, twice] {
                    let mut next = shard.rows.start;
                    for part in &parts {
                        let packed = TableShard::pack_as(&part.root, part.part.clone(), "table", &shelf).unwrap();
                        let found = packed.1.unwrap_or_else(|| Table::unpack(&packed.0.root, &shelf).unwrap());
                        assert_eq!((part.rows.start, &found), (next, &whole.slice(part.rows.clone())), "{rows}");
                        next = part.rows.end;
                    }
                    assert_eq!(next, shard.rows.end, "{rows}");
                    assert!(parts.len() <= 256 && parts.iter().all(|part| !part.rows.is_empty()));
                }
            }
        }
        let (shards, _) = cut(&table(0..3), 10, true);
        assert_eq!(shards[0].cut(16).iter().map(|part| part.rows.clone()).collect::<Vec<_>>(), [0..1, 1..2, 2..3]);
    }

    #[test]
    fn rows_put_in_front_change_few_shards() {
        for rows in [100, 900, 5_000] {
            let (before, shelf) = cut(&table(1_000..60_000), rows, false);
            let (after, other) = cut(&table(0..60_000), rows, false);
            let known: HashSet<_> = hashes(&before, &shelf).into_iter().collect();
            let new = hashes(&after, &other).iter().filter(|hash| !known.contains(hash)).count();
            assert!(
                known.len() > 8 && new <= 1_000 / rows + 2 * (4_096 / rows + 1),
                "{rows}: {new} of {}",
                known.len()
            );
            // With the numbers of the records in them, all of them change.
            let (before, shelf) = cut(&table(1_000..60_000), rows, true);
            let (after, other) = cut(&table(0..60_000), rows, true);
            let known: HashSet<_> = hashes(&before, &shelf).into_iter().collect();
            assert!(hashes(&after, &other).iter().all(|hash| !known.contains(hash)), "{rows}");
        }
    }
}
