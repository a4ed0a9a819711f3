//! Runs with those to which they belong: children below their parents, and branches below the runs that they come from.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::row::Row;
use crate::cli::args::Format;
use crate::cli::exit::Failure;
use crate::event::{FlowEventKind, FlowId};
use crate::flow::replay;
use crate::store::{ErrorClass, EventStore, PersistenceError};
use crate::workbench::{Listing, RunQuery, children, list_runs};

/// The number of runs to look at before asking whether they are enough.
const PAGE: usize = 1_000;

/// Adds to each run the runs below it: its children, theirs, and so on.
pub(super) fn with_children(
    store: &dyn EventStore,
    listed: Vec<Row>,
    format: Format,
    unreadable: &mut Vec<PersistenceError>,
) -> Result<Vec<Row>, Failure> {
    let (mut rows, mut open) = (Vec::new(), listed);
    while let Some(row) = open.pop() {
        if row.has_children {
            let events = match store.list(row.flow_id) {
                Err(error) if error.class() == ErrorClass::Corrupt => {
                    unreadable.push(error);
                    rows.push(row);
                    continue;
                }
                events => events?,
            };
            let begun = children(store, &replay(row.flow_id, &events)?)?;
            for child in begun.into_iter().filter(|child| child.status.is_some()) {
                open.extend(Row::read(store, child.flow_id, format, unreadable)?);
            }
        }
        rows.push(row);
    }
    rows.sort_by_key(|row| row.began_with);
    Ok(rows)
}

/// Orders the runs so that each branch and each child follows the run it comes from. A run whose origin cannot be read counts as no branch.
pub(super) fn families(
    store: &dyn EventStore,
    listed: Vec<Row>,
    unreadable: &mut Vec<PersistenceError>,
) -> Result<Vec<Row>, Failure> {
    let mut branches: HashMap<FlowId, Vec<Row>> = HashMap::new();
    let mut roots = Vec::new();
    for mut row in listed {
        let second = match store.read_event(row.flow_id, 1) {
            Err(error) if error.class() == ErrorClass::Corrupt => {
                unreadable.push(error);
                None
            }
            second => second?,
        };
        row.branch = second.and_then(|event| match event.kind {
            FlowEventKind::BranchCreated(branch) => Some(branch),
            _ => None,
        });
        let parent = row.branch.as_ref().map(|branch| branch.parent);
        match parent.or(row.child_of.as_ref().map(|child| child.parent)) {
            Some(parent) => branches.entry(parent).or_default().push(row),
            None => roots.push(row),
        }
    }
    let mut rows = Vec::new();
    // This does not recurse, since a chain of branches may be long.
    let mut open: Vec<Row> = roots.into_iter().rev().collect();
    loop {
        let Some(row) = open.pop() else {
            // Only branches of runs that are not listed are left.
            let Some(parent) = branches.keys().next().copied() else { return Ok(rows) };
            open.extend(branches.remove(&parent).into_iter().flatten().rev());
            continue;
        };
        let children = branches.remove(&row.flow_id).into_iter().flatten().rev();
        open.extend(children.map(|child| Row { depth: row.depth + 1, ..child }));
        rows.push(row);
    }
}

/// The newest families with runs that match.
#[derive(Default)]
pub(super) struct Matching {
    /// The runs that match, and those above them, by their first events.
    pub(super) rows: Vec<Row>,
    /// Whether older families match.
    pub(super) has_more: bool,
    /// Why other runs that may match cannot be read.
    pub(super) unreadable: Vec<PersistenceError>,
}

/// The runs that have been looked at.
#[derive(Default)]
struct Seen {
    rows: HashMap<FlowId, Row>,
    /// The number of the first event of the run at the top, by the run.
    tops: HashMap<FlowId, u64>,
}

impl Seen {
    /// Adds a run and those above it, unless they are there. Returns the number of the first event of the run at the top.
    fn add(
        &mut self,
        store: &dyn EventStore,
        row: Row,
        format: Format,
        unreadable: &mut Vec<PersistenceError>,
    ) -> Result<u64, Failure> {
        let (mut way, mut next, mut top) = (Vec::new(), Some(row), 0);
        while let Some(row) = next.take() {
            let (flow_id, parent) = (row.flow_id, row.child_of.as_ref().map(|child| child.parent));
            top = self.tops.get(&flow_id).copied().unwrap_or(row.began_with);
            self.rows.insert(flow_id, row);
            way.push(flow_id);
            // A log that no engine has written could name a run twice on the way up.
            if let Some(parent) = parent.filter(|parent| !self.tops.contains_key(&flow_id) && !way.contains(parent)) {
                match self.tops.get(&parent) {
                    Some(known) => top = *known,
                    None => next = Row::read(store, parent, format, unreadable)?,
                }
            }
        }
        self.tops.extend(way.into_iter().map(|flow_id| (flow_id, top)));
        Ok(top)
    }
}

/// Returns the newest families, as many as `query` lists runs, in which a run matches it. A family is as old as the run at its top.
///
/// # Errors
/// Fails if the store cannot be read.
pub(super) fn matching(store: &dyn EventStore, query: &RunQuery, format: Format) -> Result<Matching, Failure> {
    let (mut found, mut seen, mut families) =
        (Matching::default(), Seen::default(), BTreeMap::<u64, Vec<FlowId>>::new());
    let is_listed = |top: &u64| query.before.is_none_or(|before| *top < before);
    let mut before = None;
    loop {
        let page = RunQuery { before, limit: PAGE, ..query.clone() };
        let Listing { runs, next, unreadable } = list_runs(store, &page, |_| true)?;
        found.unreadable.extend(unreadable);
        for run in runs {
            let row = Row::new(run);
            let flow_id = row.flow_id;
            let top = seen.add(store, row, format, &mut found.unreadable)?;
            families.entry(top).or_default().push(flow_id);
        }
        // The runs that were not looked at began earlier, and so did the families that only they belong to.
        let Some(next) = next else { break };
        if families.range(next..).filter(|(top, _)| is_listed(top)).count() > query.limit {
            break;
        }
        before = Some(next);
    }
    let mut tops = families.into_keys().rev().filter(is_listed);
    let listed: BTreeSet<u64> = tops.by_ref().take(query.limit).collect();
    found.has_more = tops.next().is_some();
    let tops = seen.tops;
    found.rows =
        seen.rows.into_values().filter(|row| tops.get(&row.flow_id).is_some_and(|top| listed.contains(top))).collect();
    found.rows.sort_by_key(|row| row.began_with);
    Ok(found)
}
