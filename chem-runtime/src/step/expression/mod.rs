//! Expressions: conditions and computed values over the columns of a table, in the Common Expression Language (CEL).
//!
//! An identifier is a column; `row["Mol Weight"]` is a column whose name is not an identifier; `params.x` is a parameter of
//! the flow. The language consists of CEL's operators, its macros over lists, and the functions in [`FUNCTIONS`].
//!
//! There are two differences from CEL. First, a value may be missing: a condition that depends on it is
//! [`Verdict::Missing`], as in SQL, and `column == null` tests for it. Second, there is one type of number: `/` is exact
//! division, `quotient(a, b)` gives the integer quotient and `%` the remainder, which has the sign of `a`, and numbers are
//! compared exactly. A verdict does not depend on whether a column was read as integers or floats, which its other rows
//! determine. A division by zero, an integer that does not fit into 64 bits, and a result that is not finite are errors of
//! the row ([`Verdict::Error`]).
//!
//! The library only parses; this module defines the meaning of expressions.

mod budget;
mod compile;
mod computed;
mod evaluate;
mod functions;
mod idents;
mod message;
mod names;
mod number;
mod parse;
mod texts;
mod tree;
mod types;
mod unit;
mod value;
mod written;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

pub use computed::Computation;
pub use evaluate::{Condition, Verdict};
pub(crate) use functions::units::same as same_unit;
pub use functions::{FUNCTIONS, FunctionGroup, FunctionSpec};
pub(crate) use names::spelled;
pub use parse::MAX_LENGTH;
pub use tree::MAX_DEPTH;

use self::compile::Checks;
use self::texts::Asked;
use self::tree::{Parsed, Reference};
use super::rows::{Batch, TextSurvey, WholeInput};
use crate::artifact::{ArtifactError, ColumnType, Table};
use crate::fingerprint::as_read_back;

/// A parsed CEL expression with the values of its flow parameters.
///
/// ```
/// use chem_runtime::artifact::{Column, ColumnType, Table, Values};
/// use chem_runtime::step::{Expression, Verdict};
///
/// let light = Expression::new("molecular_weight <= params.limit")?.with_param("limit", 300)?;
/// let weights = Values::floats([Some(180.2), Some(407.5), None]);
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
    /// What is wrong, in the author's own names.
    pub message: String,
    /// What to write instead.
    pub help: Option<String>,
    /// The bytes of the expression that are wrong.
    pub at: Option<Range<usize>>,
    /// The flow parameter without a value, if that is the error.
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
    /// Parses an expression.
    ///
    /// # Errors
    /// Fails if `cel` is not a valid expression.
    pub fn new(cel: impl Into<Arc<str>>) -> Result<Self, ExpressionError> {
        let cel = cel.into();
        let parsed = Arc::new(parse::parse(&cel)?);
        Ok(Self { cel, params: BTreeMap::new(), parsed })
    }

    /// Sets the value of `params.NAME`. Ignores a parameter that the expression does not use, so that it is not part of its
    /// identity.
    ///
    /// # Errors
    /// Fails if the value is neither a scalar nor a list of scalars.
    pub fn with_param(mut self, name: &str, value: impl Into<Value>) -> Result<Self, ExpressionError> {
        if self.parsed.params.iter().any(|reference| reference.name == name) {
            let value = normal(&value.into()).ok_or_else(|| {
                ExpressionError::new(format!(
                    "the parameter `{name}` is neither text, a number, a boolean nor a list of these"
                ))
            })?;
            self.params.insert(name.to_owned(), value);
        }
        Ok(self)
    }

    /// Returns the text of the expression.
    pub fn as_str(&self) -> &str {
        &self.cel
    }

    /// Returns the values of the flow parameters that the expression uses.
    pub fn params(&self) -> &BTreeMap<String, Value> {
        &self.params
    }

    /// Returns the columns that the expression uses, in the order of first use.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parsed.columns.iter().map(|column| column.name.as_str())
    }

    /// Compiles the expression for the rows of a batch, which have the indices from 0. Does not check what
    /// [`check_columns`](Self::check_columns) checks.
    ///
    /// # Errors
    /// Fails if there is no such column, a flow parameter has no value, or an operation can never succeed.
    pub fn over_batch<'t>(&self, batch: &Batch<'t>) -> Result<Condition<'t>, ExpressionError> {
        let (table, rows) = batch.within();
        Ok(compile::over(self, table, rows.start, Checks::WithoutValues)?.condition)
    }

    /// Checks the expression against the columns of `input`, without testing a row: an operation must be able to succeed on
    /// some values of the columns, and must not order text that is mostly numbers. Reads the values of text columns only if
    /// the expression uses them.
    ///
    /// # Errors
    /// The inner error is that of the expression, like that of [`over`](Self::over). The outer one is that of reading.
    pub fn check_columns(&self, input: &WholeInput<'_>) -> Result<Result<(), ExpressionError>, ArtifactError> {
        self.check_over(input, input.head(), Checks::All, Ok)
    }

    /// Checks an expression that computes a column like [`compute`](Self::compute), without computing a row. `head` has the
    /// columns of `input` and those that are computed before this one, which `widen` adds to rows of the input: it is called if
    /// the check depends on their values.
    ///
    /// # Errors
    /// The inner error is that of the expression. The outer one is that of reading, or of `widen`.
    pub fn check_computation<E: From<ArtifactError>>(
        &self,
        input: &WholeInput<'_>,
        head: &Table,
        widen: impl Fn(Table) -> Result<Table, E>,
    ) -> Result<Result<(), ExpressionError>, E> {
        self.check_over(input, head, Checks::AllAndCalls, widen)
    }

    fn check_over<E: From<ArtifactError>>(
        &self,
        input: &WholeInput<'_>,
        head: &Table,
        checks: Checks,
        widen: impl Fn(Table) -> Result<Table, E>,
    ) -> Result<Result<(), ExpressionError>, E> {
        let (mut columns, mut found) = (BTreeMap::new(), TextSurvey::new());
        loop {
            let asked = Asked::knowing(&found, &columns);
            let checked = compile::over_values(self, head, 0, checks, &asked);
            let more = asked.into_columns();
            if more.is_empty() {
                return Ok(checked.map(drop));
            }
            columns.extend(more);
            found = input.survey(&columns, &widen)?;
        }
    }

    /// Compiles the expression for rows of a table whose other rows are not known. Does not check what
    /// [`check_columns`](Self::check_columns) checks.
    ///
    /// # Errors
    /// Fails like [`over_batch`](Self::over_batch).
    pub fn over_rows<'t>(&self, rows: &'t Table) -> Result<Condition<'t>, ExpressionError> {
        Ok(compile::over(self, rows, 0, Checks::WithoutValues)?.condition)
    }

    /// Compiles the expression for the rows of `table`. Testing rows is then cheap, and possible from any thread.
    ///
    /// # Errors
    /// Fails if the table lacks a column, a flow parameter has no value, or an operation can never succeed.
    pub fn over<'t>(&self, table: &'t Table) -> Result<Condition<'t>, ExpressionError> {
        Ok(compile::over(self, table, 0, Checks::All)?.condition)
    }

    /// Compiles the expression to compute a column of the rows of `table`. The type of the column is `declared`, or follows
    /// from the expression and the types of the columns that it uses, whatever their values.
    ///
    /// # Errors
    /// Fails like [`over`](Self::over); if a function is applied to values of an unsuitable type; or if the type of the
    /// column is not known, or cannot be `declared`.
    pub fn compute<'t>(
        &self,
        table: &'t Table,
        declared: Option<ColumnType>,
    ) -> Result<Computation<'t>, ExpressionError> {
        Computation::new(compile::over(self, table, 0, Checks::AllAndCalls)?, declared)
    }

    /// Compiles like [`compute`](Self::compute) for rows of a table whose other rows are not known, without the checks that
    /// [`check_computation`](Self::check_computation) makes.
    ///
    /// # Errors
    /// Fails if there is no such column, a flow parameter has no value, an operation can never succeed, or the type of the
    /// column is not known or cannot be `declared`.
    pub fn compute_rows<'t>(
        &self,
        rows: &'t Table,
        declared: Option<ColumnType>,
    ) -> Result<Computation<'t>, ExpressionError> {
        let computation = Computation::new(compile::over(self, rows, 0, Checks::WithoutValues)?, declared);
        // What is wrong with a call says more than that its type is unknown.
        computation.map_err(|error| match compile::over_values(self, rows, 0, Checks::AllAndCalls, &texts::Usual) {
            Ok(_) => error,
            Err(call) => call,
        })
    }

    fn check_bound(&self) -> Result<(), ExpressionError> {
        match self.parsed.params.iter().find(|reference| !self.params.contains_key(&reference.name)) {
            Some(reference) => Err(ExpressionError::unbound(reference)),
            None => Ok(()),
        }
    }
}

/// Normalizes the value of a parameter: `5.0` becomes the integer 5, so that storing the parameters does not change the
/// meaning of an expression.
fn normal(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(_) | Value::String(_) | Value::Number(_) => Some(as_read_back(value.clone())),
        Value::Array(items) if items.iter().all(|item| !item.is_array()) => {
            items.iter().map(normal).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        _ => None,
    }
}

// The parsed form follows from the text.
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
