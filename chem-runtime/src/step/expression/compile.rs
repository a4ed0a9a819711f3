//! Compiles an expression for a table: resolves columns, inserts parameters, and checks types.
//!
//! The types of columns are known here. Text and a number are never equal and have no order, so comparing them is a mistake
//! about a column, which is reported before any row is tested.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};
use serde_json::Value;

use super::evaluate::{Condition, Each, EachOf, Node, Order};
use super::functions::{self, Function, FunctionSpec, Gives, Takes, units};
use super::idents::{column_index, missing_index, param_index};
use super::names::spelled;
use super::number::{Number, Operation};
use super::tree::for_each_child;
use super::types::{self, BOOLEAN, Ty};
use super::unit::unit_of;
use super::value::Val;
use super::{Expression, ExpressionError};
use crate::artifact::{NumbersInText, Table, Values};
use crate::step::{listed, nearest};

/// The checks at compile time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Checks {
    /// Operators. A call that cannot succeed is an error of the rows that reach it: a condition may guard it.
    All,
    /// All but those that depend on the values of text columns: a batch has only some of them.
    WithoutValues,
    /// All, and that no function is applied to values of an unsuitable type.
    AllAndCalls,
}

/// An expression compiled for a table, with the type and the unit of its values, if they are known.
pub(super) struct Compiled<'t> {
    pub(super) condition: Condition<'t>,
    pub(super) ty: Option<Ty>,
    pub(super) unit: Option<String>,
}

/// What the checks have to know of the values of a text column.
pub(super) trait TextValues {
    /// Returns whether a value is not missing.
    fn any(&self, column: &str, data: &Values) -> bool;

    /// Describes the numbers, if most of the values are.
    fn numbers(&self, column: &str, data: &Values) -> Option<NumbersInText>;
}

/// The values are those of the table.
struct OfTable;

impl TextValues for OfTable {
    fn any(&self, _: &str, data: &Values) -> bool {
        matches!(data, Values::Text(_)) && data.any_present()
    }

    fn numbers(&self, _: &str, data: &Values) -> Option<NumbersInText> {
        data.numbers_in_text()
    }
}

/// Compiles `expression` for the rows of `table` from the row `start`.
pub(super) fn over<'t>(
    expression: &Expression,
    table: &'t Table,
    start: usize,
    checks: Checks,
) -> Result<Compiled<'t>, ExpressionError> {
    over_values(expression, table, start, checks, &OfTable)
}

/// Compiles like [`over`], for a table whose text columns have these values.
pub(super) fn over_values<'t>(
    expression: &Expression,
    table: &'t Table,
    start: usize,
    checks: Checks,
    texts: &dyn TextValues,
) -> Result<Compiled<'t>, ExpressionError> {
    expression.check_bound()?;
    let (mut columns, mut units) = (Vec::new(), Vec::new());
    for reference in &expression.parsed.columns {
        let Some((column, data)) = table.column(&reference.name) else {
            return Err(no_column(&reference.name, table).at(reference.at.clone()));
        };
        columns.push((column.name.as_ref(), data));
        units.push(column.unit.as_deref());
    }
    let names = expression.parsed.params.iter().map(|reference| &reference.name);
    let params: Vec<Val<'static>> = names.filter_map(|name| expression.params.get(name)).map(Val::of_param).collect();
    let variables = Vec::new();
    let mut compiler = Compiler { params: &params, columns: &columns, units: &units, variables, checks, texts };
    let Part { node: root, ty, .. } = compiler.part(&expression.parsed.root)?;
    let unit = unit_of(&expression.parsed.root, &units).map(str::to_owned);
    Ok(Compiled { condition: Condition { root, columns, start }, ty, unit })
}

fn no_column(name: &str, table: &Table) -> ExpressionError {
    let names: Vec<&str> = table.columns().iter().map(|column| column.name.as_ref()).collect();
    let error = ExpressionError::new(format!("there is no column `{name}`"));
    match nearest(name, names.iter().copied()) {
        Some(nearest) => error.with_help(format!("did you mean `{}`?", spelled(nearest))),
        None if names.is_empty() => error.with_help("the table has no columns"),
        None => {
            let names: Vec<String> = names.iter().map(|name| spelled(name)).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            error.with_help(format!("the columns are {}", listed(&names)))
        }
    }
}

/// A compiled part of an expression.
struct Part {
    node: Node,
    /// The kind of its values, if the operations on it can be checked: a column without values may have any.
    kind: Option<Kind>,
    /// The type of its values, as far as it follows from the types of the columns.
    ty: Option<Ty>,
}

/// A kind of values.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Number,
    Text,
    Truth,
}

impl Kind {
    fn in_words(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Text => "text",
            Self::Truth => "true or false",
        }
    }

    fn of(value: &Val<'_>) -> Option<Self> {
        match value {
            Val::Number(_) => Some(Self::Number),
            Val::Text(_) => Some(Self::Text),
            Val::Truth(_) => Some(Self::Truth),
            Val::Null | Val::List(_) => None,
        }
    }

    /// Returns whether a function that takes `takes` cannot be applied to such values.
    fn is_unsuitable(self, takes: Takes) -> bool {
        match takes {
            Takes::Number => self != Self::Number,
            Takes::Text => self != Self::Text,
            Takes::Any => false,
        }
    }
}

struct Compiler<'a> {
    params: &'a [Val<'static>],
    columns: &'a [(&'a str, &'a Values)],
    /// The units of the columns.
    units: &'a [Option<&'a str>],
    /// The variables of the enclosing macros with their types, outermost first.
    variables: Vec<(&'a str, Option<Ty>)>,
    checks: Checks,
    texts: &'a dyn TextValues,
}

impl<'a> Compiler<'a> {
    fn part(&mut self, expr: &'a IdedExpr) -> Result<Part, ExpressionError> {
        match &expr.expr {
            Expr::Ident(name) => Ok(self.named(name)),
            Expr::Literal(literal) => of_literal(literal).map(known),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let items = list.elements.iter().map(|item| self.part(item)).collect::<Result<Vec<_>, _>>()?;
                let (nodes, types): (Vec<_>, Vec<_>) = items.into_iter().map(|part| (part.node, part.ty)).unzip();
                Ok(Part { node: Node::List(nodes), kind: None, ty: Some(types::list_of(types)) })
            }
            Expr::Comprehension(comprehension) => self.each(comprehension),
            Expr::Select(_) | Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => Err(without_meaning()),
        }
    }

    fn named(&self, name: &str) -> Part {
        if let Some(param) = param_index(name).and_then(|index| self.params.get(index)) {
            return known(param.clone());
        }
        if let Some(index) = missing_index(name) {
            return Part { node: Node::IsMissing(index), kind: Some(Kind::Truth), ty: Some(BOOLEAN) };
        }
        if let Some(index) = column_index(name) {
            let kind = self.columns.get(index).and_then(|(name, data)| match data {
                Values::Integer(_) | Values::Float(_) => Some(Kind::Number),
                // A file's column without values is inferred as text, but might have any type.
                Values::Text(_) if self.checks == Checks::WithoutValues => None,
                Values::Text(_) => self.texts.any(name, data).then_some(Kind::Text),
                Values::Boolean(_) => Some(Kind::Truth),
            });
            let ty = self.columns.get(index).map(|(_, data)| Ty::Column(data.ty()));
            return Part { node: Node::Cell(index), kind, ty };
        }
        // Every other name is a variable of the innermost macro with that variable.
        let depth = self.variables.iter().rposition(|(variable, _)| *variable == name).unwrap_or_default();
        let ty = self.variables.get(depth).and_then(|(_, ty)| ty.clone());
        Part { node: Node::Variable(depth), kind: None, ty }
    }

    fn call(&mut self, call: &'a CallExpr) -> Result<Part, ExpressionError> {
        let in_math =
            matches!(call.target.as_deref(), Some(IdedExpr { expr: Expr::Ident(name), .. }) if name == "math");
        let target = call.target.as_deref().filter(|_| !in_math);
        let parts = target.into_iter().chain(&call.args).map(|part| self.part(part)).collect::<Result<Vec<_>, _>>()?;
        let kinds: Vec<Option<Kind>> = parts.iter().map(|part| part.kind).collect();
        let name = if in_math { format!("math.{}", call.func_name) } else { call.func_name.clone() };
        if let Some(function) = functions::named(&name) {
            let arguments: Vec<&IdedExpr> = target.into_iter().chain(&call.args).collect();
            self.check_call(function, &name, &arguments, &kinds)?;
            return Ok(function_call(function, name, &arguments, parts));
        }
        let part = |node: Node, kind: Kind| {
            let ty = if kind == Kind::Truth { Some(BOOLEAN) } else { None };
            Ok(Part { node, kind: Some(kind), ty })
        };
        let mut types: Vec<Option<Ty>> = parts.iter().map(|part| part.ty.clone()).collect();
        let nodes: Vec<Node> = parts.into_iter().map(|part| part.node).collect();
        match (name.as_str(), kinds.as_slice()) {
            (operators::LOGICAL_NOT, &[kind]) => {
                self.check_operand("!", call, kind, Kind::Truth)?;
                let [of] = *exactly(nodes)?;
                part(Node::Not(Box::new(of)), Kind::Truth)
            }
            (operators::NEGATE, &[kind]) => {
                self.check_operand("-", call, kind, Kind::Number)?;
                let [of] = *exactly(nodes)?;
                Ok(Part { node: Node::Negate(Box::new(of)), kind: Some(Kind::Number), ty: types.remove(0) })
            }
            (operators::CONDITIONAL, &[_, then, other]) => {
                self.check_one_unit("? :", call.args.iter().skip(1))?;
                let ty = types::of_all(types.drain(1..));
                Ok(Part { node: Node::If(exactly(nodes)?), kind: then.filter(|_| then == other), ty })
            }
            (operator, &[left, right]) => {
                let [one, other] = call.args.as_slice() else { return Err(without_meaning()) };
                self.check_operator(operator, call, [left, right])?;
                if operation_of(operator).is_none_or(|it| matches!(it, Operation::Add | Operation::Subtract)) {
                    self.check_one_unit(operator_symbol(operator), [one, other])?;
                }
                let sides = exactly(nodes)?;
                if let Some(order) = order_of(operator) {
                    return part(Node::Order(order, sides), Kind::Truth);
                }
                if let Some(operation) = operation_of(operator) {
                    // Addition also concatenates texts and lists.
                    let kind =
                        if operation == Operation::Add { left.filter(|_| left == right) } else { Some(Kind::Number) };
                    let ty = types::of_arithmetic(operation, types.remove(0), types.remove(0));
                    return Ok(Part { node: Node::Arithmetic(operation, sides), kind, ty });
                }
                match operator {
                    operators::LOGICAL_AND => part(Node::Both(true, sides), Kind::Truth),
                    operators::LOGICAL_OR => part(Node::Both(false, sides), Kind::Truth),
                    operators::EQUALS | operators::NOT_EQUALS if is_null(one) != is_null(other) => {
                        let [left, right] = *sides;
                        let of = if is_null(one) { right } else { left };
                        part(Node::IsNull(operator == operators::EQUALS, Box::new(of)), Kind::Truth)
                    }
                    operators::EQUALS => part(Node::Equal(true, sides), Kind::Truth),
                    operators::NOT_EQUALS => part(Node::Equal(false, sides), Kind::Truth),
                    operators::IN => part(Node::In(sides), Kind::Truth),
                    operators::INDEX => {
                        let ty = types.remove(0).and_then(Ty::of_items);
                        Ok(Part { node: Node::Element(sides), kind: None, ty })
                    }
                    _ => Err(without_meaning()),
                }
            }
            _ => Err(without_meaning()),
        }
    }

    /// Refuses a call with a wrong number of arguments, with an argument of an unsuitable type if calls are checked, or
    /// with a unit that is not that of the column.
    fn check_call(
        &self,
        function: &FunctionSpec,
        name: &str,
        arguments: &[&IdedExpr],
        kinds: &[Option<Kind>],
    ) -> Result<(), ExpressionError> {
        let (name, (least, most)) = (functions::spelled(name), function.takes);
        if !(least..=most).contains(&kinds.len()) {
            let (takes, found) = (function.takes_in_words(), kinds.len());
            return Err(ExpressionError::new(format!("`{name}` expects {takes}, found {found}")));
        }
        for (index, (argument, kind)) in arguments.iter().zip(kinds).enumerate() {
            let Some(kind) = kind.filter(|kind| kind.is_unsuitable(function.function.takes(index))) else { continue };
            if self.checks == Checks::AllAndCalls {
                let described = self.describe(argument, kind);
                let error =
                    ExpressionError::new(format!("`{name}` cannot be applied to {}: {described}", kind.in_words()));
                return Err(match (kind, self.column(argument)) {
                    (Kind::Text, Some((column, _))) => error.with_help(read_as_numbers(column)),
                    (Kind::Number, _) => error.with_help("write `string(…)` around it"),
                    _ => error,
                });
            }
        }
        match (function.gives, arguments) {
            (Gives::LikeAll, values) => self.check_one_unit(name, values.iter().copied()),
            (_, [value, from, _]) if function.name == "convert" => self.check_unit(value, from),
            _ => Ok(()),
        }
    }

    /// Refuses to convert a value from a unit that it does not have.
    fn check_unit(&self, value: &IdedExpr, from: &IdedExpr) -> Result<(), ExpressionError> {
        match (unit_of(value, self.units), self.literal(from)) {
            (Some(unit), Some(Val::Text(from))) if !units::same(unit, &from) => {
                Err(ExpressionError::new(match self.column(value) {
                    Some((column, _)) => {
                        format!("the column `{column}` is in `{unit}`, but `convert` takes it to be in `{from}`")
                    }
                    None => format!("the values are in `{unit}`, but `convert` takes them to be in `{from}`"),
                }))
            }
            _ => Ok(()),
        }
    }

    /// Refuses to compute with values in different units, which only a conversion makes comparable.
    fn check_one_unit<'e>(
        &self,
        symbol: &str,
        values: impl IntoIterator<Item = &'e IdedExpr>,
    ) -> Result<(), ExpressionError> {
        // Conditions have always compared the bare numbers.
        if self.checks != Checks::AllAndCalls {
            return Ok(());
        }
        let mut found = values.into_iter().filter_map(|value| unit_of(value, self.units));
        let Some(first) = found.next() else { return Ok(()) };
        match found.find(|unit| !units::same(first, unit)) {
            Some(other) => {
                Err(ExpressionError::new(format!("`{symbol}` is applied to values in `{first}` and in `{other}`"))
                    .with_help(format!("write `convert(…, '{other}', '{first}')` around the latter")))
            }
            None => Ok(()),
        }
    }

    /// Refuses to apply an operator with one operand to a kind of values other than `expected`.
    fn check_operand(
        &self,
        symbol: &str,
        call: &CallExpr,
        found: Option<Kind>,
        expected: Kind,
    ) -> Result<(), ExpressionError> {
        match (found, call.args.first()) {
            (Some(kind), Some(of)) if kind != expected && self.checks == Checks::AllAndCalls => {
                let described = self.describe(of, kind);
                Err(ExpressionError::new(format!("`{symbol}` cannot be applied to {}: {described}", kind.in_words())))
            }
            _ => Ok(()),
        }
    }

    /// Refuses an operation that would be false or an error for every row.
    fn check_operator(
        &self,
        operator: &str,
        call: &CallExpr,
        [left, right]: [Option<Kind>; 2],
    ) -> Result<(), ExpressionError> {
        let [one, other] = call.args.as_slice() else { return Ok(()) };
        if operator == operators::IN {
            let (Some(left), Expr::List(list)) = (left, &other.expr) else { return Ok(()) };
            let kinds: Option<Vec<Kind>> = list.elements.iter().map(|item| Kind::of(&self.literal(item)?)).collect();
            return match kinds.as_deref() {
                Some([first, ..]) if kinds.iter().flatten().all(|kind| *kind != left) => {
                    let why =
                        format!("{}, but each value of the list is {}", self.describe(one, left), first.in_words());
                    Err(self.help(
                        ExpressionError::new(format!("the operands are never equal: {why}")),
                        call,
                        [Some(left), Some(*first)],
                    ))
                }
                _ => Ok(()),
            };
        }
        let (Some(left), Some(right)) = (left, right) else { return Ok(()) };
        let both = format!("{}, but {}", self.describe(one, left), self.describe(other, right));
        let message = match operator {
            operators::EQUALS | operators::NOT_EQUALS if left != right => {
                format!("the operands are never equal: {both}")
            }
            operator => match (order_of(operator), operation_of(operator)) {
                (Some(order), _) if left != right => {
                    format!(
                        "`{}` cannot be applied to {} and {}: {both}",
                        order.symbol(),
                        left.in_words(),
                        right.in_words()
                    )
                }
                (Some(_), _) if left == Kind::Text => return self.check_order_of_texts(call),
                (_, Some(operation))
                    if left != right || left == Kind::Truth || (left == Kind::Text && operation != Operation::Add) =>
                {
                    format!(
                        "`{}` cannot be applied to {} and {}: {both}",
                        operation.symbol(),
                        left.in_words(),
                        right.in_words()
                    )
                }
                _ => return Ok(()),
            },
        };
        Err(self.help(ExpressionError::new(message), call, [Some(left), Some(right)]))
    }

    /// Refuses to order text columns that contain mostly numbers.
    fn check_order_of_texts(&self, call: &CallExpr) -> Result<(), ExpressionError> {
        if self.checks == Checks::WithoutValues {
            return Ok(());
        }
        for (name, data) in call.args.iter().filter_map(|side| self.column(side)) {
            if let Some(numbers) = self.texts.numbers(name, data) {
                let column = spelled(name);
                return Err(ExpressionError::new(format!("the column `{name}` is text, but {numbers}"))
                    .with_help(format!("{}; or compare it as text: `string({column})`", read_as_numbers(name))));
            }
        }
        Ok(())
    }

    /// Adds advice to `error` about a text column where a number is expected.
    fn help(&self, error: ExpressionError, call: &CallExpr, kinds: [Option<Kind>; 2]) -> ExpressionError {
        let columns = call.args.iter().zip(kinds).filter(|(_, kind)| *kind == Some(Kind::Text));
        let text = columns.filter_map(|(side, _)| self.column(side)).next();
        match text.filter(|_| kinds.contains(&Some(Kind::Number))) {
            Some((name, _)) => error.with_help(format!("{}; or quote the text", read_as_numbers(name))),
            None => error.with_help("write text with quotes, and numbers without"),
        }
    }

    fn column(&self, expr: &IdedExpr) -> Option<(&'a str, &'a Values)> {
        let Expr::Ident(name) = &expr.expr else { return None };
        self.columns.get(column_index(name)?).copied()
    }

    /// Returns the value of a literal or a parameter.
    fn literal(&self, expr: &IdedExpr) -> Option<Val<'static>> {
        match &expr.expr {
            Expr::Literal(literal) => of_literal(literal).ok(),
            Expr::Ident(name) => self.params.get(param_index(name)?).cloned(),
            _ => None,
        }
    }

    /// Describes an operand and its type.
    fn describe(&self, expr: &IdedExpr, kind: Kind) -> String {
        let name = match self.literal(expr) {
            Some(Val::Number(number)) => Some(format!("`{}`", number.spelled())),
            Some(Val::Text(text)) => Some(format!("`{}`", Value::from(text.as_ref()))),
            _ => self.column(expr).map(|(name, _)| format!("the column `{name}`")),
        };
        format!("{} is {}", name.as_deref().unwrap_or("the other side"), kind.in_words())
    }

    /// Compiles a macro over a list, which the parser has expanded to a loop.
    fn each(&mut self, comprehension: &'a ComprehensionExpr) -> Result<Part, ExpressionError> {
        let ComprehensionExpr { iter_range, iter_var, accu_var, loop_step, .. } = comprehension;
        let is_result = |expr: &IdedExpr| matches!(&expr.expr, Expr::Ident(name) if name == accu_var);
        let Part { node: list, ty, .. } = self.part(iter_range)?;
        let Expr::Call(step) = &loop_step.expr else { return Err(without_meaning()) };
        // `@result && x`, `@result || x`, `x ? @result + 1 : @result`, `@result + [y]`, `x ? @result + [y] : @result`
        let (each, condition, body) = match (step.func_name.as_str(), step.args.as_slice()) {
            (operators::LOGICAL_AND, [_, condition]) => (Each::All, Some(condition), None),
            (operators::LOGICAL_OR, [_, condition]) => (Each::Exists, Some(condition), None),
            (operators::CONDITIONAL, [condition, then, _]) => match added(then) {
                Some(IdedExpr { expr: Expr::List(list), .. }) => (Each::Map, Some(condition), list.elements.first()),
                Some(_) => (Each::ExistsOne, Some(condition), None),
                None => return Err(without_meaning()),
            },
            (operators::ADD, [result, IdedExpr { expr: Expr::List(list), .. }]) if is_result(result) => {
                (Each::Map, None, list.elements.first())
            }
            _ => return Err(without_meaning()),
        };
        self.variables.push((iter_var, ty.and_then(Ty::of_items)));
        let mut inner = |part: Option<&'a IdedExpr>| part.map(|part| self.part(part)).transpose();
        let parts = inner(condition).and_then(|condition| Ok((condition, inner(body)?)));
        self.variables.pop();
        let (condition, body) = parts?;
        let (body, of_body) = body.map(|part| (part.node, part.ty)).unzip();
        let of = EachOf { list, condition: condition.map(|part| part.node), body };
        let (kind, ty) = match each {
            Each::Map => (None, types::list_of(of_body)),
            _ => (Some(Kind::Truth), BOOLEAN),
        };
        Ok(Part { node: Node::Each(each, Box::new(of)), kind, ty: Some(ty) })
    }
}

fn function_call(function: &FunctionSpec, name: String, arguments: &[&IdedExpr], parts: Vec<Part>) -> Part {
    let kind = match function.gives {
        Gives::Text => Some(Kind::Text),
        Gives::Boolean => Some(Kind::Truth),
        Gives::Integer | Gives::Float | Gives::LikeFirst => Some(Kind::Number),
        Gives::LikeAll if matches!(function.function, Function::Extreme { .. }) => Some(Kind::Number),
        Gives::LikeAll => {
            let first = parts.first().and_then(|part| part.kind);
            first.filter(|_| parts.iter().all(|part| part.kind == first))
        }
        Gives::ListOfText | Gives::Other => None,
    };
    let (nodes, types): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (part.node, part.ty)).unzip();
    let node = match function.function {
        Function::Coalesce => Node::Coalesce(nodes),
        function => Node::Call(function, name, nodes, arguments.iter().find_map(|argument| first_column(argument))),
    };
    Part { node, kind, ty: types::of_call(function, types) }
}

/// Returns the index of the first column in an expression.
fn first_column(expr: &IdedExpr) -> Option<usize> {
    if let Expr::Ident(name) = &expr.expr {
        return column_index(name);
    }
    let mut first = None;
    for_each_child(&expr.expr, &mut |child| first = first.or_else(|| first_column(child)));
    first
}

/// Returns what a loop step adds to its result.
fn added(step: &IdedExpr) -> Option<&IdedExpr> {
    match &step.expr {
        Expr::Call(call) if call.func_name == operators::ADD => call.args.get(1),
        _ => None,
    }
}

fn exactly<const N: usize>(nodes: Vec<Node>) -> Result<Box<[Node; N]>, ExpressionError> {
    nodes.into_boxed_slice().try_into().map_err(|_| without_meaning())
}

fn known(value: Val<'static>) -> Part {
    Part { kind: Kind::of(&value), ty: Ty::of(&value), node: Node::Literal(value) }
}

fn of_literal(literal: &LiteralValue) -> Result<Val<'static>, ExpressionError> {
    Ok(match literal {
        LiteralValue::Boolean(truth) => Val::Truth(*truth.inner()),
        LiteralValue::Int(number) => Val::Number(Number::Whole((*number.inner()).into())),
        LiteralValue::UInt(number) => Val::Number(Number::Whole((*number.inner()).into())),
        LiteralValue::Double(number) => {
            Val::Number(super::number::real(*number.inner()).map_err(ExpressionError::new)?)
        }
        LiteralValue::String(text) => Val::Text(text.inner().to_owned().into()),
        LiteralValue::Null => Val::Null,
        LiteralValue::Bytes(_) => {
            return Err(ExpressionError::new("byte literals are not supported").with_help("write text: `'…'`"));
        }
    })
}

fn order_of(operator: &str) -> Option<Order> {
    Some(match operator {
        operators::LESS => Order::Less,
        operators::LESS_EQUALS => Order::LessOrEqual,
        operators::GREATER => Order::Greater,
        operators::GREATER_EQUALS => Order::GreaterOrEqual,
        _ => return None,
    })
}

/// Returns an operator as it is written, without the underscores for its operands.
fn operator_symbol(operator: &str) -> &str {
    operator.trim_matches('_')
}

fn is_null(expr: &IdedExpr) -> bool {
    matches!(expr.expr, Expr::Literal(LiteralValue::Null))
}

fn operation_of(operator: &str) -> Option<Operation> {
    Some(match operator {
        operators::ADD => Operation::Add,
        operators::SUBSTRACT => Operation::Subtract,
        operators::MULTIPLY => Operation::Multiply,
        operators::DIVIDE => Operation::Divide,
        operators::MODULO => Operation::Remainder,
        _ => return None,
    })
}

/// Returns the error for a syntax tree that no supported expression can have.
fn without_meaning() -> ExpressionError {
    ExpressionError::new("a part of the expression is not supported")
}

fn read_as_numbers(column: &str) -> String {
    format!(
        "to read it as numbers write `numbers: [{column}]` in `molecules.read`, or `types: {{ {column}: float }}` in \
         `table.read`, and list texts for missing values in `missing`"
    )
}
