//! Describes why a step cannot succeed although each of its parameters is valid by itself. A step type reports it with
//! the function named in `#[step(…, check = function)]`, so that the check of a manifest finds it, rather than a run
//! that is half done. The step calls the same functions when it runs.

use std::collections::HashSet;
use std::ops::Range;

use chem_manifest::names::{listed, nearest};

use super::param::PathPart;

/// A parameter that conflicts with the others or with the step's inputs. Converts into a `StepError`.
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
    /// The parameter to look at. The manifest may have left it out.
    pub param: &'static str,
    /// The location of the problem in the parameter's value; empty for all of it.
    pub path: Vec<PathPart>,
    /// The location of the problem in a text value, in bytes; `None` for all of it.
    pub within: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The kind of problem, which decides the rule that is reported.
    pub kind: MisfitKind,
}

/// The kind of a [`Misfit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MisfitKind {
    /// The step cannot succeed with these parameters.
    Params,
    /// A parameter names a column that does not exist.
    Column,
    /// The step reads a column that does not exist, which no parameter names.
    ReadColumn,
    /// A program to run, or its interpreter, does not exist on this machine.
    NoProgram,
    /// A file that the step uses is not part of its identity. Only a warning: the step can run.
    UndeclaredFile,
}

impl Misfit {
    /// Creates a misfit of the parameter `param`, with a message for the author of the flow.
    pub fn new(param: &'static str, message: impl Into<String>) -> Self {
        Self { param, path: Vec::new(), within: None, message: message.into(), help: None, kind: MisfitKind::Params }
    }

    /// Creates the misfit of the parameter `param`, which names the column `name` although `file` has only the columns
    /// `there`.
    pub fn no_column(param: &'static str, name: &str, file: &str, there: &[&str]) -> Self {
        let help = match (nearest(name, there.iter().copied()), there) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, []) => "it has no columns".to_owned(),
            (None, there) => format!("there are {}", listed(there)),
        };
        let message = format!("there is no column `{name}` in `{file}`");
        Self { help: Some(help), kind: MisfitKind::Column, ..Self::new(param, message) }
    }

    /// Sets the kind.
    pub fn of_kind(self, kind: MisfitKind) -> Self {
        Self { kind, ..self }
    }

    /// Moves the location one level deeper, to `part` of the value.
    pub fn at(mut self, part: PathPart) -> Self {
        self.path.push(part);
        self
    }

    /// Adds advice on what to write instead.
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Returns a misfit if `param` names a column twice.
    pub fn twice(param: &'static str, columns: &[impl AsRef<str>]) -> Option<Self> {
        let names: Vec<&str> = columns.iter().map(AsRef::as_ref).collect();
        let mut seen = HashSet::new();
        let again = names.iter().position(|name| !seen.insert(*name))?;
        let message = format!("`{param}` names the column `{}` twice", names[again]);
        Some(Self::new(param, message).at(PathPart::Index(again)))
    }
}
