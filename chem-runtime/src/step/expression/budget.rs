//! What an expression may cost on one row.
//!
//! A macro over a list repeats its body, macros may be nested, and each may double a text: the cost of an expression grows
//! exponentially with its length. The library neither counts nor can be interrupted. So whatever repeats or grows gets a
//! call of [`CHARGE`] around it, which takes what is about to be worked on from the row's budget, before the work is done.
//! An expression without macros costs no more than its text times its row, and pays for nothing but the joining of texts.

use std::cell::Cell;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::common::types::{CelInt, CelList, CelString, DYN_TYPE, INT_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

use super::idents::column_index;
use crate::artifact::ColumnData;
use crate::step::limits::EXPRESSION_WORK;

/// The name of the function that charges for a value and returns it. Its second argument is what a loop's body costs, if
/// the value is a list that a loop is about to run over.
const CHARGE: &str = "@charge";

/// What handling this many bytes of text costs as much as one operation.
const BYTES: usize = 64;

thread_local! {
    /// What is left of the budget of the row that this thread works on.
    static LEFT: Cell<u64> = const { Cell::new(0) };
    /// Whether that row asked for more than was left. An `||` may pass over the error; the row fails all the same.
    static SPENT: Cell<bool> = const { Cell::new(false) };
}

/// Adds [`CHARGE`] to `env`.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload(CHARGE, CHARGE, vec![DYN_TYPE, INT_TYPE], charge)
}

/// Does `work` on a row with a new budget. The error says that the budget was not enough.
pub(super) fn for_row<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    LEFT.set(EXPRESSION_WORK.get());
    SPENT.set(false);
    let result = work();
    if SPENT.get() {
        Err(format!("it takes too much work for one row: {}", EXPRESSION_WORK.told()))
    } else {
        Ok(result)
    }
}

/// Takes `cost` from the budget of the row.
pub(super) fn spend(cost: u64) -> Result<(), ExecutionError> {
    match LEFT.get().checked_sub(cost) {
        Some(left) => {
            LEFT.set(left);
            Ok(())
        }
        None => {
            LEFT.set(0);
            SPENT.set(true);
            Err(ExecutionError::function_error(CHARGE, "the budget is spent"))
        }
    }
}

fn charge<'b, 'v>(mut args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let (Some(body), Some(value)) = (args.pop(), args.pop()) else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let body = body.downcast_ref::<CelInt>().map_or(0, |body| body.inner().unsigned_abs());
    let length = value.downcast_ref::<CelList<'_>>().map_or(0, |list| list.inner().len() as u64);
    spend(body.saturating_mul(length).saturating_add(size(value.as_ref(), LEFT.get())))?;
    Ok(value)
}

/// The size of a value in operations. It stops counting beyond `enough`.
fn size(value: &dyn Val, enough: u64) -> u64 {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return 1 + (text.inner().len() / BYTES) as u64;
    }
    let Some(list) = value.downcast_ref::<CelList<'_>>() else { return 1 };
    let mut total = 1;
    for element in list.inner() {
        if total > enough {
            break;
        }
        total += size(element.as_ref(), enough - total);
    }
    total
}

/// Puts calls of [`CHARGE`] into `node`, whose columns are `columns`.
pub(super) fn charge_for(node: &mut IdedExpr, columns: &[(&str, &ColumnData)]) {
    Meter { columns }.visit(node, false);
}

struct Meter<'a> {
    columns: &'a [(&'a str, &'a ColumnData)],
}

impl Meter<'_> {
    /// Visits `node`, which is part of a loop's body if it is `repeated`.
    fn visit(&self, node: &mut IdedExpr, repeated: bool) {
        match &mut node.expr {
            Expr::Comprehension(comprehension) => {
                self.visit(&mut comprehension.iter_range, repeated);
                for part in [
                    &mut comprehension.accu_init,
                    &mut comprehension.loop_cond,
                    &mut comprehension.loop_step,
                    &mut comprehension.result,
                ] {
                    self.visit(part, true);
                }
                let body = nodes(&comprehension.loop_cond) + nodes(&comprehension.loop_step);
                wrap(&mut comprehension.iter_range, body);
            }
            Expr::List(list) => {
                for element in &mut list.elements {
                    self.visit(element, repeated);
                    // The list holds a copy of each.
                    if repeated {
                        wrap_unless_written(element);
                    }
                }
            }
            Expr::Call(call) => {
                call.target
                    .as_deref_mut()
                    .into_iter()
                    .chain(&mut call.args)
                    .for_each(|part| self.visit(part, repeated));
                if repeated {
                    wrap_operands(call);
                } else if call.func_name == operators::ADD && !call.args.iter().any(|side| self.is_number(side)) {
                    wrap(node, 0);
                }
            }
            _ => {}
        }
    }

    /// Whether the value of `node` is a number, so that what it is added to is no text.
    fn is_number(&self, node: &IdedExpr) -> bool {
        match &node.expr {
            Expr::Literal(literal) => !matches!(literal, LiteralValue::String(_)),
            Expr::Ident(name) => column_index(name)
                .and_then(|index| self.columns.get(index))
                .is_some_and(|(_, data)| matches!(data, ColumnData::Integer(_) | ColumnData::Float(_))),
            Expr::Call(call) => match call.func_name.as_str() {
                operators::ADD => call.args.iter().any(|side| self.is_number(side)),
                operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO => true,
                "double" | "int" | "size" => true,
                _ => false,
            },
            _ => false,
        }
    }
}

/// Charges for the operands of a call in a loop's body, but for those that the library's own shapes of loops have, and
/// those of operators that only choose between them.
fn wrap_operands(call: &mut CallExpr) {
    let chooses = [operators::LOGICAL_AND, operators::LOGICAL_OR, operators::LOGICAL_NOT, operators::CONDITIONAL];
    // No expression can spell a name with an `@`, and columns have one of their own.
    let is_result = |node: &IdedExpr| matches!(&node.expr, Expr::Ident(name) if name.starts_with('@') && column_index(name).is_none());
    if chooses.contains(&call.func_name.as_str()) || call.args.iter().any(is_result) {
        return;
    }
    if let Some(target) = call.target.as_deref_mut()
        && !matches!(&target.expr, Expr::Ident(name) if name == "math")
    {
        wrap_unless_written(target);
    }
    call.args.iter_mut().for_each(wrap_unless_written);
}

/// Charges for `node` unless its value is written out: that is part of what the body costs.
fn wrap_unless_written(node: &mut IdedExpr) {
    let is_written = |node: &IdedExpr| matches!(node.expr, Expr::Literal(_));
    match &node.expr {
        Expr::Literal(_) => {}
        Expr::List(list) if list.elements.iter().all(is_written) => {}
        _ => wrap(node, 0),
    }
}

fn wrap(node: &mut IdedExpr, body: u64) {
    let body = CelInt::from(i64::try_from(body).unwrap_or(i64::MAX));
    let id = node.id;
    let body = IdedExpr { id, expr: Expr::Literal(LiteralValue::Int(body)) };
    let inner = std::mem::take(node);
    let call = CallExpr { func_name: CHARGE.to_owned(), target: None, args: vec![inner, body] };
    *node = IdedExpr { id, expr: Expr::Call(call) };
}

/// What one evaluation of `node` costs besides the loops in it: its nodes, and its texts by their length.
fn nodes(node: &IdedExpr) -> u64 {
    let mut total = match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => 1 + (text.inner().len() / BYTES) as u64,
        _ => 1,
    };
    super::parse::for_each_child(&node.expr, &mut |child| total += nodes(child));
    total
}
