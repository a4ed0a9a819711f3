//! Why a step cannot succeed although each of its parameters is right by itself. A step type says it with a function that
//! `#[step(…, check = function)]` names, so that it is found in the manifest and not in the middle of a run; what the step
//! does asks the same functions.

use std::collections::HashSet;
use std::ops::Range;

use chem_manifest::names::{listed, nearest};

use super::param::PathPart;

/// A parameter that does not go together with the others, or with what the step is fed. Converts into a `StepError`.
///
/// ```
/// use chem_runtime::step::Misfit;
///
/// let misfit = Misfit::new("count", "give either `count` or `fraction`");
/// assert_eq!(misfit.to_string(), "give either `count` or `fraction`");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Misfit {
    /// The parameter to look at, which a manifest may have left out.
    pub param: &'static str,
    /// Where in its value the trouble is; empty for all of it.
    pub path: Vec<PathPart>,
    /// Where in a text value the trouble is, in bytes; none for all of it.
    pub within: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// What kind of trouble it is, which decides the rule that it breaks.
    pub kind: MisfitKind,
}

/// What kind of trouble a [`Misfit`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MisfitKind {
    /// The step cannot succeed with these parameters.
    Params,
    /// A parameter names a column that does not exist.
    Column,
    /// A program to run, or its interpreter, does not exist on this machine.
    NoProgram,
    /// A file that the step uses is not part of its identity. Only a warning: the step can run.
    UndeclaredFile,
}

impl Misfit {
    /// A misfit of the parameter `param`, in words for the person who wrote the flow.
    pub fn new(param: &'static str, message: impl Into<String>) -> Self {
        Self { param, path: Vec::new(), within: None, message: message.into(), help: None, kind: MisfitKind::Params }
    }

    /// The parameter `param` names the column `name`, and `file` has only those of `there`.
    pub fn no_column(param: &'static str, name: &str, file: &str, there: &[&str]) -> Self {
        let help = match (nearest(name, there.iter().copied()), there) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, []) => "it has no columns".to_owned(),
            (None, there) => format!("there are {}", listed(there)),
        };
        let message = format!("there is no column `{name}` in `{file}`");
        Self { help: Some(help), kind: MisfitKind::Column, ..Self::new(param, message) }
    }

    /// The same, as trouble of this kind.
    pub fn of_kind(self, kind: MisfitKind) -> Self {
        Self { kind, ..self }
    }

    /// The same, at this part of the parameter's value.
    pub fn at(mut self, part: PathPart) -> Self {
        self.path.push(part);
        self
    }

    /// With advice on what to write instead.
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// `param` names a column twice, if it does.
    pub fn twice(param: &'static str, columns: &[impl AsRef<str>]) -> Option<Self> {
        let names: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
        let mut seen = HashSet::new();
        let again = names.iter().position(|name| !seen.insert(*name))?;
        let message = format!("`{param}` names the column `{}` twice", names[again]);
        Some(Self::new(param, message).at(PathPart::Index(again)))
    }
}
