//! `chem schema`: prints the JSON Schema of manifests, for editors.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde_json::json;

use crate::cli::args::{Format, Shared};
use crate::cli::commands::check::with_modules_of;
use crate::cli::exit::Failure;
use crate::cli::output;
use crate::manifest;
use crate::step::Registry;

#[derive(Debug, Args)]
pub(in crate::cli) struct SchemaArgs {
    /// Write to this file, such as schemas/flow.schema.json, to which the first line of a new flow refers.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,

    /// Include the step types of the modules that this manifest names under `steps_from`.
    #[arg(long, value_name = "MANIFEST", value_hint = ValueHint::FilePath)]
    pub manifest: Option<PathBuf>,
}

pub(in crate::cli) fn run(shared: &Shared, args: &SchemaArgs) -> Result<ExitCode, Failure> {
    let text = text(&with_modules_of(shared, args.manifest.as_deref())?);
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

/// Returns the schema of manifests with the step types of `registry`, as the text of a file.
pub(super) fn text(registry: &Registry) -> String {
    format!("{:#}\n", manifest::json_schema(registry))
}
