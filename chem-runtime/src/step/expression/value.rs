//! What an expression and its parts give.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use super::number::Number;
use crate::artifact::{Cells as _, Values};

/// A value of an expression or of a part of one.
#[derive(Debug, Clone)]
pub(super) enum Val<'a> {
    Null,
    Truth(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Val<'a>>),
}

impl<'a> Val<'a> {
    /// Returns the value in a cell; `None` if it is missing.
    pub(super) fn of_cell(data: &'a Values, row: usize) -> Option<Self> {
        Some(match data {
            Values::Text(values) => Self::Text(values.cell(row)?.into()),
            Values::Integer(values) => Self::Number(Number::Whole(values.cell(row)?.into())),
            Values::Float(values) => Self::Number(Number::of_cell(values.cell(row)?)),
            Values::Boolean(values) => Self::Truth(values.cell(row)?),
        })
    }

    /// Returns the same value with borrowed texts.
    pub(super) fn borrowed(&self) -> Val<'_> {
        match self {
            Self::Null => Val::Null,
            Self::Truth(truth) => Val::Truth(*truth),
            Self::Number(number) => Val::Number(*number),
            Self::Text(text) => Val::Text(Cow::Borrowed(text)),
            Self::List(items) => Val::List(items.iter().map(Val::borrowed).collect()),
        }
    }

    /// Returns the type of the value in words, for messages.
    pub(super) fn in_words(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Truth(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
        }
    }

    /// Returns whether two values are equal. Values of different types never are.
    pub(super) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::List(one), Self::List(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.equals(other))
            }
            (one, other) => one.compare(other) == Some(Ordering::Equal),
        }
    }

    /// Compares two numbers, two texts or two booleans; `None` for other types.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Truth(one), Self::Truth(other)) => Some(one.cmp(other)),
            (Self::Number(one), Self::Number(other)) => Some(one.compare(*other)),
            (Self::Text(one), Self::Text(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }
}

impl Val<'static> {
    /// Converts the value of a flow parameter, which is a scalar or a list of scalars.
    pub(super) fn of_param(value: &Value) -> Self {
        match value {
            Value::Null | Value::Object(_) => Self::Null,
            Value::Bool(truth) => Self::Truth(*truth),
            Value::Number(number) => {
                let whole = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
                // JSON numbers are finite.
                Self::Number(whole.map_or_else(|| Number::Real(number.as_f64().unwrap_or_default()), Number::Whole))
            }
            Value::String(text) => Self::Text(text.clone().into()),
            Value::Array(items) => Self::List(items.iter().map(Self::of_param).collect()),
        }
    }
}
