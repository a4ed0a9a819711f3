//! Which rows of a step's outputs come from which rows of its inputs, in both directions.

use serde_json::Value;

use super::step::Ran;
use super::tables::Stored;
use crate::step::{Descent, Grouping, HowJoined, MAIN_OUTPUT, OfEqual, REJECTS, RowOutcomes};
use crate::workbench::WorkbenchError;
use crate::workbench::tables::Row;

/// How the rows of a finished step hang together.
pub(super) enum Links<'a> {
    /// The step works row by row, and has recorded what came out for each row at this port.
    Recorded { port: &'a str, input: Stored<'a>, outcomes: RowOutcomes },
    /// All rows of the input at this port, in their order.
    Every { port: &'a str, input: Stored<'a> },
    /// The rows of the input at these indices.
    Drawn { port: &'a str, input: Stored<'a>, rows: Vec<usize> },
    /// Some rows of the input, by their values.
    Selected { port: &'a str, input: Stored<'a>, carried: Carried, of_equal: OfEqual },
    /// The rows of each input, with the index of the first of them in the output.
    Stacked(Vec<(&'a str, Stored<'a>, usize)>),
    /// Rows of two tables with equal keys.
    Joined(Box<Join<'a>>),
    /// Groups of rows with equal values in some columns.
    Grouped { port: &'a str, input: Stored<'a>, keys: Carried },
    /// The tables do not say it, for this reason.
    Unknown(String),
}

/// Columns that have equal values in two tables: their indices in each.
pub(super) struct Carried {
    from: Vec<usize>,
    to: Vec<usize>,
}

/// A join, with its tables.
pub(super) struct Join<'a> {
    pub(super) left: (&'a str, Stored<'a>),
    /// `None` if the second table is a file.
    pub(super) right: Option<(&'a str, Stored<'a>)>,
    pub(super) file: Option<String>,
    pub(super) how: HowJoined,
    /// The key of the first table and that of the second.
    pub(super) keys: Carried,
    /// The key of the second table and the columns of the output that have it, unless the output has no rows of it.
    right_keys: Carried,
    carried: Carried,
}

/// The rows of the main output that come from a row, and the number of rows that are equal to it.
#[derive(Default)]
pub(super) struct Onward {
    pub(super) rows: Vec<usize>,
    /// More than 1 if any of so many equal rows may be the one that came out.
    pub(super) alike: usize,
}

/// Rows of an input from which a row of an output comes.
pub(super) struct Parents<'a> {
    pub(super) port: &'a str,
    pub(super) rows: Vec<usize>,
    /// Whether all of the rows were needed; otherwise it is one of them, which are equal.
    pub(super) all: bool,
}

impl Carried {
    /// The columns with these names, where they are in both tables.
    fn named<'n>(from: &Stored<'_>, to: &Stored<'_>, names: impl IntoIterator<Item = (&'n str, &'n str)>) -> Self {
        let pairs = names.into_iter().filter_map(|(one, other)| Some((from.index_of(one)?, to.index_of(other)?)));
        let (from, to) = pairs.unzip();
        Self { from, to }
    }

    /// The columns that both tables have, except those in `but`.
    fn common(from: &Stored<'_>, to: &Stored<'_>, but: &[&str]) -> Self {
        let names = from.columns().iter().map(|column| &*column.name).filter(|name| !but.contains(name));
        Self::named(from, to, names.map(|name| (name, name)))
    }

    /// Returns the rows of the second table that have the values of a row of the first.
    pub(super) fn onward(&self, row: &Row, to: &Stored<'_>) -> Result<Vec<usize>, WorkbenchError> {
        to.equal(&self.to, &cells(row, &self.from))
    }

    /// Returns the rows of the first table that have the values of a row of the first.
    fn alike(&self, row: &Row, from: &Stored<'_>) -> Result<Vec<usize>, WorkbenchError> {
        from.equal(&self.from, &cells(row, &self.from))
    }

    /// Returns the rows of the first table that have the values of a row of the second.
    fn back(&self, row: &Row, from: &Stored<'_>) -> Result<Vec<usize>, WorkbenchError> {
        from.equal(&self.from, &cells(row, &self.to))
    }

    /// Returns the rows of the second table that have the values of a row of the second.
    fn alike_behind(&self, row: &Row, to: &Stored<'_>) -> Result<Vec<usize>, WorkbenchError> {
        to.equal(&self.to, &cells(row, &self.to))
    }

    /// Returns the indices in the first table.
    pub(super) fn from(&self) -> &[usize] {
        &self.from
    }

    /// Returns the indices in the second table.
    pub(super) fn to(&self) -> &[usize] {
        &self.to
    }
}

fn cells<'r>(row: &'r Row, columns: &[usize]) -> Vec<&'r Value> {
    columns.iter().map(|column| row.get(*column).unwrap_or(&Value::Null)).collect()
}

impl<'a> Links<'a> {
    /// Finds out how the rows of a finished step hang together.
    pub(super) fn of(ran: &Ran<'a>) -> Result<Self, WorkbenchError> {
        let unknown = |reason: &str| Ok(Self::Unknown(reason.to_owned()));
        if let Some(port) = ran.port_of_rows() {
            let (Some(input), Some(main)) = (ran.input(port)?, ran.output(MAIN_OUTPUT)?) else {
                return unknown("its input and its output are not tables");
            };
            let rejects = ran.output(REJECTS)?.map_or(0, |rejects| rejects.rows());
            return match ran.outcomes([input.rows(), main.rows(), rejects])? {
                Some(outcomes) => Ok(Self::Recorded { port, input, outcomes }),
                None if ran.is_unknown() => Ok(Self::Unknown(ran.silent())),
                None => unknown("the step has not recorded what came out for each row"),
            };
        }
        let definition = match ran.definition() {
            Ok(definition) => definition,
            Err(reason) => return Ok(Self::Unknown(reason)),
        };
        let descent = definition.descent();
        if matches!(descent, Descent::Unknown) {
            return Ok(Self::Unknown(ran.silent()));
        }
        let (Some(first), Some(main)) = (ran.spec.inputs.first(), ran.output(MAIN_OUTPUT)?) else {
            return unknown("its output is not a table");
        };
        let port = first.name;
        let Some(input) = ran.input(port)? else { return unknown("its input is not a table") };
        Ok(match descent {
            Descent::Unknown => Self::Unknown(ran.silent()),
            Descent::Every => Self::Every { port, input },
            Descent::Drawn(draw) => {
                let rows = draw(input.rows());
                Self::Drawn { port, input, rows }
            }
            Descent::Selected { of_equal, computed } => {
                let carried = Carried::common(&input, &main, computed);
                Self::Selected { port, input, carried, of_equal }
            }
            Descent::Stacked => {
                let (mut all, mut before) = (Vec::new(), 0);
                for port in ran.spec.inputs {
                    let Some(input) = ran.input(port.name)? else { continue };
                    let rows = input.rows();
                    all.push((port.name, input, before));
                    before += rows;
                }
                Self::Stacked(all)
            }
            Descent::Grouped(by) => {
                let keys = match &by {
                    Grouping::By(names) => Carried::named(&input, &main, names.iter().map(|name| (*name, *name))),
                    Grouping::AllBut(names) => Carried::common(&input, &main, names),
                };
                Self::Grouped { port, input, keys }
            }
            Descent::Joined(joined) => {
                let second = ran.spec.inputs.get(1).map(|port| port.name);
                let right = match second {
                    Some(port) => ran.input(port)?.map(|right| (port, right)),
                    None => None,
                };
                let pairs = || joined.on.iter().copied().zip(joined.right_on.iter().copied());
                let named =
                    |pairs: Vec<(&str, &str)>, from: &Stored<'_>, to: &Stored<'_>| Carried::named(from, to, pairs);
                let keys = match &right {
                    Some((_, right)) => named(pairs().collect(), &input, right),
                    None => named(joined.on.iter().map(|name| (*name, *name)).collect(), &input, &main),
                };
                let right_keys = match &right {
                    Some((_, right)) => named(pairs().map(|(on, right_on)| (right_on, on)).collect(), right, &main),
                    None => Carried { from: Vec::new(), to: Vec::new() },
                };
                let carried = Carried::common(&input, &main, &[]);
                let (file, how) = (joined.file.map(str::to_owned), joined.how);
                Self::Joined(Box::new(Join { left: (port, input), right, file, how, keys, right_keys, carried }))
            }
        })
    }

    /// Returns the table at a port, if the rows of that port are followed.
    pub(super) fn input(&self, at: &str) -> Option<&Stored<'a>> {
        match self {
            Self::Recorded { port, input, .. }
            | Self::Every { port, input }
            | Self::Drawn { port, input, .. }
            | Self::Selected { port, input, .. }
            | Self::Grouped { port, input, .. } => (*port == at).then_some(input),
            Self::Stacked(inputs) => inputs.iter().find(|(port, ..)| *port == at).map(|(_, input, _)| input),
            Self::Joined(join) => {
                let sides = std::iter::once(&join.left).chain(&join.right);
                sides.into_iter().find(|(port, _)| *port == at).map(|(_, table)| table)
            }
            Self::Unknown(_) => None,
        }
    }

    /// Returns the rows of the main output that come from the row `row` with these values at the port `at`.
    pub(super) fn onward(
        &self,
        at: &str,
        row: usize,
        values: &Row,
        main: &Stored<'_>,
    ) -> Result<Onward, WorkbenchError> {
        let exactly = |rows: Vec<usize>| Onward { rows, alike: 1 };
        Ok(match self {
            Self::Recorded { outcomes, .. } => exactly(outcomes.main.of_row(row).collect()),
            Self::Every { .. } => exactly(vec![row]),
            Self::Drawn { rows, .. } => exactly(positions(rows, row)),
            Self::Selected { input, carried, of_equal, .. } => {
                let (found, alike) = (carried.onward(values, main)?, carried.alike(values, input)?);
                selected(&found, &alike, row, *of_equal)
            }
            Self::Stacked(inputs) => {
                let first = inputs.iter().find(|(port, ..)| *port == at).map(|(.., first)| *first);
                exactly(first.map(|first| first + row).into_iter().collect())
            }
            Self::Grouped { keys, .. } => exactly(keys.onward(values, main)?),
            Self::Joined(join) => exactly(join.onward(at, row, values, main)?),
            Self::Unknown(_) => Onward::default(),
        })
    }

    /// Returns the rows of the inputs from which a row of an output comes, which has these values.
    pub(super) fn back(
        &self,
        output: &str,
        row: usize,
        values: &Row,
        main: &Stored<'_>,
    ) -> Result<Vec<Parents<'a>>, WorkbenchError> {
        let parents = |port, rows| vec![Parents { port, rows, all: true }];
        Ok(match self {
            Self::Recorded { port, outcomes, .. } => {
                let ranges = if output == REJECTS { &outcomes.rejects } else { &outcomes.main };
                parents(*port, ranges.row_of(row).into_iter().collect())
            }
            _ if output != MAIN_OUTPUT => Vec::new(),
            Self::Every { port, .. } => parents(port, vec![row]),
            Self::Drawn { port, rows, .. } => parents(port, rows.get(row).copied().into_iter().collect()),
            Self::Selected { port, input, carried, of_equal } => {
                let (found, alike) = (carried.alike_behind(values, main)?, carried.back(values, input)?);
                let at = found.iter().position(|found| *found == row).unwrap_or_default();
                let exact = match of_equal {
                    _ if found.len() == alike.len() => alike.get(at),
                    OfEqual::First => alike.get(at),
                    OfEqual::Last => alike.get((alike.len() + at).saturating_sub(found.len())),
                    OfEqual::Any => None,
                };
                match exact {
                    Some(exact) => parents(*port, vec![*exact]),
                    None => vec![Parents { port, all: alike.len() == 1, rows: alike }],
                }
            }
            Self::Stacked(inputs) => {
                let of = inputs.iter().rfind(|(_, input, first)| *first <= row && row - first < input.rows());
                of.map(|(port, _, first)| parents(*port, vec![row - first])).unwrap_or_default()
            }
            Self::Grouped { port, input, keys } => parents(port, keys.back(values, input)?),
            Self::Joined(join) => join.back(row, values, main)?,
            Self::Unknown(_) => Vec::new(),
        })
    }
}

/// Returns the positions of `row` among `rows`.
fn positions(rows: &[usize], row: usize) -> Vec<usize> {
    rows.iter().enumerate().filter(|(_, there)| **there == row).map(|(at, _)| at).collect()
}

/// Returns which of the `found` rows of the output is the row `row` of the input, one of the equal rows `alike`.
fn selected(found: &[usize], alike: &[usize], row: usize, of_equal: OfEqual) -> Onward {
    let at = alike.iter().position(|alike| *alike == row).unwrap_or_default();
    let exact = match of_equal {
        _ if found.len() >= alike.len() => found.get(at),
        OfEqual::First => found.get(at),
        OfEqual::Last => (found.len() + at).checked_sub(alike.len()).and_then(|at| found.get(at)),
        OfEqual::Any => return Onward { rows: found.to_vec(), alike: alike.len() },
    };
    Onward { rows: exact.copied().into_iter().collect(), alike: 1 }
}

impl<'a> Join<'a> {
    /// Returns whether the output has columns of the second table.
    pub(super) fn has_both(&self) -> bool {
        matches!(self.how, HowJoined::Inner | HowJoined::Left)
    }

    /// Returns the rows of the second table that have the key of a row of the first; `None` if that table is a file.
    pub(super) fn partners(&self, values: &Row) -> Result<Option<Vec<usize>>, WorkbenchError> {
        let Some((_, right)) = &self.right else { return Ok(None) };
        if self.keys.from.iter().any(|column| values.get(*column).is_none_or(Value::is_null)) {
            return Ok(Some(Vec::new()));
        }
        self.keys.onward(values, right).map(Some)
    }

    /// Returns the rows of the first table that have the key of a row of the second.
    pub(super) fn partners_of_right(&self, values: &Row) -> Result<Vec<usize>, WorkbenchError> {
        if self.right.is_none() || self.keys.to.iter().any(|column| values.get(*column).is_none_or(Value::is_null)) {
            return Ok(Vec::new());
        }
        self.keys.back(values, &self.left.1)
    }

    fn onward(&self, at: &str, row: usize, values: &Row, main: &Stored<'_>) -> Result<Vec<usize>, WorkbenchError> {
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

    fn back(&self, row: usize, values: &Row, main: &Stored<'_>) -> Result<Vec<Parents<'a>>, WorkbenchError> {
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
