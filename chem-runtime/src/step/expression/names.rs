//! Resolves the names in an expression: columns, flow parameters, functions, and variables of macros.

use std::ops::Range;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};

use serde_json::Value;

use super::ExpressionError;
use super::functions::patterns::{self, Group};
use super::functions::{self, Call, FunctionSpec, units};
use super::idents::{column_ident, missing_ident, param_ident};
use super::tree::{Parsed, Reference};
use crate::step::{listed, nearest};

/// Words that cannot name a column by themselves.
const RESERVED: &[&str] = &[
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "params",
    "return",
    "row",
    "true",
    "var",
    "void",
    "while",
];

/// Returns the column called `name` in the notation of expressions: `row["…"]`, if the name is not an identifier.
pub(crate) fn spelled(name: &str) -> String {
    let mut characters = name.chars();
    let is_identifier = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|next| next.is_ascii_alphanumeric() || next == '_');
    if is_identifier && !RESERVED.contains(&name) { name.to_owned() } else { format!("row[{}]", Value::from(name)) }
}

/// Resolves every identifier in `root`.
pub(super) fn resolve(mut root: IdedExpr, text: &str, info: &SourceInfo) -> Result<Parsed, ExpressionError> {
    let mut names = Names { text, info, columns: Vec::new(), params: Vec::new(), bound: Vec::new() };
    names.resolve(&mut root)?;
    Ok(Parsed { root, columns: names.columns, params: names.params })
}

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
                Err(ExpressionError::new("`params` is not a value").at(at).with_help("name a parameter: `params.NAME`"))
            }
            Expr::Ident(name) => {
                let name = std::mem::take(name);
                node.expr = self.column(name, at);
                Ok(())
            }
            Expr::Select(select) => {
                let is_params = matches!(&select.operand.expr, Expr::Ident(name) if name == "params") && !select.test;
                if !is_params {
                    let what = format!("unexpected `.{}`", select.field);
                    return Err(ExpressionError::new(what)
                        .at(at)
                        .with_help("only `params` has members; write `row[\"…\"]` for a column whose name has a dot"));
                }
                let name = std::mem::take(&mut select.field);
                let at = self.at(select.operand.id).start..self.after_dot(at.end, &name);
                node.expr = self.param(name, at);
                Ok(())
            }
            Expr::Call(call) => match row_member(call) {
                Some((name, id)) => {
                    node.expr = self.column(name, self.at(id));
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
                Err(ExpressionError::new("byte literals are not supported").at(at).with_help("remove the `b`"))
            }
            Expr::Literal(_) => Ok(()),
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err(ExpressionError::new("`{…}` is not supported").at(at))
            }
        }
    }

    fn call(&mut self, node: &mut IdedExpr, at: Range<usize>) -> Result<(), ExpressionError> {
        let Expr::Call(call) = &mut node.expr else { return Ok(()) };
        if let Some((column, id, negated)) = null_test(call)
            && !self.bound.contains(&column)
        {
            let index = self.column_index(column, self.at(id));
            let test = IdedExpr { id: node.id, expr: Expr::Ident(missing_ident(index)) };
            node.expr = if negated { negation(test) } else { test.expr };
            return Ok(());
        }
        let in_math =
            matches!(call.target.as_deref(), Some(IdedExpr { expr: Expr::Ident(name), .. }) if name == "math");
        let name = if in_math { format!("math.{}", call.func_name) } else { call.func_name.clone() };
        let operator = name.starts_with(['_', '!', '-', '@']) || name.starts_with("math.@");
        let function = if operator { None } else { Some(self.function(&name, at.start)?) };
        let on_value = call.target.is_some() && !in_math;
        let is_wrong = match function.map(|function| function.call) {
            Some(Call::Plain) => on_value,
            Some(Call::Method) => !on_value,
            Some(Call::Both) | None => false,
        };
        if is_wrong {
            let right = if on_value { format!("{name}(…)") } else { format!("value.{name}(…)") };
            return Err(ExpressionError::new(format!("`{name}` cannot be called like this"))
                .at(self.before_bracket(at.start, &name))
                .with_help(format!("write `{right}`")));
        }
        if let Some(function) = function {
            self.check_literals(function, call, on_value)?;
        }
        if name == "matches" {
            call.args.splice(0..0, call.target.take().map(|target| *target));
            call.func_name = patterns::MATCHES.to_owned();
        }
        if !in_math && let Some(target) = call.target.as_deref_mut() {
            self.resolve(target)?;
        }
        call.args.iter_mut().try_for_each(|argument| self.resolve(argument))
    }

    /// Finds the function called `name`, whose bracket is at `bracket`.
    fn function(&self, name: &str, bracket: usize) -> Result<&'static FunctionSpec, ExpressionError> {
        if let Some(function) = functions::named(name) {
            return Ok(function);
        }
        let names = functions::names();
        let error =
            ExpressionError::new(format!("there is no function `{name}`")).at(self.before_bracket(bracket, name));
        Err(match nearest(name, names.iter().copied()) {
            Some(nearest) => error.with_help(format!("did you mean `{nearest}`?")),
            None => error.with_help(format!("the functions are {}", listed(&names))),
        })
    }

    /// Checks literal patterns and units before any row is tested.
    fn check_literals(&self, function: &FunctionSpec, call: &CallExpr, on_value: bool) -> Result<(), ExpressionError> {
        let target = call.target.as_deref().filter(|_| on_value);
        let arguments: Vec<&IdedExpr> = target.into_iter().chain(&call.args).collect();
        let literal = |index: usize| match arguments.get(index) {
            Some(IdedExpr { id, expr: Expr::Literal(LiteralValue::String(text)) }) => Some((*id, text.inner())),
            _ => None,
        };
        let wrong = |id: u64, reason: String| ExpressionError::new(reason).at(self.at(id));
        if let Some((id, pattern)) = function.pattern.and_then(literal) {
            patterns::check(pattern).map_err(|reason| wrong(id, reason))?;
            if let ("extract", Some(IdedExpr { id, expr: Expr::Literal(group) })) = (function.name, arguments.get(2)) {
                let group = match group {
                    LiteralValue::String(name) => Some(Group::Named(name.inner())),
                    LiteralValue::Int(number) => usize::try_from(*number.inner()).ok().map(Group::Numbered),
                    _ => None,
                };
                group
                    .map_or(Ok(()), |group| patterns::check_group(pattern, group))
                    .map_err(|reason| wrong(*id, reason))?;
            }
        }
        if function.name == "convert" {
            let (from, to) = (literal(1), literal(2));
            for (id, unit) in from.into_iter().chain(to) {
                units::check(unit).map_err(|reason| wrong(id, reason))?;
            }
            if let (Some((_, from)), Some((id, to))) = (from, to) {
                units::power(from, to).map_err(|reason| wrong(id, reason))?;
            }
        }
        Ok(())
    }

    fn column(&mut self, name: String, at: Range<usize>) -> Expr {
        Expr::Ident(column_ident(self.column_index(name, at)))
    }

    fn column_index(&mut self, name: String, at: Range<usize>) -> usize {
        index_of(&mut self.columns, name, at)
    }

    fn param(&mut self, name: String, at: Range<usize>) -> Expr {
        Expr::Ident(param_ident(index_of(&mut self.params, name, at)))
    }

    /// Returns the bytes of a node. The library's ranges include their last byte.
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

    /// Returns the bytes of the name of a call, whose position in the library is that of its bracket.
    fn before_bracket(&self, bracket: usize, name: &str) -> Range<usize> {
        let before = self.text.get(..bracket).unwrap_or_default().trim_end();
        match before.strip_suffix(name) {
            Some(rest) => rest.len()..before.len(),
            None => bracket..bracket,
        }
    }
}

fn index_of(references: &mut Vec<Reference>, name: String, at: Range<usize>) -> usize {
    references.iter().position(|reference| reference.name == name).unwrap_or_else(|| {
        references.push(Reference { name, at });
        references.len() - 1
    })
}

/// Returns the column in `row["column"]`, and the node with its name.
fn row_member(call: &CallExpr) -> Option<(String, u64)> {
    match call.args.as_slice() {
        [row, IdedExpr { expr: Expr::Literal(LiteralValue::String(column)), id }]
            if call.func_name == operators::INDEX && matches!(&row.expr, Expr::Ident(name) if name == "row") =>
        {
            Some((column.inner().to_owned(), *id))
        }
        _ => None,
    }
}

/// Returns the column in `column == null`, the node with its name, and whether the operator is `!=`.
fn null_test(call: &CallExpr) -> Option<(String, u64, bool)> {
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
    let (column, id) = match &other.expr {
        Expr::Ident(name) if name != "params" => (name.clone(), other.id),
        Expr::Call(call) => row_member(call)?,
        _ => return None,
    };
    Some((column, id, negated))
}

fn negation(of: IdedExpr) -> Expr {
    Expr::Call(CallExpr { func_name: operators::LOGICAL_NOT.to_owned(), target: None, args: vec![of] })
}
