//! Parameters: what a manifest writes under `with:`, typed.
//!
//! Here is what a parameter may be. `problem` says what can be wrong with one, `reader` reads those of a step, and `values` and
//! `forms` have the types that every program knows.

mod forms;
mod problem;
mod reader;
mod values;

use std::fmt::Debug;

use serde_json::{Map, Value};

pub(super) use forms::regular_expression;
pub use forms::{Pattern, PositiveNumber};
pub use problem::{InvalidKind, InvalidParam, ParamProblem, PathPart};
pub use reader::ParamReader;

use super::columns::ColumnReference;
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
    /// A finite number greater than zero.
    PositiveNumber,
    /// Text.
    Text,
    /// Text of a form that has a name, such as `SMARTS pattern`.
    Formatted(&'static str),
    /// A condition over the columns of a table: see [`Expression`](super::Expression).
    Expression,
    /// A regular expression.
    Pattern,
    /// The name of a column of a table that the step takes: see [`ColumnName`](super::ColumnName).
    Column,
    /// The path of a file that is read, relative to the manifest.
    InputFile,
    /// The path of a file that is written, relative to the manifest.
    OutputFile,
    /// A secret, by the environment variable that holds it: see [`Secret`](super::Secret).
    Secret,
    /// Any number of values.
    List(Box<ParamType>),
    /// A value or nothing.
    Optional(Box<ParamType>),
    /// Names with values.
    Map(Box<ParamType>),
}

impl ParamType {
    /// Whether a value of it may name a file that is written.
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
            Self::OutputFile => f.write_str("output file"),
            Self::Secret => f.write_str("secret"),
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
    /// The inputs whose columns it names, if it names any. Left open, that is the step's input if it has just one.
    pub columns_of: Option<&'static [&'static str]>,
}

impl ParamSpec {
    /// Whether a manifest has to give it.
    pub fn required(&self) -> bool {
        self.default.is_none() && !matches!((self.ty)(), ParamType::Optional(_))
    }

    /// Whether `value`, and each value that it is made of, keeps the bounds and is among the allowed ones.
    fn check(&self, value: &Value) -> Result<(), InvalidParam> {
        self.check_as(&(self.ty)(), value)
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
        Err(InvalidParam::new(format!("`{value}` is out of range: it has to be {bound}")).of_kind(InvalidKind::Range))
    }

    fn check_choice(&self, text: &str) -> Result<(), InvalidParam> {
        if self.one_of.is_empty() || self.one_of.contains(&text) {
            return Ok(());
        }
        let allowed: Vec<String> = self.one_of.iter().map(|allowed| format!("`{allowed}`")).collect();
        Err(InvalidParam::new(format!("`{text}` is not one of the values that it may be"))
            .of_kind(InvalidKind::Choice)
            .with_help(format!("use one of {}", allowed.join(", "))))
    }
}

/// All that is wrong with the parts of a value.
fn gathered(checks: impl Iterator<Item = Result<(), InvalidParam>>) -> Result<(), InvalidParam> {
    InvalidParam::gathered(checks.filter_map(Result::err)).map_or(Ok(()), Err)
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

    /// The columns that it names of a table that the step takes.
    fn named_columns(&self) -> Vec<ColumnReference> {
        Vec::new()
    }
}

/// The columns that the parameters name, each with its parameter.
pub fn named_columns<const N: usize>(
    params: [(&'static str, Vec<ColumnReference>); N],
) -> Vec<(&'static str, ColumnReference)> {
    params.into_iter().flat_map(|(param, named)| named.into_iter().map(move |column| (param, column))).collect()
}

/// The parameters that are something: one that is nothing is left out, as in a manifest.
pub fn given<const N: usize>(values: [(&str, Value); N]) -> Map<String, Value> {
    values.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn bounds_and_choices_hold_however_deep_a_value_stands() {
        let number = ParamSpec {
            name: "it",
            doc: "",
            ty: <BTreeMap<String, Option<Vec<f64>>> as ParamValue>::ty,
            default: None,
            unit: None,
            min: Some(0.0),
            max: Some(9.0),
            one_of: &[],
            example: None,
            columns_of: None,
        };
        let text =
            ParamSpec { ty: <Vec<BTreeMap<String, String>> as ParamValue>::ty, one_of: &["mean", "median"], ..number };
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
