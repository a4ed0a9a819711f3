//! What a flow is built from in Rust.

use chem_manifest::{InvalidStepId, StepId};

use super::bound::Bound;
use super::definition::{PlannedStep, StepDefinition};
use super::role::{DynamicRole, Role};
use super::typed::Step;
use crate::event::StepPolicy;

/// What [`first_step`](crate::engine::FlowEngineBuilder::first_step) and
/// [`add_step`](crate::engine::FlowEngineBuilder::add_step) take: the struct of a step type, one with a name, any
/// [`StepDefinition`], and a boxed one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a step",
    label = "expected a step",
    note = "a step is the struct that `#[step]` makes of a function, a struct under `#[derive(Step)]`, or a type that implements `StepDefinition`"
)]
pub trait IntoStep {
    /// The kind of step.
    type Role: Role;

    /// The step, which is named by `name_for` its step type if it has no name yet, and the wiring that it was given.
    fn into_step(
        self,
        name_for: &mut dyn FnMut(&'static str) -> Result<StepId, InvalidStepId>,
    ) -> Result<PlannedStep, InvalidStepId>;
}

/// A step under a name that was chosen for it, with its wiring.
#[derive(Debug, Clone)]
pub struct Named<S> {
    id: StepId,
    inputs: Vec<(String, String)>,
    policy: StepPolicy,
    step: S,
}

impl<S: Step> Named<S> {
    /// `step` under the name `id`.
    pub fn new(id: StepId, step: S) -> Self {
        Self { id, inputs: Vec::new(), policy: StepPolicy::default(), step }
    }

    /// Wires `port` to the output of an earlier step, as `inputs:` does in a manifest: `from` is the step's id, or
    /// `id.output`.
    pub fn input(mut self, port: impl Into<String>, from: impl Into<String>) -> Self {
        self.inputs.push((port.into(), from.into()));
        self
    }

    /// How the step is run, as `retry:`, `timeout:` and `gate:` say in a manifest.
    pub fn policy(mut self, policy: StepPolicy) -> Self {
        self.policy = policy;
        self
    }
}

/// Names a step and wires it.
///
/// ```
/// # use chem_runtime::steps::demo::Characters;
/// use chem_runtime::step::StepExt as _;
/// let step = Characters::new().named("letters")?.input("text", "seed");
/// # Ok::<_, chem_runtime::step::InvalidStepId>(())
/// ```
pub trait StepExt: Step {
    /// The step under the name `id`.
    fn named(self, id: &str) -> Result<Named<Self>, InvalidStepId> {
        Ok(Named::new(StepId::new(id)?, self))
    }
}

impl<S: Step> StepExt for S {}

/// A step written by hand has a name already. Each struct of a step type has an implementation of its own, which
/// [`unnamed`] is.
#[diagnostic::do_not_recommend]
impl<D: StepDefinition + 'static> IntoStep for D {
    type Role = DynamicRole;

    fn into_step(
        self,
        _: &mut dyn FnMut(&'static str) -> Result<StepId, InvalidStepId>,
    ) -> Result<PlannedStep, InvalidStepId> {
        let step: Box<dyn StepDefinition> = Box::new(self);
        Ok(step.into())
    }
}

/// The step of the type `S`, under the name that `name_for` has for it. What `#[step]` and `#[derive(Step)]` implement
/// [`IntoStep`] with.
pub fn unnamed<S: Step>(
    step: S,
    name_for: &mut dyn FnMut(&'static str) -> Result<StepId, InvalidStepId>,
) -> Result<PlannedStep, InvalidStepId> {
    let step: Box<dyn StepDefinition> = Box::new(Bound::new(name_for(S::SPEC.name)?, step));
    Ok(step.into())
}

impl<S: Step> IntoStep for Named<S> {
    type Role = S::Role;

    fn into_step(
        self,
        _: &mut dyn FnMut(&'static str) -> Result<StepId, InvalidStepId>,
    ) -> Result<PlannedStep, InvalidStepId> {
        let Self { id, inputs, policy, step } = self;
        Ok(PlannedStep { step: Box::new(Bound::new(id, step)), inputs, policy })
    }
}

impl IntoStep for PlannedStep {
    type Role = DynamicRole;

    fn into_step(
        self,
        _: &mut dyn FnMut(&'static str) -> Result<StepId, InvalidStepId>,
    ) -> Result<PlannedStep, InvalidStepId> {
        Ok(self)
    }
}

impl IntoStep for Box<dyn StepDefinition> {
    type Role = DynamicRole;

    fn into_step(
        self,
        _: &mut dyn FnMut(&'static str) -> Result<StepId, InvalidStepId>,
    ) -> Result<PlannedStep, InvalidStepId> {
        Ok(self.into())
    }
}
