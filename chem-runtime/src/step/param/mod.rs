//! Defines typed parameters, which a manifest writes under `with:`.
//!
//! This file defines the types of parameters and their specifications. `problem` describes what can be wrong with them,
//! `reader` reads the parameters of a step, and `values` and `forms` implement the built-in types.

mod forms;
mod problem;
mod reader;
mod reference;
mod values;

use std::fmt::Debug;

use serde_json::{Map, Value};

pub(super) use forms::regular_expression;
pub use forms::{Pattern, PositiveNumber};
pub use problem::{InvalidKind, InvalidParam, ParamProblem, PathPart};
pub use reader::ParamReader;
pub use reference::ColumnReference;

use super::error::StepError;
use super::files::Files;

/// The type of a parameter's values, for help, checks and the JSON Schema.
#[derive(Debug, Clone, PartialEq)]
pub enum ParamType {
    /// `true` or `false`.
    Boolean,
    /// A whole number within bounds.
    Integer {
        /// The smallest value, inclusive.
        min: i64,
        /// The largest value, inclusive.
        max: u64,
    },
    /// A finite number.
    Number,
    /// A finite number greater than zero.
    PositiveNumber,
    /// Text.
    Text,
    /// Text in a named format, such as `SMARTS pattern`.
    Formatted(&'static str),
    /// A condition or a value computed from the columns of a table: see [`Expression`](super::Expression).
    Expression,
    /// A regular expression.
    Pattern,
    /// The name of a column of a table that the step takes: see [`ColumnName`](super::ColumnName).
    Column,
    /// The path of a file that is read, relative to the manifest.
    InputFile,
    /// The paths of files that are read, relative to the manifest: a path, a pattern such as `data/*.csv`, or a list of these.
    InputFiles,
    /// The path of a file that is written, relative to the manifest.
    OutputFile,
    /// A secret, by the environment variable that holds it: see [`Secret`](super::Secret).
    Secret,
    /// A list of any length.
    List(Box<ParamType>),
    /// A value that may be left out.
    Optional(Box<ParamType>),
    /// A mapping from names to values.
    Map(Box<ParamType>),
}

impl ParamType {
    /// Returns whether a value of this type may name columns.
    pub fn names_columns(&self) -> bool {
        match self {
            Self::Column | Self::Expression => true,
            Self::List(inner) | Self::Optional(inner) | Self::Map(inner) => inner.names_columns(),
            _ => false,
        }
    }

    /// Returns whether a value of this type may name a file that is written.
    pub fn names_written_files(&self) -> bool {
        match self {
            Self::OutputFile => true,
            Self::List(inner) | Self::Optional(inner) | Self::Map(inner) => inner.names_written_files(),
            _ => false,
        }
    }
}

impl std::fmt::Display for ParamType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean => f.write_str("true or false"),
            Self::Integer { .. } => f.write_str("whole number"),
            Self::Number => f.write_str("number"),
            Self::PositiveNumber => f.write_str("number greater than 0"),
            Self::Text => f.write_str("text"),
            Self::Formatted(name) => f.write_str(name),
            Self::Expression => f.write_str("CEL expression"),
            Self::Pattern => f.write_str("regular expression"),
            Self::Column => f.write_str("column name"),
            Self::InputFile => f.write_str("input file"),
            Self::InputFiles => f.write_str("input file, pattern, or list of these"),
            Self::OutputFile => f.write_str("output file"),
            Self::Secret => f.write_str("secret"),
            Self::List(inner) => write!(f, "list of {inner}"),
            Self::Optional(inner) => write!(f, "{inner}, optional"),
            Self::Map(inner) => write!(f, "names with {inner}"),
        }
    }
}

/// Makes a value of a parameter's specification.
pub enum Make<T: 'static> {
    /// By a function, for a step type in Rust.
    Function(fn() -> T),
    /// By a closure that holds what a step type was described with.
    Closure(&'static (dyn Fn() -> T + Send + Sync)),
}

impl<T> Make<T> {
    /// Makes the value.
    pub fn make(self) -> T {
        match self {
            Self::Function(make) => make(),
            Self::Closure(make) => make(),
        }
    }
}

// Derived, these would ask the same of `T`.
impl<T> Clone for Make<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Make<T> {}

/// A parameter of a step type, as `#[step]` generates it.
#[derive(Clone, Copy)]
pub struct ParamSpec {
    /// The name in manifests.
    pub name: &'static str,
    /// The doc comment, which is the help.
    pub doc: &'static str,
    /// Returns the type of the values.
    pub ty: Make<ParamType>,
    /// Returns the value that replaces one left out. `None` if there is no default: the parameter is then required,
    /// unless its type is optional.
    pub default: Option<Make<Value>>,
    /// The unit of the values, if they have one.
    pub unit: Option<&'static str>,
    /// The smallest number allowed, inclusive.
    pub min: Option<f64>,
    /// The largest number allowed, inclusive.
    pub max: Option<f64>,
    /// The texts allowed; empty if any text is.
    pub one_of: &'static [&'static str],
    /// A value for examples in the help.
    pub example: Option<&'static str>,
    /// The inputs whose columns the parameter names. `None` means the only input of the step, or no input if the step
    /// has several.
    pub columns_of: Option<&'static [&'static str]>,
}

impl Debug for ParamSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (name, ty, default) = (self.name, self.ty.make(), self.default.map(Make::make));
        f.debug_struct("ParamSpec")
            .field("name", &name)
            .field("ty", &ty)
            .field("default", &default)
            .finish_non_exhaustive()
    }
}

impl ParamSpec {
    /// Returns whether a manifest must give the parameter.
    pub fn required(&self) -> bool {
        self.default.is_none() && !matches!(self.ty.make(), ParamType::Optional(_))
    }

    /// Checks that `value`, and each value in it, is within the bounds and among the allowed texts.
    fn check(&self, value: &Value) -> Result<(), InvalidParam> {
        self.check_as(&self.ty.make(), value)
    }

    fn check_as(&self, ty: &ParamType, value: &Value) -> Result<(), InvalidParam> {
        match (ty, value) {
            (ParamType::Optional(inner), _) => self.check_as(inner, value),
            (ParamType::List(inner), Value::Array(items)) => {
                gathered(items.iter().enumerate().map(|(index, item)| {
                    self.check_as(inner, item).map_err(|error| error.within(PathPart::Index(index)))
                }))
            }
            (ParamType::Map(inner), Value::Object(members)) => gathered(members.iter().map(|(key, member)| {
                self.check_as(inner, member).map_err(|error| error.within(PathPart::Key(key.clone())))
            })),
            (_, Value::Number(number)) => number.as_f64().map_or(Ok(()), |float| self.check_bounds(float, value)),
            (_, Value::String(text)) => self.check_choice(text),
            _ => Ok(()),
        }
    }

    fn check_bounds(&self, number: f64, value: &Value) -> Result<(), InvalidParam> {
        let bound = match (self.min, self.max) {
            (Some(min), _) if number < min => format!("at least {min}"),
            (_, Some(max)) if number > max => format!("at most {max}"),
            _ => return Ok(()),
        };
        Err(InvalidParam::new(format!("`{value}` is out of range: it must be {bound}")).of_kind(InvalidKind::Range))
    }

    fn check_choice(&self, text: &str) -> Result<(), InvalidParam> {
        if self.one_of.is_empty() || self.one_of.contains(&text) {
            return Ok(());
        }
        Err(InvalidParam::not_one_of(text, self.one_of))
    }
}

/// Combines the errors in all parts of a value.
fn gathered(checks: impl Iterator<Item = Result<(), InvalidParam>>) -> Result<(), InvalidParam> {
    InvalidParam::gathered(checks.filter_map(Result::err)).map_or(Ok(()), Err)
}

/// A type of parameter values.
#[diagnostic::on_unimplemented(
    message = "a step cannot have a parameter of type `{Self}`",
    label = "not a parameter type",
    note = "use `bool`, a whole number, `f64`, `String`, `InputFile`, `OutputFile`, `Vec<…>`, `Option<…>`, or a type that implements `ParamValue`; inputs from other steps are `Input<…>`"
)]
pub trait ParamValue: Sized + Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The smallest and the largest number allowed in a value, inclusive.
    const BOUNDS: (Option<f64>, Option<f64>) = (None, None);

    /// The texts allowed in a value; empty if any text is.
    const ONE_OF: &'static [&'static str] = &[];

    /// Returns the type for help, checks and the JSON Schema.
    fn ty() -> ParamType;

    /// Reads the value from a manifest.
    fn read(value: &Value) -> Result<Self, InvalidParam>;

    /// Returns the value as the log records it, in a form that [`read`](Self::read) accepts.
    fn write(&self) -> Value;

    /// Returns the value as it is hashed. Differs from [`write`](Self::write) for input files, for example, which are
    /// hashed by their content.
    fn identity(&self, _files: &Files) -> Result<Value, StepError> {
        Ok(self.write())
    }

    /// Returns the columns of the step's input tables that the value names.
    fn named_columns(&self) -> Vec<ColumnReference> {
        Vec::new()
    }
}

/// Returns the columns that the parameters name, each with its parameter.
pub fn named_columns<const N: usize>(
    params: [(&'static str, Vec<ColumnReference>); N],
) -> Vec<(&'static str, ColumnReference)> {
    params.into_iter().flat_map(|(param, named)| named.into_iter().map(move |column| (param, column))).collect()
}

/// Returns the parameters that are not null. As in a manifest, null is the same as left out.
pub fn given<const N: usize>(values: [(&str, Value); N]) -> Map<String, Value> {
    values.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn bounds_and_choices_hold_at_any_depth() {
        let number = ParamSpec {
            name: "it",
            doc: "",
            ty: Make::Function(<BTreeMap<String, Option<Vec<f64>>> as ParamValue>::ty),
            default: None,
            unit: None,
            min: Some(0.0),
            max: Some(9.0),
            one_of: &[],
            example: None,
            columns_of: None,
        };
        let text = ParamSpec {
            ty: Make::Function(<Vec<BTreeMap<String, String>> as ParamValue>::ty),
            one_of: &["mean", "median"],
            ..number
        };
        let (key, index) = (|name: &str| PathPart::Key(name.to_owned()), PathPart::Index);
        assert_eq!(number.check(&json!({"a": [0, 9], "b": null})), Ok(()));
        assert_eq!(text.check(&json!([{"a": "mean"}, {}])), Ok(()));
        for (spec, value, path, kind) in [
            (number, json!({"a": [1], "b": [2, -1]}), vec![key("b"), index(1)], InvalidKind::Range),
            (number, json!({"a": [9.5]}), vec![key("a"), index(0)], InvalidKind::Range),
            (text, json!([{"a": "mean"}, {"b": "mode"}]), vec![index(1), key("b")], InvalidKind::Choice),
        ] {
            let error = spec.check(&value).unwrap_err();
            assert_eq!((error.path, error.kind), (path, kind), "{value}");
        }
    }
}
