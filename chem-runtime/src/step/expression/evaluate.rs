//! An expression at work on the rows of one table.

use std::sync::{Arc, OnceLock};

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue};
use cel::common::types::{CelBool, CelDouble, CelInt, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, Value};

use super::{ExpressionError, message};
use crate::artifact::ColumnData;

/// What an expression says of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<'t> {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It cannot be decided, because the row has no value in this column.
    Missing(&'t str),
    /// It cannot be evaluated, for this reason.
    Error(String),
}

/// An expression bound to a table.
pub struct Condition<'t> {
    pub(super) root: IdedExpr,
    pub(super) columns: Vec<(&'t str, &'t ColumnData)>,
}

impl<'t> Condition<'t> {
    /// What the expression says of the row with this number.
    pub fn test(&self, row: usize) -> Verdict<'t> {
        let row = Row { columns: &self.columns, row };
        let mut context = Context::with_env(environment().clone());
        context.set_variable_resolver(&row);
        match Value::resolve_val(&self.root, &context) {
            Ok(value) => match value.downcast_ref::<CelBool>() {
                Some(truth) if *truth.inner() => Verdict::True,
                Some(_) => Verdict::False,
                None => Verdict::Error(format!(
                    "the expression gives {} where true or false is needed",
                    message::type_in_words(value.get_type().name())
                )),
            },
            Err(ExecutionError::UndeclaredReference(name)) => match column_index(&name) {
                Some(index) => Verdict::Missing(self.columns[index].0),
                None => Verdict::Error(format!("there is no `{name}`")),
            },
            Err(error) => Verdict::Error(message::of_evaluation(&error)),
        }
    }
}

struct Row<'t> {
    columns: &'t [(&'t str, &'t ColumnData)],
    row: usize,
}

impl VariableResolver for Row<'_> {
    /// A missing value is an identifier that means nothing, which the library's `&&` and `||` pass over where the other
    /// side decides.
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        if let Some(index) = variable.strip_prefix(MISSING).and_then(|digits| digits.parse::<usize>().ok()) {
            let (_, data) = self.columns.get(index)?;
            return Some(CowVal::owned(CelBool::from(value(data, self.row).is_none())));
        }
        value(self.columns.get(column_index(variable)?)?.1, self.row)
    }
}

fn value(data: &ColumnData, row: usize) -> Option<CowVal<'_, '_>> {
    match data {
        ColumnData::Text(values) => values.get(row)?.as_deref().map(|text| CowVal::owned(CelString::from(text))),
        ColumnData::Integer(values) => values.get(row)?.map(|number| CowVal::owned(CelInt::from(number))),
        ColumnData::Float(values) => values.get(row)?.map(|number| CowVal::owned(CelDouble::from(number))),
        ColumnData::Boolean(values) => values.get(row)?.map(|truth| CowVal::owned(CelBool::from(truth))),
    }
}

const COLUMN: &str = "@column";
const MISSING: &str = "@missing";

/// The identifier that stands for the column at `index`. No expression can spell it.
pub(super) fn column_ident(index: usize) -> String {
    format!("{COLUMN}{index}")
}

/// The identifier that stands for whether the column at `index` has no value.
pub(super) fn missing_ident(index: usize) -> String {
    format!("{MISSING}{index}")
}

/// The index in a [`column_ident`].
pub(super) fn column_index(ident: &str) -> Option<usize> {
    ident.strip_prefix(COLUMN)?.parse().ok()
}

/// The functions that expressions are parsed and evaluated with. `FUNCTIONS` is what of them may be called.
pub(super) fn environment() -> &'static Arc<Env> {
    static ENVIRONMENT: OnceLock<Arc<Env>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut env = Env::stdlib().with_optional_support(false);
        for extension in [cel::extensions::math, cel::extensions::strings] {
            // Fails only where a name is declared twice; `every_function_is_there` would see that.
            drop(extension(&mut env));
        }
        Arc::new(env)
    })
}

/// Compiles the pattern of a call to `matches`, which is a literal.
pub(super) fn try_pattern(pattern: &IdedExpr) -> Result<(), ExpressionError> {
    let text = IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::String(CelString::from(String::new()))) };
    let call = CallExpr { func_name: "matches".to_owned(), target: Some(Box::new(text)), args: vec![pattern.clone()] };
    let call = IdedExpr { id: 0, expr: Expr::Call(call) };
    match Value::resolve(&call, &Context::with_env(environment().clone())) {
        Ok(_) => Ok(()),
        Err(error) => Err(ExpressionError::new(message::of_evaluation(&error))),
    }
}
