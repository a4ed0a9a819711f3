//! The results from which the rows of an input are taken over: an earlier one, or those of the shards of the input.
//!
//! The result of a shard is like any earlier result: a row that it does not have is worked on. So the outputs never depend on
//! how the input was cut. As the rows of a shard are those of the input in their order, they are compared where they should be
//! before they are looked for. A row that killed the processes that worked on it has no result, and is not worked on: it is set
//! apart.

use std::ops::Range;
use std::sync::Arc;

use super::row_index::RowIndex;
use super::set_apart::SetApart;
use super::taken_over::{FoundRows, Known};
use crate::artifact::{Column, TablePiece};
use crate::event::TakenOver;
use crate::step::earlier_rows::{EarlierRows, KnownShard, ShardResults};
use crate::step::error::StepError;

/// The most rows that are taken over at a time, as many as the largest chunk has.
const MOST_TAKEN: usize = 4096;

/// Reads a result; `None` if it does not fit.
type Read<'a> = Box<dyn Fn(&EarlierRows, &FoundRows) -> Result<Option<Known>, StepError> + 'a>;

/// Where what comes out for rows is from.
pub(super) enum Origin {
    /// The work on them.
    Work,
    /// A result, if it has the rows; the index finds them.
    Search(Arc<Known>, Arc<RowIndex>),
    /// These rows of the input of a result, which have the same values.
    Rows(Arc<Known>, Range<usize>),
    /// Nothing: they are set apart.
    SetApart(Arc<SetApart>),
}

/// The results from which the rows of an input are taken over.
pub(super) struct KnownRows<'a> {
    results: Results<'a>,
    /// The rows that were found, and those that were not.
    found: FoundRows,
}

enum Results<'a> {
    /// No result.
    None,
    /// One for all rows.
    Whole { known: Option<(Arc<Known>, Arc<RowIndex>)>, earlier: &'a EarlierRows },
    /// One for each shard.
    Shards {
        read: Read<'a>,
        shards: &'a ShardResults,
        /// The columns of rejects that the step gives.
        rejects: Option<Vec<Column>>,
        /// The shard that was read last.
        newest: Newest,
    },
}

/// The result of a shard.
#[derive(Default)]
struct Newest {
    /// The number of shards up to this one.
    shards: usize,
    /// Its rows in the input.
    rows: Range<usize>,
    known: Option<Arc<Known>>,
    /// Why its rows are set apart; `None` if they are not.
    apart: Option<Arc<SetApart>>,
    /// An index of its rows, once one was looked for.
    index: Option<Arc<RowIndex>>,
}

impl<'a> KnownRows<'a> {
    /// Takes over no rows.
    pub(super) fn none() -> Self {
        Self { results: Results::None, found: FoundRows::default() }
    }

    /// Takes over rows from one result.
    ///
    /// # Errors
    /// Fails like `read`, or if the step is asked to stop.
    pub(super) fn whole(read: Read<'a>, earlier: &'a EarlierRows) -> Result<Self, StepError> {
        let found = FoundRows::default();
        let known = match read(earlier, &found)? {
            Some(known) => Some((Arc::new(known.index()?), Arc::new(known))),
            None => None,
        };
        let known = known.map(|(index, known)| (known, index));
        Ok(Self { results: Results::Whole { known, earlier }, found })
    }

    /// Takes over the rows of each shard from its result. A step that gives rejects with the columns `rejects` has those that are
    /// set apart among them.
    pub(super) fn shards(read: Read<'a>, shards: &'a ShardResults, rejects: Option<Vec<Column>>) -> Self {
        let newest = Newest::default();
        Self { results: Results::Shards { read, shards, rejects, newest }, found: FoundRows::default() }
    }

    /// Returns how many of the rows of `piece`, of which there are some, to deal with next, and where what comes out for them is from. Rows that
    /// have to be worked on are at most `most`.
    ///
    /// # Errors
    /// Fails if a result cannot be read, or if the step is asked to stop.
    pub(super) fn next(&mut self, piece: &TablePiece, most: usize) -> Result<(usize, Origin), StepError> {
        let count = piece.rows.len();
        let newest = match &mut self.results {
            Results::None | Results::Whole { known: None, .. } => return Ok((count.min(most), Origin::Work)),
            Results::Whole { known: Some((known, index)), .. } => {
                return Ok((count.min(most), Origin::Search(known.clone(), index.clone())));
            }
            Results::Shards { read, shards, rejects, newest } => {
                let row = piece.first + piece.rows.start;
                newest.advance(row, shards, rejects, |earlier| read(earlier, &self.found))?;
                newest
            }
        };
        let start = piece.first + piece.rows.start - newest.rows.start;
        let left = count.min(newest.rows.len() - start);
        if let Some(apart) = &newest.apart {
            return Ok((left.min(most), Origin::SetApart(apart.clone())));
        }
        let Some(known) = &newest.known else { return Ok((left.min(most), Origin::Work)) };
        let taken = left.min(MOST_TAKEN);
        if known.has_at(start, &piece.table, &(piece.rows.start..piece.rows.start + taken)) {
            return Ok((taken, Origin::Rows(known.clone(), start..start + taken)));
        }
        let index = match &newest.index {
            Some(index) => index.clone(),
            None => newest.index.insert(Arc::new(known.index()?)).clone(),
        };
        Ok((left.min(most), Origin::Search(known.clone(), index)))
    }

    /// Returns what was taken over from an earlier result; `None` if there was none.
    pub(super) fn taken_over(&self) -> Option<TakenOver> {
        match &self.results {
            Results::Whole { known: Some(_), earlier } => {
                let (rows, computed) = self.found.counts();
                Some(TakenOver { computed, rows, source: earlier.source })
            }
            _ => None,
        }
    }

    /// Returns how many rows the results of the shards do not have, so that they were worked on again.
    pub(super) fn missing(&self) -> u64 {
        match &self.results {
            Results::Shards { .. } => self.found.counts().1,
            _ => 0,
        }
    }
}

impl Newest {
    /// Advances to the shard with the row `row` of the input. After the last shard come rows without a result.
    fn advance(
        &mut self,
        row: usize,
        results: &ShardResults,
        rejects: &Option<Vec<Column>>,
        read: impl Fn(&EarlierRows) -> Result<Option<Known>, StepError>,
    ) -> Result<(), StepError> {
        let mut known = &KnownShard::Nothing;
        while row >= self.rows.end {
            let rows = match results.shards.get(self.shards) {
                Some(shard) => {
                    known = &shard.known;
                    shard.rows
                }
                None => {
                    known = &KnownShard::Nothing;
                    usize::MAX - self.rows.end
                }
            };
            *self = Self { shards: self.shards + 1, rows: self.rows.end..self.rows.end + rows, ..Self::default() };
        }
        match known {
            KnownShard::Nothing => {}
            KnownShard::Result(earlier) => self.known = read(earlier)?.map(Arc::new),
            KnownShard::SetApart { reason, .. } => {
                self.apart = Some(Arc::new(SetApart { reason: reason.clone(), rejects: rejects.clone() }));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use super::*;
    use crate::artifact::{Artifact, ArtifactValue as _, Column, ColumnType, Table, TableRoot, Values};
    use crate::event::{EventAddress, FlowId, OutputRef};
    use crate::fingerprint::ArtifactHash;
    use crate::step::earlier_rows::ShardResult;
    use crate::step::rows::{BatchOutput, Driven as _, Rows};
    use crate::step::{
        CancelToken, ExecutionContext, Files, Inputs, RowColumns, RowWork, Silent, StepId, StepOutput, WithRejects,
    };

    type Shelf = HashMap<ArtifactHash, Artifact>;

    fn table(rows: &[i64]) -> Table {
        let column = |name| Column::new(name, ColumnType::Integer);
        let other = rows.iter().enumerate().map(|(row, _)| row as i64);
        let numbers = Values::integers(rows.iter().copied());
        Table::new([(column("n"), numbers), (column("other"), Values::integers(other))]).unwrap()
    }

    /// Rejects multiples of five, drops other multiples of three, doubles even numbers, and computes the square. `reached` gets
    /// the numbers on which it works.
    fn work(rows: &Table, reached: Arc<Mutex<Vec<i64>>>) -> RowWork<WithRejects<Table>> {
        let work = Rows::from(Arc::new(rows.clone())).each(move |batch, tally| {
            let numbers: Vec<i64> = batch.integers("n")?.flatten().collect();
            reached.lock().unwrap().extend(&numbers);
            let (mut from, mut refused) = (Vec::new(), Vec::new());
            for (row, number) in numbers.iter().enumerate() {
                match number {
                    n if n % 5 == 0 => refused.push(row),
                    n if n % 3 == 0 => tally.add(row, "dropped"),
                    n if n % 2 == 0 => from.extend([row, row]),
                    _ => from.push(row),
                }
            }
            let squares = Values::integers(from.iter().map(|row| numbers[*row] * numbers[*row]));
            let rejects = Values::integers(refused.iter().map(|row| numbers[*row]));
            let rejects = Table::new([(Column::new("refused", ColumnType::Integer), rejects)])?;
            Ok(BatchOutput::of(from).with(squares).rejecting(refused, rejects))
        });
        let work = work.with_columns([Column::new("square", ColumnType::Integer)]).unwrap();
        work.signal("dropped", |tally, _| tally.count("dropped").into())
    }

    struct Ran {
        outputs: Vec<StepOutput>,
        outcomes: Artifact,
        signals: Vec<serde_json::Value>,
        reached: Vec<i64>,
    }

    fn run(rows: &Table, shards: Option<&ShardResults>, shelf: &Shelf) -> Ran {
        let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
        let (cancel, reached) = (CancelToken::default(), Arc::<Mutex<Vec<i64>>>::default());
        let context = ExecutionContext::new(&id, &inputs, shelf, &files, &cancel, &Silent).gathering(shards);
        let reads = RowColumns::Named(["n".to_owned()].into());
        let outputs = work(rows, reached.clone()).drive(&reads, &context).unwrap();
        let outcomes = context.take_rows().unwrap().outcomes;
        let signals = context.take_signals().into_iter().map(|signal| signal.data).collect();
        let reached = std::mem::take(&mut *reached.lock().unwrap());
        Ran { outputs, outcomes, signals, reached }
    }

    /// Returns the result of a shard with these rows.
    fn result(rows: &Table, shelf: &mut Shelf) -> EarlierRows {
        let ran = run(rows, None, shelf);
        let input = rows.pack().unwrap();
        let mut put = |artifact: Artifact| {
            let hash = artifact.hash();
            shelf.insert(hash, artifact);
            hash
        };
        let hash = put(input.root);
        for part in input.parts {
            put(part);
        }
        let mut outputs = Vec::new();
        for StepOutput { name, packed, .. } in ran.outputs {
            for part in packed.parts {
                put(part);
            }
            outputs.push(OutputRef { name: name.into(), kind: "table".into(), hash: put(packed.root) });
        }
        let source = EventAddress { flow_id: FlowId::new(), position: 0 };
        EarlierRows { source, input: hash, outputs, outcomes: put(ran.outcomes) }
    }

    #[test]
    fn rows_are_taken_over_where_they_should_be_and_elsewhere_and_the_others_are_worked_on() {
        let rows: Vec<i64> = (0..9_000).map(|n| n * 7 % 9_001).collect();
        let mut shelf = Shelf::new();
        let mut shards = ShardResults { shards: Vec::new() };
        // As it was cut; in another order; with other rows in the middle; without a result; and a row that nothing has.
        let backwards: Vec<i64> = rows[5_000..6_000].iter().rev().copied().collect();
        let mut changed = rows[6_000..7_000].to_vec();
        changed[400..403].copy_from_slice(&[10_001, 10_002, 10_003]);
        for shard in [&rows[..5_000], &backwards, &changed] {
            let known = KnownShard::Result(result(&table(shard), &mut shelf));
            shards.shards.push(ShardResult::new(shard.len(), known));
        }
        shards.shards.push(ShardResult::new(500, KnownShard::Nothing));
        let known = KnownShard::Result(result(&table(&rows[7_500..8_500]), &mut shelf));
        shards.shards.push(ShardResult::new(1_000, known));
        let whole = run(&table(&rows), None, &shelf);
        let gathered = run(&table(&rows), Some(&shards), &shelf);
        let mut reached = gathered.reached;
        reached.sort_unstable();
        let mut expected = [&rows[6_400..6_403], &rows[7_000..7_500], &rows[8_500..]].concat();
        expected.sort_unstable();
        assert_eq!(reached, expected);
        assert_eq!(gathered.signals, whole.signals);
        assert_eq!(gathered.outcomes, whole.outcomes);
        for (one, other) in gathered.outputs.iter().zip(&whole.outputs) {
            assert_eq!(one.packed, other.packed, "{}", one.name);
        }
    }

    #[test]
    fn chunks_that_are_within_a_shard_are_neither_read_nor_made_again() {
        let rows = table(&(0..20_000).map(|n| n * 7 % 20_011).collect::<Vec<_>>());
        let (mut shelf, mut shards) = (Shelf::new(), ShardResults { shards: Vec::new() });
        for shard in [rows.slice(0..9_000), rows.slice(9_000..20_000)] {
            let known = KnownShard::Result(result(&shard, &mut shelf));
            shards.shards.push(ShardResult { offsets: Some(Vec::new()), ..ShardResult::new(shard.rows(), known) });
        }
        let whole = run(&rows, None, &shelf);
        let chunks = |hash| TableRoot::of(&shelf[&hash]).unwrap().chunks;
        let mut unread = Vec::new();
        for shard in &shards.shards {
            let KnownShard::Result(earlier) = &shard.known else { unreachable!() };
            unread.extend(chunks(earlier.input));
            let main = chunks(earlier.outputs[0].hash);
            // Most outputs begin the same chunks after two.
            unread.extend(main[3..main.len() - 1].iter().cloned());
        }
        assert!(unread.len() > 10);
        unread.iter().for_each(|chunk| drop(shelf.remove(&chunk.hash)));
        let gathered = run(&rows, Some(&shards), &shelf);
        assert!(gathered.reached.is_empty(), "{:?}", gathered.reached);
        assert_eq!((gathered.signals, gathered.outcomes), (whole.signals, whole.outcomes));
        for (one, other) in gathered.outputs.iter().zip(&whole.outputs) {
            assert_eq!(one.packed.root, other.packed.root, "{}", one.name);
        }
        assert!(gathered.outputs[0].packed.parts.len() < whole.outputs[0].packed.parts.len());
    }
}
