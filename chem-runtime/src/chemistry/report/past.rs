//! Reads what earlier steps did from the history and the tables it refers to.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use super::cards::name_of;
use crate::artifact::{ArtifactSource, ArtifactValue as _, Table, TableRoot, Values};
use crate::fingerprint::ArtifactHash;
use crate::records::{Key, key_of};
use crate::step::{
    ExecutionContext, Expression, History, MAIN_OUTPUT, OutputRef, PastInput, PastStep, REJECTS, Registry, StepError,
};

/// How many of the molecules that a step removed are named.
const NAMED: usize = 60;

/// The number of rows of each record.
type Counts = HashMap<Option<i64>, usize>;

/// A step, with the rows that it took and passed on.
pub(super) struct Passage<'a> {
    pub(super) step: &'a PastStep,
    /// The number of input rows; `None` for a source.
    pub(super) came: Option<usize>,
    /// The number of output rows.
    pub(super) went: usize,
    /// The difference between input and output.
    pub(super) change: Change,
    /// The refused records; `None` if there are none.
    pub(super) rejects: Option<Arc<Table>>,
    /// The step whose main output was the input.
    from: Option<&'a str>,
}

/// How the output rows of a step differ from its input rows. Rows in plus rows added equal rows out plus rows removed
/// plus rows refused.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Change {
    /// The number of rows that were neither passed on nor refused.
    pub(super) removed: usize,
    /// The number of removed rows whose molecule has other rows in the output.
    pub(super) in_part: usize,
    /// The names of up to [`NAMED`] molecules without a row in the output.
    pub(super) names: Vec<String>,
    /// The number of such molecules beyond those in `names`.
    pub(super) unnamed: usize,
    /// For each column that the step's condition names, how many removed rows have no value in it.
    pub(super) without: Vec<(String, usize)>,
    /// The number of output rows that are not in the input.
    pub(super) added: usize,
    /// The number of molecules with more rows in the output than in the input.
    pub(super) multiplied: usize,
}

/// Returns the passage of each step that has a table as its main output, in order.
pub(super) fn passages<'a>(
    context: &ExecutionContext<'_>,
    shelf: &mut Shelf<'_>,
    history: &'a History,
) -> Result<Vec<Passage<'a>>, StepError> {
    let mut passages = Vec::new();
    for step in &history.steps {
        context.check_cancelled()?;
        let Some(main) = step.output(MAIN_OUTPUT) else { continue };
        let Some(went) = shelf.rows(main)? else { continue };
        // The step worked on the first of its inputs that is a table.
        let mut came = None;
        for input in inputs_of(step) {
            let Some(output) = history.output(input) else { continue };
            if let Some(rows) = shelf.rows(output)? {
                came = Some((input, output, rows));
                break;
            }
        }
        let rejects = match step.output(REJECTS) {
            Some(rejects) if shelf.rows(rejects)?.is_some_and(|rows| rows > 0) => Some(shelf.unpacked(rejects)?),
            _ => None,
        };
        let change = match came {
            Some((_, output, _)) if output.hash != main.hash => {
                let (before, after) = (shelf.table(output)?, shelf.table(main)?);
                Change::of(condition_of(step).as_ref(), &before, &after, rejects.as_deref())
            }
            _ => Change::default(),
        };
        let from = match came {
            Some((input, ..)) if input.output == MAIN_OUTPUT => Some(input.step.as_str()),
            _ => None,
        };
        passages.push(Passage { step, came: came.map(|(_, _, rows)| rows), went, change, rejects, from });
    }
    Ok(passages)
}

/// Returns the passages from the source to the page, following at each step only the input whose rows it passed on.
pub(super) fn path<'p, 'a>(passages: &'p [Passage<'a>]) -> Vec<&'p Passage<'a>> {
    let mut path = Vec::new();
    // All steps of the history lead to the one that feeds the report, so that one is the last.
    let mut at = passages.len().checked_sub(1);
    while let Some(place) = at {
        let passage = &passages[place];
        path.push(passage);
        at = passage.from.and_then(|from| passages[..place].iter().position(|before| before.step.id == from));
    }
    path.reverse();
    path
}

/// Returns the inputs of `step`, with that of its first port first.
fn inputs_of(step: &PastStep) -> impl Iterator<Item = &PastInput> {
    let port = Registry::linked().ok().and_then(|registry| registry.get(&step.uses)?.spec().inputs.first());
    let first = port.and_then(|port| step.inputs.get(port.name));
    first.into_iter().chain(step.inputs.values())
}

/// Returns the condition by which `step` chose rows, if it has one.
fn condition_of(step: &PastStep) -> Option<Expression> {
    let condition = step.params.get("where")?;
    Expression::new(Expression::parts_of(condition)?.0).ok()
}

impl Change {
    /// Compares `after`, the output of a step, with its input `before`. Rows are identified by their record; in tables
    /// without records they are only counted.
    fn of(condition: Option<&Expression>, before: &Table, after: &Table, rejects: Option<&Table>) -> Self {
        let (Some(came), Some(went)) = (records(before), records(after)) else {
            let left = after.rows() + rejects.map_or(0, Table::rows);
            let (removed, added) = (before.rows().saturating_sub(left), left.saturating_sub(before.rows()));
            return Self { removed, added, ..Self::default() };
        };
        let (comes, goes) = (counts(&came), counts(&went));
        let more = goes.iter().map(|(record, rows)| (record, *rows, comes.get(record).copied().unwrap_or_default()));
        let more = more.filter(|(_, rows, before)| rows > before);
        let added: usize = more.clone().map(|(_, rows, before)| rows - before).sum();
        let multiplied = more.filter(|(record, _, before)| record.is_some() && *before > 0).count();

        let named: Vec<&str> = condition.into_iter().flat_map(Expression::columns).collect();
        let mut gone = gone(before, after, (&came, &went), (&comes, &goes), &named);
        // A reject without a record may be any of the rows.
        let unknown = rejects.map_or(0, |rejects| {
            let mut refused = records(rejects).map(|records| counts(&records)).unwrap_or_default();
            let all = gone.len();
            gone.retain(|row| !take(&mut refused, &came[*row]));
            rejects.rows().saturating_sub(all - gone.len())
        });
        let mut change = Self { removed: gone.len().saturating_sub(unknown), added, multiplied, ..Self::default() };
        if unknown == 0 {
            change.tell(before, &came, &gone, &goes);
            change.without = missing(&named, before, &gone);
        }
        change
    }

    /// Describes the rows at the indices `gone`.
    fn tell(&mut self, before: &Table, came: &[Option<i64>], gone: &[usize], goes: &Counts) {
        let mut seen = HashSet::new();
        for &row in gone {
            let record = came[row];
            if goes.contains_key(&record) {
                self.in_part += usize::from(record.is_some());
            } else if record.is_none() || seen.insert(record) {
                match self.names.len() {
                    NAMED => self.unnamed += 1,
                    _ => self.names.push(name_of(before, row)),
                }
            }
        }
    }
}

/// Returns the indices of the rows of `before` that are not in `after`, given the record of each row and how many rows
/// each record has. If only some rows of a record were passed on, assumes those that have the same values in the
/// columns `named` in `after`.
fn gone(
    before: &Table,
    after: &Table,
    (came, went): (&[Option<i64>], &[Option<i64>]),
    (comes, goes): (&Counts, &Counts),
    named: &[&str],
) -> Vec<usize> {
    let in_part = |record: &Option<i64>| match (comes.get(record), goes.get(record)) {
        (Some(came), Some(went)) => went < came,
        _ => false,
    };
    let columns = named.iter().filter_map(|name| Some((before.column(name)?.1, after.column(name)?.1)));
    let columns: Vec<(&Values, &Values)> = columns.collect();
    let mut same: HashMap<(Option<i64>, Vec<Key<'_>>), usize> = HashMap::new();
    for (row, record) in went.iter().enumerate() {
        if in_part(record) {
            let values = columns.iter().map(|(_, after)| key_of(after, row)).collect();
            *same.entry((*record, values)).or_default() += 1;
        }
    }
    let mut left = goes.clone();
    let mut gone = Vec::new();
    for (row, record) in came.iter().enumerate() {
        let stays = !in_part(record) || {
            let values = columns.iter().map(|(before, _)| key_of(before, row)).collect();
            take(&mut same, &(*record, values))
        };
        if !(stays && take(&mut left, record)) {
            gone.push(row);
        }
    }
    // A step may have changed the values of what it let through.
    gone.retain(|row| !take(&mut left, &came[*row]));
    gone
}

/// Counts, for each column of `input` that a condition names, the rows `gone` without a value in it. The missing value
/// need not be the reason: another part of the condition may have failed.
fn missing(named: &[&str], input: &Table, gone: &[usize]) -> Vec<(String, usize)> {
    let counted = |name: &&str| {
        let (_, data) = input.column(name)?;
        let missing = gone.iter().filter(|row| data.is_missing(**row)).count();
        (missing > 0).then(|| ((*name).to_owned(), missing))
    };
    named.iter().filter_map(counted).collect()
}

/// Returns the record of each row, or `None` if the table has no records.
fn records(table: &Table) -> Option<Vec<Option<i64>>> {
    Some(table.integers("record").ok()?.iter().collect())
}

/// Counts the rows of each record.
fn counts(records: &[Option<i64>]) -> Counts {
    let mut counts = Counts::new();
    for record in records {
        *counts.entry(*record).or_default() += 1;
    }
    counts
}

/// Decrements the count under `key`. Returns `false` if it was zero.
fn take<K: Eq + Hash>(left: &mut HashMap<K, usize>, key: &K) -> bool {
    match left.get_mut(key) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    }
}

/// Returns the first table of the history that has a column called `name`, if it has more rows than `rows`.
pub(super) fn before(
    shelf: &mut Shelf<'_>,
    history: &History,
    name: &str,
    rows: usize,
) -> Result<Option<Arc<Table>>, StepError> {
    for output in history.steps.iter().filter_map(|step| step.output(MAIN_OUTPUT)) {
        let root = TableRoot::of(&shelf.source.artifact(output.hash)?);
        if root.is_ok_and(|root| root.columns.iter().any(|column| *column.name == *name)) {
            let more = shelf.rows(output)?.is_some_and(|all| all > rows);
            return if more { shelf.table(output).map(Some) } else { Ok(None) };
        }
    }
    Ok(None)
}

/// Loads tables by artifact. Caches the last one, since one step's output is the next one's input, and adjacent columns
/// come from one table.
pub(super) struct Shelf<'a> {
    source: &'a dyn ArtifactSource,
    last: Option<(ArtifactHash, Arc<Table>)>,
}

impl<'a> Shelf<'a> {
    pub(super) fn new(source: &'a dyn ArtifactSource) -> Self {
        Self { source, last: None }
    }

    /// Returns the number of rows, or `None` if the artifact is not a table.
    fn rows(&self, output: &OutputRef) -> Result<Option<usize>, StepError> {
        let root = self.source.artifact(output.hash)?;
        Ok(TableRoot::of(&root).ok().map(|root| root.rows))
    }

    fn table(&mut self, output: &OutputRef) -> Result<Arc<Table>, StepError> {
        if let Some((hash, table)) = &self.last
            && *hash == output.hash
        {
            return Ok(table.clone());
        }
        let table = self.unpacked(output)?;
        self.last = Some((output.hash, table.clone()));
        Ok(table)
    }

    /// Loads a table without caching it.
    fn unpacked(&self, output: &OutputRef) -> Result<Arc<Table>, StepError> {
        let root = self.source.artifact(output.hash)?;
        Ok(Arc::new(Table::unpack(&root, self.source)?))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::artifact::{Artifact, ArtifactError, Column, ColumnType};

    /// Builds a table with these records and values.
    fn table(rows: &[(Option<i64>, Option<i64>)]) -> Table {
        let (records, values): (Vec<Option<i64>>, Vec<Option<i64>>) = rows.iter().copied().unzip();
        let names: Vec<Option<Box<str>>> =
            records.iter().map(|record| record.map(|record| format!("m{record}").into())).collect();
        Table::new([
            (Column::new("name", ColumnType::Text), Values::texts(names)),
            (Column::new("record", ColumnType::Integer), Values::integers(records)),
            (Column::new("x", ColumnType::Integer), Values::integers(values)),
        ])
        .unwrap()
    }

    fn records(records: &[i64]) -> Table {
        table(&records.iter().map(|record| (Some(*record), None)).collect::<Vec<_>>())
    }

    #[test]
    fn as_many_rows_may_be_others() {
        let change = Change::of(None, &records(&[1, 2, 3, 4]), &records(&[2, 2, 2, 4]), None);
        let names = vec!["m1".to_owned(), "m3".to_owned()];
        assert_eq!(change, Change { removed: 2, names, added: 2, multiplied: 1, ..Change::default() });
    }

    #[test]
    fn of_a_molecule_in_several_rows_those_are_gone_whose_values_are() {
        let row = |record, x| (Some(record), x);
        let before = table(&[row(1, Some(5)), row(1, None), row(1, Some(1)), row(2, None), row(2, Some(1))]);
        let condition = Expression::new("x > 3").unwrap();
        let change = Change::of(Some(&condition), &before, &table(&[row(1, Some(5))]), None);
        let (names, without) = (vec!["m2".to_owned()], vec![("x".to_owned(), 2)]);
        assert_eq!(change, Change { removed: 4, in_part: 2, names, without, ..Change::default() });
    }

    #[test]
    fn what_was_refused_was_not_removed() {
        let (before, after) = (records(&[1, 2, 3, 4]), records(&[1]));
        let change = Change::of(None, &before, &after, Some(&records(&[3])));
        let names = vec!["m2".to_owned(), "m4".to_owned()];
        assert_eq!(change, Change { removed: 2, names, ..Change::default() });
        // A reject without a record may be any of the rows.
        let change = Change::of(None, &before, &after, Some(&table(&[(None, None)])));
        assert_eq!(change, Change { removed: 2, ..Change::default() });
    }

    /// Counts the requests for each artifact.
    struct Counted {
        artifacts: HashMap<ArtifactHash, Artifact>,
        asked: Mutex<HashMap<ArtifactHash, usize>>,
    }

    impl ArtifactSource for Counted {
        fn artifact(&self, hash: ArtifactHash) -> Result<Artifact, ArtifactError> {
            *self.asked.lock().unwrap().entry(hash).or_default() += 1;
            self.artifacts.artifact(hash)
        }
    }

    #[test]
    fn columns_of_one_table_are_read_at_once() {
        let packed = table(&[(Some(1), Some(5)), (Some(2), Some(6))]).pack().unwrap();
        let (root, parts) = (packed.root.hash(), packed.parts);
        let chunks: Vec<ArtifactHash> = parts.iter().map(Artifact::hash).collect();
        let artifacts = parts.into_iter().chain([packed.root]).map(|artifact| (artifact.hash(), artifact)).collect();
        let source = Counted { artifacts, asked: Mutex::default() };
        let history: History = serde_json::from_value(serde_json::json!({
            "flow": "told",
            "steps": [{
                "id": "read", "uses": "molecules.read", "version": 1, "inputs": {}, "params": {},
                "fingerprint": "00".repeat(32),
                "outputs": [{ "name": MAIN_OUTPUT, "kind": "table", "hash": root.to_string() }],
            }],
        }))
        .unwrap();
        let mut shelf = Shelf::new(&source);
        for column in ["record", "x"] {
            assert_eq!(before(&mut shelf, &history, column, 1).unwrap().unwrap().rows(), 2);
        }
        let asked = source.asked.lock().unwrap();
        assert!(!chunks.is_empty() && chunks.iter().all(|chunk| asked[chunk] == 1), "{asked:?}");
    }

    #[test]
    fn rows_without_records_are_counted() {
        let (before, after) = (records(&[1, 2, 3, 4]), Table::default());
        assert_eq!(Change::of(None, &before, &after, None), Change { removed: 4, ..Change::default() });
        assert_eq!(Change::of(None, &after, &before, None), Change { added: 4, ..Change::default() });
    }
}
