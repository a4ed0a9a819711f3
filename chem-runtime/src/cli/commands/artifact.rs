//! `chem artifact`: prints an output of a step.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;

use clap::Args;
use serde_json::{Value, json};

use crate::artifact::{Artifact, ArtifactValue as _, Table, TableRoot};
use crate::cli::args::{Format, Shared};
use crate::cli::exit::Failure;
use crate::cli::output;
use crate::cli::runs;
use crate::records::write_delimited;
use crate::store::{ArtifactStore, OpenMode, StoredArtifacts};
use crate::workbench::find_artifact;

#[derive(Debug, Args)]
pub(in crate::cli) struct ArtifactArgs {
    /// The hash of the artifact, or the beginning of its hash.
    #[arg(value_name = "HASH")]
    pub hash: String,
    /// Print all rows of a table: as CSV, or as part of the JSON.
    #[arg(long)]
    pub rows: bool,
}

pub(in crate::cli) fn run(shared: &Shared, args: &ArtifactArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Read)?;
    let artifact = find_artifact(store.as_ref(), &args.hash)?;
    if shared.arrow {
        print_arrow(&rows(&artifact, store.as_ref())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let table = if args.rows { Some(rows(&artifact, store.as_ref())?) } else { None };
    match (shared.format, table) {
        (Format::Human, Some(table)) => print_csv(&table)?,
        (Format::Human, None) => {
            let payload = serde_json::to_string_pretty(&artifact.payload()?).map_err(std::io::Error::from)?;
            output::print(&format!("{} {}\n{}\n", artifact.kind(), artifact.hash(), output::escape(&payload)))?;
        }
        (Format::Json, table) => {
            let mut object = json!({
                "hash": artifact.hash(),
                "kind": artifact.kind(),
                "payload": artifact.payload()?,
                "metadata": artifact.metadata(),
            });
            if let Some(table) = table {
                object["rows"] = (0..table.rows()).map(|row| Value::Array(table.row(row))).collect();
            }
            output::print_json(&object)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(artifact: &Artifact, store: &dyn ArtifactStore) -> Result<Table, Failure> {
    if TableRoot::of(artifact).is_err() {
        return Err(Failure::usage(format!(
            "artifact {} is `{}`, which has no rows",
            artifact.hash(),
            artifact.kind()
        )));
    }
    Ok(Table::unpack(artifact, &StoredArtifacts(store))?)
}

/// The number of rows of a record batch, so that a reader of the stream need not hold all of them.
const BATCH_ROWS: usize = 65_536;

/// Prints a table as an Arrow IPC stream.
fn print_arrow(table: &Table) -> Result<(), Failure> {
    if std::io::stdout().is_terminal() {
        return Err(Failure::usage("an Arrow stream is no text for a terminal").with_help("redirect it to a file"));
    }
    let stream = arrow_stream(table).map_err(|error| Failure::usage(error.to_string()))?;
    output::print_data(&stream)?;
    Ok(())
}

fn arrow_stream(table: &Table) -> Result<Vec<u8>, ArrowError> {
    let batch = table.to_record_batch();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema())?;
    for start in (0..batch.num_rows()).step_by(BATCH_ROWS) {
        writer.write(&batch.slice(start, BATCH_ROWS.min(batch.num_rows() - start)))?;
    }
    writer.finish()?;
    writer.into_inner()
}

fn print_csv(table: &Table) -> Result<(), Failure> {
    let columns: Vec<usize> = (0..table.columns().len()).collect();
    let mut text = Vec::new();
    write_delimited(table, &columns, b',', &mut text).map_err(|error| Failure::usage(error.to_string()))?;
    output::print_data(&text)?;
    Ok(())
}
