//! `chem export`: writes a run into one file.

use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde_json::json;

use crate::cli::args::{Format, NamedRun, Shared};
use crate::cli::exit::Failure;
use crate::cli::output::{self, ODD, styled};
use crate::cli::runs;
use crate::evidence::Signer;
use crate::handover::{ExportOptions, export};
use crate::store::OpenMode;
use crate::workbench;

#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    #[command(flatten)]
    pub run: NamedRun,
    /// The file to write, which must not exist. A name that ends in `.eln` gives the form that laboratory notebooks import:
    /// the same files in one folder.
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// Leave out artifacts, and the files that steps read and wrote. Their hashes stay. Such a file can be audited, but neither
    /// imported nor verified.
    #[arg(long)]
    pub without_data: bool,
    /// Include this file of allowed signers, in the format of `ssh-keygen`, for readers who have none of their own.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub allowed_signers: Option<PathBuf>,
    /// Sign the list of all files with this SSH key: a private key, or a public key whose private part is in the agent.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub key: Option<PathBuf>,
}

pub(in crate::cli) fn run(shared: &Shared, args: &ExportArgs) -> Result<ExitCode, Failure> {
    let folder = folder_of(&args.file)?;
    if args.file.exists() {
        return Err(Failure::usage(format!("`{}` already exists", args.file.display()))
            .with_help("choose another name, or move the existing file"));
    }
    let signers = args.allowed_signers.as_ref().map(|path| {
        let cannot = |error| Failure::usage(format!("cannot read `{}`: {error}", path.display()));
        std::fs::read(path).map_err(cannot)
    });
    let options = ExportOptions {
        without_data: args.without_data,
        allowed_signers: signers.transpose()?,
        signer: args.key.as_ref().map(Signer::with_key),
        folder,
    };
    let store = runs::open_store(shared, OpenMode::Read)?;
    let flow_id = workbench::find_run(store.as_ref(), &args.run.id)?;
    let cannot = |error: std::io::Error| Failure::usage(format!("cannot write `{}`: {error}", args.file.display()));
    let directory = args.file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = shared_file().tempfile_in(directory).map_err(cannot)?;
    let exported = export(store.as_ref(), flow_id, &options, BufWriter::new(file.as_file()))?;
    file.as_file().sync_all().map_err(cannot)?;
    let bytes = file.as_file().metadata().map_err(cannot)?.len();
    file.persist_noclobber(&args.file).map_err(|error| cannot(error.error))?;
    for (path, reason) in &exported.omitted {
        let text = output::escape(&format!("`{path}` is left out: {reason}"));
        output::say(&format!("{}: {text}", styled(ODD, "warning")));
    }
    match shared.format {
        Format::Json => output::print_json(&json!({
            "flow_id": exported.flow_id,
            "file": args.file,
            "bytes": bytes,
            "files": exported.files,
            "children": exported.children,
            "reused": exported.reused,
            "events": exported.events,
            "artifacts": exported.artifacts,
            "omitted": exported.omitted.iter().map(|(path, reason)| json!({ "path": path, "reason": reason }))
                .collect::<Vec<_>>(),
        }))?,
        Format::Human => {
            let below = match exported.children.len() {
                0 => String::new(),
                1 => ", with its child".to_owned(),
                some => format!(", with the {some} runs below it"),
            };
            let others = match exported.reused.len() {
                0 => below,
                1 => format!("{below}, with the run whose results it reused"),
                some => format!("{below}, with the {some} runs whose results it reused"),
            };
            let text = format!(
                "exported run {flow_id}{others}: {} events and {} artifacts\nwrote {} ({bytes} bytes)\n",
                exported.events,
                exported.artifacts,
                args.file.display()
            );
            output::print(&output::escape(&text))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns how to create the file: readable for those whom the user's mask allows, since it is to be handed over.
fn shared_file() -> tempfile::Builder<'static, 'static> {
    #[allow(unused_mut)]
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// Returns the folder that has everything in the archive, by the name of the file; `None` for no folder.
fn folder_of(file: &Path) -> Result<Option<String>, Failure> {
    let extension = file.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("zip") => Ok(None),
        Some("eln") => {
            let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let plain = |character: char| {
                if character.is_alphanumeric() || "-_".contains(character) { character } else { '_' }
            };
            Ok(Some(stem.chars().map(plain).collect()))
        }
        _ => Err(Failure::usage(format!("`{}` has no name of an export", file.display()))
            .with_help("end it in `.zip`, or in `.eln` for a laboratory notebook")),
    }
}
