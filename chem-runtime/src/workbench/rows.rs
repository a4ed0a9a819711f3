//! Checks that a step that works row by row keeps its promise: what comes out for a row does not depend on other rows, on
//! their order, or on how they are cut into batches.

use std::fmt;

use serde_json::{Value, json};

use crate::artifact::{ArtifactValue, Table};
use crate::step::{StepError, StepOutput};

/// The number of rows that a sample has at most.
const SAMPLE: usize = 24;

/// The number of rows of a piece, if the sample is cut into pieces.
const PIECE: usize = 5;

/// The rows of a step's output by its name.
type Outputs = Vec<(String, Table)>;

/// A row step that does not keep its promise.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokenPromise {
    /// How the rows were regrouped.
    pub regrouping: Regrouping,
    /// The output; empty if the step fails.
    pub output: String,
    /// The index of the row in the input, if it is known which row came out differently.
    pub row: Option<usize>,
    /// The column; `None` if there are other rows or other columns.
    pub field: Option<String>,
    /// What comes out for the input as a whole.
    pub was: Value,
    /// What comes out for the regrouped rows.
    pub is: Value,
}

/// Another way in which a step may receive the same rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regrouping {
    /// Each row by itself.
    Alone,
    /// In another order.
    Reordered,
    /// In pieces of a few rows.
    Cut,
}

/// Why rows could not be checked, or what is wrong with them.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The step does not work row by row.
    #[error("{0}")]
    Broken(Box<BrokenPromise>),
    /// The step fails on some of the rows.
    #[error("{0}")]
    Fails(StepError),
}

impl From<StepError> for RowsError {
    fn from(error: StepError) -> Self {
        Self::Fails(error)
    }
}

/// Checks a row step. `run` returns its outputs for these rows of the input, `whole` has those for all rows, and `sample` the
/// rows to try, in ascending order.
///
/// # Errors
/// Fails with the first row that comes out differently by itself, in another order or in other pieces, or if `run` fails.
pub fn check_rows(
    run: impl Fn(&[usize]) -> Result<Outputs, StepError>,
    whole: &Outputs,
    sample: &[usize],
) -> Result<(), RowsError> {
    let alone = sample.iter().map(|row| run(&[*row])).collect::<Result<Vec<Outputs>, _>>()?;
    for (index, (output, rows)) in whole.iter().enumerate() {
        are_among(output, rows, sample, &alone, index)?;
    }
    let reordered: Vec<usize> = order(sample.len());
    let rows: Vec<usize> = reordered.iter().map(|at| sample[*at]).collect();
    let parts: Vec<&Outputs> = reordered.iter().map(|at| &alone[*at]).collect();
    are_equal(Regrouping::Reordered, &[run(&rows)?], &parts)?;
    let pieces = rows.chunks(PIECE).map(&run).collect::<Result<Vec<Outputs>, _>>()?;
    are_equal(Regrouping::Cut, &pieces, &parts)
}

/// Returns a permutation of the numbers below `count` that puts no two neighbours in their order.
fn order(count: usize) -> Vec<usize> {
    (0..count).rev().step_by(2).chain((0..count.saturating_sub(1)).rev().step_by(2)).collect()
}

/// Returns rows of a table with `rows` rows, spread over it.
pub(super) fn sample_of(rows: usize) -> Vec<usize> {
    let count = rows.min(SAMPLE);
    (0..count).map(|at| at * rows / count).collect()
}

/// Returns the tables of a step's outputs.
pub(super) fn tables(outputs: &[StepOutput]) -> Outputs {
    let table = |output: &StepOutput| {
        let table = output.handed.as_ref().and_then(Table::take)?;
        Some((output.name.to_owned(), Table::clone(&table)))
    };
    outputs.iter().filter_map(table).collect()
}

/// Checks that what came out for each row of the sample alone came out for the whole input, in the same order.
fn are_among(output: &str, whole: &Table, sample: &[usize], alone: &[Outputs], index: usize) -> Result<(), RowsError> {
    let broken = |row: usize, field: Option<String>, was: Value, is: Value| {
        let (regrouping, output) = (Regrouping::Alone, output.to_owned());
        Err(RowsError::Broken(Box::new(BrokenPromise { regrouping, output, row: Some(row), field, was, is })))
    };
    let mut next = 0;
    for (row, outputs) in sample.iter().zip(alone) {
        let Some((_, rows)) = outputs.get(index) else { continue };
        if rows.columns() != whole.columns() {
            return broken(*row, None, columns(whole), columns(rows));
        }
        for at in 0..rows.rows() {
            let is = rows.row(at);
            match (next..whole.rows()).find(|at| whole.row(*at) == is) {
                Some(found) => next = found + 1,
                // The nearest candidate says most: the row with the same number, or the next one.
                None => {
                    let near = (*row).max(next);
                    let was = if near < whole.rows() { whole.row(near) } else { Vec::new() };
                    return match (0..was.len()).find(|at| was.get(*at) != is.get(*at)) {
                        Some(at) => {
                            let name = whole.columns()[at].name.to_string();
                            broken(*row, Some(name), was[at].clone(), is[at].clone())
                        }
                        None => broken(*row, None, Value::Null, is.into()),
                    };
                }
            }
        }
    }
    Ok(())
}

/// Checks that regrouped rows gave what each gave alone.
fn are_equal(regrouping: Regrouping, found: &[Outputs], parts: &[&Outputs]) -> Result<(), RowsError> {
    let rows_of = |all: &mut dyn Iterator<Item = &Outputs>, index: usize| -> Vec<Vec<Value>> {
        all.filter_map(|outputs| outputs.get(index)).flat_map(|(_, table)| rows(table)).collect()
    };
    let names: Vec<&str> = found.iter().take(1).flatten().map(|(name, _)| name.as_str()).collect();
    for (index, output) in names.into_iter().enumerate() {
        let (was, is) = (rows_of(&mut parts.iter().copied(), index), rows_of(&mut found.iter(), index));
        if was == is {
            continue;
        }
        let at = (0..was.len().max(is.len())).find(|at| was.get(*at) != is.get(*at)).unwrap_or_default();
        let row = |rows: &[Vec<Value>]| rows.get(at).map(|row| Value::from(row.clone())).unwrap_or_default();
        let (was, is) = (row(&was), row(&is));
        let output = output.to_owned();
        let broken = BrokenPromise { regrouping, output, row: None, field: None, was, is };
        return Err(RowsError::Broken(Box::new(broken)));
    }
    Ok(())
}

fn rows(table: &Table) -> impl Iterator<Item = Vec<Value>> {
    (0..table.rows()).map(|row| table.row(row))
}

fn columns(table: &Table) -> Value {
    table.columns().iter().map(|column| Value::from(&*column.name)).collect()
}

impl BrokenPromise {
    /// Describes a step that fails on some of its rows although it succeeded on all.
    pub(super) fn failing(error: &StepError) -> Self {
        let (was, is) = (Value::Null, Value::from(format!("{error:#}")));
        Self { regrouping: Regrouping::Alone, output: String::new(), row: None, field: None, was, is }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "kind": "rows",
            "regrouping": self.regrouping.name(),
            "output": self.output,
            "row": self.row,
            "field": self.field,
            "was": self.was,
            "is": self.is,
        })
    }
}

impl Regrouping {
    /// Returns the regrouping as scripts read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Reordered => "reordered",
            Self::Cut => "cut",
        }
    }
}

impl fmt::Display for BrokenPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the step does not work row by row: ")?;
        if self.output.is_empty() {
            return write!(
                f,
                "it succeeds on all rows, but fails on some of them: {}",
                self.is.as_str().unwrap_or_default()
            );
        }
        match self.row {
            Some(row) => write!(f, "row {row}")?,
            None => f.write_str("some rows")?,
        }
        f.write_str(match self.regrouping {
            Regrouping::Alone => " alone",
            Regrouping::Reordered => " in another order",
            Regrouping::Cut => " in other pieces",
        })?;
        write!(f, " comes out differently in the output {}", self.output)?;
        match &self.field {
            Some(field) => write!(f, ", {field}: {} → {}", self.was, self.is),
            None => write!(f, ": {} → {}", self.was, self.is),
        }
    }
}
