//! What was typed for the commands that take neither a manifest nor a run.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

#[derive(Debug, Args)]
pub(in crate::cli) struct StepsArgs {
    /// The step type to explain, or the family to list, such as `table`.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SchemaArgs {
    /// Write it to this file, such as schemas/flow.schema.json, which the first line of a new flow names.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum StoreCommand {
    /// Say which schema the store has, what is to be applied, and how much room each table takes.
    Status {
        /// Say which flows and runs take the most room, this many of each. Reads the whole log.
        #[arg(long, value_name = "NUMBER", num_args = 0..=1, default_missing_value = "10")]
        largest: Option<usize>,
    },
    /// Bring the schema up to date; make the store if it is not there.
    Migrate,
    /// Say which objects of the schema are not as the program made them, and who may do more than read and run. Status 1 if
    /// there is anything to say.
    Check {
        /// Replay every run, look up every reused result and hash every artifact, too. Status 1 if anything is not sound.
        #[arg(long)]
        deep: bool,
    },
    /// Make artifacts again that are damaged or missing, by running the steps that put them out. Status 1 if some are left.
    Repair,
    /// Give a role of the database what it needs to read or to run flows, and nothing else. For the owner of the store.
    Grant {
        /// The role, as the database knows it.
        #[arg(value_name = "ROLE")]
        role: String,
        /// What it may do.
        #[arg(value_enum, value_name = "reader|runner")]
        rights: GrantedRights,
        /// Print the statements, and execute none.
        #[arg(long)]
        print: bool,
    },
}

/// What a role may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum GrantedRights {
    /// Read runs, events and artifacts.
    Reader,
    /// Besides, run flows.
    Runner,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum NewCommand {
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
        /// Take chem-runtime from a directory, a repository (`https://host/chem.git#REVISION`) or a published version, and
        /// not from what this program was built from.
        #[arg(long, value_name = "SOURCE", value_hint = ValueHint::DirPath)]
        runtime: Option<String>,
    },
}

/// What `chem new step` writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum NewStep {
    /// Makes a table out of nothing but its parameters.
    Source,
    /// Takes a table and gives another.
    Transform,
    /// Takes a table and writes a file.
    Sink,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum)]
    pub shell: Shell,
}
