//! Parameters: what a manifest writes under `with:`, typed.

use std::fmt::Debug;
use std::ops::Range;

use serde_json::{Map, Value};

use super::error::StepError;
use super::file::Files;

/// What a parameter's values look like, for help, checks and the JSON Schema.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamType {
    /// `true` or `false`.
    Boolean,
    /// A whole number within bounds.
    Integer {
        /// The smallest.
        min: i64,
        /// The greatest.
        max: u64,
    },
    /// A finite number.
    Number,
    /// Text.
    Text,
    /// Text of a form that has a name, such as `SMARTS pattern`.
    Formatted(&'static str),
    /// A condition over the columns of a table: see [`Expression`](super::Expression).
    Expression,
    /// The path of a file that is read, relative to the manifest.
    InputFile,
    /// The path of a file that is written, relative to the manifest.
    OutputFile,
    /// Any number of values.
    List(Box<ParamType>),
    /// A value or nothing.
    Optional(Box<ParamType>),
    /// Names with values.
    Map(Box<ParamType>),
}

impl std::fmt::Display for ParamType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean => f.write_str("true or false"),
            Self::Integer { .. } => f.write_str("whole number"),
            Self::Number => f.write_str("number"),
            Self::Text => f.write_str("text"),
            Self::Formatted(name) => f.write_str(name),
            Self::Expression => f.write_str("CEL expression"),
            Self::InputFile => f.write_str("input file"),
            Self::OutputFile => f.write_str("output file"),
            Self::List(inner) => write!(f, "list of {inner}"),
            Self::Optional(inner) => write!(f, "{inner}, optional"),
            Self::Map(inner) => write!(f, "names with {inner}"),
        }
    }
}

/// A parameter of a step type, as `#[step]` writes it down.
#[derive(Debug, Clone, Copy)]
pub struct ParamSpec {
    /// Its name.
    pub name: &'static str,
    /// Its doc comment.
    pub doc: &'static str,
    /// What its values look like.
    pub ty: fn() -> ParamType,
    /// What it is where the manifest leaves it out; none if it has to be there.
    pub default: Option<fn() -> Value>,
    /// The unit of its values.
    pub unit: Option<&'static str>,
    /// The smallest number that it may be.
    pub min: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
    /// The only texts that it may be; empty for no such limit.
    pub one_of: &'static [&'static str],
    /// A value for the examples of the help.
    pub example: Option<&'static str>,
}

impl ParamSpec {
    /// Whether a manifest has to give it.
    pub fn required(&self) -> bool {
        self.default.is_none() && !matches!((self.ty)(), ParamType::Optional(_))
    }

    fn check(&self, value: &Value) -> Result<(), InvalidParam> {
        if let Value::Array(items) = value {
            return items
                .iter()
                .enumerate()
                .try_for_each(|(index, item)| self.check(item).map_err(|error| error.within(PathPart::Index(index))));
        }
        if let Some(number) = value.as_f64() {
            let bound = match (self.min, self.max) {
                (Some(min), _) if number < min => format!("at least {min}"),
                (_, Some(max)) if number > max => format!("at most {max}"),
                _ => return Ok(()),
            };
            return Err(InvalidParam::new(format!("`{value}` is out of range: it has to be {bound}"))
                .of_kind(InvalidKind::Range));
        }
        if let Some(text) = value.as_str()
            && !self.one_of.is_empty()
            && !self.one_of.contains(&text)
        {
            let allowed: Vec<String> = self.one_of.iter().map(|allowed| format!("`{allowed}`")).collect();
            return Err(InvalidParam::new(format!("`{text}` is not one of the values that it may be"))
                .of_kind(InvalidKind::Choice)
                .with_help(format!("use one of {}", allowed.join(", "))));
        }
        Ok(())
    }
}

/// A type that parameters may have.
#[diagnostic::on_unimplemented(
    message = "a step cannot have a parameter of type `{Self}`",
    label = "not a parameter type",
    note = "use `bool`, a whole number, `f64`, `String`, `InputFile`, `OutputFile`, `Vec<…>`, `Option<…>`, or a type that implements `ParamValue`; inputs from other steps are `Input<…>`"
)]
pub trait ParamValue: Sized + Clone + Debug + PartialEq + Send + Sync + 'static {
    /// What the values look like.
    fn ty() -> ParamType;

    /// The value, from what the manifest has.
    fn read(value: &Value) -> Result<Self, InvalidParam>;

    /// The value as the log records it: what [`read`](Self::read) reads back.
    fn write(&self) -> Value;

    /// The value as it is hashed. Differs from [`write`](Self::write) for files, which enter by their content.
    fn identity(&self, _files: &Files) -> Result<Value, StepError> {
        Ok(self.write())
    }
}

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

/// Reads the parameters of a step and gathers all that is wrong with them. Used by what `#[step]` generates.
#[derive(Debug)]
pub struct ParamReader<'a> {
    specs: &'a [ParamSpec],
    values: &'a Map<String, Value>,
    problems: Vec<ParamProblem>,
}

impl<'a> ParamReader<'a> {
    /// Begins to read `values` as the parameters that `specs` describes.
    pub fn new(specs: &'a [ParamSpec], values: &'a Map<String, Value>) -> Self {
        let problems = values
            .keys()
            .filter(|key| !specs.iter().any(|spec| spec.name == *key))
            .map(|key| ParamProblem::Unknown { param: key.clone() })
            .collect();
        Self { specs, values, problems }
    }

    /// The parameter at `index` of the specs; `None` once there is a problem with it, which is then noted.
    ///
    /// `read` is [`ParamValue::read`] of the parameter's type.
    pub fn read<T>(&mut self, index: usize, read: fn(&Value) -> Result<T, InvalidParam>) -> Option<T> {
        let spec = &self.specs[index];
        let default;
        let value = match (self.values.get(spec.name), spec.default) {
            (Some(value), _) => value,
            (None, Some(make)) => {
                default = make();
                &default
            }
            (None, None) if !spec.required() => &Value::Null,
            (None, None) => {
                self.problems.push(ParamProblem::Missing { param: spec.name });
                return None;
            }
        };
        match read(value).and_then(|read| spec.check(value).map(|()| read)) {
            Ok(read) => Some(read),
            Err(error) => {
                self.problems.push(ParamProblem::Invalid { param: spec.name, error });
                None
            }
        }
    }

    /// What `make` makes of the parameters if all of them could be read, or else all that is wrong.
    pub fn finish<T>(self, make: impl FnOnce() -> Option<T>) -> Result<T, Vec<ParamProblem>> {
        match make() {
            Some(made) if self.problems.is_empty() => Ok(made),
            _ => Err(self.problems),
        }
    }
}

/// The parameters that are something: one that is nothing is left out, as in a manifest.
pub fn given<const N: usize>(values: [(&str, Value); N]) -> Map<String, Value> {
    values.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

impl ParamValue for bool {
    fn ty() -> ParamType {
        ParamType::Boolean
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        value.as_bool().ok_or_else(|| InvalidParam::expected(&Self::ty(), value))
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl ParamValue for f64 {
    fn ty() -> ParamType {
        ParamType::Number
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        match value.as_f64() {
            Some(number) if number.is_finite() => Ok(number),
            _ => Err(InvalidParam::expected(&Self::ty(), value)),
        }
    }

    // A parameter struct made in Rust can hold NaN. JSON's null would read back as nothing where that is allowed; as text
    // it reads back as no number.
    fn write(&self) -> Value {
        if self.is_finite() { (*self).into() } else { self.to_string().into() }
    }
}

impl ParamValue for String {
    fn ty() -> ParamType {
        ParamType::Text
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        value.as_str().map(str::to_owned).ok_or_else(|| InvalidParam::expected(&Self::ty(), value))
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl ParamValue for $type {
            fn ty() -> ParamType {
                ParamType::Integer { min: <$type>::MIN as i64, max: <$type>::MAX as u64 }
            }

            fn read(value: &Value) -> Result<Self, InvalidParam> {
                let Some(integer) = whole(value) else {
                    return Err(InvalidParam::expected(&Self::ty(), value));
                };
                <$type>::try_from(integer).map_err(|_| {
                    InvalidParam::new(format!(
                        "`{integer}` is out of range: it has to be from {} to {}", <$type>::MIN, <$type>::MAX
                    ))
                    .of_kind(InvalidKind::Range)
                })
            }

            fn write(&self) -> Value {
                (*self).into()
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, usize, i8, i16, i32, i64);

/// The whole number that a value is, however it is written: `5`, `5.0` and `5e0` are one.
fn whole(value: &Value) -> Option<i128> {
    if let Some(integer) = value.as_i64() {
        return Some(integer.into());
    }
    if let Some(integer) = value.as_u64() {
        return Some(integer.into());
    }
    let float = value.as_f64()?;
    (float.fract() == 0.0 && float.abs() < 2f64.powi(100)).then_some(float as i128)
}

impl<T: ParamValue> ParamValue for Vec<T> {
    fn ty() -> ParamType {
        ParamType::List(Box::new(T::ty()))
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        let items = value.as_array().ok_or_else(|| InvalidParam::expected(&Self::ty(), value))?;
        let read = |(index, item)| T::read(item).map_err(|error| error.within(PathPart::Index(index)));
        items.iter().enumerate().map(read).collect()
    }

    fn write(&self) -> Value {
        self.iter().map(T::write).collect()
    }

    fn identity(&self, files: &Files) -> Result<Value, StepError> {
        self.iter().map(|item| item.identity(files)).collect()
    }
}

impl<T: ParamValue> ParamValue for Option<T> {
    fn ty() -> ParamType {
        ParamType::Optional(Box::new(T::ty()))
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        if value.is_null() { Ok(None) } else { T::read(value).map(Some) }
    }

    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::write)
    }

    fn identity(&self, files: &Files) -> Result<Value, StepError> {
        self.as_ref().map_or(Ok(Value::Null), |inner| inner.identity(files))
    }
}

impl<T: ParamValue> ParamValue for std::collections::BTreeMap<String, T> {
    fn ty() -> ParamType {
        ParamType::Map(Box::new(T::ty()))
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        let members = value.as_object().ok_or_else(|| InvalidParam::expected(&Self::ty(), value))?;
        let read = |(key, member): (&String, &Value)| match T::read(member) {
            Ok(read) => Ok((key.clone(), read)),
            Err(error) => Err(error.within(PathPart::Key(key.clone()))),
        };
        members.iter().map(read).collect()
    }

    fn write(&self) -> Value {
        self.iter().map(|(key, member)| (key.clone(), member.write())).collect()
    }

    fn identity(&self, files: &Files) -> Result<Value, StepError> {
        self.iter().map(|(key, member)| Ok((key.clone(), member.identity(files)?))).collect()
    }
}
