//! Represents sources, transforms and sinks as types, so that a builder can distinguish them at compile time.

/// A step kind as a type.
pub trait Role: Send + Sync + 'static {}

/// The role of sources.
#[derive(Debug, Clone, Copy)]
pub enum SourceRole {}
/// The role of transforms.
#[derive(Debug, Clone, Copy)]
pub enum TransformRole {}
/// The role of sinks.
#[derive(Debug, Clone, Copy)]
pub enum SinkRole {}
/// The role of steps whose kind is known only at run time. Building the flow checks it.
#[derive(Debug, Clone, Copy)]
pub enum DynamicRole {}

impl Role for SourceRole {}
impl Role for TransformRole {}
impl Role for SinkRole {}
impl Role for DynamicRole {}

/// The role of a source, which begins a flow or a further chain of steps.
#[diagnostic::on_unimplemented(
    message = "this step is not a source",
    label = "expected a source, with which a flow begins",
    note = "a source takes no `Input`; steps that take one are added with `add_step`"
)]
pub trait Leads: Role {}

impl Leads for SourceRole {}
impl Leads for DynamicRole {}

/// The role of a step that takes the output of an earlier one.
#[diagnostic::on_unimplemented(
    message = "a source cannot be added like a step that takes an input",
    label = "this step takes no input",
    note = "the first source of a flow is added with `first_step`, a further one with `add_source`"
)]
pub trait Follows: Role {}

impl Follows for TransformRole {}
impl Follows for SinkRole {}
impl Follows for DynamicRole {}
