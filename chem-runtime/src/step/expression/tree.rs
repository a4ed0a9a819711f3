//! The syntax tree of an expression.

use std::ops::Range;

use cel::common::ast::{Expr, IdedExpr};

/// The maximum nesting of operators and calls. A chain of `&&` or `||` counts one level for each doubling of its length; a
/// sum of ten terms counts ten levels.
pub const MAX_DEPTH: usize = 24;

/// A name in an expression, and the bytes of its first use.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) at: Range<usize>,
}

/// A syntax tree whose columns and parameters are replaced by the identifiers in `idents`.
pub(super) struct Parsed {
    pub(super) root: IdedExpr,
    pub(super) columns: Vec<Reference>,
    pub(super) params: Vec<Reference>,
}

/// Calls `each` on the children of `expr`. [`resolve`](super::names::resolve) refuses maps and structs.
pub(super) fn for_each_child<'e>(expr: &'e Expr, each: &mut dyn FnMut(&'e IdedExpr)) {
    match expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).for_each(each),
        Expr::Comprehension(comprehension) => [
            &comprehension.iter_range,
            &comprehension.accu_init,
            &comprehension.loop_cond,
            &comprehension.loop_step,
            &comprehension.result,
        ]
        .into_iter()
        .for_each(each),
        Expr::List(list) => list.elements.iter().for_each(each),
        Expr::Select(select) => each(&select.operand),
        Expr::Ident(_) | Expr::Literal(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {}
    }
}
