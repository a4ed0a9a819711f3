//! `chem store`: reports the state of the store, migrates and checks its schema, audits and repairs its contents, merges
//! other stores into it, and grants rights.

mod merge;
mod status;

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum, ValueHint};
use serde_json::{Value, json};

use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::{output, signals};
use crate::step::CancelToken;
use crate::store::OpenMode;
use crate::store::schema::{Drift, Rights, Version};
use crate::workbench;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum StoreCommand {
    /// Show the version of the schema, the migrations to apply, and the size of each table.
    Status {
        /// List the largest flows and runs, this many of each. Reads the whole log.
        #[arg(long, value_name = "NUMBER", num_args = 0..=1, default_missing_value = "10")]
        largest: Option<usize>,
    },
    /// Apply pending migrations to the schema, or create the store if it does not exist.
    Migrate,
    /// Report differences from the expected schema, and rights beyond those of `grant`. Exits with status 1 if there are any.
    Check {
        /// Also replay every run, look up every reused result and hash every artifact. Exits with status 1 if any is damaged.
        #[arg(long)]
        deep: bool,
    },
    /// Recompute damaged and missing artifacts by running the steps that produced them. Exits with status 1 if some remain.
    Repair,
    /// Append the runs of other stores: of spools, of SQLite files, or of any store. Runs that are there are skipped; one whose
    /// events differ is left out. Repeat the command to continue. Exits with status 1 if anything was left out.
    Merge {
        /// The stores to read: addresses such as `spool:DIR`, or paths of spools and of SQLite files.
        #[arg(value_name = "FROM", required = true, value_hint = ValueHint::AnyPath)]
        from: Vec<String>,
    },
    /// Grant a database role the rights to read, or to read and run, flows, and no others. For the owner of the store.
    Grant {
        /// The name of the role in the database.
        #[arg(value_name = "ROLE")]
        role: String,
        /// The rights to grant.
        #[arg(value_enum, value_name = "reader|runner")]
        rights: GrantedRights,
        /// Print the SQL statements without executing them.
        #[arg(long)]
        print: bool,
    },
}

/// The rights of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum GrantedRights {
    /// Read runs, events and artifacts.
    Reader,
    /// Also run flows.
    Runner,
}

pub(in crate::cli) fn run(shared: &Shared, command: &StoreCommand) -> Result<ExitCode, Failure> {
    let url = shared.store_url()?;
    match command {
        StoreCommand::Status { largest } => status::run(shared, &url, *largest),
        StoreCommand::Migrate => {
            if !shared.quiet && url.status().is_ok_and(|status| status.has_events && !status.pending.is_empty()) {
                output::say("migrating; a large log takes minutes, and in SQLite free disk space for two copies of it");
            }
            let applied = url.migrate()?;
            let lines: String =
                applied.iter().map(|(number, name)| format!("applied {number}  {}\n", words(name))).collect();
            let text = if lines.is_empty() { "the schema is up to date\n".to_owned() } else { lines };
            print(shared, &versions(&applied), &text)?;
            Ok(ExitCode::SUCCESS)
        }
        StoreCommand::Check { deep: false } => {
            let drifts = url.check()?;
            print(shared, &drifts.iter().map(drift_json).collect(), &drifts_text(&drifts))?;
            Ok(if drifts.is_empty() { ExitCode::SUCCESS } else { Status::RunFailed.into() })
        }
        StoreCommand::Check { deep: true } => {
            let drifts = url.check()?;
            let (store, cancel) = (url.open(OpenMode::Read)?, stopping());
            let audit = workbench::audit(store.as_ref(), &shared.step_types()?, &cancel)?;
            let mut json = audit.to_json();
            json["schema"] = drifts.iter().map(drift_json).collect();
            print(shared, &json, &format!("{}{audit}\n", drifts_text(&drifts)))?;
            if !audit.unsound_artifacts.is_empty() {
                let repair = Advice::command(CommandName::Store, &[&"repair"]);
                output::advise(shared, &repair.then(" recomputes damaged artifacts where it can"));
            }
            Ok(if drifts.is_empty() && audit.is_sound() { ExitCode::SUCCESS } else { Status::RunFailed.into() })
        }
        StoreCommand::Repair => {
            if shared.is_confined() {
                let message =
                    "`chem store repair` runs steps of all runs, in their own folders, and cannot be confined";
                return Err(Failure::usage(message).with_help("omit `--confined`, or set `CHEM_CONFINED=0`"));
            }
            let (store, cancel) = (url.open(OpenMode::Existing)?, stopping());
            let outputs = tempfile::tempdir()?;
            let repair = workbench::repair(&store, &shared.step_types()?, outputs.path(), &cancel)?;
            let mut text: String = repair.repaired.iter().map(|hash| format!("recomputed artifact {hash}\n")).collect();
            text.extend(repair.left.values().map(|reason| format!("{reason}\n")));
            if text.is_empty() {
                text.push_str("every artifact is intact\n");
            }
            print(shared, &repair.to_json(), &text)?;
            Ok(if repair.left.is_empty() { ExitCode::SUCCESS } else { Status::RunFailed.into() })
        }
        StoreCommand::Merge { from } => merge::run(shared, from),
        StoreCommand::Grant { role, rights, print: only_print } => {
            let rights = match rights {
                GrantedRights::Reader => Rights::Reader,
                GrantedRights::Runner => Rights::Runner,
            };
            let statements = url.grant(role, rights, *only_print)?;
            let text: String = statements.iter().map(|statement| format!("{statement};\n")).collect();
            print(shared, &statements.into(), &text)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Returns a token that a signal to stop cancels.
fn stopping() -> CancelToken {
    let cancel = CancelToken::default();
    signals::stop_on_signals(cancel.clone(), "stopping; press Ctrl-C again to stop at once");
    cancel
}

fn drift_json(drift: &Drift) -> Value {
    json!({
        "kind": drift.kind.name(),
        "object": drift.object,
        "expected": drift.expected,
        "found": drift.found,
    })
}

fn drifts_text(drifts: &[Drift]) -> String {
    if drifts.is_empty() {
        return "the schema is as expected\n".to_owned();
    }
    drifts.iter().map(|drift| format!("{drift}\n")).collect()
}

fn print(shared: &Shared, json: &Value, text: &str) -> Result<(), Failure> {
    match shared.format {
        Format::Json => output::print_json(json)?,
        Format::Human => output::print(&output::escape(text))?,
    }
    Ok(())
}

/// Formats migrations as JSON.
fn versions(versions: &[Version]) -> Value {
    versions.iter().map(|(number, name)| json!({"version": number, "name": name})).collect()
}

/// Formats the name of a migration as words.
fn words(name: &str) -> String {
    name.replace('_', " ")
}
