//! The modules that define step types, and the environment in which their steps run.

use serde::{Deserialize, Serialize};

use super::Written;
use super::fields::{Fields, Reader};
use crate::rules;
use crate::source::Span;
use crate::values;
use crate::yaml::NodeValue;

/// The modules that define further step types, and how their steps run.
#[derive(Debug, Clone, Default)]
pub struct StepSources {
    /// The modules: the paths of Python files, or the names of installed packages.
    pub from: Vec<Written>,
    /// The span of the key `steps_from`, if the manifest has it.
    pub from_key: Option<Span>,
    /// The environment in which the steps run.
    pub environment: Environment,
    /// The span of the key `environment`, if the manifest has it.
    pub environment_key: Option<Span>,
}

/// The environment of steps that are not in Rust.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The Python interpreter: a path, or the name of a program.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::optional_text")]
    pub python: Option<String>,
    /// The lock file with the packages that must be installed.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::optional_text")]
    pub lock: Option<String>,
    /// Whether `uv run --locked` starts the interpreter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uv: bool,
    /// The number of worker processes; `None` for one on each core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<u16>,
}

impl Environment {
    /// Returns whether the manifest says nothing about the environment.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

const KEYS: &[&str] = &["python", "lock", "uv", "workers"];

impl Reader<'_> {
    /// Reads `steps_from:` and `environment:`.
    pub(super) fn step_sources(&mut self, fields: &Fields<'_>) -> StepSources {
        let mut sources = StepSources::default();
        if let Some((key, node)) = fields.get("steps_from") {
            sources.from_key = Some(key.span);
            match &node.value {
                NodeValue::List(items) => {
                    sources.from = items.iter().filter_map(|item| self.text(item, "steps_from")).collect();
                }
                _ => self.wrong_type(node, "steps_from", "a list", "write `steps_from: [steps.py]`"),
            }
        }
        if let Some((key, node)) = fields.get("environment") {
            sources.environment_key = Some(key.span);
            let entries = self.entries(node, "environment", "write `environment: { python: python3 }`");
            let fields = self.fields(&entries, KEYS, "an environment", None);
            let mut text = |key| fields.get(key).and_then(|(_, node)| self.text(node, key)).map(|written| written.text);
            let (python, lock) = (text("python"), text("lock"));
            let uv = match fields.get("uv").map(|(_, node)| (&node.value, *node)) {
                Some((NodeValue::Bool(uv), _)) => *uv,
                Some((_, node)) => {
                    self.wrong_type(node, "uv", "true or false", "`uv: true` starts Python by `uv run --locked`");
                    false
                }
                None => false,
            };
            let workers = fields.get("workers").and_then(|(_, node)| {
                let workers =
                    node.to_json().and_then(|value| value.as_u64()).and_then(|count| u16::try_from(count).ok());
                if workers.is_none_or(|count| count == 0) {
                    self.wrong_type(node, "workers", "a number from 1 to 65535", "leave it out for one on each core");
                }
                workers.filter(|count| *count > 0)
            });
            sources.environment = Environment { python, lock, uv, workers };
            if let (Some(key), true) = (sources.environment_key, sources.from_key.is_none()) {
                let message = "`environment` has no effect without `steps_from`";
                self.add(&rules::MISSING_KEY, message, key, "add `steps_from: [steps.py]`, or remove it");
            }
        }
        sources
    }
}
