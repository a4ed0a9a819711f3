//! Flows that are compiled into a program.

use std::path::{Path, PathBuf};

use super::{Checked, Diagnostic, Override, Source, Style, check, render};
use crate::flow::FlowDefinition;
use crate::step::{DuplicateStepType, Registry};

/// A manifest that [`include_flow!`](crate::include_flow) compiled into the program.
///
/// ```
/// use chem_runtime::engine::FlowEngine;
/// use chem_runtime::include_flow;
/// use chem_runtime::store::InMemoryEventStore;
///
/// let flow = include_flow!("../flows/demo.yaml").set("text", "CCO");
/// let engine = FlowEngine::on(InMemoryEventStore::new()).included(&flow)?;
/// engine.run_to_end()?;
/// assert_eq!(engine.last_step_output("count")?.unwrap().payload_text(), r#"{"characters":3}"#);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct IncludedFlow {
    source: Source,
    directory: PathBuf,
    overrides: Vec<Override>,
}

/// Why an included flow cannot run in this program.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IncludedFlowError {
    /// Two crates of the program define a step type of the same name.
    #[error(transparent)]
    StepTypes(#[from] DuplicateStepType),
    /// The manifest is not a valid flow with the step types of this program or the given parameters. The message is
    /// that of `chem check`.
    #[error("{}", render(.0, Style::Plain).trim_end())]
    Invalid(Vec<Diagnostic>),
}

impl IncludedFlow {
    /// Creates an included flow; called by the expansion of the macro.
    #[doc(hidden)]
    pub fn new(crate_directory: &str, path: &str, text: &str) -> Self {
        let mut directory = PathBuf::from(crate_directory).join(path);
        directory.pop();
        Self { source: Source::new(path, text), directory, overrides: Vec::new() }
    }

    /// Sets a flow parameter to a value that is written as after `--set NAME=`.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.overrides.push(Override::new(format!("{name}={value}")));
        self
    }

    /// Makes relative paths start from `directory` instead of the manifest's directory at compile time.
    pub fn in_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }

    /// Returns the path of the manifest, as passed to the macro.
    pub fn path(&self) -> &Path {
        Path::new(self.source.name())
    }

    /// Returns the directory that relative paths of the manifest start from.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Checks the manifest against the step types of `registry`, as [`check`] does.
    pub fn check(&self, registry: &Registry) -> Checked {
        check(&self.source, &self.overrides, registry, &self.directory)
    }

    /// Returns the flow, built from the step types that are linked into the program.
    ///
    /// # Errors
    /// Returns everything that is wrong with the manifest.
    pub fn definition(&self) -> Result<FlowDefinition, IncludedFlowError> {
        let checked = self.check(Registry::linked()?);
        checked.definition.ok_or(IncludedFlowError::Invalid(checked.diagnostics))
    }
}
