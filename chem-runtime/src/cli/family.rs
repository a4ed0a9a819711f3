//! Derives runs from other runs: changes stored definitions, and detects manifests that have changed.

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

/// The recorded start of a run, to compare a manifest with.
pub(super) struct Begun<'a> {
    recorded: &'a FlowInitialized,
    /// The step parameters set for this run or for a run it branches from, keyed by `STEP.PARAMETER`. No manifest contains
    /// them.
    set: Map<String, Value>,
}

impl<'a> Begun<'a> {
    /// Returns the recorded start of the run with this state.
    pub(super) fn of(store: &dyn EventStore, instance: &'a FlowInstance) -> Result<Self, Failure> {
        let not_begun = || Failure::usage(format!("run {} has not begun", instance.flow_id()));
        let recorded = instance.initialized().ok_or_else(not_begun)?;
        let mut sets = Vec::new();
        let mut branch = instance.branch().cloned();
        while let Some(created) = branch {
            branch = replay(created.parent, &store.list(created.parent)?)?.branch().cloned();
            sets.push(created.set);
        }
        // A later branch overrides what an earlier one set.
        let set = sets.into_iter().rev().flatten().filter(|(name, _)| name.contains('.')).collect();
        Ok(Self { recorded, set })
    }

    /// Applies the step parameters set for this run to `definition`.
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

/// Returns the recorded flow of a run with the changes in `set`, and the values set. `NAME=VALUE` sets a parameter of the
/// flow, and `STEP.PARAMETER=VALUE` one of a step, which needs no manifest.
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
    // Values are recorded as parsed, with the type of their parameter.
    let read = self::recorded(&definition)?;
    let of_flow = names.into_iter().filter_map(|name| Some((name.to_owned(), read.params.get(name)?.clone())));
    let of_steps = of_steps.into_iter().map(|(step_id, param, _)| {
        let step = read.steps.iter().find(|step| step.id == step_id);
        let value = step.and_then(|step| step.params.get(param)).cloned().unwrap_or_default();
        (format!("{step_id}.{param}"), value)
    });
    Ok((definition, of_flow.chain(of_steps).collect()))
}

/// Parses the value in `given`, `STEP.PARAMETER=VALUE`, for a parameter of a step of type `uses`, as `chem run` parses one
/// for a parameter of the flow. An expression may refer to `flow_params`.
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

/// Returns the definition that the run's manifest gives with the flow parameters `set`. Fails if the manifest without them
/// no longer gives the recorded definition.
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

/// How the manifest of a run has changed since the run began.
pub(super) enum Manifest {
    /// The manifest gives the recorded definition, is missing, or has no errors other than missing files and programs.
    AsRecorded,
    /// The manifest gives another definition.
    Changed {
        /// The definition that the manifest gives now.
        definition: Box<FlowDefinition>,
        /// The changes that alter a fingerprint; empty if only policies changed.
        changes: Vec<Change>,
        /// The changes to retries, timeouts and gates.
        policies: Vec<Change>,
    },
    /// The manifest has errors, which have been printed.
    Wrong,
}

/// Compares the manifest at `path`, or at its recorded path if `path` is `None`, with the recorded definition.
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
        // An input file of a finished step may be missing by now.
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

/// Moves `plan` to the manifest at `path`, if given. The manifest must give the recorded definition.
pub(super) fn moved(begun: &Begun<'_>, plan: RunPlan, path: Option<&Path>) -> Result<RunPlan, Failure> {
    let Some(path) = path else { return Ok(plan) };
    match compare(begun, Some(path))? {
        Manifest::AsRecorded => plan.at(path),
        Manifest::Changed { changes, .. } if changes.is_empty() => plan.at(path),
        Manifest::Changed { changes, .. } => Err(Failure::usage(has_changed(path, &changes))),
        Manifest::Wrong => Err(Failure::usage(format!("`{}` has errors", path.display()))),
    }
}

/// Formats the changes as lines of a message.
pub(super) fn listed(changes: &[Change]) -> String {
    changes.iter().map(|change| format!("\n  {change}")).collect()
}

fn manifest_path(begun: &Begun<'_>) -> Option<PathBuf> {
    let environment = &begun.recorded.environment;
    Some(Path::new(environment.directory.as_ref()?).join(environment.manifest.as_ref()?))
}

/// Checks the manifest at `path` with the parameters that were set when the run began, then with `set`.
fn check_as(begun: &Begun<'_>, path: &Path, set: &[String]) -> Result<CheckedManifest, Failure> {
    let mut overrides = Overrides::default();
    let definition = &begun.recorded.definition;
    for name in &definition.overridden {
        match definition.params.get(name) {
            // Text is set verbatim, without quotes.
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
