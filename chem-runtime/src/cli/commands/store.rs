//! `chem store`: the schema of the store, and whether it is as it was made.

use std::process::ExitCode;

use serde_json::{Value, json};

use crate::cli::args::{Format, Shared, StoreCommand};
use crate::cli::exit::{Failure, Status};
use crate::cli::output;
use crate::cli::runs;
use crate::store::schema::{self, Version};

pub(in crate::cli) fn run(shared: &Shared, command: &StoreCommand) -> Result<ExitCode, Failure> {
    let url = runs::store_url(shared)?;
    match command {
        StoreCommand::Status => {
            let status = schema::status(&url)?;
            let json = json!({
                "store": url.to_string(),
                "applied": versions(&status.applied),
                "pending": versions(&status.pending),
                "obstacle": status.obstacle,
            });
            print(shared, &json, &format!("{url}\n{status}\n"))?;
            Ok(if status.obstacle.is_some() { Status::Store.into() } else { ExitCode::SUCCESS })
        }
        StoreCommand::Migrate => {
            let applied = schema::migrate(&url)?;
            let lines: String =
                applied.iter().map(|(number, name)| format!("applied {number}  {}\n", words(name))).collect();
            let text = if lines.is_empty() { "the schema is the newest already\n".to_owned() } else { lines };
            print(shared, &versions(&applied), &text)?;
            Ok(ExitCode::SUCCESS)
        }
        StoreCommand::Check => {
            let drifts = schema::check(&url)?;
            let json = drifts.iter().map(|drift| {
                json!({
                    "kind": drift.kind.name(),
                    "object": drift.object,
                    "expected": drift.expected,
                    "found": drift.found,
                })
            });
            let text = if drifts.is_empty() {
                "the schema is as the program made it\n".to_owned()
            } else {
                drifts.iter().map(|drift| format!("{drift}\n")).collect()
            };
            print(shared, &json.collect(), &text)?;
            Ok(if drifts.is_empty() { ExitCode::SUCCESS } else { Status::RunFailed.into() })
        }
    }
}

fn print(shared: &Shared, json: &Value, text: &str) -> Result<(), Failure> {
    match shared.format {
        Format::Json => output::print_json(json)?,
        Format::Human => output::print(&output::shown(text))?,
    }
    Ok(())
}

fn versions(versions: &[Version]) -> Value {
    versions.iter().map(|(number, name)| json!({"version": number, "name": name})).collect()
}

/// The name of a migration as words.
fn words(name: &str) -> String {
    name.replace('_', " ")
}
