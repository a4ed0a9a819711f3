//! What a step does that is a struct of its parameters, under `#[derive(Step)]`.
//!
//! The derive sees the struct alone. The types of the inputs and of the output are those of the implementation of
//! [`RunStep`], from which the step type has its ports and its outputs.

use super::context::ExecutionContext;
use super::definition::StepOutput;
use super::error::StepError;
use super::port::{Input, OutputSpec, PortSpec, StepInput, StepReturn};
use crate::artifact::ArtifactValue;

/// The work of a step under `#[derive(Step)]`.
///
/// ```
/// use chem_runtime::prelude::*;
/// use chem_runtime::steps::demo::Text;
///
/// /// Repeats a text.
/// #[derive(Step)]
/// #[step("text.repeat", version = 1)]
/// pub struct RepeatStep {
///     /// How often.
///     #[param(default = 2, min = 1)]
///     times: u32,
/// }
///
/// #[derive(StepInputs)]
/// pub struct RepeatInputs {
///     text: Input<Text>,
/// }
///
/// impl RunStep for RepeatStep {
///     type Inputs = RepeatInputs;
///     type Output = Text;
///
///     fn run(&self, inputs: RepeatInputs, _: &ExecutionContext<'_>) -> Result<Text, StepError> {
///         Ok(Text(inputs.text.0.repeat(self.times as usize)))
///     }
/// }
///
/// # fn main() {
/// assert_eq!(RepeatStep::SPEC.inputs[0].name, "text");
/// assert_eq!(RepeatStep::new().with_times(3).to_params()["times"], 3);
/// # }
/// ```
pub trait RunStep: Sized {
    /// What it takes: `()` for a source, `Input<T>` for a step with one input, which is then called `input`, or a struct
    /// under `#[derive(StepInputs)]`, whose fields name the inputs.
    type Inputs: StepInputs;

    /// What it gives: an artifact, [`WithRejects`](super::WithRejects) of one, or `()` from a sink.
    type Output: StepReturn;

    /// Does the work.
    fn run(&self, inputs: Self::Inputs, context: &ExecutionContext<'_>) -> Result<Self::Output, StepError>;
}

/// The inputs of a step, by the names of its ports.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not what a step takes",
    label = "not the inputs of a step",
    note = "write `()` for a source, `Input<T>` for a step with one input, or a struct under `#[derive(StepInputs)]`"
)]
pub trait StepInputs: Sized {
    /// The ports.
    const PORTS: &'static [PortSpec];

    /// Takes what is wired to the ports.
    fn take(context: &ExecutionContext<'_>) -> Result<Self, StepError>;
}

impl StepInputs for () {
    const PORTS: &'static [PortSpec] = &[];

    fn take(_: &ExecutionContext<'_>) -> Result<Self, StepError> {
        Ok(())
    }
}

impl<T: ArtifactValue> StepInputs for Input<T> {
    const PORTS: &'static [PortSpec] = &[PortSpec::of::<Self>(PortSpec::ANY.name)];

    fn take(context: &ExecutionContext<'_>) -> Result<Self, StepError> {
        StepInput::take(context, PortSpec::ANY.name)
    }
}

/// What the runtime has of [`RunStep`]. `#[derive(Step)]` speaks of nothing else, so that a type that is wrong is an error at
/// the author's `type Inputs` or `type Output`, and an implementation that is missing one at the struct's name.
#[diagnostic::on_unimplemented(
    message = "the step `{Self}` has no `run`",
    label = "`RunStep` is not implemented for it",
    note = "write `impl RunStep for {Self} {{ type Inputs = …; type Output = …; fn run(&self, inputs: Self::Inputs, context: &ExecutionContext<'_>) -> Result<Self::Output, StepError> {{ … }} }}`, with `type Inputs = ();` for a source"
)]
pub trait Method {
    /// The ports.
    const INPUTS: &'static [PortSpec];

    /// The outputs.
    const OUTPUTS: &'static [OutputSpec];

    /// Takes the inputs from `context`, runs the step and packs its outputs.
    fn execute(&self, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError>;
}

impl<S: RunStep> Method for S {
    const INPUTS: &'static [PortSpec] = S::Inputs::PORTS;

    const OUTPUTS: &'static [OutputSpec] = S::Output::OUTPUTS;

    fn execute(&self, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError> {
        self.run(S::Inputs::take(context)?, context)?.into_outputs()
    }
}

/// Whether one of `ports` is called `name`. `#[derive(Step)]` asks while the program is compiled.
pub const fn has_port(ports: &[PortSpec], name: &str) -> bool {
    let mut at = 0;
    while at < ports.len() {
        if same_text(ports[at].name.as_bytes(), name.as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

const fn same_text(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}
