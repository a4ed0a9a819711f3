//! The modules that define step types which are not in the program.

use serde::{Deserialize, Serialize};

/// The modules that define step types which are not in the program, and how their steps run. Not part of any fingerprint: a
/// step's own identity covers the code and the environment that its result depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StepSources {
    /// The paths of Python files, relative to the directory of the run, or the names of installed packages.
    pub from: Vec<String>,
    /// The lock file with the packages that must be installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The interpreter; `None` for the one that the machine offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// Whether `uv run --locked` starts the interpreter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uv: bool,
    /// The number of worker processes; `None` for one on each core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<u16>,
}
