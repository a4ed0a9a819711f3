//! Describes what can be wrong with parameters.

use std::ops::Range;

use serde_json::Value;

use super::ParamType;

/// A value that a parameter cannot have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidParam {
    /// The location of the error in the value; empty for the value itself.
    pub path: Vec<PathPart>,
    /// What is wrong.
    pub message: Box<str>,
    /// What to write instead.
    pub help: Option<Box<str>>,
    /// The reason, as a category.
    pub kind: InvalidKind,
    /// The location of the error in a text value, in bytes; `None` for all of it.
    pub at: Option<Range<usize>>,
    /// The errors in other parts of the same value.
    pub others: Box<[InvalidParam]>,
}

/// The reason why a value is invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidKind {
    /// The value has the wrong type.
    Type,
    /// The number is out of bounds.
    Range,
    /// The value is not one of those allowed.
    Choice,
    /// The text does not have the required format.
    Form,
    /// The value refers to a flow parameter that has no value.
    UnboundParam(String),
}

/// One level of the path to a nested value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPart {
    /// The key in a map.
    Key(String),
    /// The index in a list, from 0.
    Index(usize),
}

impl InvalidParam {
    /// Creates an error about the form of the value itself.
    pub fn new(message: impl Into<Box<str>>) -> Self {
        Self {
            path: Vec::new(),
            message: message.into(),
            help: None,
            kind: InvalidKind::Form,
            at: None,
            others: Box::default(),
        }
    }

    /// Creates the error for a text that is not one of those allowed.
    pub fn not_one_of(text: &str, allowed: &[&str]) -> Self {
        let allowed: Vec<String> = allowed.iter().map(|allowed| format!("`{allowed}`")).collect();
        Self::new(format!("`{text}` is not one of the allowed values"))
            .of_kind(InvalidKind::Choice)
            .with_help(format!("use one of {}", allowed.join(", ")))
    }

    /// Sets the kind.
    pub fn of_kind(mut self, kind: InvalidKind) -> Self {
        self.kind = kind;
        self
    }

    /// Adds advice on what to write instead.
    pub fn with_help(mut self, help: impl Into<Box<str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Prepends `part` to the path, for a value that contains the invalid one.
    pub fn within(mut self, part: PathPart) -> Self {
        self.others = self.others.into_iter().map(|other| other.within(part.clone())).collect();
        self.path.insert(0, part);
        self
    }

    /// Combines `errors` into one; `None` if there are none.
    pub(crate) fn gathered(errors: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut errors = errors.into_iter().flat_map(Self::apart);
        let first = errors.next()?;
        Some(Self { others: errors.collect(), ..first })
    }

    /// Splits a combined error into its parts.
    pub(crate) fn apart(mut self) -> Vec<Self> {
        let others = std::mem::take(&mut self.others);
        std::iter::once(self).chain(others).collect()
    }

    pub(crate) fn expected(ty: &ParamType, found: &Value) -> Self {
        let what = match found {
            Value::Null => "nothing".to_owned(),
            Value::Bool(truth) => format!("`{truth}`"),
            Value::Number(number) => format!("the number `{number}`"),
            Value::String(text) => format!("the text `{}`", shortened(text)),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "a mapping".to_owned(),
        };
        let error = Self::new(format!("expected {}, found {what}", with_article(ty))).of_kind(InvalidKind::Type);
        let help = match (ty, found) {
            (ParamType::Text | ParamType::Column, Value::Number(_) | Value::Bool(_)) => {
                "put it in quotes to make it text".to_owned()
            }
            (ty, Value::Array(items)) if is_text(ty) => match in_brackets(items) {
                Some(text) => format!("a text that begins with `[` has to be in quotes: `'{text}'`"),
                None => "a text that begins with `[` has to be in quotes".to_owned(),
            },
            (ParamType::List(_), Value::String(text)) if text.len() <= SHOWN && !text.contains(['\n', ',', ':']) => {
                format!("write a list: `[{text}]`")
            }
            (ParamType::List(_), Value::Number(_) | Value::Bool(_)) => format!("write a list: `[{found}]`"),
            (ParamType::List(_), _) => {
                "write a list: `[…]`, or each value after a `- ` on a line of its own".to_owned()
            }
            _ => return error,
        };
        error.with_help(help)
    }
}

/// The length up to which a text is quoted in full.
const SHOWN: usize = 60;

/// Returns the first line of a text, cut off after [`SHOWN`] characters.
fn shortened(text: &str) -> String {
    let line = text.trim_start().lines().next().unwrap_or_default();
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.len() < text.trim().len() => format!("{line}…"),
        None => line.to_owned(),
    }
}

/// Returns whether values of this type are written as text that may begin with a bracket.
fn is_text(ty: &ParamType) -> bool {
    match ty {
        ParamType::Text | ParamType::Formatted(_) | ParamType::Pattern | ParamType::Column => true,
        ParamType::Optional(inner) => is_text(inner),
        _ => false,
    }
}

/// Returns the text in brackets that YAML reads as the list `items`, if it is short enough to quote.
fn in_brackets(items: &[Value]) -> Option<String> {
    let items: Vec<&str> = items.iter().map(Value::as_str).collect::<Option<_>>()?;
    let text = format!("[{}]", items.join(", "));
    (text.len() <= SHOWN && !text.contains(['\'', '\n'])).then_some(text)
}

fn with_article(ty: &ParamType) -> String {
    match ty {
        ParamType::Boolean | ParamType::Text => ty.to_string(),
        ParamType::InputFile
        | ParamType::InputFiles
        | ParamType::OutputFile
        | ParamType::Integer { .. }
        | ParamType::Number => {
            let text = ty.to_string();
            let article = if text.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
            format!("{article} {text}")
        }
        _ => format!("a {ty}"),
    }
}

/// A problem with the parameters of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParamProblem {
    /// A required parameter is missing.
    Missing {
        /// The name of the parameter.
        param: &'static str,
    },
    /// The step has no such parameter.
    Unknown {
        /// The name as written.
        param: String,
    },
    /// A parameter has an invalid value.
    Invalid {
        /// The name of the parameter.
        param: &'static str,
        /// What is wrong with the value.
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
