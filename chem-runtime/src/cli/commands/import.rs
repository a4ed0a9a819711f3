//! `chem import`: puts an exported run into the store.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde_json::json;

use crate::cli::args::{Format, Shared};
use crate::cli::exit::Failure;
use crate::cli::{output, runs, sealing};
use crate::handover::import;
use crate::store::OpenMode;

#[derive(Debug, Args)]
pub(in crate::cli) struct ImportArgs {
    /// The file that `chem export` wrote.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

pub(in crate::cli) fn run(shared: &Shared, args: &ImportArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Create)?;
    let imported = import(&args.file, store.as_ref()).map_err(|error| Failure::of_export(error, &args.file))?;
    sealing::after_a_run(shared, store.as_ref());
    match shared.format {
        Format::Json => output::print_json(&json!({
            "flow_id": imported.flow_id,
            "new": imported.new,
            "runs": imported.runs,
            "events": imported.events,
            "statements": imported.statements,
        }))?,
        Format::Human => {
            let text = match imported.new.len() {
                0 => format!("the store has run {} already\n", imported.flow_id),
                _ => {
                    let others = imported.new.len() as u64 - u64::from(imported.new.contains(&imported.flow_id));
                    let others = match others {
                        0 => String::new(),
                        1 => " and the other run of the file".to_owned(),
                        some => format!(" and the {some} other runs of the file"),
                    };
                    let events = imported.events;
                    format!(
                        "imported run {}{others}: {events} events, which have the time of the import\n",
                        imported.flow_id
                    )
                }
            };
            let statements = match imported.statements {
                0 => String::new(),
                1 => "1 statement of a person came with it\n".to_owned(),
                some => format!("{some} statements of people came with it\n"),
            };
            output::print(&output::escape(&(text + &statements)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
