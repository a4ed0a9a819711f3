//! Which rows of a table are shown, and in which order: its own, or sorted by a column, with or without those for which a
//! condition does not hold. Only the columns that decide are held.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::reply::Refusal;
use crate::artifact::{
    Artifact, ArtifactError, ArtifactSource, Table, TableBuilder, TablePiece, TableRoot, TableStream,
};
use crate::fingerprint::ArtifactHash;
use crate::records::order_of;
use crate::step::{Expression, Verdict};

/// How many orders of rows are kept. One of a million rows takes 4 MB.
const KEPT: usize = 8;
/// The chunks that are read at once, for each thread.
const AT_ONCE: usize = 2;

/// What decides which rows of a table are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The column to sort by; `None` for the order of the table.
    pub(super) sort: Option<String>,
    /// Whether the greatest value comes first.
    pub(super) descending: bool,
    /// The condition that a row must meet; `None` for all rows.
    pub(super) condition: Option<String>,
}

/// The rows of a table that are shown, in order; `None` if they are those of the table.
type Order = Option<Arc<Vec<u32>>>;

/// Finds the order of the rows, and keeps those found last.
#[derive(Default)]
pub(super) struct Views {
    kept: Mutex<VecDeque<Kept>>,
}

/// An order that was found.
struct Kept {
    table: ArtifactHash,
    wanted: Wanted,
    order: Arc<Vec<u32>>,
}

/// A table as it is shown.
pub(super) struct View<'a> {
    stream: TableStream,
    /// The index of the first row of each chunk, and the number of rows.
    starts: Vec<usize>,
    order: Order,
    source: &'a dyn ArtifactSource,
}

impl Views {
    /// Returns the table with the root artifact `root` as it is `wanted`.
    pub(super) fn of<'a>(
        &self,
        root: &Artifact,
        wanted: &Wanted,
        source: &'a dyn ArtifactSource,
    ) -> Result<View<'a>, Refusal> {
        let chunks = TableRoot::of(root)?.chunks;
        let stream = TableStream::of(root)?;
        let starts = chunks.iter().scan(0, |end, chunk| {
            let start = *end;
            *end += chunk.rows;
            Some(start)
        });
        let mut view = View { starts: starts.collect(), stream, order: None, source };
        if wanted.sort.is_none() && wanted.condition.is_none() {
            return Ok(view);
        }
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |it: &&Kept| it.table == root.hash() && it.wanted == *wanted;
        let found = kept().iter().find(is_it).map(|it| it.order.clone());
        let order = match found {
            Some(order) => order,
            None => {
                let order = Arc::new(view.find(wanted)?);
                let mut kept = kept();
                kept.push_front(Kept { table: root.hash(), wanted: wanted.clone(), order: order.clone() });
                kept.truncate(KEPT);
                order
            }
        };
        view.order = Some(order);
        Ok(view)
    }
}

impl View<'_> {
    /// Returns the number of rows that are shown.
    pub(super) fn rows(&self) -> usize {
        self.order.as_ref().map_or(self.stream.rows(), |order| order.len())
    }

    /// Returns the number of rows of the table.
    pub(super) fn all_rows(&self) -> usize {
        self.stream.rows()
    }

    /// Returns up to `count` of the shown rows from the one at `from` on, with the index in the table of each.
    pub(super) fn window(&self, from: usize, count: usize) -> Result<(Vec<usize>, Table), Refusal> {
        let end = from.saturating_add(count).min(self.rows());
        let rows: Vec<usize> = match &self.order {
            None => (from.min(end)..end).collect(),
            Some(order) => order.get(from.min(end)..end).unwrap_or_default().iter().map(|row| *row as usize).collect(),
        };
        let mut needed: Vec<usize> = rows.iter().map(|row| self.chunk_of(*row)).collect();
        needed.sort_unstable();
        needed.dedup();
        // Each chunk is read once, and only its rows that are shown are kept.
        let parts: Result<Vec<(Vec<usize>, Table)>, ArtifactError> = needed
            .par_iter()
            .map(|chunk| {
                let Some(piece) = self.piece(*chunk)? else { return Ok((Vec::new(), self.stream.head()?)) };
                let shown = rows.iter().filter(|row| self.chunk_of(**row) == *chunk);
                let inside: Vec<usize> = shown.clone().map(|row| row - piece.first).collect();
                Ok((shown.copied().collect(), piece.table.gather(&inside)))
            })
            .collect();
        let mut builder = TableBuilder::new(self.stream.columns().to_vec());
        let mut read: Vec<usize> = Vec::new();
        for (indices, table) in parts? {
            builder.append(&table).map_err(ArtifactError::from)?;
            read.extend(indices);
        }
        let table = builder.finish().map_err(ArtifactError::from)?;
        let place = |row: &usize| read.iter().position(|read| read == row);
        let places: Vec<usize> = rows.iter().filter_map(place).collect();
        Ok((rows, table.gather(&places)))
    }

    /// Finds the rows that are `wanted`, in order.
    fn find(&self, wanted: &Wanted) -> Result<Vec<u32>, Refusal> {
        if u32::try_from(self.stream.rows()).is_err() {
            return Err(Refusal::wrong("a table of more than 4,294,967,295 rows is neither sorted nor filtered"));
        }
        let names: Vec<&str> = self.stream.columns().iter().map(|column| &*column.name).collect();
        let sort = match &wanted.sort {
            None => None,
            Some(name) => match names.iter().position(|known| known == name) {
                Some(index) => Some(index),
                None => return Err(Refusal::wrong(format!("the table has no column `{name}`"))),
            },
        };
        let condition = wanted.condition.as_deref().map(Expression::new).transpose()?;
        let key: Vec<usize> = sort.into_iter().collect();
        let key_columns = key.iter().filter_map(|index| self.stream.columns().get(*index).cloned());
        let mut keys = TableBuilder::new(key_columns.collect());
        let mut rows: Vec<u32> = Vec::new();
        let all: Vec<usize> = (0..self.starts.len()).collect();
        for some in all.chunks(AT_ONCE * rayon::current_num_threads().max(1)) {
            let read: Result<Vec<Selected>, Refusal> =
                some.par_iter().map(|chunk| self.select(*chunk, condition.as_ref(), &key)).collect();
            for selected in read? {
                rows.extend(selected.rows);
                keys.append(&selected.keys).map_err(ArtifactError::from)?;
            }
        }
        let keys = keys.finish().map_err(ArtifactError::from)?;
        let Some(data) = keys.data(0) else { return Ok(rows) };
        let mut order: Vec<usize> = (0..rows.len()).collect();
        // Rows with equal values stay in the order of the table; those without a value come last.
        order.par_sort_by(|one, other| match order_of(data, *one, *other) {
            Some(order) if wanted.descending => order.reverse(),
            Some(order) => order,
            None => data.is_missing(*one).cmp(&data.is_missing(*other)),
        });
        Ok(order.into_iter().filter_map(|at| rows.get(at).copied()).collect())
    }

    /// Reads a chunk, and returns its rows that meet the condition, with their keys.
    fn select(&self, chunk: usize, condition: Option<&Expression>, key: &[usize]) -> Result<Selected, Refusal> {
        let Some(TablePiece { table, first, .. }) = self.piece(chunk)? else {
            let keys = self.stream.head().map_err(ArtifactError::from)?.select(key);
            return Ok(Selected { rows: Vec::new(), keys });
        };
        let inside: Vec<usize> = match condition {
            None => (0..table.rows()).collect(),
            Some(condition) => {
                let condition = condition.over(&table)?;
                let mut met = Vec::new();
                for row in 0..table.rows() {
                    match condition.test(row) {
                        Verdict::True => met.push(row),
                        Verdict::False | Verdict::Missing(_) => {}
                        Verdict::Error(reason) => {
                            return Err(Refusal::wrong(format!("row {}: {reason}", first + row + 1)));
                        }
                    }
                }
                met
            }
        };
        // The number of rows fits, as `find` has checked.
        let rows = inside.iter().filter_map(|row| u32::try_from(first + row).ok()).collect();
        Ok(Selected { rows, keys: table.select(key).gather(&inside) })
    }

    fn piece(&self, chunk: usize) -> Result<Option<TablePiece>, ArtifactError> {
        let Some(start) = self.starts.get(chunk) else { return Ok(None) };
        self.stream.pieces(self.source, *start).next().transpose()
    }

    fn chunk_of(&self, row: usize) -> usize {
        self.starts.partition_point(|start| *start <= row).saturating_sub(1)
    }
}

/// The rows of a chunk that meet the condition.
struct Selected {
    /// Their indices in the table.
    rows: Vec<u32>,
    /// Their values in the column to sort by.
    keys: Table,
}
