//! From text to a syntax tree in which every name is known to be a column, a parameter, a function or a variable.
//!
//! The library's parser is recursive and has no bound of its own on long chains of operators, so it runs on a thread
//! whose stack holds whatever [`MAX_LENGTH`] characters can ask for. A tree deeper than [`MAX_DEPTH`] ends there: the
//! evaluation of what is left fits on any thread.

use std::ops::Range;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};

use super::{ExpressionError, evaluate, message};
use crate::step::{listed, nearest};

/// The longest expression, in bytes.
pub const MAX_LENGTH: usize = 10_000;

/// The deepest nesting of operators and calls. A chain of `&&` or `||` is one level for each doubling of its length; a
/// sum of ten terms is ten levels.
pub const MAX_DEPTH: usize = 24;

/// Enough for [`MAX_LENGTH`] bytes of anything in a build without optimisation, several times over.
const PARSER_STACK: usize = 64 << 20;

/// The functions that an expression may call, and the macros over lists.
pub const FUNCTIONS: &[&str] = &[
    "all",
    "bool",
    "contains",
    "double",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "int",
    "lowerAscii",
    "map",
    "matches",
    "math.abs",
    "math.ceil",
    "math.floor",
    "math.greatest",
    "math.least",
    "math.round",
    "math.sign",
    "math.sqrt",
    "math.trunc",
    "size",
    "startsWith",
    "string",
    "trim",
    "upperAscii",
];

/// Those of [`FUNCTIONS`] that are called on a value: `name.contains('x')`.
const METHODS: &[&str] = &[
    "all",
    "contains",
    "endsWith",
    "exists",
    "exists_one",
    "filter",
    "lowerAscii",
    "map",
    "startsWith",
    "trim",
    "upperAscii",
];

/// Those that are called either way.
const EITHER: &[&str] = &["matches", "size"];

/// A name in an expression, and the bytes where it stands first.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) name: String,
    pub(super) at: Range<usize>,
}

/// A syntax tree whose columns and parameters are numbered: see [`evaluate::column_ident`] and [`param_ident`].
pub(super) struct Parsed {
    pub(super) root: IdedExpr,
    pub(super) columns: Vec<Reference>,
    pub(super) params: Vec<Reference>,
}

/// The identifier that stands for the parameter at `index`.
pub(super) fn param_ident(index: usize) -> String {
    format!("@param{index}")
}

pub(super) fn parse(text: &str) -> Result<Parsed, ExpressionError> {
    if text.trim().is_empty() {
        return Err(ExpressionError::new("the expression is empty").with_help("write a condition, such as `logp <= 5`"));
    }
    if text.len() > MAX_LENGTH {
        return Err(ExpressionError::new(format!("the expression is longer than {MAX_LENGTH} bytes")));
    }
    let parsed = std::thread::scope(|scope| {
        let parser = std::thread::Builder::new().stack_size(PARSER_STACK).spawn_scoped(scope, || parse_here(text));
        parser.map(std::thread::ScopedJoinHandle::join)
    });
    match parsed {
        Ok(Ok(parsed)) => parsed,
        Ok(Err(_)) => Err(ExpressionError::new("the expression cannot be parsed")),
        Err(error) => Err(ExpressionError::new(format!("the expression cannot be parsed: no thread for it: {error}"))),
    }
}

fn parse_here(text: &str) -> Result<Parsed, ExpressionError> {
    let program = evaluate::environment().compile(text).map_err(|errors| message::of_syntax(text, &errors))?;
    let (root, info) = (program.expression().clone(), program.source_info());
    let depth = depth(&root);
    if depth > MAX_DEPTH {
        return Err(ExpressionError::new(format!(
            "the expression is nested {depth} levels deep; {MAX_DEPTH} is the limit"
        ))
        .with_help("split it over two steps"));
    }
    let mut names = Names { text, info, columns: Vec::new(), params: Vec::new(), bound: Vec::new() };
    let mut root = root;
    names.resolve(&mut root)?;
    Ok(Parsed { root, columns: names.columns, params: names.params })
}

fn depth(expr: &IdedExpr) -> usize {
    let mut deepest = 0;
    for_each_child(&expr.expr, &mut |child| deepest = deepest.max(depth(child)));
    deepest + 1
}

/// Turns every identifier into a column, a parameter or a variable of a macro.
struct Names<'a> {
    text: &'a str,
    info: &'a SourceInfo,
    columns: Vec<Reference>,
    params: Vec<Reference>,
    bound: Vec<String>,
}

impl Names<'_> {
    fn resolve(&mut self, node: &mut IdedExpr) -> Result<(), ExpressionError> {
        let at = self.at(node.id);
        match &mut node.expr {
            Expr::Ident(name) if self.bound.contains(name) => Ok(()),
            Expr::Ident(name) if name == "params" => {
                Err(ExpressionError::new("`params` is all parameters of the flow")
                    .at(at)
                    .with_help("name one: `params.NAME`"))
            }
            Expr::Ident(name) => {
                let name = std::mem::take(name);
                node.expr = self.column(name, at);
                Ok(())
            }
            Expr::Select(select) => {
                let is_params = matches!(&select.operand.expr, Expr::Ident(name) if name == "params") && !select.test;
                if !is_params {
                    let what = format!("`.{}` has no meaning here", select.field);
                    return Err(ExpressionError::new(what)
                        .at(at)
                        .with_help("only `params` has members; a column whose name has a dot is `row[\"…\"]`"));
                }
                let name = std::mem::take(&mut select.field);
                let at = self.at(select.operand.id).start..self.after_dot(at.end, &name);
                node.expr = self.param(name, at);
                Ok(())
            }
            Expr::Call(call) => match row_member(call) {
                Some(name) => {
                    node.expr = self.column(name, at);
                    Ok(())
                }
                None => self.call(node, at),
            },
            Expr::Comprehension(comprehension) => {
                let bound = self.bound.len();
                self.resolve(&mut comprehension.iter_range)?;
                self.resolve(&mut comprehension.accu_init)?;
                self.bound.push(comprehension.iter_var.clone());
                self.bound.extend(comprehension.iter_var2.clone());
                self.bound.push(comprehension.accu_var.clone());
                for part in [&mut comprehension.loop_cond, &mut comprehension.loop_step, &mut comprehension.result] {
                    self.resolve(part)?;
                }
                self.bound.truncate(bound);
                Ok(())
            }
            Expr::List(list) => list.elements.iter_mut().try_for_each(|element| self.resolve(element)),
            Expr::Literal(LiteralValue::Bytes(_)) => {
                Err(ExpressionError::new("an expression has no use for bytes").at(at).with_help("take the `b` away"))
            }
            Expr::Literal(_) => Ok(()),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err(ExpressionError::new("an expression has no use for `{…}`").at(at))
            }
        }
    }

    fn call(&mut self, node: &mut IdedExpr, at: Range<usize>) -> Result<(), ExpressionError> {
        let Expr::Call(call) = &mut node.expr else { return Ok(()) };
        if let Some((column, negated)) = null_test(call)
            && !self.bound.contains(&column)
        {
            let position = self.column_position(column, at);
            let test = IdedExpr { id: node.id, expr: Expr::Ident(evaluate::missing_ident(position)) };
            node.expr = if negated { negation(test) } else { test.expr };
            return Ok(());
        }
        let in_math =
            matches!(call.target.as_deref(), Some(IdedExpr { expr: Expr::Ident(name), .. }) if name == "math");
        let name = if in_math { format!("math.{}", call.func_name) } else { call.func_name.clone() };
        let operator = name.starts_with(['_', '!', '-', '@']) || name.starts_with("math.@");
        if !operator && !FUNCTIONS.contains(&name.as_str()) {
            let error =
                ExpressionError::new(format!("there is no function `{name}`")).at(self.before_bracket(at.start, &name));
            return Err(match nearest(&name, FUNCTIONS.iter().copied()) {
                Some(meant) => error.with_help(format!("did you mean `{meant}`?")),
                None => error.with_help(format!("there are {}", listed(FUNCTIONS))),
            });
        }
        let on_value = call.target.is_some() && !in_math;
        if !operator && on_value != METHODS.contains(&name.as_str()) && !EITHER.contains(&name.as_str()) {
            let right = if on_value { format!("{name}(…)") } else { format!("value.{name}(…)") };
            return Err(ExpressionError::new(format!("`{name}` is not called like this"))
                .at(self.before_bracket(at.start, &name))
                .with_help(format!("write `{right}`")));
        }
        if name == "matches" {
            self.check_pattern(call)?;
        }
        if !in_math && let Some(target) = call.target.as_deref_mut() {
            self.resolve(target)?;
        }
        call.args.iter_mut().try_for_each(|argument| self.resolve(argument))
    }

    /// A pattern that is written out is tried before any row is.
    fn check_pattern(&self, call: &CallExpr) -> Result<(), ExpressionError> {
        let Some(pattern @ IdedExpr { expr: Expr::Literal(LiteralValue::String(_)), .. }) = call.args.last() else {
            return Ok(());
        };
        evaluate::try_pattern(pattern).map_err(|error| error.at(self.at(pattern.id)))
    }

    fn column(&mut self, name: String, at: Range<usize>) -> Expr {
        Expr::Ident(evaluate::column_ident(self.column_position(name, at)))
    }

    fn column_position(&mut self, name: String, at: Range<usize>) -> usize {
        position(&mut self.columns, name, at)
    }

    fn param(&mut self, name: String, at: Range<usize>) -> Expr {
        Expr::Ident(param_ident(position(&mut self.params, name, at)))
    }

    /// Where the node stands. The library's ranges include their last byte.
    fn at(&self, id: u64) -> Range<usize> {
        let (start, last) = self.info.offset_for(id).unwrap_or_default();
        let start = self.text.floor_char_boundary(start as usize);
        start..self.text.ceil_char_boundary(last as usize + 1).max(start)
    }

    fn after_dot(&self, dot: usize, field: &str) -> usize {
        let rest = self.text.get(dot..).unwrap_or_default();
        let gap = rest.len() - rest.trim_start().len();
        if rest.trim_start().starts_with(field) { dot + gap + field.len() } else { dot }
    }

    /// The library says of a call where its bracket opens.
    fn before_bracket(&self, bracket: usize, name: &str) -> Range<usize> {
        let before = self.text.get(..bracket).unwrap_or_default().trim_end();
        match before.strip_suffix(name) {
            Some(rest) => rest.len()..before.len(),
            None => bracket..bracket,
        }
    }
}

fn position(references: &mut Vec<Reference>, name: String, at: Range<usize>) -> usize {
    references.iter().position(|reference| reference.name == name).unwrap_or_else(|| {
        references.push(Reference { name, at });
        references.len() - 1
    })
}

/// The column in `row["column"]`.
fn row_member(call: &CallExpr) -> Option<String> {
    match call.args.as_slice() {
        [row, IdedExpr { expr: Expr::Literal(LiteralValue::String(column)), .. }]
            if call.func_name == operators::INDEX && matches!(&row.expr, Expr::Ident(name) if name == "row") =>
        {
            Some(column.inner().to_owned())
        }
        _ => None,
    }
}

/// The column in `column == null`, and whether it is `!=`.
fn null_test(call: &CallExpr) -> Option<(String, bool)> {
    let negated = match call.func_name.as_str() {
        operators::EQUALS => false,
        operators::NOT_EQUALS => true,
        _ => return None,
    };
    let [left, right] = call.args.as_slice() else { return None };
    let is_null = |node: &IdedExpr| matches!(node.expr, Expr::Literal(LiteralValue::Null));
    let other = match (is_null(left), is_null(right)) {
        (true, false) => right,
        (false, true) => left,
        _ => return None,
    };
    let column = match &other.expr {
        Expr::Ident(name) if name != "params" => name.clone(),
        Expr::Call(call) => row_member(call)?,
        _ => return None,
    };
    Some((column, negated))
}

fn negation(of: IdedExpr) -> Expr {
    Expr::Call(CallExpr { func_name: operators::LOGICAL_NOT.to_owned(), target: None, args: vec![of] })
}

/// Calls `each` on what `expr` is made of. Maps and structs never get past [`Names`].
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
