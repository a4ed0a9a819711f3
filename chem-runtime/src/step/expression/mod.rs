//! Expressions: conditions over the columns of a table, in the Common Expression Language (CEL).
//!
//! An identifier is a column; `row["Mol Weight"]` is a column whose name is no identifier; `params.x` is a parameter of
//! the flow. The language is CEL's operators, its macros over lists, and the functions of [`FUNCTIONS`]: a list of our
//! own, so that a new release of the library cannot change what a stored flow means.
//!
//! Two things differ from CEL, and both are about tables. A value may be missing: what cannot be decided without it is
//! [`Verdict::Missing`], as in SQL, and `column == null` asks for it. And there is one kind of number: `/` divides as on
//! paper, `quotient(a, b)` gives the whole quotient and `%` the remainder, which has the sign of `a`, and numbers are
//! compared exactly. Whether a column was read as whole numbers or as others, which depends on its other rows, changes no
//! verdict. A division by zero, a whole number that does not fit into 64 bits, and a result that is not finite are errors
//! of their row ([`Verdict::Error`]).
//!
//! The library parses. What an expression means is told here, and no release of the library changes it.

mod budget;
mod compile;
mod evaluate;
mod functions;
mod idents;
mod message;
mod names;
mod number;
mod parse;
mod patterns;
mod value;
mod written;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

pub use evaluate::{Condition, Verdict};
pub use names::FUNCTIONS;
pub(crate) use names::spelled;
pub use parse::{MAX_DEPTH, MAX_LENGTH};

use self::parse::{Parsed, Reference};
use crate::artifact::Table;
use crate::fingerprint::as_read_back;

/// A CEL expression that is known to parse, with the flow parameters that it names.
///
/// ```
/// use chem_runtime::artifact::{Column, ColumnData, ColumnType, Table};
/// use chem_runtime::step::{Expression, Verdict};
///
/// let light = Expression::new("molecular_weight <= params.limit")?.with_param("limit", 300)?;
/// let weights = ColumnData::Float(vec![Some(180.2), Some(407.5), None]);
/// let table = Table::new([(Column::new("molecular_weight", ColumnType::Float), weights)]).unwrap();
/// let light = light.over(&table)?;
/// assert_eq!(light.test(0), Verdict::True);
/// assert_eq!(light.test(1), Verdict::False);
/// assert_eq!(light.test(2), Verdict::Missing("molecular_weight"));
/// # Ok::<_, chem_runtime::step::ExpressionError>(())
/// ```
#[derive(Clone)]
pub struct Expression {
    cel: Arc<str>,
    params: BTreeMap<String, Value>,
    parsed: Arc<Parsed>,
}

/// What is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpressionError {
    /// What is wrong, in the words of who wrote it.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The bytes of the expression that it is about.
    pub at: Option<Range<usize>>,
    /// The flow parameter that has no value, if that is the trouble.
    pub unbound: Option<String>,
}

impl ExpressionError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, at: None, unbound: None }
    }

    fn at(mut self, at: Range<usize>) -> Self {
        self.at = Some(at);
        self
    }

    fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn unbound(reference: &Reference) -> Self {
        let mut error = Self::new(format!("the parameter `{}` has no value", reference.name)).at(reference.at.clone());
        error.unbound = Some(reference.name.clone());
        error
    }
}

impl Expression {
    /// The expression that `cel` says.
    ///
    /// # Errors
    /// Says where and why it does not parse.
    pub fn new(cel: impl Into<Arc<str>>) -> Result<Self, ExpressionError> {
        let cel = cel.into();
        let parsed = Arc::new(parse::parse(&cel)?);
        Ok(Self { cel, params: BTreeMap::new(), parsed })
    }

    /// The same expression with a value for `params.NAME`. A parameter that it does not name is not taken up, and so is
    /// no part of its identity.
    ///
    /// # Errors
    /// Says that the value is neither a scalar nor a list of scalars.
    pub fn with_param(mut self, name: &str, value: impl Into<Value>) -> Result<Self, ExpressionError> {
        if self.parsed.params.iter().any(|reference| reference.name == name) {
            let value = normal(&value.into()).ok_or_else(|| {
                ExpressionError::new(format!(
                    "the parameter `{name}` is neither text, number, truth value nor a list of them"
                ))
            })?;
            self.params.insert(name.to_owned(), value);
        }
        Ok(self)
    }

    /// The text of the expression.
    pub fn as_str(&self) -> &str {
        &self.cel
    }

    /// The flow parameters that it names, with their values.
    pub fn params(&self) -> &BTreeMap<String, Value> {
        &self.params
    }

    /// The columns that it names, in the order in which it first names them.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parsed.columns.iter().map(|column| column.name.as_str())
    }

    /// The expression made ready for the rows of `table`. Testing rows is then cheap, and works from any thread.
    ///
    /// # Errors
    /// Names a column that the table does not have, or a flow parameter without a value.
    pub fn over<'t>(&self, table: &'t Table) -> Result<Condition<'t>, ExpressionError> {
        compile::over(self, table)
    }

    fn check_bound(&self) -> Result<(), ExpressionError> {
        match self.parsed.params.iter().find(|reference| !self.params.contains_key(&reference.name)) {
            Some(reference) => Err(ExpressionError::unbound(reference)),
            None => Ok(()),
        }
    }
}

/// A parameter's value as expressions see it: `5.0` is the whole number 5 however it was written, so that an expression
/// means the same before and after its parameters were stored.
fn normal(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(_) | Value::String(_) | Value::Number(_) => Some(as_read_back(value.clone())),
        Value::Array(items) if items.iter().all(|item| !item.is_array()) => {
            items.iter().map(normal).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        _ => None,
    }
}

// The text and the parameters say all there is; the parsed form follows from the text.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.cel == other.cel && self.params == other.params
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expression").field("cel", &self.cel).field("params", &self.params).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
