//! `chem ls`: lists the newest runs of a store, or all with `--all`.

use std::cell::Cell;
use std::collections::HashMap;
use std::process::ExitCode;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BOLD, DIM, Table};
use crate::cli::runs;
use crate::event::{BranchCreated, ChildOf, FlowEventKind, FlowId, event_variants};
use crate::flow::{FlowStatus, replay};
use crate::report::{mark_running, seconds, summary_json};
use crate::step::children::{MAP_STEP, label};
use crate::store::{ErrorClass, EventStore, FlowSummary, Holder, OpenMode, PersistenceError, RunFilter};
use crate::workbench::{ListedRun, Listing, RunQuery, RunStatus, children, list_runs};

#[derive(Debug, Args)]
pub(in crate::cli) struct LsArgs {
    /// Show each branch below the run that it comes from, and the children of a run below it.
    #[arg(long)]
    pub tree: bool,
    /// List only runs of this flow.
    #[arg(long, value_name = "NAME")]
    pub flow: Option<String>,
    /// List only runs with this status.
    #[arg(long, value_enum, value_name = "STATUS")]
    pub status: Option<RunStatus>,
    /// List only runs that began at this time or later, such as 2026-11-29T18:30:00Z, or on this day in UTC or later.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// List only runs that began before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// List only runs that began before this run, which is named by its id or the beginning of its id.
    #[arg(long, value_name = "ID")]
    pub before: Option<String>,
    /// List at most this many runs: the newest of those that match. With `--tree`, children do not count.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    pub limit: usize,
    /// List all runs that match.
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

impl LsArgs {
    /// Returns whether the runs that a person began are chosen, and all of their children are listed with them. Otherwise, children
    /// are chosen like other runs.
    fn by_family(&self) -> bool {
        self.tree
            && !self.all
            && self.flow.is_none()
            && self.status.is_none()
            && self.since.is_none()
            && self.until.is_none()
    }

    /// Returns whether there may be runs that do not match.
    pub(in crate::cli) fn is_narrowed(&self) -> bool {
        self.flow.is_some()
            || self.status.is_some()
            || self.since.is_some()
            || self.until.is_some()
            || self.before.is_some()
            || self.limit == 0
    }
}

impl ValueEnum for RunStatus {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Completed => "All steps have finished",
            Self::Failed => "A step has failed or was rejected",
            Self::Waiting => "A person has to decide on a step",
            Self::Interrupted => "The run can be resumed",
            Self::Running => "A process is running it",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

/// Parses a time with its zone, or a day in UTC.
fn moment(text: &str) -> Result<Timestamp, String> {
    let day = || text.parse::<Date>().and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)));
    let wrong =
        |_| "expected a day, such as 2026-11-29, or a time with its zone, such as 2026-11-29T18:30:00Z".to_owned();
    text.parse().or_else(|_| day()).map_err(wrong)
}

pub(in crate::cli) fn run(shared: &Shared, args: &LsArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Read)?;
    let hidden = Cell::new(0);
    let Listing { runs, next, mut unreadable } = list(store.as_ref(), args, shared.format, &hidden)?;
    let mut rows: Vec<Row> = runs.into_iter().rev().map(Row::new).collect();
    if args.by_family() {
        rows = with_children(store.as_ref(), rows, shared.format, &mut unreadable)?;
    }
    if args.tree {
        rows = families(store.as_ref(), rows, &mut unreadable)?;
    }
    let is_listed = |row: &&Row| !args.by_family() || row.child_of.is_none();
    let oldest = rows.iter().filter(is_listed).min_by_key(|row| row.began_with).map(|row| row.flow_id);
    if shared.format == Format::Json {
        output::print_json(&rows.into_iter().map(Row::into_json).collect())?;
    } else if rows.is_empty() {
        let none = if args.is_narrowed() {
            "no run matches".to_owned()
        } else {
            let hint = Advice::command(CommandName::Run, &[&"MANIFEST"]).then(" begins one").render(shared);
            format!("there are no runs in this store yet{}", hint.map(|how| format!("; {how}")).unwrap_or_default())
        };
        output::say(&none);
    } else {
        output::print(&table(&rows))?;
    }
    if let Some(oldest) = oldest.filter(|_| next.is_some() && !shared.quiet) {
        output::say(&format!(
            "these are the newest {} runs that match; add `--before {oldest}` for older ones, or `--all`",
            args.limit
        ));
    }
    if hidden.get() > 0 && !shared.quiet {
        output::say(&format!("{} children of these runs are not listed; `--tree` lists them", hidden.get()));
    }
    for error in &unreadable {
        output::print_error(&error.with_causes(), &[], None);
    }
    if unreadable.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let check = Advice::command(CommandName::Store, &[&"check", &"--deep"]);
    output::advise(shared, &check.then(" reports all damage to the store"));
    Ok(Status::Store.into())
}

/// Lists the runs. Without `--tree`, leaves out children, and counts them in `hidden`.
fn list(store: &dyn EventStore, args: &LsArgs, format: Format, hidden: &Cell<usize>) -> Result<Listing, Failure> {
    let filter = RunFilter {
        flow: args.flow.clone(),
        status: None,
        since: args.since,
        until: args.until,
        letters: format == Format::Json,
    };
    let before = match &args.before {
        Some(id) => Some(runs::first_event(store, id)?.seq),
        None => None,
    };
    let limit = if args.all { usize::MAX } else { args.limit };
    let query = RunQuery { filter, status: args.status, before, limit, most_read: usize::MAX };
    let is_listed = |run: &FlowSummary| {
        let is_listed = (args.tree && !args.by_family()) || run.child_of().is_none();
        hidden.set(hidden.get() + usize::from(!is_listed && !args.tree));
        is_listed
    };
    Ok(list_runs(store, &query, is_listed)?)
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new(&["run", "flow", "status", "began", "took", "flow fingerprint"]);
    for row in rows {
        let status = RunStatus::of(row.status, row.holder.is_some()).name();
        let indent = if row.depth == 0 { String::new() } else { format!("{}└ ", "  ".repeat(row.depth - 1)) };
        let from = match (&row.branch, &row.child_of) {
            (Some(branch), _) => format!(" from {}", branch.step_id),
            (None, Some(child)) => format!(" {} of {}: {}", child.index, child.step_id, label(&child.given)),
            (None, None) => String::new(),
        };
        table.row([
            (BOLD, format!("{indent}{}", row.flow_id)),
            (BOLD, format!("{}{from}", row.flow)),
            (output::status_style(row.status), status.to_owned()),
            (DIM, row.began.strftime("%Y-%m-%d %H:%M:%SZ").to_string()),
            (DIM, seconds(row.took)),
            (DIM, row.fingerprint.clone()),
        ]);
    }
    table.render()
}

/// A run and its position in its family.
struct Row {
    flow_id: FlowId,
    /// The sequence number of the run's first event.
    began_with: u64,
    flow: String,
    status: FlowStatus,
    began: Timestamp,
    took: SignedDuration,
    fingerprint: String,
    json: Value,
    depth: usize,
    branch: Option<BranchCreated>,
    child_of: Option<ChildOf>,
    /// The lease holder, if another process runs it.
    holder: Option<Holder>,
    /// Whether steps of it have children.
    has_children: bool,
}

impl Row {
    fn new(ListedRun { summary: flow, holder }: ListedRun) -> Self {
        let has_children = match &flow.first.kind {
            FlowEventKind::FlowInitialized(begun) => {
                begun.definition.steps.iter().any(|step| step.uses == MAP_STEP || step.shards.is_some())
            }
            _ => false,
        };
        let until = if holder.is_some() { Timestamp::now() } else { flow.last.ts };
        Self {
            flow_id: flow.flow_id(),
            began_with: flow.first.seq,
            flow: flow.flow().unwrap_or("?").to_owned(),
            status: flow.status(),
            began: flow.first.ts,
            took: until.duration_since(flow.first.ts),
            fingerprint: flow.flow_fingerprint().map(|fingerprint| fingerprint.short()).unwrap_or_default(),
            json: summary_json(&flow),
            depth: 0,
            branch: None,
            child_of: flow.child_of().cloned(),
            holder,
            has_children,
        }
    }

    fn into_json(self) -> Value {
        let mut object = self.json;
        if let Some(branch) = &self.branch {
            object["branch"] = json!({"parent": branch.parent, "root": branch.root, "from": branch.step_id});
        }
        if let Some(child) = &self.child_of {
            object["child_of"] = json!(child);
        }
        if let Some(holder) = &self.holder {
            mark_running(&mut object, holder);
        }
        object
    }
}

/// Adds to each run the runs below it: its children, theirs, and so on.
fn with_children(
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
                let events = match store.list(child.flow_id) {
                    Err(error) if error.class() == ErrorClass::Corrupt => {
                        unreadable.push(error);
                        continue;
                    }
                    events => events?,
                };
                let letters = (format == Format::Json).then(|| event_variants(&events));
                if let (Some(first), Some(last)) = (events.first().cloned(), events.last().cloned()) {
                    let summary = FlowSummary { first, last, event_variants: letters };
                    open.push(Row::new(ListedRun { summary, holder: child.holder }));
                }
            }
        }
        rows.push(row);
    }
    rows.sort_by_key(|row| row.began_with);
    Ok(rows)
}

/// Orders the runs so that each branch and each child follows the run it comes from. A run whose origin cannot be read counts as no branch.
fn families(
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
