//! An expression made ready for one table: columns found, parameters put in, numbers made to meet.
//!
//! CEL compares a whole number with any other, and refuses to add one to it. Which columns are whole numbers is known
//! here, so that the conversion can be put where it is needed, once and not for every row. A text and a number are never
//! equal to CEL, without a word: whoever compares them has been mistaken about a column, and is told.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators};
use cel::common::types::{CelBool, CelDouble, CelInt, CelString, CelUInt};
use serde_json::Value;

use super::evaluate::Condition;
use super::idents::{column_index, missing_index, param_index};
use super::names::spelled;
use super::{Expression, ExpressionError, budget};
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
    Binder { params: &params, columns: &columns }.bind(&mut root)?;
    budget::charge_for(&mut root, &columns);
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

/// What is known of an expression's value.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// It is a whole number.
    Whole,
    /// It is a number that need not be whole.
    Float,
    /// It is text.
    Text,
    /// It is true or false.
    Truth,
}

impl Kind {
    fn is_number(self) -> bool {
        matches!(self, Self::Whole | Self::Float)
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Whole | Self::Float => "a number",
            Self::Text => "text",
            Self::Truth => "true or false",
        }
    }

    /// Whether values of the two may be equal.
    fn compares(self, other: Self) -> bool {
        self == other || self.is_number() && other.is_number()
    }
}

impl Binder<'_> {
    /// Binds `node`, and says what its value is if that is known.
    fn bind(&self, node: &mut IdedExpr) -> Result<Option<Kind>, ExpressionError> {
        match &mut node.expr {
            Expr::Ident(name) => {
                if let Some(index) = param_index(name)
                    && let Some(param) = self.params.get(index)
                {
                    node.expr = param.clone();
                    return Ok(of_literal(&node.expr));
                }
                if missing_index(name).is_some() {
                    return Ok(Some(Kind::Truth));
                }
                let column = column_index(name).and_then(|index| self.columns.get(index));
                Ok(column.and_then(|(_, data)| match data {
                    ColumnData::Integer(_) => Some(Kind::Whole),
                    ColumnData::Float(_) => Some(Kind::Float),
                    // A column of a file that has no values is called text, and might be anything.
                    ColumnData::Text(values) => values.iter().any(Option::is_some).then_some(Kind::Text),
                    ColumnData::Boolean(_) => Some(Kind::Truth),
                }))
            }
            Expr::Literal(_) => Ok(of_literal(&node.expr)),
            Expr::Call(call) => self.bind_call(call),
            Expr::List(list) => {
                for element in &mut list.elements {
                    self.bind(element)?;
                }
                Ok(None)
            }
            Expr::Comprehension(comprehension) => {
                let ComprehensionExpr { iter_range, accu_init, loop_cond, loop_step, result, .. } =
                    &mut **comprehension;
                for part in [iter_range, accu_init, loop_cond, loop_step, result] {
                    self.bind(part)?;
                }
                Ok(None)
            }
            Expr::Select(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => Ok(None),
        }
    }

    fn bind_call(&self, call: &mut CallExpr) -> Result<Option<Kind>, ExpressionError> {
        if let Some(target) = &mut call.target {
            self.bind(target)?;
        }
        let kinds = call.args.iter_mut().map(|argument| self.bind(argument)).collect::<Result<Vec<_>, _>>()?;
        Ok(match (call.func_name.as_str(), kinds.as_slice()) {
            (
                operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE,
                &[Some(left), Some(right)],
            ) if left.is_number() && right.is_number() => {
                if left != right {
                    call.args.iter_mut().zip(&kinds).for_each(|(argument, kind)| to_float(argument, *kind));
                    return Ok(Some(Kind::Float));
                }
                Some(left)
            }
            (operators::EQUALS | operators::NOT_EQUALS, &[Some(left), Some(right)]) => {
                if !left.compares(right) {
                    let (left, right) = (self.told(&call.args[0], left), self.told(&call.args[1], right));
                    return Err(never_equal(&format!("{left}, and {right}")));
                }
                Some(Kind::Truth)
            }
            (operators::IN, &[Some(left), _]) => {
                if let Expr::List(list) = &call.args[1].expr
                    && let Some(Some(first)) = list.elements.first().map(|element| of_literal(&element.expr))
                    && list
                        .elements
                        .iter()
                        .all(|other| of_literal(&other.expr).is_some_and(|kind| !kind.compares(left)))
                {
                    let (left, right) = (self.told(&call.args[0], left), first.in_words());
                    return Err(never_equal(&format!("{left}, and each value of the list is {right}")));
                }
                Some(Kind::Truth)
            }
            (operators::MODULO | operators::NEGATE, kinds) => kinds[0],
            (operators::CONDITIONAL, &[_, then, other]) if then == other => then,
            ("ceil" | "floor" | "round" | "trunc", &[kind]) => {
                call.args.iter_mut().for_each(|argument| to_float(argument, kind));
                Some(Kind::Float)
            }
            ("abs" | "sign", &[kind]) => kind,
            ("sqrt" | "double", _) => Some(Kind::Float),
            ("int" | "size", _) => Some(Kind::Whole),
            ("string" | "trim" | "lowerAscii" | "upperAscii", _) => Some(Kind::Text),
            ("contains" | "startsWith" | "endsWith" | "bool", _) => Some(Kind::Truth),
            _ => None,
        })
    }

    /// Says of an operand what it is.
    fn told(&self, node: &IdedExpr, kind: Kind) -> String {
        let column = |name: &String| Some(self.columns.get(column_index(name)?)?.0);
        let name = match &node.expr {
            Expr::Ident(name) => column(name).map(|column| format!("the column `{column}`")),
            Expr::Literal(LiteralValue::Int(integer)) => Some(format!("`{}`", integer.inner())),
            Expr::Literal(LiteralValue::Double(float)) => Some(format!("`{}`", float.inner())),
            Expr::Literal(LiteralValue::String(text)) => Some(format!("`{}`", Value::from(text.inner()))),
            _ => None,
        };
        format!("{} is {}", name.as_deref().unwrap_or("the other side"), kind.in_words())
    }
}

fn never_equal(why: &str) -> ExpressionError {
    ExpressionError::new(format!("what is compared is never equal: {why}"))
        .with_help("write a text in quotes; a column of a file is a number if the step that reads the file is told so")
}

fn of_literal(expr: &Expr) -> Option<Kind> {
    match expr {
        Expr::Literal(LiteralValue::Int(_) | LiteralValue::UInt(_)) => Some(Kind::Whole),
        Expr::Literal(LiteralValue::Double(_)) => Some(Kind::Float),
        Expr::Literal(LiteralValue::String(_)) => Some(Kind::Text),
        Expr::Literal(LiteralValue::Boolean(_)) => Some(Kind::Truth),
        _ => None,
    }
}

/// Makes a float of what is a whole number.
fn to_float(node: &mut IdedExpr, kind: Option<Kind>) {
    if kind != Some(Kind::Whole) {
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
