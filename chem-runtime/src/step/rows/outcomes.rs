//! What came out for each row of the input of a row step, so that a later run can take it over.
//!
//! The outputs alone do not say it: a row may come out once, not at all, or several times, and what a step counts for its
//! signals is often not in them. Most rows have the outcome of the row before, so each kind of number is stored in runs.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::output::Counts;
use crate::artifact::{Artifact, ArtifactError};
use crate::fingerprint::canonical_text;

/// The kind of the artifact.
const KIND: &str = "outcomes";

/// The outcome of each row, in the order of the input.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Outcomes {
    /// The distinct notes: what was counted for a row.
    notes: Vec<Counts>,
    /// For each row, 0 or the number of its note, from 1.
    noted: Runs,
    /// For each row, the number of rows of the main output.
    outputs: Runs,
    /// For each row, the number of rejects.
    rejects: Runs,
    /// The index of each of `notes`.
    #[serde(skip)]
    known: BTreeMap<Counts, u64>,
}

/// Numbers, each with how often it occurs in a row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Runs(Vec<(u64, u64)>);

impl Runs {
    fn push(&mut self, number: u64, times: u64) {
        match self.0.last_mut() {
            Some((last, before)) if *last == number => *before = before.saturating_add(times),
            _ => self.0.push((number, times)),
        }
    }

    fn rows(&self) -> u64 {
        self.0.iter().fold(0, |sum, (_, times)| sum.saturating_add(*times))
    }

    /// Returns the sum of the numbers.
    fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, (number, times)| sum.saturating_add(number.saturating_mul(*times)))
    }

    fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flat_map(|(number, times)| (0..*times).map(|_| *number))
    }
}

/// The outcome of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    /// The index in the main output of the first row that came out.
    pub(super) output: usize,
    /// The number of rows that came out.
    pub(super) outputs: usize,
    /// The index of the first reject.
    pub(super) reject: usize,
    /// The number of rejects.
    pub(super) rejects: usize,
    /// 0, or the number of its note.
    note: u64,
}

impl Outcome {
    /// Returns the indices of the first row that came out and of the first reject.
    pub(super) fn starts(&self) -> (usize, usize) {
        (self.output, self.reject)
    }

    /// Returns the indices after the last row that came out and the last reject.
    pub(super) fn ends(&self) -> (usize, usize) {
        (self.output + self.outputs, self.reject + self.rejects)
    }
}

/// Which rows of the outputs came out for which row of the input.
#[derive(Debug)]
pub(crate) struct RowOutcomes {
    pub(crate) main: RowRanges,
    pub(crate) rejects: RowRanges,
}

/// For each row of the input, the rows of an output that came out for it.
#[derive(Debug)]
pub(crate) struct RowRanges(Vec<RowRun>);

/// Consecutive rows of the input for each of which the same number of rows came out.
#[derive(Debug)]
struct RowRun {
    first: usize,
    rows: usize,
    /// The number of rows that came out for each.
    each: usize,
    /// The index in the output of the first row that came out.
    output: usize,
}

impl RowOutcomes {
    /// Reads the outcomes of a step whose input, main output and rejects have `counts` rows.
    ///
    /// # Errors
    /// Fails with [`ArtifactError::Malformed`] if the artifact does not have the outcomes of such a step.
    pub(crate) fn of(artifact: &Artifact, counts: [usize; 3]) -> Result<Self, ArtifactError> {
        let [rows, outputs, rejects] = counts;
        let outcomes = Outcomes::of(artifact, rows, outputs, rejects)?;
        Ok(Self { main: RowRanges::of(&outcomes.outputs), rejects: RowRanges::of(&outcomes.rejects) })
    }
}

impl RowRanges {
    fn of(runs: &Runs) -> Self {
        let (mut first, mut output) = (0, 0);
        let run = |(each, rows): &(u64, u64)| {
            // The sums are numbers of rows of tables in memory.
            let (each, rows) = (*each as usize, *rows as usize);
            let run = RowRun { first, rows, each, output };
            (first, output) = (first + rows, output + each * rows);
            run
        };
        Self(runs.0.iter().map(run).collect())
    }

    /// Returns the rows of the output that came out for the row `row` of the input; none if there are fewer rows.
    pub(crate) fn of_row(&self, row: usize) -> Range<usize> {
        let run = self.0.partition_point(|run| run.first + run.rows <= row);
        self.0.get(run).map_or(0..0, |run| {
            let start = run.output + (row - run.first) * run.each;
            start..start + run.each
        })
    }

    /// Returns the row of the input for which the row `at` of the output came out.
    pub(crate) fn row_of(&self, at: usize) -> Option<usize> {
        let run = self.0.get(self.0.partition_point(|run| run.output + run.rows * run.each <= at))?;
        Some(run.first + (at - run.output) / run.each.max(1))
    }
}

impl Outcomes {
    /// Reads the outcomes of a step whose input, main output and rejects have these numbers of rows.
    ///
    /// # Errors
    /// Fails with [`ArtifactError::Malformed`] if the artifact is anything else.
    pub(super) fn of(artifact: &Artifact, rows: usize, outputs: usize, rejects: usize) -> Result<Self, ArtifactError> {
        let found: Self = serde_json::from_str(artifact.payload_text()).map_err(|error| artifact.malformed(error))?;
        let counts = [found.outputs.rows(), found.rejects.rows(), found.noted.rows()];
        if counts != [rows as u64; 3]
            || [found.outputs.total(), found.rejects.total()] != [outputs as u64, rejects as u64]
        {
            return Err(artifact.malformed("it does not fit the tables of its step"));
        }
        if found.noted.0.iter().any(|(note, _)| *note > found.notes.len() as u64) {
            return Err(artifact.malformed("it has fewer notes than it names"));
        }
        Ok(found)
    }

    /// Adds the outcome of the next row.
    pub(super) fn push(&mut self, outputs: usize, rejects: usize, note: Option<&Counts>) {
        self.outputs.push(outputs as u64, 1);
        self.rejects.push(rejects as u64, 1);
        let note = note.map_or(0, |note| self.number_of(note));
        self.noted.push(note, 1);
    }

    fn number_of(&mut self, note: &Counts) -> u64 {
        if let Some(number) = self.known.get(note) {
            return *number;
        }
        self.notes.push(note.clone());
        self.known.insert(note.clone(), self.notes.len() as u64);
        self.notes.len() as u64
    }

    /// Adds the outcomes of the rows after these.
    pub(super) fn append(&mut self, more: &Self) {
        for (runs, more) in [(&mut self.outputs, &more.outputs), (&mut self.rejects, &more.rejects)] {
            more.0.iter().for_each(|(number, times)| runs.push(*number, *times));
        }
        for (note, times) in &more.noted.0 {
            let note = note.checked_sub(1).and_then(|index| more.notes.get(usize::try_from(index).ok()?));
            let number = note.map_or(0, |note| self.number_of(note));
            self.noted.push(number, *times);
        }
    }

    /// Returns the outcome of each row.
    pub(super) fn iter(&self) -> impl Iterator<Item = Outcome> {
        let (mut output, mut reject) = (0, 0);
        self.outputs.iter().zip(self.rejects.iter()).zip(self.noted.iter()).map(move |((outputs, rejects), note)| {
            // The sums are numbers of rows of tables in memory.
            let (outputs, rejects) = (outputs as usize, rejects as usize);
            let outcome = Outcome { output, outputs, reject, rejects, note };
            (output, reject) = (output + outputs, reject + rejects);
            outcome
        })
    }

    /// Returns what was counted for a row with this outcome; `None` if nothing was.
    pub(super) fn note(&self, outcome: &Outcome) -> Option<&Counts> {
        self.notes.get(usize::try_from(outcome.note.checked_sub(1)?).ok()?)
    }

    /// Returns the outcomes of some of the rows, and what was counted for all of them.
    pub(super) fn of_rows(&self, rows: &[Outcome]) -> (Self, Counts) {
        let mut some = Self::default();
        // The number of each note among these rows, and how many of them have it.
        let mut noted: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for outcome in rows {
            some.outputs.push(outcome.outputs as u64, 1);
            some.rejects.push(outcome.rejects as u64, 1);
            let number = self.note(outcome).map_or(0, |note| {
                let (number, times) = noted.entry(outcome.note).or_insert_with(|| (some.number_of(note), 0));
                *times += 1;
                *number
            });
            some.noted.push(number, 1);
        }
        let mut counts = Counts::default();
        for (number, times) in noted.into_values() {
            let note = number.checked_sub(1).and_then(|index| some.notes.get(usize::try_from(index).ok()?));
            note.into_iter().for_each(|note| counts.add_times(note, times));
        }
        (some, counts)
    }

    /// Returns what was counted for all rows.
    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (number, times) in &self.noted.0 {
            let note = number.checked_sub(1).and_then(|index| self.notes.get(usize::try_from(index).ok()?));
            note.into_iter().for_each(|note| counts.add_times(note, *times));
        }
        counts
    }

    /// Converts the outcomes to an artifact.
    ///
    /// # Errors
    /// Fails if a note has no canonical form.
    pub(super) fn pack(&self) -> Result<Artifact, ArtifactError> {
        Ok(Artifact::from_canonical(KIND, canonical_text(self)?.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::Tally;

    fn note(what: &'static str) -> Counts {
        let mut tally = Tally::default();
        tally.add(0, what);
        tally.note(0).unwrap().clone()
    }

    #[test]
    fn outcomes_come_back_and_join() {
        let rows =
            [(1, 0, None), (1, 0, None), (0, 1, Some("odd")), (3, 0, None), (0, 0, Some("odd")), (1, 0, Some("x"))];
        let of = |rows: &[(usize, usize, Option<&'static str>)]| {
            let mut outcomes = Outcomes::default();
            for (outputs, rejects, what) in rows {
                outcomes.push(*outputs, *rejects, what.map(note).as_ref());
            }
            outcomes
        };
        let whole = of(&rows);
        for cut in 0..rows.len() {
            let mut joined = of(&rows[..cut]);
            joined.append(&of(&rows[cut..]));
            assert_eq!(joined, whole, "{cut}");
        }
        let artifact = whole.pack().unwrap();
        let read = Outcomes::of(&artifact, 6, 6, 1).unwrap();
        assert!(read.iter().eq(whole.iter()));
        let last = read.iter().last().unwrap();
        assert_eq!((last.output, last.outputs, last.reject), (5, 1, 1));
        assert_eq!(read.note(&last), Some(&note("x")));
        assert_eq!(
            artifact.payload_text(),
            "{\"noted\":[[0,2],[1,1],[0,1],[1,1],[2,1]],\"notes\":[{\"counts\":{\"odd\":{\"\":1}},\"seen\":{}},\
             {\"counts\":{\"x\":{\"\":1}},\"seen\":{}}],\"outputs\":[[1,2],[0,1],[3,1],[0,1],[1,1]],\
             \"rejects\":[[0,2],[1,1],[0,3]]}"
        );
        let found = RowOutcomes::of(&artifact, [6, 6, 1]).unwrap();
        for (row, outcome) in whole.iter().enumerate() {
            let (main, rejects) = (found.main.of_row(row), found.rejects.of_row(row));
            assert_eq!(main.clone(), outcome.output..outcome.output + outcome.outputs, "{row}");
            assert_eq!(rejects.clone(), outcome.reject..outcome.reject + outcome.rejects, "{row}");
            assert!(main.clone().all(|at| found.main.row_of(at) == Some(row)), "{row}");
            assert!(rejects.clone().all(|at| found.rejects.row_of(at) == Some(row)), "{row}");
        }
        assert!(found.main.of_row(6).is_empty() && found.main.row_of(6).is_none() && found.rejects.row_of(1).is_none());
        for (rows, outputs, rejects) in [(5, 6, 1), (6, 5, 1), (6, 6, 0)] {
            assert!(Outcomes::of(&artifact, rows, outputs, rejects).is_err());
        }
    }
}
