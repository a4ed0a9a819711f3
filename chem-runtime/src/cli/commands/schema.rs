//! `chem schema`: prints the JSON Schema of manifests, for editors.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde_json::json;

use crate::cli::args::{Format, Shared};
use crate::cli::exit::Failure;
use crate::cli::output;
use crate::manifest;
use crate::step::Registry;

#[derive(Debug, Args)]
pub(in crate::cli) struct SchemaArgs {
    /// Write to this file, such as schemas/flow.schema.json, to which the first line of a new flow refers.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

pub(in crate::cli) fn run(shared: &Shared, args: &SchemaArgs) -> Result<ExitCode, Failure> {
    let text = text()?;
    let Some(path) = &args.output else {
        output::print(&text)?;
        return Ok(ExitCode::SUCCESS);
    };
    let cannot = |error| Failure::usage(format!("cannot write `{}`: {error}", path.display()));
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(cannot)?;
    std::fs::write(path, text).map_err(cannot)?;
    match shared.format {
        Format::Json => output::print_json(&json!({ "written": [path] }))?,
        Format::Human => output::print(&format!("wrote {}\n", path.display()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the schema of manifests with the step types of this program, as the text of a file.
pub(super) fn text() -> Result<String, Failure> {
    Ok(format!("{:#}\n", manifest::json_schema(Registry::linked()?)))
}
