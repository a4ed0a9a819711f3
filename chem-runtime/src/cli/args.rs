//! What was typed.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

use crate::store::Cursor;

/// Run reproducible chemistry flows.
///
/// A flow is a YAML manifest: which steps, in which order, with which parameters. A run is recorded event by event in an
/// append-only log, by default in `.chem/store.db`, so that it can be resumed, shown and compared.
#[derive(Debug, Parser)]
#[command(name = "chem", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit status: 0 good, 1 the run failed or a difference was found, 2 wrong usage or a manifest \
with errors, 3 the store cannot be used, 4 the run waits for a person, 130 interrupted.")]
pub(super) struct Arguments {
    #[command(flatten)]
    pub shared: Shared,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(super) struct Shared {
    /// Where the log lives: `sqlite:PATH`, `postgres://…` or `memory:`. Without it CHEM_STORE, then DATABASE_URL, then
    /// `sqlite:.chem/store.db`.
    #[arg(long, global = true, value_name = "URL", hide_env_values = true)]
    pub store: Option<String>,
    /// How results are printed.
    #[arg(long = "format", global = true, value_enum, default_value_t = Written::Human, value_name = "FORMAT")]
    written_format: Written,
    /// What was written, as all commands but `plan` take it.
    #[arg(skip)]
    pub format: Format,
    /// The language in which `plan` draws, if it is to.
    #[arg(skip)]
    pub drawing: Option<Drawing>,
    /// Say nothing but results and errors.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more; twice for still more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
}

/// How results are printed, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Written {
    /// For people.
    Human,
    /// For scripts: stdout holds JSON and nothing else.
    Json,
    /// A graph for Graphviz (`chem plan` alone).
    Dot,
    /// A graph for Markdown (`chem plan` alone).
    Mermaid,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// For people.
    #[default]
    Human,
    /// For scripts: stdout holds JSON and nothing else.
    Json,
}

/// The languages that graphs are drawn in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drawing {
    Dot,
    Mermaid,
}

impl Arguments {
    /// What was typed, with the format settled.
    ///
    /// # Errors
    /// A format that the command does not have.
    pub(super) fn settled(mut self) -> Result<Self, clap::Error> {
        let shared = &mut self.shared;
        (shared.format, shared.drawing) = match shared.written_format {
            Written::Human => (Format::Human, None),
            Written::Json => (Format::Json, None),
            Written::Dot => (Format::Human, Some(Drawing::Dot)),
            Written::Mermaid => (Format::Human, Some(Drawing::Mermaid)),
        };
        if shared.drawing.is_some() && !matches!(self.command, Command::Plan(_)) {
            let message = "only `chem plan` draws graphs: write `--format human` or `--format json`";
            return Err(Self::command().error(clap::error::ErrorKind::InvalidValue, message));
        }
        Ok(self)
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Find every problem of manifests without running anything.
    Check(CheckArgs),
    /// Check a manifest and run it. A step whose result is in the store is not run again.
    Run(RunArgs),
    /// Say what running a manifest would do, step by step, and why. Runs and writes nothing.
    Plan(RunArgs),
    /// Say why a step of a run ran: what differs from an earlier run.
    Why(WhyArgs),
    /// Compare two runs, or a run and a manifest. Status 1 if there is a difference.
    Diff(DiffArgs),
    /// Run the steps of a stored run again and compare all that they put out. Status 1 unless every step has finished and
    /// everything is as it was.
    Verify(VerifyArgs),
    /// Go on with a run that was interrupted.
    Resume(ResumeArgs),
    /// Try the step again at which a run has failed, and go on.
    Retry(RetryArgs),
    /// Let a step start at which a run waits for a decision, and go on.
    Approve(ApproveArgs),
    /// Fail a run at the step at which it waits for a decision.
    Reject(AnswerArgs),
    /// Run a flow anew from one of its steps, sharing what stands before it with a run that has finished that far.
    Branch(BranchArgs),
    /// List the runs in the store, the oldest first.
    Ls(LsArgs),
    /// Show a run: its steps, their fingerprints and outputs.
    Show(RunIdArgs),
    /// Print the events of a run, or follow those of all runs.
    Log(LogArgs),
    /// Print an artifact.
    Artifact(ArtifactArgs),
    /// List the step types of this program, or explain one.
    Steps(StepsArgs),
    /// Print the JSON Schema of manifests, from which editors complete step types and parameters.
    Schema(SchemaArgs),
    /// Look after the store.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Write a flow, a step or a project to begin with.
    #[command(subcommand)]
    New(NewCommand),
    /// Print the completion script of a shell.
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// The manifests.
    #[arg(required_unless_present = "explain", value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifests: Vec<PathBuf>,
    /// Explain the rule with this code, such as E0410, with an example of what is wrong and of what is right.
    #[arg(long, value_name = "CODE", conflicts_with_all = ["manifests", "set"])]
    pub explain: Option<String>,
    #[command(flatten)]
    pub overrides: Overrides,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The manifest.
    #[arg(value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    #[command(flatten)]
    pub reuse: Reuse,
}

/// Which finished results stand in for running a step.
#[derive(Debug, Args)]
pub(super) struct Reuse {
    /// Run every step, whatever the store holds.
    #[arg(long)]
    pub no_cache: bool,
    /// Run this step, whatever the store holds. Can be given several times.
    #[arg(long, value_name = "STEP", conflicts_with = "no_cache")]
    pub refresh: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// The run to compare with: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID")]
    pub before: String,
    /// The run to compare, by its id, or a manifest.
    #[arg(value_name = "ID|MANIFEST", value_hint = ValueHint::FilePath)]
    pub after: String,
    #[command(flatten)]
    pub overrides: Overrides,
}

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The run: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID")]
    pub id: String,
    /// How far values of this column may lie apart, for steps that declare themselves approximate. Can be given several
    /// times.
    #[arg(long, value_name = "COLUMN=NUMBER")]
    pub tolerance: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct WhyArgs {
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

#[derive(Debug, Default, Args)]
pub(super) struct Overrides {
    /// Give one of the flow's params another value.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct RunIdArgs {
    /// The run: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID")]
    pub id: String,
}

#[derive(Debug, Args)]
pub(super) struct ResumeArgs {
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
pub(super) struct BranchArgs {
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
pub(super) struct BranchOverrides {
    /// Give one of the flow's params another value, or, as STEP.PARAMETER=VALUE, a parameter of a step.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct LsArgs {
    /// Show branches below the runs that they come from.
    #[arg(long)]
    pub tree: bool,
}

#[derive(Debug, Args)]
pub(super) struct RetryArgs {
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
pub(super) struct ApproveArgs {
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
pub(super) struct AnswerArgs {
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
pub(super) struct LogArgs {
    /// The run: its id, the beginning of it, or `@last` for the newest.
    #[arg(value_name = "ID", required_unless_present = "follow")]
    pub id: Option<String>,
    /// Go on as events come: until the run ends, or, without an ID, with the events of all runs until Ctrl-C.
    #[arg(short, long)]
    pub follow: bool,
    /// Where an earlier `--follow` had got to, as it said when it was stopped.
    #[arg(long, value_name = "CURSOR", requires = "follow", conflicts_with = "id")]
    pub from: Option<Cursor>,
}

#[derive(Debug, Args)]
pub(super) struct ArtifactArgs {
    /// The artifact's hash, or the beginning of it.
    #[arg(value_name = "HASH")]
    pub hash: String,
    /// Print all rows of a table: as CSV, or within the JSON.
    #[arg(long)]
    pub rows: bool,
}

#[derive(Debug, Args)]
pub(super) struct StepsArgs {
    /// The step type to explain.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// Write it to this file, such as schemas/flow.schema.json, which the first line of a new flow names.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Say which schema the store has, and what is to be applied.
    Status,
    /// Bring the schema up to date; make the store if it is not there.
    Migrate,
    /// Say which objects of the schema are not as the program made them. Status 1 if there are any.
    Check,
}

#[derive(Debug, Subcommand)]
pub(super) enum NewCommand {
    /// Write flows/NAME.yaml, a flow that runs.
    Flow {
        /// The flow's name.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Write a step function with a unit test to src/steps.
    Step {
        /// The step type's name, such as `table.head`.
        #[arg(value_name = "NAME")]
        name: String,
        /// What kind of step: what a flow begins with, what takes and gives, or what takes alone.
        #[arg(long, value_enum, default_value_t = NewStep::Transform)]
        kind: NewStep,
    },
    /// Make a crate with a step, a flow and a snapshot test in a new directory.
    Project {
        /// The crate's name.
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// What `chem new step` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum NewStep {
    /// Makes a table out of nothing but its parameters.
    Source,
    /// Takes a table and gives another.
    Transform,
    /// Takes a table and writes a file.
    Sink,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}
