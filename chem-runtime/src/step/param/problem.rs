//! What can be wrong with parameters, and how it is said.

use std::ops::Range;

use serde_json::Value;

use super::ParamType;

/// A value that a parameter cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidParam {
    /// Where in the value the trouble is; empty for the value itself.
    pub path: Vec<PathPart>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// What kind of trouble it is.
    pub kind: InvalidKind,
    /// Where in a text value the trouble is, in bytes; none for all of it.
    pub at: Option<Range<usize>>,
}

/// Why a parameter cannot have a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidKind {
    /// It is of another type.
    Type,
    /// It is too small or too great.
    Range,
    /// It is not one of the few values that are allowed.
    Choice,
    /// It is text that does not have the form that is needed.
    Form,
    /// It names a flow parameter that has no value.
    UnboundParam(String),
}

/// A step into a nested value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPart {
    /// Into a map.
    Key(String),
    /// Into a list.
    Index(usize),
}

impl InvalidParam {
    /// A complaint about the form of the value itself.
    pub fn new(message: impl Into<String>) -> Self {
        Self { path: Vec::new(), message: message.into(), help: None, kind: InvalidKind::Form, at: None }
    }

    /// The same complaint, of another kind.
    pub fn of_kind(mut self, kind: InvalidKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same with advice.
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, seen from one level further out.
    pub fn within(mut self, part: PathPart) -> Self {
        self.path.insert(0, part);
        self
    }

    pub(crate) fn expected(ty: &ParamType, found: &Value) -> Self {
        let found = match found {
            Value::Null => "nothing".to_owned(),
            Value::Bool(truth) => format!("`{truth}`"),
            Value::Number(number) => format!("the number `{number}`"),
            Value::String(text) => format!("the text `{text}`"),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "a mapping".to_owned(),
        };
        let error = Self::new(format!("expected {}, found {found}", with_article(ty))).of_kind(InvalidKind::Type);
        match (ty, &found) {
            (ParamType::Text, text) if text.starts_with("the number") || text == "`true`" || text == "`false`" => {
                error.with_help("put it in quotes to make it text")
            }
            _ => error,
        }
    }
}

fn with_article(ty: &ParamType) -> String {
    match ty {
        ParamType::Boolean | ParamType::Text => ty.to_string(),
        ParamType::InputFile | ParamType::OutputFile | ParamType::Integer { .. } | ParamType::Number => {
            let text = ty.to_string();
            let article = if text.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
            format!("{article} {text}")
        }
        _ => format!("a {ty}"),
    }
}

/// What is wrong with the parameters of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamProblem {
    /// A parameter that has to be there is not.
    Missing {
        /// Its name.
        param: &'static str,
    },
    /// There is no such parameter.
    Unknown {
        /// What was written.
        param: String,
    },
    /// A parameter has a value that it cannot have.
    Invalid {
        /// Its name.
        param: &'static str,
        /// Why.
        error: InvalidParam,
    },
}

impl std::fmt::Display for ParamProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { param } => write!(f, "the parameter `{param}` is missing"),
            Self::Unknown { param } => write!(f, "there is no parameter `{param}`"),
            Self::Invalid { param, error } => write!(f, "the parameter `{param}` is wrong: {}", error.message),
        }
    }
}
