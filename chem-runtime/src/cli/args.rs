//! The command line as it was typed: the options that every command takes, and groups of options that several take. The
//! arguments of a single command are in its file in `commands`.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, ValueEnum, ValueHint};

use super::{Command, CommandName};
use crate::step::{Confinement, DuplicateStepType, Registry};
use crate::store::{InvalidStoreUrl, StoreUrl};

/// Run reproducible chemistry flows.
///
/// A flow is a YAML manifest: which steps, in which order, with which parameters. Every event of a run is recorded in an
/// append-only log, by default in `.chem/store.db`, so that the run can be resumed, inspected and compared.
#[derive(Debug, Parser)]
#[command(name = "chem", version, propagate_version = true, max_term_width = 100)]
#[command(
    after_help = "Exit status: 0 success, 1 a run failed or a difference was found, 2 wrong usage or a manifest \
with errors, 3 the store cannot be used or part of it cannot be read, 4 a run waits for a person, 5 standard output \
cannot be written to, 6 this machine has no disk space for the children of a run, 130 interrupted."
)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub shared: Shared,
    #[command(subcommand)]
    pub command: Command,
}

/// The help heading of the options that every command takes.
const GLOBAL: &str = "Global options";

/// The options that every command takes.
#[derive(Debug, Args)]
pub(super) struct Shared {
    /// The store, such as `sqlite:PATH`, `postgres://…` or `memory:`. Defaults to CHEM_STORE, then DATABASE_URL, then
    /// `sqlite:.chem/store.db`.
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "URL")]
    pub store: Option<String>,
    /// The output format.
    #[arg(long = "format", global = true, help_heading = GLOBAL, value_name = "FORMAT")]
    #[arg(value_enum, default_value_t = TypedFormat::Human)]
    typed_format: TypedFormat,
    /// The format, as all commands except `plan` and `artifact` take it.
    #[arg(skip)]
    pub format: Format,
    /// The language of the graph that `plan` prints, if it prints one.
    #[arg(skip)]
    pub drawing: Option<Drawing>,
    /// Whether `artifact` prints the rows of a table as Arrow.
    #[arg(skip)]
    pub arrow: bool,
    /// Print only results and errors.
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    pub quiet: bool,
    /// Print more messages; repeat for even more.
    #[arg(short, long, global = true, help_heading = GLOBAL)]
    #[arg(action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Read and write only inside the manifest's folder, or inside FOLDER, and start no programs. For manifests that you do
    /// not trust.
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FOLDER", env = "CHEM_CONFINED")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = MANIFEST_FOLDER)]
    confined: Option<String>,
    /// Allow a confined run to start the programs that the manifest names.
    #[arg(long, global = true, help_heading = GLOBAL)]
    allow_programs: bool,
}

/// The value that means the manifest's folder, as in `CHEM_CONFINED=1`.
const MANIFEST_FOLDER: &str = "1";

impl Shared {
    /// Returns the address of the store: that of `--store`, or else that of the environment.
    pub(super) fn store_url(&self) -> Result<StoreUrl, InvalidStoreUrl> {
        StoreUrl::choose(self.store.as_deref(), |name| std::env::var(name).ok())
    }

    /// Returns whether runs are confined to a folder.
    pub(super) fn is_confined(&self) -> bool {
        self.confined.as_deref().is_some_and(|folder| folder != "0")
    }

    /// Returns the step types of this program. Those of modules that a manifest names start an interpreter, which a confined
    /// command may not.
    pub(super) fn step_types(&self) -> Result<Registry, DuplicateStepType> {
        let linked = Registry::linked()?.clone();
        Ok(if self.is_confined() && !self.allow_programs { linked.without_programs() } else { linked })
    }

    /// Returns the options that confine another command as this one is confined.
    pub(super) fn confining_options(&self) -> std::io::Result<Vec<String>> {
        let mut options = match self.confined.as_deref() {
            None | Some("0") => return Ok(Vec::new()),
            Some("" | MANIFEST_FOLDER) => vec!["--confined".to_owned()],
            Some(folder) => vec![format!("--confined={}", std::path::absolute(folder)?.display())],
        };
        options.extend(self.allow_programs.then(|| "--allow-programs".to_owned()));
        Ok(options)
    }

    /// Returns the confinement of a run whose manifest is in `directory`.
    pub(super) fn confinement(&self, directory: &Path) -> Option<Confinement> {
        self.confining()(directory)
    }

    /// Returns a function with the confinement of each run, by the directory of its manifest.
    pub(super) fn confining(&self) -> impl Fn(&Path) -> Option<Confinement> + Send + Sync + use<> {
        let (confined, allow_programs) = (self.confined.clone(), self.allow_programs);
        move |directory| {
            let confinement = match confined.as_deref()? {
                "0" => return None,
                "" | MANIFEST_FOLDER => Confinement::to(directory),
                folder => Confinement::to(Path::new(folder)),
            };
            Some(if allow_programs { confinement.allowing_programs() } else { confinement })
        }
    }
}

/// The values of `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TypedFormat {
    /// Text for people.
    Human,
    /// JSON for scripts; stdout gets nothing else.
    Json,
    /// A graph for Graphviz.
    #[value(hide = true)]
    Dot,
    /// A graph for Markdown.
    #[value(hide = true)]
    Mermaid,
    /// The rows of a table as an Arrow IPC stream.
    #[value(hide = true)]
    Arrow,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Format {
    /// As text for people.
    #[default]
    Human,
    /// As JSON, which is all that stdout gets.
    Json,
}

/// The languages of graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drawing {
    Dot,
    Mermaid,
}

/// A run of the store.
#[derive(Debug, Args)]
pub(super) struct NamedRun {
    /// The run: its id, the beginning of its id, or `@last` for the newest run.
    #[arg(value_name = "ID")]
    pub id: String,
}

/// The manifest of a run, if it has moved.
#[derive(Debug, Args)]
pub(super) struct MovedManifest {
    /// The current path of the run's manifest, if it has moved.
    #[arg(id = "manifest", long, value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub path: Option<PathBuf>,
}

/// Which stored results are reused.
#[derive(Debug, Args)]
pub(super) struct Reuse {
    /// Reuse no stored results.
    #[arg(long)]
    pub no_cache: bool,
    /// Reuse no stored result for this step. Can be given several times.
    #[arg(long, value_name = "STEP", conflicts_with = "no_cache")]
    pub refresh: Vec<String>,
    /// Compute all rows of a step that runs, also those that an earlier result has.
    #[arg(long)]
    pub no_reuse_rows: bool,
}

/// Values for parameters of the flow.
#[derive(Debug, Default, Args)]
pub(super) struct Overrides {
    /// Set a flow parameter. Can be given several times; the last value for a parameter counts.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

/// Returns the command line as clap parses it. The help of each command lists only the global options that affect it.
pub(super) fn command() -> clap::Command {
    let mut root = Arguments::command();
    let global = |id: &str| root.get_arguments().find(|argument| argument.get_id() == id).cloned();
    let (store, format) = (global("store"), global("typed_format"));
    let confining = [global("confined"), global("allow_programs")];
    for command in root.get_subcommands_mut() {
        let Ok(name) = CommandName::from_str(command.get_name(), false) else { continue };
        // An argument of the command replaces the global one with its id.
        let mut own: Vec<clap::Arg> = Vec::new();
        if !name.needs_store() {
            own.extend(store.clone().map(|option| option.hide(true)));
        }
        if !name.is_confinable() {
            own.extend(confining.iter().flatten().map(|option| option.clone().hide(true)));
        }
        let more: &[TypedFormat] = match name {
            CommandName::Plan => &[TypedFormat::Dot, TypedFormat::Mermaid],
            CommandName::Artifact => &[TypedFormat::Arrow],
            _ => &[],
        };
        if !more.is_empty() {
            own.extend(format.clone().map(|option| option.value_parser(formats_with(more))));
        }
        *command = std::mem::take(command).args(own);
    }
    root
}

/// Parses a format, and lists `more` with those that every command has.
fn formats_with(more: &'static [TypedFormat]) -> impl clap::builder::TypedValueParser<Value = TypedFormat> {
    let values = TypedFormat::value_variants().iter().filter_map(|format| {
        let value = format.to_possible_value()?;
        Some(if more.contains(format) { value.hide(false) } else { value })
    });
    let listed: Vec<_> = values.collect();
    PossibleValuesParser::new(listed).try_map(|name| TypedFormat::from_str(&name, false))
}

impl Arguments {
    /// Parses the command line.
    ///
    /// # Errors
    /// Returns what is wrong with it, or the help or version that it asks for.
    pub(super) fn typed() -> Result<Self, clap::Error> {
        let mut command = command();
        let matches = command.try_get_matches_from_mut(std::env::args_os())?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?.with_format()
    }

    /// Sets the format from what was typed.
    ///
    /// # Errors
    /// Fails if the command does not have the format.
    fn with_format(mut self) -> Result<Self, clap::Error> {
        let shared = &mut self.shared;
        (shared.format, shared.drawing) = match shared.typed_format {
            TypedFormat::Human => (Format::Human, None),
            TypedFormat::Json => (Format::Json, None),
            TypedFormat::Dot => (Format::Human, Some(Drawing::Dot)),
            TypedFormat::Mermaid => (Format::Human, Some(Drawing::Mermaid)),
            TypedFormat::Arrow => (Format::Human, None),
        };
        shared.arrow = shared.typed_format == TypedFormat::Arrow;
        if shared.drawing.is_some() && self.command.name() != CommandName::Plan {
            let message = "only `chem plan` draws graphs: write `--format human` or `--format json`";
            return Err(command().error(clap::error::ErrorKind::InvalidValue, message));
        }
        if shared.arrow && self.command.name() != CommandName::Artifact {
            let message = "only `chem artifact` prints Arrow: write `--format human` or `--format json`";
            return Err(command().error(clap::error::ErrorKind::InvalidValue, message));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_name_and_every_name_a_command() {
        let command = command();
        let typed: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        let named: Vec<String> = CommandName::value_variants().iter().map(|name| name.typed()).collect();
        assert_eq!(typed, named);
    }
}
