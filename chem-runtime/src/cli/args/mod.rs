//! What was typed. Here is what every command takes, and which commands there are; what each takes besides is in a file by
//! what the command is about: a manifest, a run, or neither.

mod manifests;
mod runs;
mod tools;

use std::path::Path;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};

pub(super) use manifests::{CheckArgs, DiffArgs, Overrides, Reuse, RunArgs};
pub(super) use runs::{
    AnswerArgs, ApproveArgs, ArtifactArgs, BranchArgs, ListedStatus, LogArgs, LsArgs, ManifestArgs, ResumeArgs,
    RetryArgs, RunIdArgs, VerifyArgs, WhyArgs,
};
pub(super) use tools::{CompletionsArgs, GrantedRights, NewCommand, NewStep, SchemaArgs, StepsArgs, StoreCommand};

use crate::step::Confinement;

/// Run reproducible chemistry flows.
///
/// A flow is a YAML manifest: which steps, in which order, with which parameters. A run is recorded event by event in an
/// append-only log, by default in `.chem/store.db`, so that it can be resumed, shown and compared.
#[derive(Debug, Parser)]
#[command(name = "chem", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit status: 0 good, 1 the run failed or a difference was found, 2 wrong usage or a manifest \
with errors, 3 the store cannot be used, 4 the run waits for a person, 5 standard output \
cannot be written to, 130 interrupted.")]
pub(super) struct Arguments {
    #[command(flatten)]
    pub shared: Shared,
    #[command(subcommand)]
    pub command: Command,
}

/// The heading of what every command takes.
const GLOBAL: &str = "Global options";

/// What every command takes.
#[derive(Debug, Args)]
pub(super) struct Shared {
    /// Where the log lives: `sqlite:PATH`, `postgres://…` or `memory:`. Without it CHEM_STORE, then DATABASE_URL, then
    /// `sqlite:.chem/store.db`.
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "URL")]
    pub store: Option<String>,
    /// How results are printed.
    #[arg(long = "format", global = true, help_heading = GLOBAL, value_name = "FORMAT")]
    #[arg(value_enum, default_value_t = Written::Human)]
    written_format: Written,
    /// What was written, as all commands but `plan` take it.
    #[arg(skip)]
    pub format: Format,
    /// The language in which `plan` draws, if it is to.
    #[arg(skip)]
    pub drawing: Option<Drawing>,
    /// Say nothing but results and errors.
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub quiet: bool,
    /// Say more; twice for still more.
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    #[arg(action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Read and write nothing outside of the manifest's folder, or of FOLDER, wherever links lead, and start no programs:
    /// for a manifest that you do not trust.
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FOLDER", env = "CHEM_CONFINED")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = MANIFEST_FOLDER)]
    confined: Option<String>,
    /// Let a confined run start the programs that the manifest names.
    #[arg(long, global = true, help_heading = GLOBAL)]
    allow_programs: bool,
}

/// The value that means the manifest's folder, as in `CHEM_CONFINED=1`.
const MANIFEST_FOLDER: &str = "1";

impl Shared {
    /// Whether runs are confined to a folder.
    pub(super) fn is_confined(&self) -> bool {
        self.confined.as_deref().is_some_and(|folder| folder != "0")
    }

    /// What the files of a run are confined to whose manifest is in `directory`.
    pub(super) fn confinement(&self, directory: &Path) -> Option<Confinement> {
        let confinement = match self.confined.as_deref()? {
            "0" => return None,
            "" | MANIFEST_FOLDER => Confinement::to(directory),
            folder => Confinement::to(Path::new(folder)),
        };
        Some(if self.allow_programs { confinement.allowing_programs() } else { confinement })
    }
}

/// How results are printed, as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Written {
    /// For people.
    Human,
    /// For scripts: stdout holds JSON and nothing else.
    Json,
    /// A graph for Graphviz.
    #[value(hide = true)]
    Dot,
    /// A graph for Markdown.
    #[value(hide = true)]
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

/// The commands that open no store. They accept `--store`, as every command does, and do not speak of it.
const WITHOUT_STORE: [&str; 5] = ["check", "steps", "schema", "new", "completions"];

/// The commands that a confinement means something to. The others accept it, as every command does, and do not speak of
/// it.
const CONFINABLE: [&str; 8] = ["run", "plan", "resume", "retry", "approve", "branch", "verify", "diff"];

/// The command line, with what each command says of the options that all of them take.
pub(super) fn command() -> clap::Command {
    let mut root = Arguments::command();
    let global = |id: &str| root.get_arguments().find(|argument| argument.get_id() == id).cloned();
    let (store, format) = (global("store"), global("written_format"));
    let confining = [global("confined"), global("allow_programs")];
    for command in root.get_subcommands_mut() {
        let confinable = CONFINABLE.contains(&command.get_name());
        let unsaid = confining.iter().flatten().filter(|_| !confinable).map(|option| option.clone().hide(true));
        let unsaid: Vec<clap::Arg> = unsaid.collect();
        let own = match command.get_name() {
            name if WITHOUT_STORE.contains(&name) => store.clone().map(|store| store.hide(true)),
            "plan" => format.clone().map(|format| format.value_parser(drawings_too())),
            _ => None,
        };
        *command = std::mem::take(command).args(own).args(unsaid);
    }
    root
}

/// Reads a format and lists those that only `plan` has with the others.
fn drawings_too() -> impl clap::builder::TypedValueParser<Value = Written> {
    let shown = Written::value_variants().iter().filter_map(Written::to_possible_value).map(|value| value.hide(false));
    PossibleValuesParser::new(shown.collect::<Vec<_>>()).try_map(|name| Written::from_str(&name, false))
}

impl Arguments {
    /// What was typed. What is wrong with it ends the program.
    pub(super) fn typed() -> Self {
        let mut command = command();
        let matches = command.get_matches_mut();
        let read = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command));
        read.and_then(Self::settled).unwrap_or_else(|error| error.exit())
    }

    /// What was typed, with the format settled.
    ///
    /// # Errors
    /// A format that the command does not have.
    fn settled(mut self) -> Result<Self, clap::Error> {
        let shared = &mut self.shared;
        (shared.format, shared.drawing) = match shared.written_format {
            Written::Human => (Format::Human, None),
            Written::Json => (Format::Json, None),
            Written::Dot => (Format::Human, Some(Drawing::Dot)),
            Written::Mermaid => (Format::Human, Some(Drawing::Mermaid)),
        };
        if shared.drawing.is_some() && !matches!(self.command, Command::Plan(_)) {
            let message = "only `chem plan` draws graphs: write `--format human` or `--format json`";
            return Err(command().error(clap::error::ErrorKind::InvalidValue, message));
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
    /// Start a new run from one of the steps of a run, sharing the finished steps before it.
    Branch(BranchArgs),
    /// List the runs in the store, the newest of them, the oldest of these first.
    Ls(LsArgs),
    /// Show a run: its steps, their fingerprints and outputs.
    Show(RunIdArgs),
    /// Print the manifest by which a run can be repeated, from what the log has of it.
    Manifest(ManifestArgs),
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
