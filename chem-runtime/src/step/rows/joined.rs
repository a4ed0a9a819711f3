//! Joins what the shards of an input put out, without a look at rows that need none.
//!
//! The chunks of a table are cut by content alone. So from the first chunk on that begins at the same row, those within the output of
//! a shard are those of the output of all rows: they are named again and not read. Only the rows around the end of each shard are
//! read and cut anew. The values of columns that locate rows are not in the chunks but for their differences, so it is enough to
//! shift the first of each chunk.
//!
//! This takes a shard whose rows are known to be those of the input. From the first on that is not, or whose result does not fit, the
//! rows are compared one by one: see `known_rows`.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::answer::Answer;
use super::drive::{is_unreadable, report};
use super::in_order::in_order;
use super::layout::{self, Offsets};
use super::outcomes::Outcomes;
use super::output::Counts;
use super::sums::Sums;
use super::work::{Carried, RowReturn, RowWork};
use crate::artifact::{ArtifactError, ArtifactSource, Column, RowTexts, Table, TableRoot};
use crate::event::OutputRef;
use crate::step::context::ExecutionContext;
use crate::step::earlier_rows::{EarlierRows, KnownShard, ShardResult, ShardTable, ShardTables};
use crate::step::error::StepError;
use crate::step::outlet::Outlets;
use crate::step::port::{MAIN_OUTPUT, REJECTS};
use crate::step::workers::workers;

/// What came out for the rows of a shard, ready to be joined to that of the shards before.
struct Part {
    rows: usize,
    outcomes: Outcomes,
    counts: Counts,
    main: JoinedTable,
    rejects: Option<JoinedTable>,
}

/// An output of a shard.
struct JoinedTable {
    source: ShardTable,
    /// The table, with the values of columns that locate rows as in the input.
    root: TableRoot,
    /// The texts of the first and of the last chunk, which are often cut anew.
    ends: BTreeMap<usize, RowTexts>,
}

/// A shard to read, and the number of rows of the input before it.
struct Job<'a> {
    shard: &'a ShardResult,
    before: usize,
}

impl JoinedTable {
    fn read(
        output: &OutputRef,
        columns: &[Column],
        offsets: Vec<i64>,
        artifacts: &dyn ArtifactSource,
    ) -> Result<Option<Self>, ArtifactError> {
        let root = TableRoot::of(&artifacts.artifact(output.hash)?)?;
        if root.columns != columns {
            return Ok(None);
        }
        let source = ShardTable { table: output.hash, rows: root.rows, offsets };
        let root = root.shifted(&source.offsets);
        let ends: BTreeSet<usize> = root.chunks.len().checked_sub(1).into_iter().flat_map(|last| [0, last]).collect();
        let ends = ends.into_iter().map(|at| Ok((at, texts(&root, at, artifacts)?)));
        let ends = ends.collect::<Result<_, ArtifactError>>()?;
        Ok(Some(Self { source, root, ends }))
    }
}

impl<R: RowReturn> RowWork<R> {
    /// Joins the outputs of the first shards, as far as they fit, to `outlets`, and what was counted for them to `sums`. `head` is the
    /// answer for no rows. Returns the number of rows of these shards and, if they are all, where the rows of each output are
    /// from.
    ///
    /// # Errors
    /// Fails if an output becomes too large to store, or if the step is asked to stop.
    pub(super) fn join(
        &self,
        context: &ExecutionContext<'_>,
        shards: &[ShardResult],
        head: &Answer,
        outlets: &mut Outlets<'_>,
        sums: &mut Sums,
    ) -> Result<(usize, BTreeMap<&'static str, ShardTables>), StepError> {
        let (total, artifacts) = (self.input.stream.rows(), context.artifacts());
        let (is_over, mut left, mut before) = (Cell::new(false), shards.iter(), 0);
        let next = || {
            context.check_cancelled()?;
            let shard = left.next().filter(|shard| !is_over.get() && before + shard.rows <= total);
            Ok(shard.map(|shard| {
                before += shard.rows;
                Job { shard, before: before - shard.rows }
            }))
        };
        let work = |job: Job<'_>| context.cancel().scope(|| self.part(context, &job, head));
        let (mut done, mut joined) = (0, BTreeMap::<_, ShardTables>::new());
        in_order(workers()?, next, work, |part: Option<Part>| {
            context.check_cancelled()?;
            let Some(part) = part.filter(|_| !is_over.get()) else {
                is_over.set(true);
                return Ok(());
            };
            sums.add(&part.counts, &part.outcomes);
            let tables = [(0, MAIN_OUTPUT, Some(part.main)), (1, REJECTS, part.rejects)];
            for (index, name, table) in tables {
                let Some(JoinedTable { source, root, mut ends }) = table else { continue };
                let text = |at| ends.remove(&at).map_or_else(|| texts(&root, at, artifacts), Ok);
                outlets.append_stored(index, &root, text)?;
                if name == REJECTS && sums.explains() {
                    root.chunks.iter().try_for_each(|chunk| {
                        sums.reject(&root.read_chunk(chunk, artifacts)?);
                        Ok::<_, ArtifactError>(())
                    })?;
                }
                joined.entry(name).or_default().push(source);
            }
            report(context, done, done + part.rows, total);
            done += part.rows;
            outlets.reached(done as u64, || sums.progress())
        })?;
        if done < total {
            joined.clear();
        }
        Ok((done, joined))
    }

    /// Reads what came out for the rows of a shard. Returns `None` if these are not known to be the rows of the input, or if
    /// the result does not fit or cannot be read.
    fn part(&self, context: &ExecutionContext<'_>, job: &Job<'_>, head: &Answer) -> Result<Option<Part>, StepError> {
        let ShardResult { rows, known: KnownShard::Result(earlier), offsets: Some(located) } = job.shard else {
            return Ok(None);
        };
        let offsets = Offsets::new(self.input.stream.columns(), located, job.before);
        match self.read_part(*rows, earlier, &offsets, head, context.artifacts()) {
            Err(error) if is_unreadable(&error) => {
                tracing::warn!(step = %context.step_id(), %error, "the result of a shard is of no use");
                Ok(None)
            }
            part => Ok(part?),
        }
    }

    fn read_part(
        &self,
        rows: usize,
        earlier: &EarlierRows,
        offsets: &Offsets<'_>,
        head: &Answer,
        artifacts: &dyn ArtifactSource,
    ) -> Result<Option<Part>, ArtifactError> {
        let output = |name: &str| earlier.outputs.iter().find(|output| output.name == name);
        let read =
            |output: &OutputRef, like: &Table, located| JoinedTable::read(output, like.columns(), located, artifacts);
        let (Some(main), Some(located)) = (output(MAIN_OUTPUT), self.layout.offsets(offsets)) else { return Ok(None) };
        let Some(main) = read(main, &head.output.table, located)? else { return Ok(None) };
        let rejects = match (&head.rejects, output(REJECTS)) {
            (None, None) => None,
            (Some(like), Some(rejects)) => {
                let Some(located) = self.offsets_of_rejects(like.table.columns(), offsets) else { return Ok(None) };
                let Some(rejects) = read(rejects, &like.table, located)? else { return Ok(None) };
                Some(rejects)
            }
            _ => return Ok(None),
        };
        let rejected = rejects.as_ref().map_or(0, |rejects| rejects.root.rows);
        let outcomes = Outcomes::of(&artifacts.artifact(earlier.outcomes)?, rows, main.root.rows, rejected)?;
        Ok(Some(Part { rows, counts: outcomes.counts(), outcomes, main, rejects }))
    }

    fn offsets_of_rejects(&self, columns: &[Column], offsets: &Offsets<'_>) -> Option<Vec<i64>> {
        let carries = |name: &str, column: &Column| *column.name == *name;
        let own = offsets.input().len();
        layout::offsets(columns.iter().enumerate().map(|(at, column)| match self.rejects {
            Carried::Number(name) if carries(name, column) => offsets.number(column),
            Carried::Column(name) if carries(name, column) => match offsets.index_of(name) {
                Some(index) => offsets.carried(column, index),
                None => offsets.own(column),
            },
            Carried::Row if at < own => offsets.carried(column, at),
            Carried::Nothing | Carried::Number(_) | Carried::Column(_) | Carried::Row => offsets.own(column),
        }))
    }
}

/// Returns the text of the rows of the chunk of `root` at the index `at`.
fn texts(root: &TableRoot, at: usize, artifacts: &dyn ArtifactSource) -> Result<RowTexts, ArtifactError> {
    let chunk = root.read_chunk(&root.chunks[at], artifacts)?;
    chunk.row_texts(0..chunk.rows(), 0)
}
