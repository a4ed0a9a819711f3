//! Runs that come from other runs: how a stored definition is changed, and how a manifest that has changed is noticed.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::args::Overrides;
use super::commands::check::{CheckedManifest, read_and_check};
use super::drive::RunPlan;
use super::exit::Failure;
use super::output;
use crate::event::{FlowInitialized, RecordedDefinition};
use crate::fingerprint::canonical_json;
use crate::flow::{Change, FlowDefinition, FlowDefinitionError, FlowInstance, changes, policy_changes, replay};
use crate::manifest::{self, Source, Style};
use crate::step::{Expression, ParamType, Registry};
use crate::store::EventStore;

/// A run as it began, beside which a manifest is laid.
pub(super) struct Begun<'a> {
    recorded: &'a FlowInitialized,
    /// The parameters of steps that were set for it, or for a run that it branches from, as `STEP.PARAMETER`. No manifest
    /// has them.
    set: Map<String, Value>,
}

impl<'a> Begun<'a> {
    /// How the run with this state began.
    pub(super) fn of(store: &dyn EventStore, instance: &'a FlowInstance) -> Result<Self, Failure> {
        let not_begun = || Failure::usage(format!("run {} has not begun", instance.flow_id()));
        let recorded = instance.initialized().ok_or_else(not_begun)?;
        let mut sets = Vec::new();
        let mut branch = instance.branch().cloned();
        while let Some(created) = branch {
            branch = replay(created.parent, &store.list(created.parent)?)?.branch().cloned();
            sets.push(created.set);
        }
        // What was set for a later branch stands in place of what was set before.
        let set = sets.into_iter().rev().flatten().filter(|(name, _)| name.contains('.')).collect();
        Ok(Self { recorded, set })
    }

    /// `definition` with the parameters of its steps that were set for this run.
    fn with_own(&self, definition: FlowDefinition) -> Result<FlowDefinition, Failure> {
        if self.set.is_empty() {
            return Ok(definition);
        }
        let usage = |error: FlowDefinitionError| Failure::usage(error.to_string());
        let mut recorded = definition.recorded().map_err(usage)?;
        for (name, value) in &self.set {
            let Some((step_id, param)) = name.split_once('.') else { continue };
            if let Some(step) = recorded.steps.iter_mut().find(|step| step.id == step_id) {
                step.params.insert(param.to_owned(), value.clone());
            }
        }
        let name = definition.name().unwrap_or(&self.recorded.flow);
        FlowDefinition::from_recorded(name, &recorded, Registry::linked()?).map_err(usage)
    }
}

/// The flow that a run recorded, with `set` changed: parameters of the flow, as `NAME=VALUE`, and of its steps, as
/// `STEP.PARAMETER=VALUE`. The latter need no manifest.
pub(super) fn with_set(begun: &Begun<'_>, set: &[String]) -> Result<(FlowDefinition, Map<String, Value>), Failure> {
    let (mut of_flow, mut names, mut of_steps) = (Vec::new(), Vec::new(), Vec::new());
    for given in set {
        let Some((name, _)) = given.split_once('=') else {
            return Err(Failure::usage(format!("`{given}` does not set anything"))
                .with_help("write `--set NAME=VALUE`, or `--set STEP.PARAMETER=VALUE`"));
        };
        match name.trim().split_once('.') {
            Some((step, param)) => of_steps.push((step, param, given)),
            None => {
                names.push(name.trim());
                of_flow.push(given.clone());
            }
        }
    }
    let mut recorded =
        if of_flow.is_empty() { begun.recorded.definition.clone() } else { from_manifest(begun, &of_flow)? };
    for (step_id, param, given) in &of_steps {
        let Some(step) = recorded.steps.iter_mut().find(|step| step.id == *step_id) else {
            return Err(Failure::usage(format!("the flow has no step `{step_id}`")));
        };
        let value = assigned(&step.uses, param, given, &recorded.params)?;
        step.params.insert((*param).to_owned(), value);
    }
    let definition = FlowDefinition::from_recorded(&begun.recorded.flow, &recorded, Registry::linked()?)
        .map_err(|error| Failure::usage(error.to_string()))?;
    // What is set is recorded as it was read, with the type of the parameter.
    let read = self::recorded(&definition)?;
    let of_flow = names.into_iter().filter_map(|name| Some((name.to_owned(), read.params.get(name)?.clone())));
    let of_steps = of_steps.into_iter().map(|(step_id, param, _)| {
        let step = read.steps.iter().find(|step| step.id == step_id);
        let value = step.and_then(|step| step.params.get(param)).cloned().unwrap_or_default();
        (format!("{step_id}.{param}"), value)
    });
    Ok((definition, of_flow.chain(of_steps).collect()))
}

/// The value that `given`, `STEP.PARAMETER=VALUE`, gives the parameter of a step of type `uses`: read as `chem run` reads one
/// for a parameter of the flow. An expression may name `flow_params`.
fn assigned(uses: &str, param: &str, given: &str, flow_params: &Map<String, Value>) -> Result<Value, Failure> {
    let ty = Registry::linked()?.get(uses).and_then(|found| found.spec().param(param)).map(|param| (param.ty)());
    let source = Source::new("--set", given);
    let start = given.find('=').map_or(given.len(), |at| at + 1);
    let value = match manifest::read_assigned(&source, start, ty.as_ref()) {
        Ok(value) => value,
        Err(diagnostics) => {
            output::say(&manifest::render(&diagnostics, Style::Coloured));
            return Err(Failure::usage(format!("`{given}` has no value that can be read")));
        }
    };
    Ok(match (ty, value) {
        (Some(ParamType::Expression), Value::String(cel)) => Expression::value_of(&cel, flow_params.clone()),
        (_, value) => value,
    })
}

/// The definition that the run's manifest gives with these parameters of the flow, if it gives the recorded one without.
fn from_manifest(begun: &Begun<'_>, set: &[String]) -> Result<RecordedDefinition, Failure> {
    let by_step = "set the parameter of the step itself: `--set STEP.PARAMETER=VALUE`";
    let Some(path) = manifest_path(begun).filter(|path| path.exists()) else {
        let message = "the run's manifest is gone, which says where a parameter of the flow is used";
        return Err(Failure::usage(message).with_help(by_step));
    };
    let differences = match check_as(begun, &path, &[])?.definition {
        Some(now) => changes(&begun.recorded.definition, &recorded(&begun.with_own(now)?)?),
        None => return Err(Failure::usage(has_changed(&path, &[])).with_help(by_step)),
    };
    if !differences.is_empty() {
        return Err(Failure::usage(has_changed(&path, &differences)).with_help(by_step));
    }
    let checked = check_as(begun, &path, set)?;
    checked.print_to_stderr();
    let definition =
        checked.definition.ok_or_else(|| Failure::usage("the branch cannot be made of these parameters"))?;
    recorded(&begun.with_own(definition)?)
}

fn recorded(definition: &FlowDefinition) -> Result<RecordedDefinition, Failure> {
    definition.recorded().map_err(|error| Failure::usage(error.to_string()))
}

fn has_changed(path: &Path, changes: &[Change]) -> String {
    format!("`{}` is not what it was when the run began{}", path.display(), listed(changes))
}

/// What has become of the manifest of a run since it began.
pub(super) enum Manifest {
    /// It gives what the run recorded, or is gone.
    AsRecorded,
    /// It gives something else.
    Changed {
        /// What it gives.
        definition: Box<FlowDefinition>,
        /// What of it is another step, or another flow.
        changes: Vec<Change>,
        /// What of it is only run otherwise.
        policies: Vec<Change>,
    },
    /// It has errors, which have been printed.
    Wrong,
}

/// Compares the manifest at `path`, or else where it was, with what the run recorded.
pub(super) fn compare(begun: &Begun<'_>, path: Option<&Path>) -> Result<Manifest, Failure> {
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
    let definition = begun.with_own(definition)?;
    let (then, now) = (&begun.recorded.definition, recorded(&definition)?);
    let (changes, policies) = (changes(then, &now), policy_changes(then, &now));
    if changes.is_empty() && policies.is_empty() {
        return Ok(Manifest::AsRecorded);
    }
    Ok(Manifest::Changed { definition: Box::new(definition), changes, policies })
}

/// `plan` in the place of the manifest at `path`, if one is given, which has to give what the run recorded.
pub(super) fn moved(begun: &Begun<'_>, plan: RunPlan, path: Option<&Path>) -> Result<RunPlan, Failure> {
    let Some(path) = path else { return Ok(plan) };
    match compare(begun, Some(path))? {
        Manifest::AsRecorded => plan.at(path),
        Manifest::Changed { changes, .. } if changes.is_empty() => plan.at(path),
        Manifest::Changed { changes, .. } => Err(Failure::usage(has_changed(path, &changes))),
        Manifest::Wrong => Err(Failure::usage(format!("`{}` has errors", path.display()))),
    }
}

/// The changes as lines of a message.
pub(super) fn listed(changes: &[Change]) -> String {
    changes.iter().map(|change| format!("\n  {change}")).collect()
}

fn manifest_path(begun: &Begun<'_>) -> Option<PathBuf> {
    let environment = &begun.recorded.environment;
    Some(Path::new(environment.directory.as_ref()?).join(environment.manifest.as_ref()?))
}

/// The manifest at `path` with the parameters that were set when the run began, and then `set`.
fn check_as(begun: &Begun<'_>, path: &Path, set: &[String]) -> Result<CheckedManifest, Failure> {
    let mut overrides = Overrides::default();
    let definition = &begun.recorded.definition;
    for name in &definition.overridden {
        match definition.params.get(name) {
            // Text is set as it stands, without quotes.
            Some(Value::String(text)) => overrides.set.push(format!("{name}={text}")),
            Some(value) => {
                let spelled = definition.spelled.get(name).cloned();
                let value = spelled.map_or_else(|| canonical_json(value), Ok)?;
                overrides.set.push(format!("{name}={value}"));
            }
            None => {}
        }
    }
    overrides.set.extend(set.iter().cloned());
    read_and_check(path, &overrides)
}
