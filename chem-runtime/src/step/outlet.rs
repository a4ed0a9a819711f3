//! The outputs of a step whose rows come in pieces.
//!
//! Rows are cut into chunks as they come. If the step takes long or puts out much, the chunks that are finished are stored
//! while it works, and only the newest rows are in memory. A step that is interrupted then continues behind them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::context::ExecutionContext;
use super::definition::StepOutput;
use super::error::StepError;
use super::keeper::Reached;
use crate::artifact::{
    Artifact, ArtifactError, ArtifactSource, ChunkRef, Column, Handed, OpenChunk, Packed, Packer, RowTexts, Table,
    TableBuilder, TableRoot,
};
use crate::event::StepProgress;

/// The kind of the artifact with what a step needs to continue besides its finished chunks.
const REST: &str = "progress";

/// The length of finished chunks that are kept in memory, in bytes.
const MOST_WAITING: usize = 8 << 20;

/// The length of the output that the next step of the process receives from memory, in bytes of text.
const MOST_HANDED_ON: usize = 16 << 20;

/// The time after which a step stores what it has finished, if that is much: [`MANY_ROWS`] of the input.
const STORE_AFTER: Duration = Duration::from_secs(2);

/// The time after which a step stores what it has finished, if that is little: its rows take long.
const STORE_LITTLE_AFTER: Duration = Duration::from_secs(30);

/// The number of rows of the input that are worth storing soon: about those of a chunk.
const MANY_ROWS: u64 = 1024;

/// The part of the time of the step that may be lost, and that storing may take: one in this many.
const MOST_LOST: u32 = 50;

/// The outputs of a step, by their indices.
pub(crate) struct Outlets<'a> {
    context: &'a ExecutionContext<'a>,
    outlets: Vec<Outlet>,
    /// The position in the input up to which the outputs contain what came out.
    position: u64,
    /// The position that was stored last.
    stored: u64,
    began: Instant,
    stored_at: Instant,
    /// How long it took to store.
    cost: Duration,
}

/// An output whose rows come in pieces.
struct Outlet {
    name: &'static str,
    packer: Packer,
    /// The columns, once they are known.
    columns: Option<Vec<Column>>,
    /// All rows, while they are few; `None` if they became too many.
    rows: Option<TableBuilder>,
    length: usize,
}

/// What an interrupted step had finished.
#[derive(Deserialize)]
struct Rest<T> {
    /// The rows of the chunks that are not finished, by output.
    open: BTreeMap<String, OpenChunk>,
    /// What the step itself needs to continue.
    own: T,
}

impl<'a> Outlets<'a> {
    /// Creates empty outputs with these names.
    pub(crate) fn new(context: &'a ExecutionContext<'a>, names: &[&'static str]) -> Self {
        let outlet = |name: &&'static str| Outlet {
            name,
            packer: Packer::default(),
            columns: None,
            rows: Some(TableBuilder::new(Vec::new())),
            length: 0,
        };
        let (outlets, now) = (names.iter().map(outlet).collect(), Instant::now());
        Self { context, outlets, position: 0, stored: 0, began: now, stored_at: now, cost: Duration::ZERO }
    }

    /// Continues where an earlier attempt at the step has got to. Returns what the step itself stored each time to continue;
    /// nothing if there was no such attempt, or if it cannot be read.
    ///
    /// # Errors
    /// Fails if the store cannot be read.
    pub(crate) fn resume<T: DeserializeOwned>(&mut self) -> Result<Vec<T>, StepError> {
        let Some(progress) = self.context.progress_so_far() else { return Ok(Vec::new()) };
        match self.continued(progress) {
            Ok(own) => Ok(own),
            Err(
                error @ (ArtifactError::Missing { .. }
                | ArtifactError::Corrupt { .. }
                | ArtifactError::Malformed { .. }),
            ) => {
                tracing::warn!(step = %self.context.step_id(), %error, "the step begins anew");
                Ok(Vec::new())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn continued<T: DeserializeOwned>(&mut self, progress: &StepProgress) -> Result<Vec<T>, ArtifactError> {
        let artifacts = self.context.artifacts();
        let (mut own, mut open) = (Vec::new(), BTreeMap::new());
        for hash in &progress.rests {
            let artifact = artifacts.artifact(*hash)?;
            let rest = serde_json::from_str(artifact.payload_text()).map_err(|error| artifact.malformed(error))?;
            let Rest { open: newest, own: more } = rest;
            own.push(more);
            open = newest;
        }
        let mut continued = Vec::new();
        for outlet in &self.outlets {
            let chunks = progress.outputs.get(outlet.name).cloned().unwrap_or_default();
            expect_readable(artifacts, &chunks)?;
            let open = open.remove(outlet.name).unwrap_or_default();
            continued.push(Packer::resumed(chunks, &open));
        }
        for (outlet, packer) in self.outlets.iter_mut().zip(continued) {
            // The rows of the earlier attempt are not in memory.
            outlet.rows = outlet.rows.take().filter(|_| packer.rows() == 0);
            outlet.packer = packer;
        }
        (self.position, self.stored) = (progress.position, progress.position);
        Ok(own)
    }

    /// Returns the number of rows of the input that are done.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Returns the number of rows of the output at `index`.
    pub(crate) fn rows(&self, index: usize) -> usize {
        self.outlets.get(index).map_or(0, |outlet| outlet.packer.rows())
    }

    /// Adds rows to the output at `index`, with their texts.
    ///
    /// # Errors
    /// Fails if the rows have other columns than those before them, or if one is too long to store.
    pub(crate) fn push(&mut self, index: usize, rows: Table, texts: &RowTexts) -> Result<(), StepError> {
        let keeps_all = self.context.keeper().is_none();
        let Some(outlet) = self.outlets.get_mut(index) else { return Ok(()) };
        match &outlet.columns {
            Some(columns) if columns != rows.columns() => {
                return Err(StepError::new(format!("the columns of the output `{}` change within it", outlet.name)));
            }
            Some(_) => {}
            None => {
                outlet.columns = Some(rows.columns().to_vec());
                outlet.rows = outlet.rows.take().map(|_| TableBuilder::new(rows.columns().to_vec()));
            }
        }
        outlet.packer.push(texts)?;
        outlet.length += texts.length();
        if outlet.length > MOST_HANDED_ON && !keeps_all {
            outlet.rows = None;
        }
        if let Some(all) = &mut outlet.rows {
            all.append(&rows)?;
        }
        Ok(())
    }

    /// Adds the rows of a stored table. Chunks that end where those of the output do are kept as they are, and the others are read
    /// with `texts`, which is given the index of each. The next step reads all rows from the store.
    ///
    /// # Errors
    /// Fails like [`push`](Self::push) and like `texts`.
    pub(crate) fn append_stored(
        &mut self,
        index: usize,
        root: &TableRoot,
        mut texts: impl FnMut(usize) -> Result<RowTexts, ArtifactError>,
    ) -> Result<(), StepError> {
        let Some(outlet) = self.outlets.get_mut(index) else { return Ok(()) };
        outlet.columns.get_or_insert_with(|| root.columns.clone());
        outlet.rows = None;
        // The last chunk ends with the table.
        let last = root.chunks.len().saturating_sub(1);
        for (at, chunk) in root.chunks.iter().enumerate() {
            if at < last && outlet.packer.is_between_chunks() {
                outlet.packer.push_stored(chunk.clone());
            } else {
                outlet.packer.push(&texts(at)?)?;
            }
        }
        Ok(())
    }

    /// Adds rows like [`push`](Self::push), with the texts that were made of them. An error about a value counts the rows from
    /// the first of the output.
    ///
    /// # Errors
    /// Fails like [`push`](Self::push), or if the rows have no texts.
    pub(crate) fn put(
        &mut self,
        index: usize,
        rows: Table,
        texts: Result<RowTexts, ArtifactError>,
    ) -> Result<(), StepError> {
        match texts {
            Ok(texts) => self.push(index, rows, &texts),
            Err(error) => {
                let again = rows.row_texts(0..rows.rows(), self.rows(index));
                Err(again.err().unwrap_or(error).into())
            }
        }
    }

    /// Records that the input is done up to `position`, and stores that and the finished chunks, if there are many or the
    /// step has taken long. `own` returns what the step itself needs to continue, as canonical JSON.
    ///
    /// # Errors
    /// Returns an interruption if nothing can be stored any more.
    pub(crate) fn reached(
        &mut self,
        position: u64,
        own: impl FnOnce() -> Result<String, StepError>,
    ) -> Result<(), StepError> {
        self.position = position;
        let Some(keeper) = self.context.keeper() else { return Ok(()) };
        if !self.is_worth_storing() {
            return Ok(());
        }
        let now = Instant::now();
        let mut open = Vec::new();
        for outlet in self.sorted() {
            open.push(format!("\"{}\":{}", outlet.name, outlet.packer.open()?));
        }
        let rest = Artifact::from_canonical(REST, format!("{{\"open\":{{{}}},\"own\":{}}}", open.join(","), own()?));
        let (mut outputs, mut artifacts) = (BTreeMap::new(), Vec::new());
        for outlet in &mut self.outlets {
            let (refs, chunks) = outlet.packer.take();
            if !refs.is_empty() {
                outputs.insert(outlet.name.to_owned(), refs);
            }
            artifacts.extend(chunks);
        }
        keeper.keep(Reached { after: self.stored, position, outputs, artifacts, rest })?;
        self.stored = position;
        self.stored_at = Instant::now();
        self.cost = now.elapsed();
        Ok(())
    }

    fn is_worth_storing(&self) -> bool {
        let waiting: usize = self.outlets.iter().map(|outlet| outlet.packer.finished_length()).sum();
        let much = self.position - self.stored >= MANY_ROWS;
        let pause = if much { STORE_AFTER } else { STORE_LITTLE_AFTER };
        let pause = pause.max(self.began.elapsed() / MOST_LOST).max(self.cost * MOST_LOST);
        waiting >= MOST_WAITING || self.position > self.stored && self.stored_at.elapsed() >= pause
    }

    /// Returns the outputs in the order of their names, which is that of canonical JSON.
    fn sorted(&self) -> impl Iterator<Item = &Outlet> {
        let mut sorted: Vec<&Outlet> = self.outlets.iter().collect();
        sorted.sort_by_key(|outlet| outlet.name);
        sorted.into_iter()
    }

    /// Returns the outputs. `finish` returns the kind of the output at an index, and what the next step of the process
    /// receives for its rows.
    ///
    /// # Errors
    /// Fails like `finish`, or if an output is too large to store.
    pub(crate) fn finish(
        self,
        mut finish: impl FnMut(usize, Option<Table>) -> Result<(String, Option<Handed>), StepError>,
    ) -> Result<Vec<StepOutput>, StepError> {
        let outputs = self.outlets.into_iter().enumerate().map(|(index, outlet)| {
            let Outlet { name, packer, columns, rows, .. } = outlet;
            let (kind, handed) = finish(index, rows.map(TableBuilder::finish).transpose()?)?;
            let (root, parts) = packer.finish(&kind, &columns.unwrap_or_default())?;
            Ok(StepOutput { name, packed: Packed { root, parts }, handed })
        });
        outputs.collect()
    }
}

fn expect_readable(artifacts: &dyn ArtifactSource, chunks: &[ChunkRef]) -> Result<(), ArtifactError> {
    chunks.iter().try_for_each(|chunk| artifacts.artifact(chunk.hash).map(drop))
}
