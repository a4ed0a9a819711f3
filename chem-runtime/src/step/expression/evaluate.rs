//! An expression at work on the rows of one table.

use std::sync::{Arc, OnceLock};

use cel::common::ast::IdedExpr;
use cel::common::types::{CelBool, CelDouble, CelInt, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, Value};

use super::idents::{column_index, missing_index};
use super::{budget, message, patterns};
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
    /// What the expression says of the row with this number. The work on a row is limited by
    /// [`EXPRESSION_WORK`](crate::step::limits::EXPRESSION_WORK).
    pub fn test(&self, row: usize) -> Verdict<'t> {
        budget::for_row(|| self.decide(row)).unwrap_or_else(Verdict::Error)
    }

    fn decide(&self, row: usize) -> Verdict<'t> {
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
        if let Some(index) = missing_index(variable) {
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

/// The functions that expressions are parsed and evaluated with. `FUNCTIONS` is what of them may be called.
pub(super) fn environment() -> &'static Arc<Env> {
    static ENVIRONMENT: OnceLock<Arc<Env>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut env = Env::stdlib().with_optional_support(false);
        for extension in [cel::extensions::math, cel::extensions::strings, patterns::extension, budget::extension] {
            // Fails only where a name is declared twice; `every_function_is_there` would see that.
            drop(extension(&mut env));
        }
        Arc::new(env)
    })
}
