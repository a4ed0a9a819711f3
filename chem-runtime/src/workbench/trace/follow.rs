//! What became of rows in a step.

use serde_json::{Map, Value};

use super::join::Join;
use super::links::Links;
use super::parameters::{cells, texts_of};
use super::reason::{self, spelled};
use super::step::{Ran, Run};
use super::tables::Stored;
use super::{Group, Kept, Partner, StepOutcome, WhyDropped};
use crate::event::StepKind;
use crate::flow::StepStatus;
use crate::step::{HowJoined, MAIN_OUTPUT, ParamType, REJECTS};
use crate::workbench::WorkbenchError;
use crate::workbench::tables::Row;

/// The maximum number of rows of an input that are followed, if so many come from one record.
const MOST_ROWS: usize = 50;

/// What became of rows in a step, and the rows of its outputs in which they are.
#[derive(Default)]
pub(super) struct Passed {
    /// Each with the output in which its rows are, if it has any.
    pub(super) outcomes: Vec<(StepOutcome, Option<&'static str>)>,
    pub(super) rows: Vec<(&'static str, Vec<usize>)>,
}

impl Passed {
    fn ended(outcome: StepOutcome) -> Self {
        Self { outcomes: vec![(outcome, None)], rows: Vec::new() }
    }

    fn end(&mut self, outcome: StepOutcome) {
        self.tell(outcome, None);
    }

    /// Adds what became of a row. Rows that came out are told together, and what was told before is not told again.
    fn tell(&mut self, outcome: StepOutcome, output: Option<&'static str>) {
        let told = (outcome, output);
        if self.outcomes.contains(&told) {
            return;
        }
        let kept_before = self.outcomes.iter_mut().find_map(|before| match before {
            (StepOutcome::Kept(rows), there) if *there == output => Some(rows),
            _ => None,
        });
        match (told, kept_before) {
            ((StepOutcome::Kept(more), _), Some(rows)) => {
                let new: Vec<Kept> = more.into_iter().filter(|kept| !rows.contains(kept)).collect();
                rows.extend(new);
            }
            (told, _) => self.outcomes.push(told),
        }
    }

    /// Adds rows that came out, each once.
    fn add(&mut self, output: &'static str, rows: impl IntoIterator<Item = usize>) {
        let at = self.rows.iter().position(|(there, _)| *there == output).unwrap_or_else(|| {
            self.rows.push((output, Vec::new()));
            self.rows.len() - 1
        });
        let all = &mut self.rows[at].1;
        all.extend(rows);
        all.sort_unstable();
        all.dedup();
    }
}

impl<'a> Run<'a> {
    /// Says what became of rows in the step at `index`, which takes them at these ports.
    pub(super) fn pass(&'a self, index: usize, taken: &[(&str, &Vec<usize>)]) -> Result<Passed, WorkbenchError> {
        let Some(state) = self.instance.steps().get(index) else { return Ok(Passed::default()) };
        if state.status != StepStatus::FinishedOk {
            return Ok(Passed::ended(StepOutcome::NotFinished(state.status)));
        }
        let Some(ran) = self.ran(index) else { return Ok(Passed::default()) };
        if ran.recorded.kind == StepKind::Sink {
            let files = texts_of(ran.spec, &ran.recorded.params, &[ParamType::OutputFile]);
            return Ok(Passed::ended(StepOutcome::Given(files)));
        }
        let links = Links::of(&ran)?;
        if let Links::Unknown(reason) = links {
            return Ok(Passed::ended(StepOutcome::Unfollowed(reason)));
        }
        let mut passed = Passed::default();
        let Some(main) = ran.output(MAIN_OUTPUT)? else {
            return Ok(Passed::ended(StepOutcome::Unfollowed(ran.silent())));
        };
        for (port, rows) in taken {
            let Some(input) = links.input(port) else {
                passed.end(StepOutcome::Unfollowed(format!("the step read it at its input `{port}`")));
                continue;
            };
            let step = Passing { ran: &ran, links: &links, port, input, main: &main };
            for row in rows.iter().take(MOST_ROWS) {
                step.pass(*row, &mut passed)?;
            }
            if let Some(more) = rows.len().checked_sub(MOST_ROWS).filter(|more| *more > 0) {
                let reason = format!("{more} more rows that come from the record are not followed");
                passed.end(StepOutcome::Unfollowed(reason));
            }
        }
        Ok(passed)
    }
}

/// A step that takes rows at a port.
struct Passing<'p, 'a> {
    ran: &'p Ran<'a>,
    links: &'p Links<'a>,
    port: &'p str,
    input: &'p Stored<'a>,
    main: &'p Stored<'a>,
}

impl Passing<'_, '_> {
    fn pass(&self, row: usize, passed: &mut Passed) -> Result<(), WorkbenchError> {
        let Some(values) = self.input.row(row).map_err(WorkbenchError::Artifact)? else { return Ok(()) };
        let onward = self.links.onward(self.port, row, &values, self.main)?;
        if !onward.rows.is_empty() {
            let shown = onward.rows.iter().take(MOST_ROWS);
            let kept = match self.links {
                Links::Grouped { keys, .. } => {
                    let of: Vec<&str> = keys.from().iter().map(|column| &*self.input.columns()[*column].name).collect();
                    let group = shown.map(|at| self.grouped(*at, &of)).collect::<Result<_, _>>()?;
                    StepOutcome::Grouped(group)
                }
                Links::Joined(join) => {
                    let kept = shown.enumerate();
                    StepOutcome::Kept(
                        kept.map(|(nth, at)| self.joined(join, &values, *at, nth)).collect::<Result<_, _>>()?,
                    )
                }
                _ => {
                    StepOutcome::Kept(shown.map(|at| self.kept(&values, *at, onward.alike)).collect::<Result<_, _>>()?)
                }
            };
            passed.tell(kept, Some(MAIN_OUTPUT));
        }
        let rejected = match self.links {
            Links::Recorded { outcomes, .. } => outcomes.rejects.of_row(row),
            _ => 0..0,
        };
        for at in rejected.clone() {
            let rejects = self.ran.output(REJECTS)?;
            let reason = rejects.as_ref().map(|rejects| reason_in(rejects, at)).transpose()?.flatten();
            let reason = reason.unwrap_or_else(|| "no reason was recorded".to_owned());
            passed.tell(StepOutcome::Rejected(reason), Some(REJECTS));
        }
        if onward.rows.is_empty() && rejected.is_empty() {
            passed.end(match (self.ran.set_apart(row)?, self.links) {
                (Some(reason), _) => StepOutcome::Rejected(reason),
                (None, Links::Joined(join)) => self.unmatched(join, &values)?,
                _ => reason::of_dropped(self.ran, self.input, &values, self.main)?,
            });
        }
        passed.add(MAIN_OUTPUT, onward.rows);
        passed.add(REJECTS, rejected);
        Ok(())
    }

    /// Returns what the step made of a row, of which the row `at` of its output came.
    fn kept(&self, before: &Row, at: usize, alike: usize) -> Result<Kept, WorkbenchError> {
        let after = self.main.row(at).map_err(WorkbenchError::Artifact)?.unwrap_or_default();
        let was = |name: &str| self.input.index_of(name).and_then(|index| before.get(index));
        let (mut values, mut replaced) = (Map::new(), Map::new());
        for (column, value) in self.main.columns().iter().zip(after) {
            let name = &*column.name;
            match was(name) {
                Some(before) if *before == value => continue,
                Some(before) => drop(replaced.insert(name.to_owned(), before.clone())),
                None => {}
            }
            values.insert(name.to_owned(), value);
        }
        Ok(Kept { row: at, values, replaced, alike, partner: None })
    }

    fn grouped(&self, at: usize, by: &[&str]) -> Result<Group, WorkbenchError> {
        let values = self.main.row(at).map_err(WorkbenchError::Artifact)?.unwrap_or_default();
        let members =
            self.links.back(MAIN_OUTPUT, at, &values, self.main)?.iter().map(|parents| parents.rows.len()).sum();
        let key: Map<String, Value> = cells(self.main, &values, by).into_iter().collect();
        let measures = self.main.columns().iter().zip(&values).filter(|(column, _)| !by.contains(&&*column.name));
        let values = measures.map(|(column, value)| (column.name.to_string(), value.clone())).collect();
        Ok(Group { row: at, key, members, values })
    }

    /// Returns what a join made of a row, the row `at` of its output, which is the `nth` for the row.
    fn joined(&self, join: &Join<'_>, values: &Row, at: usize, nth: usize) -> Result<Kept, WorkbenchError> {
        let mut kept = self.kept(values, at, 1)?;
        if self.port == join.left.0 {
            if join.has_both() {
                let partners = join.partners(values)?;
                let row = partners.as_ref().and_then(|rows| rows.get(nth).copied());
                let missing = partners.is_some_and(|rows| rows.is_empty());
                let unread = join.file.as_ref().and_then(|file| file.table.as_ref().err()).cloned();
                kept.partner = Some(Partner { of: self.right(join), row, missing, unread });
            }
            return Ok(kept);
        }
        let of_left = self.links.back(MAIN_OUTPUT, at, &self.main_row(at)?, self.main)?;
        let row = of_left.iter().find(|parents| parents.port == join.left.0).and_then(|parents| parents.rows.first());
        kept.partner =
            Some(Partner { of: self.ran.wired(join.left.0), row: row.copied(), missing: false, unread: None });
        Ok(kept)
    }

    fn main_row(&self, at: usize) -> Result<Row, WorkbenchError> {
        Ok(self.main.row(at).map_err(WorkbenchError::Artifact)?.unwrap_or_default())
    }

    /// Returns what the flow names as the second table.
    fn right(&self, join: &Join<'_>) -> String {
        match (&join.right, &join.file) {
            (Some((port, _)), _) => self.ran.wired(port),
            (None, Some(file)) => file.path.clone(),
            (None, None) => "the other table".to_owned(),
        }
    }

    /// Says why a row of a join did not come out, or what it did there.
    fn unmatched(&self, join: &Join<'_>, values: &Row) -> Result<StepOutcome, WorkbenchError> {
        let is_left = self.port == join.left.0;
        let key = if is_left { join.keys.from() } else { join.keys.to() };
        let key: Vec<(&str, &Value)> = key
            .iter()
            .map(|column| (&*self.input.columns()[*column].name, values.get(*column).unwrap_or(&Value::Null)))
            .collect();
        let found: Map<String, Value> =
            key.iter().map(|(name, value)| ((*name).to_owned(), (*value).clone())).collect();
        let told = |words: String| StepOutcome::Dropped(vec![WhyDropped::Told { words, values: found }]);
        let spelled_key: Vec<String> = key.iter().map(|(name, value)| format!("{name} {}", spelled(value))).collect();
        let spelled_key = spelled_key.join(" and ");
        if let Some((name, _)) = key.iter().find(|(_, value)| value.is_null())
            && (!is_left || join.how != HowJoined::Anti)
        {
            return Ok(told(format!("{name} has no value, which equals nothing")));
        }
        let other = if is_left { self.right(join) } else { self.ran.wired(join.left.0) };
        if !is_left && !join.has_both() {
            let matched = join.partners_of_right(values)?.len();
            if matched > 0 {
                let what = if join.how == HowJoined::Semi { "kept" } else { "dropped" };
                return Ok(StepOutcome::Used(format!(
                    "with {spelled_key}, the step {what} {matched} rows of `{other}`"
                )));
            }
        }
        if is_left && join.how == HowJoined::Anti {
            let partners = join.partners(values)?.unwrap_or_default();
            let row = partners.first().map_or_else(|| "a row".to_owned(), |row| format!("row {}", row + 1));
            return Ok(told(format!("{spelled_key}; {row} of `{other}` has this key, and `how` is `anti`")));
        }
        Ok(told(format!("{spelled_key}; no row of `{other}` has this key")))
    }
}

/// Returns the reason in a row of rejects: the last column that is called so, because the rejects may have those of the input.
fn reason_in(rejects: &Stored<'_>, row: usize) -> Result<Option<String>, WorkbenchError> {
    let values = rejects.row(row).map_err(WorkbenchError::Artifact)?.unwrap_or_default();
    let mut cells = rejects.columns().iter().zip(values).rev();
    let reason = cells.find(|(column, _)| column.name.ends_with("reason"));
    Ok(reason.and_then(|(_, value)| value.as_str().map(str::to_owned)))
}
