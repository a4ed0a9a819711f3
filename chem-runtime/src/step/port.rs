//! Defines what flows between steps: input ports, outputs, and the values at them.

use std::ops::Deref;
use std::sync::Arc;

use crate::artifact::{ArtifactValue, Table};

/// The name of a step's first output, which is wired unless another is named.
pub const MAIN_OUTPUT: &str = "main";

/// The name of the output with the records that a step could not use.
pub const REJECTS: &str = "rejects";

/// The kind of a port or an output that declares none. It matches every kind.
pub const ANY_KIND: &str = "*";

/// An input port of a step type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortSpec {
    /// The name that `inputs:` uses in a manifest.
    pub name: &'static str,
    /// The kind of artifact that the port accepts.
    pub kind: &'static str,
    /// Whether the port is optional: it need not be wired.
    pub optional: bool,
    /// Whether the step takes the rows of the table at the port one by one.
    pub rows: bool,
}

impl PortSpec {
    /// A required port, called `input`, for any kind of artifact.
    pub const ANY: Self = Self { name: "input", kind: ANY_KIND, optional: false, rows: false };

    /// Returns whether `output` can feed this port.
    pub fn accepts(&self, output: &OutputSpec) -> bool {
        self.kind == ANY_KIND
            || output.kind == ANY_KIND
            || self.kind == output.kind
            || output.reads_as.contains(&self.kind)
    }
}

/// An output of a step type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputSpec {
    /// The name, [`MAIN_OUTPUT`] for the first output.
    pub name: &'static str,
    /// The kind of the artifact.
    pub kind: &'static str,
    /// The other kinds as which the artifact can be read.
    pub reads_as: &'static [&'static str],
    /// Whether the output has the kind of the output that feeds the step's first input; `kind` is then only a bound.
    pub kind_of_input: bool,
}

impl OutputSpec {
    /// A main output of any kind.
    pub const ANY: Self = Self { name: MAIN_OUTPUT, kind: ANY_KIND, reads_as: &[], kind_of_input: false };

    /// Returns an output with values of type `T`.
    pub const fn of<T: ArtifactValue>(name: &'static str) -> Self {
        Self { name, kind: T::KIND, reads_as: T::READS_AS, kind_of_input: T::KIND_OF_INPUT }
    }

    /// Returns whether the output is known to be a table, of whichever kind.
    pub(crate) fn is_table(&self) -> bool {
        self.kind == Table::KIND || self.reads_as.contains(&Table::KIND) || self.kind_of_input
    }

    /// Returns the output as it is when `fed` feeds the step's first input.
    pub fn fed_by(&self, fed: &Self) -> Self {
        if self.kind_of_input { Self { name: self.name, ..*fed } } else { *self }
    }
}

/// An input of a step function: an output value of an earlier step. Dereferences to `T`.
#[derive(Debug)]
pub struct Input<T>(Arc<T>);

impl<T> Input<T> {
    /// Returns the shared value.
    pub fn into_arc(self) -> Arc<T> {
        self.0
    }
}

impl<T> From<Arc<T>> for Input<T> {
    fn from(value: Arc<T>) -> Self {
        Self(value)
    }
}

impl<T> Clone for Input<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Input<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
