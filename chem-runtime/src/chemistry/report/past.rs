//! What the steps before have done, read from the history and from the tables that it names.

use std::collections::HashSet;
use std::sync::Arc;

use super::cards::name_of;
use crate::artifact::{ArtifactSource, ArtifactValue as _, ColumnData, Table};
use crate::fingerprint::ArtifactHash;
use crate::records::is_missing;
use crate::step::{ExecutionContext, Expression, History, MAIN_OUTPUT, OutputRef, PastStep, StepError};

/// So many of the molecules that a step removed are named.
pub(super) const NAMED: usize = 60;

/// What a step let through.
pub(super) struct Passage<'a> {
    pub(super) step: &'a PastStep,
    /// How many records came in; none for a source.
    pub(super) came: Option<usize>,
    /// How many went on.
    pub(super) went: usize,
    /// What some of those that did not are called.
    pub(super) removed: Vec<String>,
    /// For each column that its condition names, how many of the removed molecules have no value there.
    pub(super) without: Vec<(String, usize)>,
    /// The records that it refused.
    pub(super) rejects: Option<Arc<Table>>,
}

/// What each step that put out a table let through, in order.
pub(super) fn passages<'a>(
    context: &ExecutionContext<'_>,
    history: &'a History,
) -> Result<Vec<Passage<'a>>, StepError> {
    let mut shelf = Shelf { source: context.artifacts(), last: None };
    let mut passages = Vec::new();
    for step in &history.steps {
        context.check_cancelled()?;
        let Some(main) = step.output(MAIN_OUTPUT) else { continue };
        let Some(went) = shelf.rows(main)? else { continue };
        // The table that the step worked on is the first of its inputs that is one.
        let mut came = None;
        for input in step.inputs.values().filter_map(|input| history.output(input)) {
            if let Some(rows) = shelf.rows(input)? {
                came = Some((input, rows));
                break;
            }
        }
        let (mut removed, mut without) = (Vec::new(), Vec::new());
        if let Some((input, _)) = came.filter(|(_, rows)| *rows > went) {
            let (input, output) = (shelf.table(input)?, shelf.table(main)?);
            let gone = gone(&input, &output);
            removed = gone.iter().take(NAMED).map(|row| name_of(&input, *row)).collect();
            without = missing(step, &input, &gone);
        }
        let rejects = match step.output("rejects") {
            Some(rejects) if shelf.rows(rejects)?.is_some_and(|rows| rows > 0) => Some(shelf.table(rejects)?),
            _ => None,
        };
        passages.push(Passage { step, came: came.map(|(_, rows)| rows), went, removed, without, rejects });
    }
    Ok(passages)
}

/// The first table on the way that has a column called `name`, if it has more rows than `rows`.
pub(super) fn before(
    context: &ExecutionContext<'_>,
    history: &History,
    name: &str,
    rows: usize,
) -> Result<Option<Arc<Table>>, StepError> {
    let mut shelf = Shelf { source: context.artifacts(), last: None };
    for output in history.steps.iter().filter_map(|step| step.output(MAIN_OUTPUT)) {
        let root = context.artifacts().artifact(output.hash)?.payload()?;
        let has = root["columns"].as_array().is_some_and(|columns| columns.iter().any(|column| column["name"] == name));
        if has {
            let more = shelf.rows(output)?.is_some_and(|all| all > rows);
            return if more { shelf.table(output).map(Some) } else { Ok(None) };
        }
    }
    Ok(None)
}

/// For each column of `input` that the condition of `step` names, how many of the rows `gone` have no value there: a
/// condition that cannot be known to hold does not keep its row.
fn missing(step: &PastStep, input: &Table, gone: &[usize]) -> Vec<(String, usize)> {
    let condition = step.params.get("where");
    let cel = condition.and_then(|condition| condition.get("cel").unwrap_or(condition).as_str());
    let Some(condition) = cel.and_then(|cel| Expression::new(cel).ok()) else { return Vec::new() };
    let counted = |name: &str| {
        let (_, data) = input.column(name)?;
        let missing = gone.iter().filter(|row| is_missing(data, **row)).count();
        (missing > 0).then(|| (name.to_owned(), missing))
    };
    condition.columns().filter_map(counted).collect()
}

/// The rows of `input` that are not in `output`, told apart by the record that each came from. None for tables without
/// records.
fn gone(input: &Table, output: &Table) -> Vec<usize> {
    let records = |table: &Table| match table.column("record") {
        Some((_, ColumnData::Integer(records))) => Some(records.clone()),
        _ => None,
    };
    let (Some(before), Some(after)) = (records(input), records(output)) else { return Vec::new() };
    let after: HashSet<Option<i64>> = after.into_iter().collect();
    let gone = before.iter().enumerate().filter(|(_, record)| !after.contains(*record));
    gone.map(|(row, _)| row).collect()
}

/// Tables by their artifacts. The last one is kept, since one step's output is the next one's input.
struct Shelf<'a> {
    source: &'a dyn ArtifactSource,
    last: Option<(ArtifactHash, Arc<Table>)>,
}

impl Shelf<'_> {
    /// How many rows the artifact has; none if it is no table.
    fn rows(&self, output: &OutputRef) -> Result<Option<usize>, StepError> {
        let root = self.source.artifact(output.hash)?;
        Ok(Table::chunks_of(&root).ok().map(|chunks| chunks.iter().map(|(_, rows)| rows).sum()))
    }

    fn table(&mut self, output: &OutputRef) -> Result<Arc<Table>, StepError> {
        if let Some((hash, table)) = &self.last
            && *hash == output.hash
        {
            return Ok(table.clone());
        }
        let root = self.source.artifact(output.hash)?;
        let table = Arc::new(Table::unpack(&root, self.source)?);
        self.last = Some((output.hash, table.clone()));
        Ok(table)
    }
}
