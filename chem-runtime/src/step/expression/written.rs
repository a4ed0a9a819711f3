//! Expressions as parameter values: the text alone, or `{"cel": …, "params": {…}}` beside the flow parameters it names.
//!
//! This module owns that format. Others read it with [`Expression::parts_of`] and write it with [`Expression::value_of`].

use serde_json::{Map, Value, json};

use super::tree::Reference;
use super::{Expression, ExpressionError};
use crate::step::param::ColumnReference;
use crate::step::param::{InvalidKind, InvalidParam, ParamType, ParamValue};

impl Expression {
    /// Returns the text of the expression that `value` holds and the flow parameters written beside it: `None` for a
    /// text alone. A value of any other shape is not an expression. Nothing is parsed.
    ///
    /// ```
    /// use chem_runtime::step::Expression;
    /// use serde_json::json;
    ///
    /// let value = json!({"cel": "mw < params.limit", "params": {"limit": 500}});
    /// let (cel, params) = Expression::parts_of(&value).unwrap();
    /// assert_eq!((cel, params.unwrap()["limit"].as_i64()), ("mw < params.limit", Some(500)));
    /// assert_eq!(Expression::parts_of(&json!("mw < 500")), Some(("mw < 500", None)));
    /// assert_eq!(Expression::parts_of(&json!({"cel": "mw < 500"})), None);
    /// ```
    pub fn parts_of(value: &Value) -> Option<(&str, Option<&Map<String, Value>>)> {
        match value {
            Value::String(cel) => Some((cel, None)),
            Value::Object(members) => match (members.get("cel"), members.get("params")) {
                (Some(Value::String(cel)), Some(Value::Object(params))) if members.len() == 2 => {
                    Some((cel, Some(params)))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the value of a parameter that is the expression `cel` over these flow parameters. Nothing is parsed.
    pub fn value_of(cel: &str, params: Map<String, Value>) -> Value {
        if params.is_empty() { cel.into() } else { json!({ "cel": cel, "params": params }) }
    }
}

impl ParamValue for Expression {
    fn ty() -> ParamType {
        ParamType::Expression
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        let (cel, params) = Self::parts_of(value).ok_or_else(|| InvalidParam::expected(&Self::ty(), value))?;
        let read = || {
            let mut expression = Self::new(cel)?;
            for (name, value) in params.into_iter().flatten() {
                expression = expression.with_param(name, value.clone())?;
            }
            expression.check_bound()?;
            Ok(expression)
        };
        read().map_err(|error: ExpressionError| InvalidParam {
            help: error.help.map(Into::into),
            at: error.at,
            kind: error.unbound.map_or(InvalidKind::Form, InvalidKind::UnboundParam),
            ..InvalidParam::new(error.message)
        })
    }

    fn write(&self) -> Value {
        Self::value_of(&self.cel, self.params.clone().into_iter().collect())
    }

    fn named_columns(&self) -> Vec<ColumnReference> {
        let columns = self.parsed.columns.iter().cloned();
        columns.map(|Reference { name, at }| ColumnReference { name, path: Vec::new(), at: Some(at) }).collect()
    }
}
