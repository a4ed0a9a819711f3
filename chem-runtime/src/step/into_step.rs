//! Defines what a flow is built from in Rust.

use chem_manifest::{InvalidStepId, StepId};

use super::bound::Bound;
use super::definition::{PlannedStep, StepDefinition};
use super::role::{DynamicRole, Role};
use super::typed::Step;
use crate::event::StepPolicy;

/// An argument of [`first_step`](crate::engine::FlowEngineBuilder::first_step),
/// [`add_step`](crate::engine::FlowEngineBuilder::add_step) and
/// [`add_source`](crate::engine::FlowEngineBuilder::add_source): the struct of a step type, such a struct with a name, any
/// [`StepDefinition`], or a boxed one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a step",
    label = "expected a step",
    note = "a step is the struct that `#[step]` makes of a function, a struct under `#[derive(Step)]`, or a type that implements `StepDefinition`"
)]
pub trait IntoStep {
    /// The kind of step, as a type.
    type Role: Role;

    /// Returns the step with the wiring that it was given. If it has no name yet, `name_for` chooses one for its step
    /// type.
    fn into_step(
        self,
        name_for: &mut dyn FnMut(&'static str) -> Result<StepId, InvalidStepId>,
    ) -> Result<PlannedStep, InvalidStepId>;
}

/// A step with an explicit name and wiring.
#[derive(Debug, Clone)]
pub struct Named<S> {
    id: StepId,
    inputs: Vec<(String, String)>,
    policy: StepPolicy,
    step: S,
}

impl<S: Step> Named<S> {
    /// Gives `step` the name `id`.
    pub fn new(id: StepId, step: S) -> Self {
        Self { id, inputs: Vec::new(), policy: StepPolicy::default(), step }
    }

    /// Wires `port` to the output of an earlier step, like `inputs:` in a manifest: `from` is the step's ID, or
    /// `id.output`.
    pub fn input(mut self, port: impl Into<String>, from: impl Into<String>) -> Self {
        self.inputs.push((port.into(), from.into()));
        self
    }

    /// Sets how the step is run, like `retry:`, `timeout:`, `gate:` and `resources:` in a manifest.
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
    /// Gives the step the name `id`.
    fn named(self, id: &str) -> Result<Named<Self>, InvalidStepId> {
        Ok(Named::new(StepId::new(id)?, self))
    }
}

impl<S: Step> StepExt for S {}

/// A step written by hand already has a name. Each struct of a step type has its own implementation, which calls
/// [`unnamed`].
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

/// Returns the step of type `S`, under the name that `name_for` chooses. `#[step]` and `#[derive(Step)]` implement
/// [`IntoStep`] with this.
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
        Ok(PlannedStep { step: Box::new(Bound::new(id, step)), inputs, source: false, policy })
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
