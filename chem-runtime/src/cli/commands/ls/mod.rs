//! `chem ls`: lists the newest runs of a store, or all with `--all`.

mod row;
mod tree;

use std::cell::Cell;
use std::process::ExitCode;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use row::Row;
use tree::{Matching, families, matching, with_children};

use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BOLD, DIM, Table};
use crate::cli::runs;
use crate::report::seconds;
use crate::step::children::label;
use crate::store::{EventStore, FlowSummary, OpenMode, PersistenceError, RunFilter};
use crate::workbench::{Listing, RunQuery, RunStatus, list_runs};

#[derive(Debug, Args)]
pub(in crate::cli) struct LsArgs {
    /// Show each branch below the run that it comes from, and the children of a run below it. Of children, only those that match are
    /// shown, with the runs above them.
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
    /// List at most this many runs: the newest of those that match. With `--tree`, children do not count, only the runs at the top.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    pub limit: usize,
    /// List all runs that match.
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

impl LsArgs {
    /// Returns whether runs are chosen by what they are.
    fn is_filtered(&self) -> bool {
        self.flow.is_some() || self.status.is_some() || self.since.is_some() || self.until.is_some()
    }

    /// Returns whether there may be runs that do not match.
    pub(in crate::cli) fn is_narrowed(&self) -> bool {
        self.is_filtered() || self.before.is_some() || self.limit == 0
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
    let Listed { rows, has_more, hidden, mut unreadable } = list(store.as_ref(), args, shared.format)?;
    let rows = if args.tree { families(store.as_ref(), rows, &mut unreadable)? } else { rows };
    let at_top = rows.iter().filter(|row| !args.tree || row.child_of.is_none());
    let oldest = at_top.min_by_key(|row| row.began_with).map(|row| row.flow_id);
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
    if let Some(oldest) = oldest.filter(|_| has_more && !shared.quiet) {
        output::say(&format!(
            "these are the newest {} runs that match; add `--before {oldest}` for older ones, or `--all`",
            args.limit
        ));
    }
    if hidden > 0 && !shared.quiet {
        output::say(&format!("{hidden} children of these runs are not listed; `--tree` lists them"));
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

/// The runs to list, the oldest first.
struct Listed {
    rows: Vec<Row>,
    /// Whether older runs match.
    has_more: bool,
    /// The number of children that match and are not listed.
    hidden: usize,
    /// Why other runs that may match cannot be read.
    unreadable: Vec<PersistenceError>,
}

/// Chooses the runs. With `--tree`, chooses families, unless all runs are listed anyway.
fn list(store: &dyn EventStore, args: &LsArgs, format: Format) -> Result<Listed, Failure> {
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
    if args.tree && args.is_filtered() {
        let Matching { rows, has_more, unreadable } = matching(store, &query, format)?;
        return Ok(Listed { rows, has_more, hidden: 0, unreadable });
    }
    let (hidden, has_children) = (Cell::new(0), args.tree && args.all);
    let is_listed = |run: &FlowSummary| {
        let is_listed = has_children || run.child_of().is_none();
        hidden.set(hidden.get() + usize::from(!is_listed && !args.tree));
        is_listed
    };
    let Listing { runs, next, mut unreadable } = list_runs(store, &query, is_listed)?;
    let mut rows: Vec<Row> = runs.into_iter().rev().map(Row::new).collect();
    if args.tree && !args.all {
        rows = with_children(store, rows, format, &mut unreadable)?;
    }
    Ok(Listed { rows, has_more: next.is_some(), hidden: hidden.get(), unreadable })
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
