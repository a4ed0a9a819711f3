//! Runs that come from other runs: how a stored definition is changed, and how a manifest that has changed is noticed.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::args::Overrides;
use super::commands::check::{CheckedManifest, read_and_check};
use super::exit::Failure;
use crate::event::{FlowInitialized, RecordedDefinition};
use crate::fingerprint::canonical_json;
use crate::flow::{Change, FlowDefinition, changes};
use crate::step::Registry;

/// The flow that a run recorded, with `set` changed: parameters of the flow, as `NAME=VALUE`, and of its steps, as
/// `STEP.PARAMETER=VALUE`. The latter need no manifest.
pub(super) fn with_set(
    begun: &FlowInitialized,
    set: &[String],
) -> Result<(FlowDefinition, Map<String, Value>), Failure> {
    let mut of_flow = Vec::new();
    let mut of_steps = Vec::new();
    for given in set {
        let Some((name, value)) = given.split_once('=') else {
            return Err(Failure::usage(format!("`{given}` does not set anything"))
                .with_help("write `--set NAME=VALUE`, or `--set STEP.PARAMETER=VALUE`"));
        };
        match name.split_once('.') {
            Some((step, param)) => of_steps.push((step, param, value)),
            None => of_flow.push(given.clone()),
        }
    }
    let mut recorded = if of_flow.is_empty() { begun.definition.clone() } else { from_manifest(begun, &of_flow)? };
    let mut changed = Map::new();
    for (name, value) in of_flow.iter().filter_map(|given| given.split_once('=')) {
        changed.insert(name.to_owned(), scalar(value));
    }
    for (step_id, param, value) in of_steps {
        let Some(step) = recorded.steps.iter_mut().find(|step| step.id == step_id) else {
            return Err(Failure::usage(format!("the flow has no step `{step_id}`")));
        };
        step.params.insert(param.to_owned(), scalar(value));
        changed.insert(format!("{step_id}.{param}"), scalar(value));
    }
    let definition = FlowDefinition::from_recorded(&begun.flow, &recorded, Registry::linked()?)
        .map_err(|error| Failure::usage(error.to_string()))?;
    Ok((definition, changed))
}

/// A value as it stands after `=`: JSON, or else text.
fn scalar(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// The definition that the run's manifest gives with these parameters of the flow, if it gives the recorded one without.
fn from_manifest(begun: &FlowInitialized, set: &[String]) -> Result<RecordedDefinition, Failure> {
    let by_step = "set the parameter of the step itself: `--set STEP.PARAMETER=VALUE`";
    let Some(path) = manifest_path(begun).filter(|path| path.exists()) else {
        let message = "the run's manifest is gone, which says where a parameter of the flow is used";
        return Err(Failure::usage(message).with_help(by_step));
    };
    let now = check_as(begun, &path, &[])?;
    let recorded = now.definition.as_ref().map(FlowDefinition::recorded).transpose();
    let recorded = recorded.map_err(|error| Failure::usage(error.to_string()))?;
    let differences = recorded.map(|now| changes(&begun.definition, &now)).unwrap_or_default();
    if now.definition.is_none() || !differences.is_empty() {
        let message = format!("`{}` is not what it was when the run began{}", path.display(), listed(&differences));
        return Err(Failure::usage(message).with_help(by_step));
    }
    let checked = check_as(begun, &path, set)?;
    checked.print_to_stderr();
    let definition =
        checked.definition.ok_or_else(|| Failure::usage("the branch cannot be made of these parameters"))?;
    definition.recorded().map_err(|error| Failure::usage(error.to_string()))
}

/// What has become of the manifest of a run since it began.
pub(super) enum Manifest {
    /// It gives what the run recorded, or is gone.
    AsRecorded,
    /// It gives something else.
    Changed(Box<FlowDefinition>, Vec<Change>),
    /// It has errors, which have been printed.
    Wrong,
}

/// Compares the manifest at `path`, or else where it was, with what the run recorded.
pub(super) fn compare(begun: &FlowInitialized, path: Option<&Path>) -> Result<Manifest, Failure> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => match manifest_path(begun).filter(|path| path.exists()) {
            Some(path) => path,
            None => return Ok(Manifest::AsRecorded),
        },
    };
    let checked = check_as(begun, &path, &[])?;
    let Some(definition) = checked.definition else {
        // A file that a finished step has read may be gone.
        if checked.only_lacks_files() {
            return Ok(Manifest::AsRecorded);
        }
        checked.print_to_stderr();
        return Ok(Manifest::Wrong);
    };
    let now = definition.recorded().map_err(|error| Failure::usage(error.to_string()))?;
    let found = changes(&begun.definition, &now);
    Ok(if found.is_empty() { Manifest::AsRecorded } else { Manifest::Changed(Box::new(definition), found) })
}

/// The changes as lines of a message.
pub(super) fn listed(changes: &[Change]) -> String {
    changes.iter().map(|change| format!("\n  {change}")).collect()
}

fn manifest_path(begun: &FlowInitialized) -> Option<PathBuf> {
    let environment = &begun.environment;
    Some(Path::new(environment.directory.as_ref()?).join(environment.manifest.as_ref()?))
}

/// The manifest at `path` with the parameters that were set when the run began, and then `set`.
fn check_as(begun: &FlowInitialized, path: &Path, set: &[String]) -> Result<CheckedManifest, Failure> {
    let mut overrides = Overrides::default();
    for name in &begun.definition.overridden {
        if let Some(value) = begun.definition.params.get(name) {
            overrides.set.push(format!("{name}={}", canonical_json(value)?));
        }
    }
    overrides.set.extend(set.iter().cloned());
    read_and_check(path, &overrides)
}
