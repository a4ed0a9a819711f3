//! `chem manifest`: prints the manifest that repeats a stored run.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde_json::json;

use super::new::write_new;
use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, NamedRun, Shared};
use crate::cli::exit::Failure;
use crate::cli::output::{self, ODD, styled};
use crate::cli::runs;
use crate::event::{FlowId, FlowInitialized};
use crate::flow::{replay, step_types};
use crate::manifest::{Manifest, manifest_of_run, to_yaml};
use crate::step::Registry;
use crate::store::OpenMode;
use crate::workbench::RecordedRunError;

#[derive(Debug, Args)]
pub(in crate::cli) struct ManifestArgs {
    #[command(flatten)]
    pub run: NamedRun,
    /// Write to this file, which must not exist. Relative paths in the manifest start from its directory.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

pub(in crate::cli) fn run(shared: &Shared, args: &ManifestArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Read)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.run.id)?;
    let instance = replay(flow_id, &events)?;
    let Some(initialized) = instance.initialized() else {
        return Err(RecordedRunError::NotBegun { flow_id }.into());
    };
    let impossible = |error: String| {
        Failure::usage(format!("no manifest repeats run {flow_id}: {error}"))
            .with_help(Advice::command(CommandName::Verify, &[&flow_id]).then(" repeats its steps without one"))
    };
    let manifest = manifest_of_run(initialized).map_err(|error| impossible(error.to_string()))?;
    let yaml = to_yaml(&manifest).map_err(|error| impossible(error.to_string()))?;
    let mut caveats = caveats(initialized, &manifest, &shared.step_types()?);
    let text = header(flow_id, initialized, &caveats) + &yaml;
    match (&args.output, shared.format) {
        (None, Format::Human) => output::print(&text)?,
        (None, Format::Json) => output::print_json(&serde_json::to_value(&manifest).map_err(std::io::Error::from)?)?,
        (Some(path), format) => {
            write_new(path, &text)?;
            match format {
                Format::Human => output::print(&format!("wrote {}\n", path.display()))?,
                Format::Json => output::print_json(&json!({ "written": [path] }))?,
            }
            caveats.extend(elsewhere(initialized, path));
        }
    }
    for caveat in caveats {
        output::say(&format!("{}: {}", styled(ODD, "warning"), output::escape(&caveat)));
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns why running `manifest` with this program would differ from the run that began with `initialized`.
fn caveats(initialized: &FlowInitialized, manifest: &Manifest, registry: &Registry) -> Vec<String> {
    let mut caveats = Vec::new();
    let registry = match step_types(initialized, registry) {
        Ok(registry) => registry,
        Err(error) => {
            caveats.push(error.to_string());
            Cow::Borrowed(registry)
        }
    };
    if manifest.flow.as_str() != initialized.flow {
        caveats.push(format!(
            "a manifest cannot name a flow `{}`; here it is `{}`, so steps that take the history, such as reports, get \
             another fingerprint",
            initialized.flow, manifest.flow
        ));
    }
    for step in &initialized.definition.steps {
        let linked = registry.get(&step.uses).map(|registration| registration.spec().version);
        match linked {
            None => caveats.push(format!("step `{}` uses `{}`, which this program does not have", step.id, step.uses)),
            Some(version) if version != step.version => caveats.push(format!(
                "step `{}` used `{}` version {}, but this program has version {version}: its fingerprint will differ",
                step.id, step.uses, step.version
            )),
            Some(_) => {}
        }
    }
    caveats
}

/// Returns a warning if the file at `path` is not in the directory against which the run's relative paths resolve.
fn elsewhere(initialized: &FlowInitialized, path: &Path) -> Option<String> {
    let directory = initialized.environment.directory.as_deref()?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let same = std::fs::canonicalize(parent).ok() == std::fs::canonicalize(directory).ok();
    (!same).then(|| format!("`{}` is not in `{directory}`, where relative paths of the run start", path.display()))
}

/// Returns the comment at the top of the manifest.
fn header(flow_id: FlowId, initialized: &FlowInitialized, caveats: &[String]) -> String {
    let environment = &initialized.environment;
    let mut lines = vec![format!("Repeats run {flow_id}, from its log. It ran with chem {}.", environment.release)];
    if let Some(directory) = &environment.directory {
        lines.push(format!("Relative paths start from {directory}."));
    }
    lines.extend(caveats.iter().map(|caveat| format!("Warning: {caveat}.")));
    // A newline in a name or a path would end the comment.
    lines.iter().map(|line| format!("# {}\n", line.escape_debug())).collect()
}
