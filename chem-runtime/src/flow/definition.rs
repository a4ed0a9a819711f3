//! Flow definitions: steps in order, wired and checked.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::Path;

use serde_json::{Map, Value};

use super::answer::check_schema;
use super::error::FlowDefinitionError;
use super::finished::FinishedStep;
use super::identity::definition_hash;
use super::instance::{FlowInstance, StepStatus};
use super::wired::{FlowStep, OutputAddress};
use super::wiring::{Feed, Shape, ToWire, check as check_wiring};
use crate::event::{FlowInitialized, RecordedDefinition, RecordedStep, StepKind, StepSources};
use crate::fingerprint::DefinitionHash;
use crate::step::{MAIN_OUTPUT, PlannedStep, Registry, StepDefinition, StepId};

/// A flow that the engine can run: steps in order, wired and checked.
#[derive(Clone)]
pub struct FlowDefinition {
    name: Option<String>,
    description: Option<String>,
    license: Option<String>,
    params: Map<String, Value>,
    overridden: BTreeSet<String>,
    spelled: BTreeMap<String, String>,
    step_sources: Option<StepSources>,
    steps: Vec<FlowStep>,
    hash: DefinitionHash,
}

/// Builds a definition in which each step takes the output of the step before it.
///
/// ```
/// use chem_runtime::flow::{FlowDefinitionError, build_flow_definition_auto};
/// use chem_runtime::step::{Bound, StepDefinition, StepId};
/// use chem_runtime::steps::demo::{Characters, Seed};
///
/// let seed: Box<dyn StepDefinition> = Box::new(Bound::new(StepId::new("seed")?, Seed::new().with_text("CCO")));
/// let split: Box<dyn StepDefinition> = Box::new(Bound::new(StepId::new("split")?, Characters::new()));
/// let definition = build_flow_definition_auto([seed, split])?;
/// assert_eq!(definition.steps()[1].inputs()["text"].step, 0);
/// # Ok::<_, FlowDefinitionError>(())
/// ```
pub fn build_flow_definition_auto(
    steps: impl IntoIterator<Item = Box<dyn StepDefinition>>,
) -> Result<FlowDefinition, FlowDefinitionError> {
    FlowDefinition::new(steps.into_iter().map(PlannedStep::from))
}

fn to_wire(planned: &PlannedStep) -> ToWire<'_> {
    let step = planned.step.as_ref();
    ToWire {
        shape: Some(Shape { kind: step.kind(), inputs: step.inputs(), outputs: step.outputs() }),
        wires: planned.inputs.iter().map(|(port, _)| port.as_str()).collect(),
        in_doubt: false,
        source: Some(planned.source),
        default: None,
    }
}

impl FlowDefinition {
    /// Wires and checks `steps`. The first port of a step, if not wired explicitly, takes the main output of the previous
    /// step.
    ///
    /// # Errors
    /// Names the first step that does not fit, and the reason.
    pub fn new(steps: impl IntoIterator<Item = PlannedStep>) -> Result<Self, FlowDefinitionError> {
        let planned: Vec<PlannedStep> = steps.into_iter().collect();
        for PlannedStep { step, policy, .. } in &planned {
            if let Some(schema) = policy.gate.as_ref().and_then(|gate| gate.schema.as_ref()) {
                let step = step.id();
                check_schema(schema).map_err(|reason| FlowDefinitionError::Gate { step: step.clone(), reason })?;
            }
        }
        Self::wired(planned)
    }

    /// Does what [`new`](Self::new) does, for steps whose gates may have been passed.
    fn wired(planned: Vec<PlannedStep>) -> Result<Self, FlowDefinitionError> {
        if planned.is_empty() {
            return Err(FlowDefinitionError::NoSteps);
        }
        let mut indices = HashMap::new();
        for (index, planned) in planned.iter().enumerate() {
            if indices.insert(planned.step.id(), index).is_some() {
                return Err(FlowDefinitionError::DuplicateId(planned.step.id().clone()));
            }
        }
        let wiring = check_wiring(&planned.iter().map(to_wire).collect::<Vec<_>>(), &mut |step, wire| {
            let (_, from) = &planned[step].inputs[wire];
            let (name, output) = from.split_once('.').unwrap_or((from, MAIN_OUTPUT));
            let earlier = indices.get(&StepId::new(name).ok()?).filter(|earlier| **earlier < step);
            Some((*earlier?, output.to_owned()))
        });
        if let Some(problem) = wiring.problems.into_iter().next() {
            return Err(FlowDefinitionError::of_wiring(problem, &planned));
        }
        let feeds = |feeds: Vec<Feed>| {
            let address = |feed: &Feed| OutputAddress { step: feed.from, output: feed.output.to_owned() };
            feeds.iter().map(|feed| (feed.port.to_owned(), address(feed))).collect()
        };
        let wired = planned.into_iter().zip(wiring.feeds).map(|(PlannedStep { step, policy, .. }, fed)| FlowStep {
            step: step.into(),
            inputs: feeds(fed),
            policy,
        });
        let wired: Vec<FlowStep> = wired.collect();
        Ok(Self::of_steps(wired))
    }

    fn of_steps(steps: Vec<FlowStep>) -> Self {
        let hash = definition_hash(steps.iter().map(|step| step.step.id().as_str()));
        Self {
            name: None,
            description: None,
            license: None,
            params: Map::new(),
            overridden: BTreeSet::new(),
            spelled: BTreeMap::new(),
            step_sources: None,
            steps,
            hash,
        }
    }

    /// Returns a definition of other steps with the name, the parameters and the modules of this one.
    pub(super) fn with_steps(&self, steps: Vec<FlowStep>) -> Self {
        let Self { name, params, overridden, spelled, step_sources, .. } = self.clone();
        Self { name, params, overridden, spelled, step_sources, ..Self::of_steps(steps) }
    }

    /// Rebuilds the definition that a run recorded, with the step types of `registry`.
    ///
    /// # Errors
    /// Fails if this program lacks the type of a step, or has another version of it.
    pub fn from_recorded(
        flow: &str,
        recorded: &RecordedDefinition,
        registry: &Registry,
    ) -> Result<Self, FlowDefinitionError> {
        Self::from_recorded_after(flow, recorded, &BTreeSet::new(), registry)
    }

    /// Rebuilds the definition of a run to resume, with the step types of `registry`. The types of finished steps may have
    /// another version in this program, because these steps do not run again.
    ///
    /// # Errors
    /// Fails like [`from_recorded`](Self::from_recorded), and if the run has not begun.
    pub fn of_run(instance: &FlowInstance, registry: &Registry) -> Result<Self, FlowDefinitionError> {
        Self::of_run_in(None, instance, registry)
    }

    /// Rebuilds the definition like [`of_run`](Self::of_run), with the modules in `directory` if the run's own has moved there.
    ///
    /// # Errors
    /// Fails like [`of_run`](Self::of_run).
    pub fn of_run_in(
        directory: Option<&Path>,
        instance: &FlowInstance,
        registry: &Registry,
    ) -> Result<Self, FlowDefinitionError> {
        let Some(initialized) = instance.initialized() else { return Err(FlowDefinitionError::NoSteps) };
        let finished = instance.steps().iter().filter(|step| step.status == StepStatus::FinishedOk);
        let finished = finished.map(|step| step.id.as_str()).collect();
        let registry = step_types_in(directory, initialized, registry)?;
        Self::from_recorded_after(&initialized.flow, &initialized.definition, &finished, &registry)
    }

    fn from_recorded_after(
        flow: &str,
        recorded: &RecordedDefinition,
        finished: &BTreeSet<&str>,
        registry: &Registry,
    ) -> Result<Self, FlowDefinitionError> {
        let steps = recorded.steps.iter().map(|step| {
            let id = StepId::new(step.id.clone())?;
            let inputs = step.inputs.clone().into_iter().collect();
            // A run with a source that was not meant has not begun.
            let source = step.kind == StepKind::Source;
            let Some(registration) = registry.get(&step.uses) else {
                let (uses, here) = (step.uses.clone(), registry.where_from());
                return Err(FlowDefinitionError::UnknownStepType { step: id, uses, here });
            };
            if registration.spec().version != step.version {
                if finished.contains(step.id.as_str()) {
                    let step = FinishedStep { id, recorded: step.clone(), spec: registration.spec() };
                    let policy = step.recorded.policy();
                    return Ok(PlannedStep { step: Box::new(step), inputs, source, policy });
                }
                return Err(FlowDefinitionError::OtherVersion {
                    step: id,
                    uses: step.uses.clone(),
                    recorded: step.version,
                    linked: registration.spec().version,
                });
            }
            let bound =
                registration.bind(id.clone(), &step.params).map_err(|problems| FlowDefinitionError::Params {
                    step: id,
                    reason: problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
                })?;
            Ok(PlannedStep { step: bound, inputs, source, policy: step.policy() })
        });
        let mut definition = Self::wired(steps.collect::<Result<_, _>>()?)?;
        definition.name = Some(flow.to_owned());
        definition.description.clone_from(&recorded.description);
        definition.license.clone_from(&recorded.license);
        definition.params.clone_from(&recorded.params);
        definition.overridden.clone_from(&recorded.overridden);
        definition.spelled.clone_from(&recorded.spelled);
        definition.step_sources.clone_from(&recorded.step_sources);
        Ok(definition)
    }

    /// Sets the name.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the description.
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets the license of the results, which is part of no fingerprint: an identifier of SPDX, or an address.
    pub fn with_license(mut self, license: impl Into<String>) -> Self {
        self.license = Some(license.into());
        self
    }

    /// Sets the flow parameters to record, after all overrides.
    pub fn with_params(mut self, params: Map<String, Value>) -> Self {
        self.params = params;
        self
    }

    /// Sets the names of the overridden flow parameters, and the original spelling of those whose recorded value is written
    /// differently.
    pub fn with_overridden(mut self, overridden: BTreeSet<String>, spelled: BTreeMap<String, String>) -> Self {
        (self.overridden, self.spelled) = (overridden, spelled);
        self
    }

    /// Sets the modules that define step types which are not in the program.
    pub fn with_step_sources(mut self, sources: Option<StepSources>) -> Self {
        self.step_sources = sources;
        self
    }

    /// Returns the name of the flow, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the author's description of the flow.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Returns the license of the results, if the author declares one.
    pub fn license(&self) -> Option<&str> {
        self.license.as_deref()
    }

    /// Returns the flow parameters after all overrides.
    pub fn params(&self) -> &Map<String, Value> {
        &self.params
    }

    /// Returns the steps in order.
    pub fn steps(&self) -> &[FlowStep] {
        &self.steps
    }

    /// Returns the hash of the step ids in order.
    pub fn hash(&self) -> DefinitionHash {
        self.hash
    }

    /// Returns the definition as recorded in the log.
    ///
    /// # Errors
    /// Fails if the parameters of a step cannot be recorded.
    pub fn recorded(&self) -> Result<RecordedDefinition, FlowDefinitionError> {
        let record = |step: &FlowStep| -> Result<RecordedStep, FlowDefinitionError> {
            let definition = step.step();
            let params = definition.params().map_err(|error| FlowDefinitionError::Params {
                step: definition.id().clone(),
                reason: format!("{error:?}"),
            })?;
            Ok(RecordedStep {
                id: definition.id().to_string(),
                uses: definition.step_type().name.to_owned(),
                version: definition.step_type().version,
                kind: definition.kind(),
                inputs: step.inputs.iter().map(|(port, from)| (port.clone(), self.address_text(from))).collect(),
                params,
                retry: step.policy.retry.clone(),
                timeout_ms: step.policy.timeout_ms,
                gate: step.policy.gate.clone(),
                resources: step.policy.resources,
                shards: step.policy.shards.clone(),
            })
        };
        let steps = self.steps.iter().map(record).collect::<Result<_, _>>()?;
        Ok(RecordedDefinition {
            description: self.description.clone(),
            license: self.license.clone(),
            params: self.params.clone(),
            overridden: self.overridden.clone(),
            steps,
            spelled: self.spelled.clone(),
            step_sources: self.step_sources.clone(),
        })
    }

    /// Formats an address as in a manifest.
    fn address_text(&self, address: &OutputAddress) -> String {
        let step = self.steps[address.step].step.id();
        if address.output == MAIN_OUTPUT { step.to_string() } else { format!("{step}.{}", address.output) }
    }
}

/// Returns `registry` with the step types of the modules that a run names, whose relative paths start at its directory.
///
/// # Errors
/// Fails if a module is missing or does not define step types any more, or if the environment cannot run its steps.
pub fn step_types<'r>(
    initialized: &FlowInitialized,
    registry: &'r Registry,
) -> Result<Cow<'r, Registry>, FlowDefinitionError> {
    step_types_in(None, initialized, registry)
}

/// Returns the step types like [`step_types`], with the modules in `directory` if the run's own has moved there.
///
/// # Errors
/// Fails like [`step_types`].
pub(crate) fn step_types_in<'r>(
    directory: Option<&Path>,
    initialized: &FlowInitialized,
    registry: &'r Registry,
) -> Result<Cow<'r, Registry>, FlowDefinitionError> {
    let recorded = || Path::new(initialized.environment.directory.as_deref().unwrap_or("."));
    step_types_of(&initialized.definition, directory.unwrap_or_else(recorded), registry)
}

/// Returns `registry` with the step types that the modules of `definition`, in `directory`, define.
///
/// # Errors
/// Fails like [`step_types`].
pub(crate) fn step_types_of<'r>(
    definition: &RecordedDefinition,
    directory: &Path,
    registry: &'r Registry,
) -> Result<Cow<'r, Registry>, FlowDefinitionError> {
    let Some(sources) = &definition.step_sources else { return Ok(Cow::Borrowed(registry)) };
    let (registry, problems) = registry.with_sources(sources, directory);
    match problems.into_iter().next() {
        Some(problem) => {
            let module = problem.module.and_then(|module| sources.from.get(module)).cloned();
            let reason = problem.help.map_or(problem.message.clone(), |help| format!("{}; {help}", problem.message));
            Err(FlowDefinitionError::StepSource { module, reason })
        }
        None => Ok(Cow::Owned(registry)),
    }
}

impl fmt::Debug for FlowDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<String> =
            self.steps.iter().map(|step| format!("{}: {}", step.step.id(), step.step.step_type())).collect();
        f.debug_struct("FlowDefinition").field("name", &self.name).field("steps", &steps).finish_non_exhaustive()
    }
}
