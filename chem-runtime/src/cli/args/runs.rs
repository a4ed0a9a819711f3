//! What was typed for the commands that take a run of the store.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::Reuse;
use crate::store::Cursor;

#[derive(Debug, Args)]
pub(in crate::cli) struct RunIdArgs {
    /// The run: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID")]
    pub id: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct LsArgs {
    /// Show branches below the runs that they come from.
    #[arg(long)]
    pub tree: bool,
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
    /// Take the run from the process that has it in hand, which can then write no more of it. For one that is gone and
    /// cannot be seen to be, as in another container; the step that it was at is run again.
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
