//! Providers of step types that are not linked into the program, such as functions in Python. A manifest names the modules.

use std::path::Path;

use super::registry::{Registry, StepRegistration};
use crate::event::StepSources;

/// Describes the step types of modules, for a program that links a way to run them.
pub struct StepProvider {
    /// Returns the step types of the modules, whose relative paths start at the directory.
    pub(crate) describe: fn(&StepSources, &Path) -> DescribedSteps,
}

inventory::collect!(StepProvider);

/// The step types that modules define.
#[derive(Default)]
pub(crate) struct DescribedSteps {
    pub(crate) types: Vec<&'static StepRegistration>,
    pub(crate) problems: Vec<SourceProblem>,
}

/// Why the step types of a module are unknown, or cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceProblem {
    /// The index of the module in [`StepSources::from`]; `None` if the environment cannot run any of them.
    pub module: Option<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Registry {
    /// Returns this registry with the step types that `sources` define. Relative paths start at `directory`.
    ///
    /// # Errors
    /// Returns what is wrong with the sources, besides the registry with the step types that are known.
    pub fn with_sources(&self, sources: &StepSources, directory: &Path) -> (Self, Vec<SourceProblem>) {
        let mut registry = self.clone();
        if !self.programs {
            let message = "the modules under `steps_from` are not read: the command is confined, and code in a module can read \
                           and write everywhere";
            let help = Some("`--allow-programs` lets it start the programs that the manifest names".to_owned());
            return (registry, vec![SourceProblem { module: None, message: message.to_owned(), help }]);
        }
        let Some(provider) = inventory::iter::<StepProvider>().next() else {
            let message = "this program cannot run steps in Python".to_owned();
            let help = Some("build it with the feature `python`".to_owned());
            return (registry, vec![SourceProblem { module: None, message, help }]);
        };
        let DescribedSteps { types, mut problems } = (provider.describe)(sources, directory);
        for registration in types {
            if let Err(error) = registry.add(registration) {
                problems.push(SourceProblem { module: None, message: error.to_string(), help: None });
            }
        }
        (registry, problems)
    }
}
