//! Which rows of a step's outputs come from which rows of its inputs, in both directions.

use super::carried::{Carried, Parents};
use super::join::Join;
use super::step::Ran;
use super::tables::Stored;
use crate::step::{Descent, Grouping, MAIN_OUTPUT, OfEqual, REJECTS, RowOutcomes};
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

/// The rows of the main output that come from a row, and the number of rows that are equal to it.
#[derive(Default)]
pub(super) struct Onward {
    pub(super) rows: Vec<usize>,
    /// More than 1 if any of so many equal rows may be the one that came out.
    pub(super) alike: usize,
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
                Self::Joined(Box::new(Join::of(ran, (port, input), &main, definition.as_ref(), joined)?))
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
