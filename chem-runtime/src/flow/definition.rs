//! Flow definitions: steps in order, wired and checked.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::identity::definition_hash;
use crate::event::{RecordedDefinition, RecordedStep, StepKind};
use crate::fingerprint::DefinitionHash;
use crate::step::{InvalidStepId, MAIN_OUTPUT, PlannedStep, Registry, StepDefinition, StepId};

/// Steps in order, wired and checked: what the engine runs.
#[derive(Clone)]
pub struct FlowDefinition {
    name: Option<String>,
    description: Option<String>,
    params: Map<String, Value>,
    steps: Vec<FlowStep>,
    hash: DefinitionHash,
}

/// A step of a definition.
#[derive(Clone)]
pub struct FlowStep {
    step: Arc<dyn StepDefinition>,
    inputs: BTreeMap<String, OutputAddress>,
}

impl FlowStep {
    /// The step.
    pub fn step(&self) -> &dyn StepDefinition {
        self.step.as_ref()
    }

    /// For each wired port the output that feeds it.
    pub fn inputs(&self) -> &BTreeMap<String, OutputAddress> {
        &self.inputs
    }
}

/// An output of an earlier step.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputAddress {
    /// The step's place in the flow, from 0.
    pub step: usize,
    /// The output's name.
    pub output: String,
}

/// Why steps do not make a flow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlowDefinitionError {
    /// There are no steps.
    #[error("a flow needs at least one step")]
    NoSteps,
    /// The first step takes inputs.
    #[error("the first step, `{step}`, is a {kind}; a flow begins with a source", kind = kind.name())]
    FirstStepNotSource {
        /// The step.
        step: StepId,
        /// What it is.
        kind: StepKind,
    },
    /// A source after the first step.
    #[error("step `{step}` is a source; only the first step of a flow is one")]
    SourceAfterFirst {
        /// The step.
        step: StepId,
    },
    /// Two steps of one name.
    #[error("two steps are called `{0}`")]
    DuplicateId(StepId),
    /// A name that cannot name a step.
    #[error(transparent)]
    InvalidId(#[from] InvalidStepId),
    /// The wiring names a port that the step does not have.
    #[error("step `{step}` has no input `{port}`")]
    UnknownPort {
        /// The step.
        step: StepId,
        /// The port.
        port: String,
    },
    /// The wiring names a step that is not before this one.
    #[error("the input `{port}` of step `{step}` is wired to `{from}`, which is no earlier step")]
    UnknownStep {
        /// The step.
        step: StepId,
        /// The port.
        port: String,
        /// What was written.
        from: String,
    },
    /// The wiring names an output that the earlier step does not have.
    #[error("the input `{port}` of step `{step}` is wired to `{from}`, and there is no such output")]
    UnknownOutput {
        /// The step.
        step: StepId,
        /// The port.
        port: String,
        /// What was written.
        from: String,
    },
    /// The wiring names a sink.
    #[error("the input `{port}` of step `{step}` is wired to `{from}`, a sink, which has nothing to hand on")]
    WiredToSink {
        /// The step.
        step: StepId,
        /// The port.
        port: String,
        /// The sink.
        from: StepId,
    },
    /// A required port that nothing feeds.
    #[error("the input `{port}` of step `{step}` is not wired")]
    OpenPort {
        /// The step.
        step: StepId,
        /// The port.
        port: String,
    },
    /// An artifact of the wrong kind.
    #[error("the input `{port}` of step `{step}` takes `{expected}`, and `{from}` gives `{found}`")]
    WrongKind {
        /// The step.
        step: StepId,
        /// The port.
        port: String,
        /// The output that feeds it.
        from: String,
        /// What the port takes.
        expected: String,
        /// What it would be given.
        found: String,
    },
    /// A step's parameters cannot be recorded.
    #[error("the parameters of step `{step}` cannot be used: {reason}")]
    Params {
        /// The step.
        step: StepId,
        /// What is wrong.
        reason: String,
    },
    /// A recorded step whose type is not linked into this program.
    #[error("step `{step}` uses `{uses}`, which this program does not have; run it with the program that has it")]
    UnknownStepType {
        /// The step.
        step: StepId,
        /// The step type.
        uses: String,
    },
    /// A recorded step whose type has another version here.
    #[error(
        "step `{step}` was recorded with `{uses}@{recorded}`, and this program has `{uses}@{linked}`; go on with the release that recorded it, or run the flow anew"
    )]
    OtherVersion {
        /// The step.
        step: StepId,
        /// The step type.
        uses: String,
        /// The version of the record.
        recorded: u32,
        /// The version of this program.
        linked: u32,
    },
}

/// A definition of these steps, each taking the output of the step before it.
///
/// ```
/// use chem_runtime::flow::{FlowDefinitionError, build_flow_definition_auto};
/// use chem_runtime::step::{StepDefinition, StepExt as _};
/// use chem_runtime::steps::demo::{Characters, Seed};
///
/// let seed = Box::new(Seed { text: "CCO".into() }.named("seed")?) as Box<dyn StepDefinition>;
/// let split = Box::new(Characters {}.named("split")?) as Box<dyn StepDefinition>;
/// let definition = build_flow_definition_auto([seed, split])?;
/// assert_eq!(definition.steps()[1].inputs()["text"].step, 0);
/// # Ok::<_, FlowDefinitionError>(())
/// ```
pub fn build_flow_definition_auto(
    steps: impl IntoIterator<Item = Box<dyn StepDefinition>>,
) -> Result<FlowDefinition, FlowDefinitionError> {
    FlowDefinition::new(steps.into_iter().map(PlannedStep::from))
}

impl FlowDefinition {
    /// Wires and checks `steps`. A step whose inputs say nothing takes the main output of the step before it at its
    /// first port.
    pub fn new(steps: impl IntoIterator<Item = PlannedStep>) -> Result<Self, FlowDefinitionError> {
        let mut wired: Vec<FlowStep> = Vec::new();
        let mut places: HashMap<StepId, usize> = HashMap::new();
        for planned in steps {
            let PlannedStep { step, inputs } = planned;
            check_place(step.as_ref(), wired.is_empty())?;
            if places.contains_key(step.id()) {
                return Err(FlowDefinitionError::DuplicateId(step.id().clone()));
            }
            let inputs = wire(step.as_ref(), inputs, &wired, &places)?;
            places.insert(step.id().clone(), wired.len());
            wired.push(FlowStep { step: step.into(), inputs });
        }
        if wired.is_empty() {
            return Err(FlowDefinitionError::NoSteps);
        }
        let hash = definition_hash(wired.iter().map(|step| step.step.id().as_str()));
        Ok(Self { name: None, description: None, params: Map::new(), steps: wired, hash })
    }

    /// The definition that a run recorded, with the step types of `registry`.
    ///
    /// # Errors
    /// Names the step whose type or version this program does not have.
    pub fn from_recorded(
        flow: &str,
        recorded: &RecordedDefinition,
        registry: &Registry,
    ) -> Result<Self, FlowDefinitionError> {
        let steps = recorded.steps.iter().map(|step| {
            let id = StepId::new(step.id.clone())?;
            let Some(registration) = registry.get(&step.uses) else {
                return Err(FlowDefinitionError::UnknownStepType { step: id, uses: step.uses.clone() });
            };
            if registration.spec().version != step.version {
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
            Ok(PlannedStep { step: bound, inputs: step.inputs.clone().into_iter().collect() })
        });
        let mut definition = Self::new(steps.collect::<Result<Vec<_>, _>>()?)?;
        definition.name = Some(flow.to_owned());
        definition.description.clone_from(&recorded.description);
        definition.params.clone_from(&recorded.params);
        Ok(definition)
    }

    /// The same definition under a name.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same definition with words on what it is for.
    pub fn with_description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// The same definition with the flow's parameters after all overrides, for the record.
    pub fn with_params(mut self, params: Map<String, Value>) -> Self {
        self.params = params;
        self
    }

    /// The flow's name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What the flow is for.
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The flow's parameters.
    pub fn params(&self) -> &Map<String, Value> {
        &self.params
    }

    /// The steps in order.
    pub fn steps(&self) -> &[FlowStep] {
        &self.steps
    }

    /// The hash of the step ids in order.
    pub fn hash(&self) -> DefinitionHash {
        self.hash
    }

    /// The definition as the log records it.
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
                inputs: step.inputs.iter().map(|(port, from)| (port.clone(), self.written(from))).collect(),
                params,
            })
        };
        let steps = self.steps.iter().map(record).collect::<Result<_, _>>()?;
        Ok(RecordedDefinition { description: self.description.clone(), params: self.params.clone(), steps })
    }

    /// An address as a manifest writes it.
    fn written(&self, address: &OutputAddress) -> String {
        let step = self.steps[address.step].step.id();
        if address.output == MAIN_OUTPUT { step.to_string() } else { format!("{step}.{}", address.output) }
    }
}

impl fmt::Debug for FlowDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<String> =
            self.steps.iter().map(|step| format!("{}: {}", step.step.id(), step.step.step_type())).collect();
        f.debug_struct("FlowDefinition").field("name", &self.name).field("steps", &steps).finish_non_exhaustive()
    }
}

fn check_place(step: &dyn StepDefinition, first: bool) -> Result<(), FlowDefinitionError> {
    match (first, step.kind()) {
        (true, StepKind::Source) | (false, StepKind::Transform | StepKind::Sink) => Ok(()),
        (true, kind) => Err(FlowDefinitionError::FirstStepNotSource { step: step.id().clone(), kind }),
        (false, StepKind::Source) => Err(FlowDefinitionError::SourceAfterFirst { step: step.id().clone() }),
    }
}

fn wire(
    step: &dyn StepDefinition,
    written: Vec<(String, String)>,
    earlier: &[FlowStep],
    places: &HashMap<StepId, usize>,
) -> Result<BTreeMap<String, OutputAddress>, FlowDefinitionError> {
    let id = || step.id().clone();
    let mut inputs = BTreeMap::new();
    for (port, from) in written {
        if !step.inputs().iter().any(|spec| spec.name == port) {
            return Err(FlowDefinitionError::UnknownPort { step: id(), port });
        }
        let (name, output) = from.split_once('.').unwrap_or((&from, MAIN_OUTPUT));
        let place = StepId::new(name).ok().and_then(|name| places.get(&name).copied());
        let Some(place) = place else {
            return Err(FlowDefinitionError::UnknownStep { step: id(), port, from });
        };
        inputs.insert(port, OutputAddress { step: place, output: output.to_owned() });
    }
    // What its author left open at the first port is fed by the step before, unless that is a sink.
    if let (Some(port), Some(before)) = (step.inputs().first(), earlier.len().checked_sub(1))
        && !inputs.contains_key(port.name)
        && !(port.optional && earlier[before].step.kind() == StepKind::Sink)
    {
        inputs.insert(port.name.to_owned(), OutputAddress { step: before, output: MAIN_OUTPUT.to_owned() });
    }
    for port in step.inputs() {
        match inputs.get(port.name) {
            None if port.optional => {}
            None => return Err(FlowDefinitionError::OpenPort { step: id(), port: port.name.to_owned() }),
            Some(address) => check_wire(step, port, address, &earlier[address.step])?,
        }
    }
    Ok(inputs)
}

fn check_wire(
    step: &dyn StepDefinition,
    port: &crate::step::PortSpec,
    address: &OutputAddress,
    from: &FlowStep,
) -> Result<(), FlowDefinitionError> {
    let (id, port_name) = (step.id().clone(), port.name.to_owned());
    let from_id = from.step.id();
    if from.step.kind() == StepKind::Sink {
        return Err(FlowDefinitionError::WiredToSink { step: id, port: port_name, from: from_id.clone() });
    }
    let Some(output) = from.step.outputs().iter().find(|output| output.name == address.output) else {
        let from = format!("{from_id}.{}", address.output);
        return Err(FlowDefinitionError::UnknownOutput { step: id, port: port_name, from });
    };
    if !port.accepts(output) {
        return Err(FlowDefinitionError::WrongKind {
            step: id,
            port: port_name,
            from: from_id.to_string(),
            expected: port.kind.to_owned(),
            found: output.kind.to_owned(),
        });
    }
    Ok(())
}
