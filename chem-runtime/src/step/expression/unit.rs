//! The unit of the values of an expression, as far as it follows from the units of the columns.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use super::functions::{self, Gives, units};
use super::idents::column_index;

/// Returns the unit of the values. `columns` are the units of the columns.
pub(super) fn unit_of<'a>(expr: &'a IdedExpr, columns: &[Option<&'a str>]) -> Option<&'a str> {
    match &expr.expr {
        Expr::Ident(name) => *columns.get(column_index(name)?)?,
        Expr::Call(call) => unit_of_call(call, columns),
        _ => None,
    }
}

fn unit_of_call<'a>(call: &'a CallExpr, columns: &[Option<&'a str>]) -> Option<&'a str> {
    let shared = |values: &'a [IdedExpr]| {
        let (first, others) = values.split_first()?;
        let unit = unit_of(first, columns)?;
        others.iter().all(|other| unit_of(other, columns).is_some_and(|other| units::same(unit, other))).then_some(unit)
    };
    let in_math = matches!(call.target.as_deref(), Some(IdedExpr { expr: Expr::Ident(name), .. }) if name == "math");
    let name = if in_math { &format!("math.{}", call.func_name) } else { &call.func_name };
    match (name.as_str(), call.args.as_slice()) {
        (operators::NEGATE, [of]) => unit_of(of, columns),
        (operators::ADD | operators::SUBSTRACT, values) => shared(values),
        (operators::CONDITIONAL, [_, values @ ..]) => shared(values),
        ("convert", [_, _, IdedExpr { expr: Expr::Literal(LiteralValue::String(to)), .. }]) => Some(to.inner()),
        (name, values) => match functions::named(name)?.gives {
            Gives::LikeFirst => unit_of(values.first()?, columns),
            Gives::LikeAll => shared(values),
            _ => None,
        },
    }
}
