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

/// A role that may begin a flow.
#[diagnostic::on_unimplemented(
    message = "a flow cannot begin with this step",
    label = "the first step has to be a source",
    note = "a source takes no `Input`; steps that take one are added with `add_step`"
)]
pub trait Leads: Role {}

impl Leads for SourceRole {}
impl Leads for DynamicRole {}

/// A role that may follow the first step.
#[diagnostic::on_unimplemented(
    message = "a source cannot follow the first step",
    label = "this step takes no input",
    note = "a flow has one source, its first step; give it to `first_step`"
)]
pub trait Follows: Role {}

impl Follows for TransformRole {}
impl Follows for SinkRole {}
impl Follows for DynamicRole {}
