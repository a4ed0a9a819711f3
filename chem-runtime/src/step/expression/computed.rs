//! Computes the values of a column.

use serde_json::Value;

use super::ExpressionError;
use super::budget;
use super::compile::Compiled;
use super::evaluate::{Condition, Stop};
use super::number::Number;
use super::types::{FLOAT, INTEGER, Ty};
use super::value::Val;
use crate::artifact::ColumnType;

/// An expression compiled to compute a column of a table.
pub struct Computation<'t> {
    expression: Condition<'t>,
    ty: ColumnType,
    unit: Option<String>,
}

impl<'t> Computation<'t> {
    pub(super) fn new(compiled: Compiled<'t>, declared: Option<ColumnType>) -> Result<Self, ExpressionError> {
        let Compiled { condition: expression, ty, unit } = compiled;
        let found = match (&ty, declared) {
            (Some(Ty::List(_)), _) => {
                return Err(ExpressionError::new("the expression is a list, which a column cannot hold")
                    .with_help("write `[0]` after it for its first value, or `.join('; ')` for a text"));
            }
            (None | Some(Ty::Null), Some(declared)) => declared,
            (None | Some(Ty::Null), None) => {
                return Err(ExpressionError::new("the type of the values does not follow from the expression")
                    .with_help("declare it in `types`"));
            }
            (Some(Ty::Column(found)), None) => *found,
            (Some(Ty::Column(found)), Some(declared)) if *found == declared => declared,
            (Some(found), Some(declared @ (ColumnType::Integer | ColumnType::Float)))
                if *found == INTEGER || *found == FLOAT =>
            {
                declared
            }
            (Some(Ty::Column(found)), Some(declared)) => {
                let conversion = match declared {
                    ColumnType::Text => "string",
                    ColumnType::Integer => "int",
                    ColumnType::Float => "double",
                    ColumnType::Boolean => "bool",
                };
                let message =
                    format!("`types` declares {}, but the values are {}", in_words(declared), in_words(*found));
                return Err(ExpressionError::new(message)
                    .with_help(format!("write `{conversion}(…)` around the expression to convert them")));
            }
        };
        Ok(Self { expression, ty: found, unit })
    }

    /// Returns the type of the column.
    pub fn ty(&self) -> ColumnType {
        self.ty
    }

    /// Returns the unit of the values, if the expression keeps that of a column or converts to one.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// Computes the value for the row at this index, `null` if it is missing.
    /// [`EXPRESSION_WORK`](crate::step::limits::EXPRESSION_WORK) limits the work on a row.
    ///
    /// # Errors
    /// Says why the row has no value.
    pub fn value(&self, row: usize) -> Result<Value, String> {
        budget::for_row(|| match self.expression.evaluate(row) {
            Ok(value) => self.cell(value),
            Err(Stop::Missing(_)) => Ok(Value::Null),
            Err(Stop::Error(reason)) => Err(reason),
        })?
    }

    fn cell(&self, value: Val<'_>) -> Result<Value, String> {
        match (self.ty, value) {
            (_, Val::Null) => Ok(Value::Null),
            (ColumnType::Text, Val::Text(text)) if text.contains('\0') => {
                Err("the text contains the character U+0000, which no table can hold".to_owned())
            }
            (ColumnType::Text, Val::Text(text)) => Ok(text.into_owned().into()),
            (ColumnType::Boolean, Val::Truth(truth)) => Ok(truth.into()),
            (ColumnType::Integer, Val::Number(number)) => match number.integer() {
                Some(integer) => Ok(integer.into()),
                None => Err(format!("expected an integer of 64 bits, found `{}`", number.spelled())),
            },
            (ColumnType::Float, Val::Number(number)) => {
                let float = number.real();
                match number.compare(Number::Real(float)).is_eq() {
                    true => Ok(float.into()),
                    false => Err(format!("no float equals the integer `{}`", number.spelled())),
                }
            }
            (ty, value) => Err(format!("expected {}, found {}", in_words(ty), value.in_words())),
        }
    }
}

fn in_words(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Text => "text",
        ColumnType::Integer => "integers",
        ColumnType::Float => "floats",
        ColumnType::Boolean => "true or false",
    }
}
