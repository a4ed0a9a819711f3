//! What was typed for the commands that take a run of the store.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Reuse;
use crate::flow::FlowStatus;
use crate::store::Cursor;

#[derive(Debug, Args)]
pub(in crate::cli) struct RunIdArgs {
    /// The run: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID")]
    pub id: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ManifestArgs {
    /// The run: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID")]
    pub id: String,
    /// Write it to this file, which must not exist. Relative paths in it start from the directory that the file is in.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LsArgs {
    /// Show branches below the runs that they come from.
    #[arg(long)]
    pub tree: bool,
    /// Only runs of this flow.
    #[arg(long, value_name = "NAME")]
    pub flow: Option<String>,
    /// Only runs of this status.
    #[arg(long, value_enum, value_name = "STATUS")]
    pub status: Option<ListedStatus>,
    /// Only runs that began at this time or later: 2026-11-29, or 2026-11-29T18:30:00Z. A day begins in UTC.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Timestamp>,
    /// Only runs that began before this time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Timestamp>,
    /// Only runs that began before this one: its id, or the beginning of it.
    #[arg(long, value_name = "ID")]
    pub before: Option<String>,
    /// List at most so many, the newest of those asked for.
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    pub limit: usize,
    /// List all that are asked for.
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

impl LsArgs {
    /// Whether there may be runs that are not asked for.
    pub(in crate::cli) fn is_narrowed(&self) -> bool {
        self.flow.is_some()
            || self.status.is_some()
            || self.since.is_some()
            || self.until.is_some()
            || self.before.is_some()
            || self.limit == 0
    }
}

/// The status of a run as `ls` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ListedStatus {
    /// All steps have ended well.
    Completed,
    /// A step has failed.
    Failed,
    /// A person has to decide before it goes on.
    Waiting,
    /// It can be resumed.
    Interrupted,
    /// A process is at work on it.
    Running,
}

impl ListedStatus {
    /// What the log alone says of such a run.
    pub(in crate::cli) fn in_log(self) -> FlowStatus {
        match self {
            Self::Completed => FlowStatus::Completed,
            Self::Failed => FlowStatus::Failed,
            Self::Waiting => FlowStatus::Waiting,
            Self::Interrupted | Self::Running => FlowStatus::Interrupted,
        }
    }

    /// Whether it is the status of a run that is, or is not, `held` by a process.
    pub(in crate::cli) fn is_of(self, held: bool) -> bool {
        held == (self == Self::Running)
    }
}

/// A moment as it is written: with its time and zone, or a day.
fn moment(text: &str) -> Result<Timestamp, String> {
    let day = || text.parse::<Date>().and_then(|day| TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)));
    let wrong =
        |_| "expected a day, such as 2026-11-29, or a time with its zone, such as 2026-11-29T18:30:00Z".to_owned();
    text.parse().or_else(|_| day()).map_err(wrong)
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LogArgs {
    /// The run: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID", required_unless_present = "follow")]
    pub id: Option<String>,
    /// Go on as events come: until the run ends, or, without an ID, with the events of all runs until Ctrl-C.
    #[arg(short, long)]
    pub follow: bool,
    /// Where an earlier `--follow` had got to, as it said when it ended, or the `cursor` of a line of its JSON.
    #[arg(long, value_name = "CURSOR", requires = "follow", conflicts_with = "id")]
    pub from: Option<Cursor>,
    /// Name events that cannot be read on standard error, and go on after them.
    #[arg(long)]
    pub skip_unreadable: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ArtifactArgs {
    /// The artifact's hash, or the beginning of it.
    #[arg(value_name = "HASH")]
    pub hash: String,
    /// Print all rows of a table: as CSV, or within the JSON.
    #[arg(long)]
    pub rows: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct WhyArgs {
    /// The run: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID")]
    pub id: String,
    /// The step.
    #[arg(value_name = "STEP")]
    pub step: String,
    /// The run to compare with, by its id. Left out, the nearest earlier run of the flow.
    #[arg(long, value_name = "ID")]
    pub against: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// The run: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID")]
    pub id: String,
    /// How far values of this column may lie apart, for steps that declare themselves approximate. Can be given several
    /// times.
    #[arg(long, value_name = "COLUMN=NUMBER")]
    pub tolerance: Vec<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ResumeArgs {
    /// The run: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID")]
    pub id: String,
    /// The run's manifest, where it is no longer where it was.
    #[arg(long, value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifest: Option<PathBuf>,
    /// If the manifest has changed since the run began, go on with a branch that has the flow as it is now.
    #[arg(long, conflicts_with = "recorded")]
    pub adopt: bool,
    /// Go on with the flow as it was, whatever the manifest says now.
    #[arg(long, conflicts_with = "manifest")]
    pub recorded: bool,
    /// Take the run over from the process that holds its lease, which can then append no more events. For a process that
    /// is gone where this one cannot see it, as in another container; the step that it was running is run again.
    #[arg(long)]
    pub take_over: bool,
    #[command(flatten)]
    pub reuse: Reuse,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RetryArgs {
    /// The run: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID")]
    pub id: String,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT", default_value = "asked for")]
    pub reason: String,
    /// The run's manifest, where it is no longer where it was.
    #[arg(long, value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifest: Option<PathBuf>,
    #[command(flatten)]
    pub reuse: Reuse,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct ApproveArgs {
    #[command(flatten)]
    pub answer: AnswerArgs,
    /// What the gate asks for: a JSON object with parameters of the step, which it then starts with.
    #[arg(long, value_name = "JSON")]
    pub data: Option<String>,
    /// The run's manifest, where it is no longer where it was.
    #[arg(long, value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifest: Option<PathBuf>,
    #[command(flatten)]
    pub reuse: Reuse,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AnswerArgs {
    /// The run: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID")]
    pub id: String,
    /// The step.
    #[arg(value_name = "STEP")]
    pub step: String,
    /// Why, for the record.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The fingerprint that was shown, or the beginning of it: the decision then counts for no other.
    #[arg(long, value_name = "FINGERPRINT")]
    pub shown: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct BranchArgs {
    /// The run to branch from: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID")]
    pub id: String,
    /// The first step that is run anew. It and all before it have to be finished.
    #[arg(long, value_name = "STEP")]
    pub from: String,
    #[command(flatten)]
    pub overrides: BranchOverrides,
    #[command(flatten)]
    pub reuse: Reuse,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct BranchOverrides {
    /// Give one of the flow's params another value, or, as STEP.PARAMETER=VALUE, a parameter of a step. Can be given
    /// several times; of two for one param the last counts.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}
