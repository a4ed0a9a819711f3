//! Which rows of a join come from which rows of its two tables, the second of which may be a file.

use serde_json::Value;

use super::carried::{Carried, Parents};
use super::step::Ran;
use super::tables::Stored;
use crate::artifact::Table;
use crate::step::{HowJoined, Joined, StepDefinition};
use crate::workbench::WorkbenchError;
use crate::workbench::tables::Row;

/// A join, with its tables.
pub(super) struct Join<'a> {
    pub(super) left: (&'a str, Stored<'a>),
    /// `None` if the second table is a file.
    pub(super) right: Option<(&'a str, Stored<'a>)>,
    pub(super) file: Option<JoinedFile>,
    pub(super) how: HowJoined,
    /// The key of the first table and that of the second.
    pub(super) keys: Carried,
    /// The key of the second table and the columns of the output that have it, unless the output has no rows of it.
    right_keys: Carried,
    carried: Carried,
}

/// The second table of a join that is in a file.
pub(super) struct JoinedFile {
    /// The path, as the flow names it.
    pub(super) path: String,
    /// The table with the indices of its key, or why it is not read.
    pub(super) table: Result<(Table, Vec<usize>), String>,
}

impl JoinedFile {
    /// Reads the file of a step again, whose first input is `left`; `None` if the second table is not in a file.
    fn of(
        ran: &Ran<'_>,
        left: &Stored<'_>,
        definition: &dyn StepDefinition,
        joined: &Joined<'_>,
    ) -> Result<Option<Self>, WorkbenchError> {
        let (Some(path), Some(read)) = (joined.file, &joined.read) else { return Ok(None) };
        let left = left.head().map_err(WorkbenchError::Artifact)?;
        let table = ran.expect_same_files(definition).and_then(|()| {
            let table = read(&left, ran.files()).map_err(|error| error.to_string())?;
            let index = |name: &&str| table.columns().iter().position(|column| &*column.name == *name);
            let columns: Option<Vec<usize>> = joined.right_on.iter().map(index).collect();
            let columns = columns.ok_or_else(|| format!("`{path}` does not have the key"))?;
            Ok((table, columns))
        });
        Ok(Some(Self { path: path.to_owned(), table }))
    }
}

/// Returns whether two values are equal in a join: numbers of either type are.
fn are_equal(one: &Value, other: &Value) -> bool {
    one == other || one.as_f64().zip(other.as_f64()).is_some_and(|(one, other)| one == other)
}

impl<'a> Join<'a> {
    /// Opens the tables of a step that joined its first input, at a port, and made the table `main`.
    pub(super) fn of(
        ran: &Ran<'a>,
        (port, input): (&'a str, Stored<'a>),
        main: &Stored<'_>,
        definition: &dyn StepDefinition,
        joined: Joined<'_>,
    ) -> Result<Self, WorkbenchError> {
        let second = ran.spec.inputs.get(1).map(|port| port.name);
        let right = match second {
            Some(port) => ran.input(port)?.map(|right| (port, right)),
            None => None,
        };
        let pairs = || joined.on.iter().copied().zip(joined.right_on.iter().copied());
        let named = |pairs: Vec<(&str, &str)>, from: &Stored<'_>, to: &Stored<'_>| Carried::named(from, to, pairs);
        let keys = match &right {
            Some((_, right)) => named(pairs().collect(), &input, right),
            None => named(joined.on.iter().map(|name| (*name, *name)).collect(), &input, main),
        };
        let right_keys = match &right {
            Some((_, right)) => named(pairs().map(|(on, right_on)| (right_on, on)).collect(), right, main),
            None => Carried::none(),
        };
        let carried = Carried::common(&input, main, &[]);
        let how = joined.how;
        let file = JoinedFile::of(ran, &input, definition, &joined)?;
        Ok(Self { left: (port, input), right, file, how, keys, right_keys, carried })
    }

    /// Returns whether the output has columns of the second table.
    pub(super) fn has_both(&self) -> bool {
        matches!(self.how, HowJoined::Inner | HowJoined::Left)
    }

    /// Returns the rows of the second table that have the key of a row of the first; `None` if that table is a file that cannot
    /// be read as it was.
    pub(super) fn partners(&self, values: &Row) -> Result<Option<Vec<usize>>, WorkbenchError> {
        if self.keys.from().iter().any(|column| values.get(*column).is_none_or(Value::is_null)) {
            return Ok(Some(Vec::new()));
        }
        match (&self.right, &self.file) {
            (Some((_, right)), _) => self.keys.onward(values, right).map(Some),
            (None, Some(JoinedFile { table: Ok(table), .. })) => Ok(Some(self.in_file(table, values))),
            (None, _) => Ok(None),
        }
    }

    /// Returns the rows of the file that have the key of a row of the first table.
    fn in_file(&self, (table, columns): &(Table, Vec<usize>), values: &Row) -> Vec<usize> {
        let key: Vec<&Value> = self.keys.from().iter().filter_map(|column| values.get(*column)).collect();
        let has_key = |row: &usize| {
            columns
                .iter()
                .zip(&key)
                .all(|(column, value)| table.data(*column).is_some_and(|data| are_equal(&data.json(*row), value)))
        };
        (0..table.rows()).filter(has_key).collect()
    }

    /// Returns the rows of the first table that have the key of a row of the second.
    pub(super) fn partners_of_right(&self, values: &Row) -> Result<Vec<usize>, WorkbenchError> {
        if self.right.is_none() || self.keys.to().iter().any(|column| values.get(*column).is_none_or(Value::is_null)) {
            return Ok(Vec::new());
        }
        self.keys.back(values, &self.left.1)
    }

    pub(super) fn onward(
        &self,
        at: &str,
        row: usize,
        values: &Row,
        main: &Stored<'_>,
    ) -> Result<Vec<usize>, WorkbenchError> {
        if at == self.left.0 {
            let (found, alike) = (self.carried.onward(values, main)?, self.carried.alike(values, &self.left.1)?);
            // Equal rows have equal keys, and so as many rows come out for each, one row after the other.
            let each = found.len() / alike.len().max(1);
            let before = alike.iter().take_while(|alike| **alike != row).count();
            return Ok(found.into_iter().skip(before * each).take(each).collect());
        }
        if !self.has_both() || self.partners_of_right(values)?.is_empty() {
            return Ok(Vec::new());
        }
        let Some((_, right)) = &self.right else { return Ok(Vec::new()) };
        // For each row of the first table there are as many rows as the second has with this key, in its order.
        let (found, alike) = (self.right_keys.onward(values, main)?, self.right_keys.alike(values, right)?);
        let at = alike.iter().position(|alike| *alike == row).unwrap_or_default();
        Ok(found.into_iter().skip(at).step_by(alike.len().max(1)).collect())
    }

    pub(super) fn back(&self, row: usize, values: &Row, main: &Stored<'_>) -> Result<Vec<Parents<'a>>, WorkbenchError> {
        let (left, table) = &self.left;
        let (found, alike) = (self.carried.alike_behind(values, main)?, self.carried.back(values, table)?);
        let each = (found.len() / alike.len().max(1)).max(1);
        let at = found.iter().position(|found| *found == row).unwrap_or_default();
        let of_left: Vec<usize> = alike.get(at / each).copied().into_iter().collect();
        let mut all = vec![Parents { port: left, rows: of_left.clone(), all: true }];
        if let (true, Some((port, _)), Some(of_left)) = (self.has_both(), &self.right, of_left.first()) {
            let values = table.row(*of_left).map_err(WorkbenchError::Artifact)?.unwrap_or_default();
            let partners = self.partners(&values)?.unwrap_or_default();
            let partner: Vec<usize> = partners.get(at % each).copied().into_iter().collect();
            if !partner.is_empty() {
                all.push(Parents { port, rows: partner, all: true });
            }
        }
        Ok(all)
    }
}
