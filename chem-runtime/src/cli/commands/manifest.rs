//! `chem manifest`: prints the manifest that repeats a stored run.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chem_manifest::names::listed;
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
use crate::step::children::{MAP_STEP, MapParams};
use crate::store::OpenMode;
use crate::workbench::RecordedRunError;

#[derive(Debug, Args)]
pub(in crate::cli) struct ManifestArgs {
    #[command(flatten)]
    pub run: NamedRun,
    /// Write to this file, which must not exist. Relative paths in the manifest start from its directory.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Print the manifest that this step with `map:` names instead, as it was when the run began.
    #[arg(long, value_name = "STEP")]
    pub children_of: Option<String>,
}

pub(in crate::cli) fn run(shared: &Shared, args: &ManifestArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Read)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.run.id)?;
    let instance = replay(flow_id, &events)?;
    let Some(initialized) = instance.initialized() else {
        return Err(RecordedRunError::NotBegun { flow_id }.into());
    };
    if let Some(step) = &args.children_of {
        return of_children(shared, args, flow_id, initialized, step);
    }
    let impossible = |error: String| {
        Failure::usage(format!("no manifest repeats run {flow_id}: {error}"))
            .with_help(Advice::command(CommandName::Verify, &[&flow_id]).then(" repeats its steps without one"))
    };
    let manifest = manifest_of_run(initialized).map_err(|error| impossible(error.to_string()))?;
    let yaml = to_yaml(&manifest).map_err(|error| impossible(error.to_string()))?;
    let mut caveats = caveats(initialized, &manifest, &shared.step_types()?);
    let text = header(shared, flow_id, initialized, &caveats) + &yaml;
    match (&args.output, shared.format) {
        (None, Format::Human) => output::print(&text)?,
        (None, Format::Json) => output::print_json(&serde_json::to_value(&manifest).map_err(std::io::Error::from)?)?,
        (Some(path), format) => {
            write(path, &text, format)?;
            caveats.extend(elsewhere(initialized, path));
        }
    }
    for caveat in caveats {
        output::say(&format!("{}: {}", styled(ODD, "warning"), output::escape(&caveat)));
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints or writes the manifest that the step with `map:` called `id` names.
fn of_children(
    shared: &Shared,
    args: &ManifestArgs,
    flow_id: FlowId,
    initialized: &FlowInitialized,
    id: &str,
) -> Result<ExitCode, Failure> {
    let steps = &initialized.definition.steps;
    let Some(step) = steps.iter().find(|step| step.id == id) else {
        let known: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
        let error = Failure::usage(format!("run {flow_id} has no step `{id}`"));
        return Err(error.with_help(format!("its steps: {}", listed(&known))));
    };
    let params = if step.uses == MAP_STEP { MapParams::read(&step.params).ok() } else { None };
    let Some(MapParams { flow, text, .. }) = params.filter(|params| !params.flow.is_empty()) else {
        let error = Failure::usage(format!("step `{id}` of run {flow_id} names no manifest"));
        let help =
            Advice::command(CommandName::Manifest, &[&flow_id]).then(" prints that of the run, with steps in place");
        return Err(error.with_help(help));
    };
    let Some(text) = text else {
        let error = format!("the log has no text of `{flow}`, because an earlier release of chem began run {flow_id}");
        let help = Advice::command(CommandName::Show, &[&flow_id])
            .then(" lists its children, and ")
            .then_command(CommandName::Manifest, &[&"ID"])
            .then(" prints a manifest for each of them");
        return Err(Failure::usage(error).with_help(help));
    };
    match (&args.output, shared.format) {
        (None, Format::Human) => output::print(&text)?,
        (None, Format::Json) => output::print_json(&json!({ "path": flow, "text": text }))?,
        (Some(path), format) => write(path, &text, format)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes `text` to the new file at `path`, and says so.
fn write(path: &Path, text: &str, format: Format) -> Result<(), Failure> {
    write_new(path, text)?;
    match format {
        Format::Human => output::print(&format!("wrote {}\n", path.display()))?,
        Format::Json => output::print_json(&json!({ "written": [path] }))?,
    }
    Ok(())
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
fn header(shared: &Shared, flow_id: FlowId, initialized: &FlowInitialized, caveats: &[String]) -> String {
    let environment = &initialized.environment;
    let mut lines = vec![format!("Repeats run {flow_id}, from its log. It ran with chem {}.", environment.release)];
    if let Some(directory) = &environment.directory {
        lines.push(format!("Relative paths start from {directory}."));
    }
    for step in initialized.definition.steps.iter().filter(|step| step.uses == MAP_STEP) {
        let params = MapParams::read(&step.params).ok().filter(|params| params.text.is_some());
        lines.extend(params.and_then(|params| {
            let print = Advice::command(CommandName::Manifest, &[&flow_id, &"--children-of", &step.id]);
            print.then(format!(" prints {} as it was then.", params.flow)).render(shared)
        }));
    }
    lines.extend(caveats.iter().map(|caveat| format!("Warning: {caveat}.")));
    // A newline in a name or a path would end the comment.
    lines.iter().map(|line| format!("# {}\n", line.escape_debug())).collect()
}
