//! The types of the values that a part of an expression gives, as far as they follow from the types of the columns.
//!
//! They do not depend on the values in a table, so that a column computed from it has the same type for any rows.

use super::functions::{Function, FunctionSpec, Gives};
use super::number::{Number, Operation};
use super::value::Val;
use crate::artifact::ColumnType;

/// A type of values.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Ty {
    /// `null` only.
    Null,
    Column(ColumnType),
    /// A list, and the type of its values if it is known.
    List(Option<Box<Ty>>),
}

pub(super) const TEXT: Ty = Ty::Column(ColumnType::Text);
pub(super) const INTEGER: Ty = Ty::Column(ColumnType::Integer);
pub(super) const FLOAT: Ty = Ty::Column(ColumnType::Float);
pub(super) const BOOLEAN: Ty = Ty::Column(ColumnType::Boolean);

impl Ty {
    pub(super) fn of(value: &Val<'_>) -> Option<Self> {
        Some(match value {
            Val::Null => Self::Null,
            Val::Truth(_) => BOOLEAN,
            Val::Number(Number::Whole(_)) => INTEGER,
            Val::Number(Number::Real(_)) => FLOAT,
            Val::Text(_) => TEXT,
            Val::List(items) => list_of(items.iter().map(Self::of)),
        })
    }

    /// Returns the type of the values of a list.
    pub(super) fn of_items(self) -> Option<Self> {
        match self {
            Self::List(items) => items.map(|items| *items),
            _ => None,
        }
    }
}

/// Returns the type of a list of values of these types.
pub(super) fn list_of(items: impl IntoIterator<Item = Option<Ty>>) -> Ty {
    Ty::List(of_all(items).map(Box::new))
}

/// Returns the type to which values of all these types belong: an integer is also a float, and `null` has any type.
pub(super) fn of_all(types: impl IntoIterator<Item = Option<Ty>>) -> Option<Ty> {
    let joined = types.into_iter().reduce(|one, other| match (one?, other?) {
        (Ty::Null, ty) | (ty, Ty::Null) => Some(ty),
        (one, other) if one == other => Some(one),
        (one, other) if is_number(&one) && is_number(&other) => Some(FLOAT),
        (Ty::List(one), Ty::List(other)) => Some(list_of([one.map(|ty| *ty), other.map(|ty| *ty)])),
        _ => None,
    });
    joined.flatten()
}

fn is_number(ty: &Ty) -> bool {
    *ty == INTEGER || *ty == FLOAT
}

/// Returns the type of the result of an arithmetic operation.
pub(super) fn of_arithmetic(operation: Operation, left: Option<Ty>, right: Option<Ty>) -> Option<Ty> {
    match (operation, left, right) {
        (Operation::Divide, _, _) => Some(FLOAT),
        (_, Some(FLOAT), _) | (_, _, Some(FLOAT)) => Some(FLOAT),
        (_, left, right) => of_all([left, right]),
    }
}

/// Returns the type of the result of a call with arguments of these types.
pub(super) fn of_call(function: &FunctionSpec, arguments: Vec<Option<Ty>>) -> Option<Ty> {
    match function.gives {
        Gives::Text => Some(TEXT),
        Gives::Integer => Some(INTEGER),
        Gives::Float => Some(FLOAT),
        Gives::Boolean => Some(BOOLEAN),
        Gives::LikeFirst => arguments.into_iter().next().flatten().filter(is_number),
        Gives::LikeAll => match (function.function, arguments.as_slice()) {
            (Function::Extreme { .. }, [Some(Ty::List(items))]) => items.as_deref().cloned(),
            _ => of_all(arguments),
        },
        Gives::ListOfText => Some(list_of([Some(TEXT)])),
        Gives::Other => None,
    }
}
