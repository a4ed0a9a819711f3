//! An expression made ready for one table: columns found, parameters put in, numbers made to meet.
//!
//! CEL compares a whole number with any other, and refuses to add one to it. Which columns are whole numbers is known
//! here, so that the conversion can be put where it is needed, once and not for every row.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators};
use cel::common::types::{CelBool, CelDouble, CelInt, CelString, CelUInt};
use serde_json::Value;

use super::evaluate::Condition;
use super::idents::{column_index, param_index};
use super::names::spelled;
use super::{Expression, ExpressionError};
use crate::artifact::{ColumnData, Table};
use crate::step::{listed, nearest};

pub(super) fn over<'t>(expression: &Expression, table: &'t Table) -> Result<Condition<'t>, ExpressionError> {
    expression.check_bound()?;
    let mut columns = Vec::new();
    for reference in &expression.parsed.columns {
        let Some((column, data)) = table.column(&reference.name) else {
            return Err(no_column(&reference.name, table).at(reference.at.clone()));
        };
        columns.push((column.name.as_ref(), data));
    }
    let mut root = expression.parsed.root.clone();
    let names = expression.parsed.params.iter().map(|reference| &reference.name);
    let params: Vec<Expr> = names.filter_map(|name| expression.params.get(name)).map(literal).collect();
    Binder { params: &params, columns: &columns }.bind(&mut root);
    Ok(Condition { root, columns })
}

fn no_column(name: &str, table: &Table) -> ExpressionError {
    let names: Vec<&str> = table.columns().iter().map(|column| column.name.as_ref()).collect();
    let error = ExpressionError::new(format!("there is no column `{name}`"));
    match nearest(name, names.iter().copied()) {
        Some(meant) => error.with_help(format!("did you mean `{}`?", spelled(meant))),
        None if names.is_empty() => error.with_help("the table has no columns"),
        None => {
            let names: Vec<String> = names.iter().map(|name| spelled(name)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            error.with_help(format!("there are {}", listed(&names)))
        }
    }
}

/// A flow parameter's value, which is a scalar or a list of scalars, as CEL writes it.
fn literal(value: &Value) -> Expr {
    let literal = match value {
        Value::Null | Value::Object(_) => LiteralValue::Null,
        Value::Bool(truth) => LiteralValue::Boolean(CelBool::from(*truth)),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), ..) => LiteralValue::Int(CelInt::from(integer)),
            (_, Some(integer), _) => LiteralValue::UInt(CelUInt::from(integer)),
            (.., float) => LiteralValue::Double(CelDouble::from(float.unwrap_or(f64::NAN))),
        },
        Value::String(text) => LiteralValue::String(CelString::from(text.clone())),
        Value::Array(items) => {
            let elements = items.iter().map(|item| IdedExpr { id: 0, expr: literal(item) }).collect();
            return Expr::List(ListExpr::new(elements));
        }
    };
    Expr::Literal(literal)
}

struct Binder<'a> {
    params: &'a [Expr],
    columns: &'a [(&'a str, &'a ColumnData)],
}

/// What is known of an expression's value: that it is a whole number, or a number that need not be one.
#[derive(Clone, Copy, PartialEq)]
enum Number {
    Whole,
    Float,
}

impl Binder<'_> {
    /// Binds `node`, and says what kind of number it is if that is known.
    fn bind(&self, node: &mut IdedExpr) -> Option<Number> {
        match &mut node.expr {
            Expr::Ident(name) => {
                if let Some(index) = param_index(name)
                    && let Some(param) = self.params.get(index)
                {
                    node.expr = param.clone();
                    return of_literal(&node.expr);
                }
                match self.columns.get(column_index(name)?)?.1 {
                    ColumnData::Integer(_) => Some(Number::Whole),
                    ColumnData::Float(_) => Some(Number::Float),
                    ColumnData::Text(_) | ColumnData::Boolean(_) => None,
                }
            }
            Expr::Literal(_) => of_literal(&node.expr),
            Expr::Call(call) => self.bind_call(call),
            Expr::List(list) => {
                for element in &mut list.elements {
                    self.bind(element);
                }
                None
            }
            Expr::Comprehension(comprehension) => {
                let ComprehensionExpr { iter_range, accu_init, loop_cond, loop_step, result, .. } =
                    &mut **comprehension;
                for part in [iter_range, accu_init, loop_cond, loop_step, result] {
                    self.bind(part);
                }
                None
            }
            Expr::Select(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => None,
        }
    }

    fn bind_call(&self, call: &mut CallExpr) -> Option<Number> {
        if let Some(target) = &mut call.target {
            self.bind(target);
        }
        let kinds: Vec<Option<Number>> = call.args.iter_mut().map(|argument| self.bind(argument)).collect();
        match (call.func_name.as_str(), kinds.as_slice()) {
            (
                operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE,
                &[Some(left), Some(right)],
            ) => {
                if left != right {
                    call.args.iter_mut().zip(&kinds).for_each(|(argument, kind)| to_float(argument, *kind));
                    return Some(Number::Float);
                }
                Some(left)
            }
            (operators::MODULO | operators::NEGATE, kinds) => kinds[0],
            (operators::CONDITIONAL, &[_, then, other]) if then == other => then,
            ("ceil" | "floor" | "round" | "trunc", &[kind]) => {
                call.args.iter_mut().for_each(|argument| to_float(argument, kind));
                Some(Number::Float)
            }
            ("abs" | "sign", &[kind]) => kind,
            ("sqrt" | "double", _) => Some(Number::Float),
            ("int" | "size", _) => Some(Number::Whole),
            _ => None,
        }
    }
}

fn of_literal(expr: &Expr) -> Option<Number> {
    match expr {
        Expr::Literal(LiteralValue::Int(_)) => Some(Number::Whole),
        Expr::Literal(LiteralValue::Double(_)) => Some(Number::Float),
        _ => None,
    }
}

/// Makes a float of what is a whole number.
fn to_float(node: &mut IdedExpr, kind: Option<Number>) {
    if kind != Some(Number::Whole) {
        return;
    }
    if let Expr::Literal(LiteralValue::Int(integer)) = &node.expr {
        node.expr = Expr::Literal(LiteralValue::Double(CelDouble::from(*integer.inner() as f64)));
        return;
    }
    let inner = std::mem::take(node);
    let call = CallExpr { func_name: "double".to_owned(), target: None, args: vec![inner] };
    node.expr = Expr::Call(call);
}
