//! Evaluates a compiled expression on the rows of a table.

use std::cmp::Ordering;

use super::budget;
use super::functions::Function;
use super::number::Operation;
use super::value::Val;
use crate::artifact::Values;

/// The result of a condition for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<'t> {
    /// The condition holds.
    True,
    /// The condition does not hold.
    False,
    /// The result depends on this column, whose value is missing.
    Missing(&'t str),
    /// The condition cannot be evaluated, for this reason.
    Error(String),
}

/// An expression compiled for a table.
pub struct Condition<'t> {
    pub(super) root: Node,
    pub(super) columns: Vec<(&'t str, &'t Values)>,
    /// The index in the columns of the first row.
    pub(super) start: usize,
}

/// A node of a compiled expression.
#[derive(Debug)]
pub(super) enum Node {
    Literal(Val<'static>),
    /// The cell in the column at this index.
    Cell(usize),
    /// Whether the value in the column at this index is missing.
    IsMissing(usize),
    /// Whether a value is missing, if true, or present.
    IsNull(bool, Box<Node>),
    /// The variable of a macro, by the number of macros that enclose that macro.
    Variable(usize),
    List(Vec<Node>),
    Not(Box<Node>),
    /// `&&` if true, else `||`.
    Both(bool, Box<[Node; 2]>),
    If(Box<[Node; 3]>),
    /// `==` if true, else `!=`.
    Equal(bool, Box<[Node; 2]>),
    Order(Order, Box<[Node; 2]>),
    In(Box<[Node; 2]>),
    Element(Box<[Node; 2]>),
    Arithmetic(Operation, Box<[Node; 2]>),
    Negate(Box<Node>),
    /// A function, its name, its arguments, and the first column in them, which is what is missing if the function gives
    /// no value.
    Call(Function, String, Vec<Node>, Option<usize>),
    /// The first value that is not missing.
    Coalesce(Vec<Node>),
    Each(Each, Box<EachOf>),
}

/// The ordering comparisons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The macros over lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Each {
    All,
    Exists,
    ExistsOne,
    /// The values of the body for the elements that satisfy the condition, if there is one.
    Map,
}

/// The operands of a macro.
#[derive(Debug)]
pub(super) struct EachOf {
    pub(super) list: Node,
    /// The condition on an element.
    pub(super) condition: Option<Node>,
    /// The body of a [`Each::Map`].
    pub(super) body: Option<Node>,
}

/// Why an evaluation stopped without a value.
pub(super) enum Stop {
    /// The value in the column at this index is missing; `None` if `null` was computed.
    Missing(Option<usize>),
    Error(String),
}

impl From<String> for Stop {
    fn from(reason: String) -> Self {
        Self::Error(reason)
    }
}

impl Order {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

impl<'t> Condition<'t> {
    /// Evaluates the condition for the row at this index. [`EXPRESSION_WORK`](crate::step::limits::EXPRESSION_WORK) limits
    /// the work on a row.
    pub fn test(&self, row: usize) -> Verdict<'t> {
        budget::for_row(|| self.decide(row)).unwrap_or_else(Verdict::Error)
    }

    /// Evaluates the expression for the row at this index. Requires a budget.
    pub(super) fn evaluate(&self, row: usize) -> Result<Val<'_>, Stop> {
        Row { columns: &self.columns, row: self.start + row, scope: Vec::new() }.value(&self.root)
    }

    fn decide(&self, row: usize) -> Verdict<'t> {
        match self.evaluate(row) {
            Ok(Val::Truth(true)) => Verdict::True,
            Ok(Val::Truth(false)) => Verdict::False,
            Ok(Val::Null) | Err(Stop::Missing(None)) => match self.columns.first() {
                Some((column, _)) => Verdict::Missing(column),
                None => Verdict::Error("the expression is null; expected true or false".to_owned()),
            },
            Ok(other) => Verdict::Error(format!("the expression is {}; expected true or false", other.in_words())),
            Err(Stop::Missing(Some(index))) => Verdict::Missing(self.columns[index].0),
            Err(Stop::Error(reason)) => Verdict::Error(reason),
        }
    }
}

/// A row, with the variables of the enclosing macros.
struct Row<'a> {
    columns: &'a [(&'a str, &'a Values)],
    row: usize,
    scope: Vec<Val<'a>>,
}

impl<'a> Row<'a> {
    fn value(&mut self, node: &'a Node) -> Result<Val<'a>, Stop> {
        // A node outside macros is evaluated once and costs nothing.
        let repeated = !self.scope.is_empty();
        if repeated {
            budget::spend(1)?;
        }
        match node {
            Node::Literal(value) => {
                if repeated {
                    budget::spend_on(value)?;
                }
                Ok(value.borrowed())
            }
            Node::Cell(index) => Val::of_cell(self.columns[*index].1, self.row).ok_or(Stop::Missing(Some(*index))),
            Node::IsMissing(index) => Ok(Val::Truth(Val::of_cell(self.columns[*index].1, self.row).is_none())),
            Node::IsNull(null, of) => {
                let is_null = match self.operand(of) {
                    Ok(value) => matches!(value, Val::Null),
                    Err(Stop::Missing(_)) => true,
                    Err(stop) => return Err(stop),
                };
                Ok(Val::Truth(is_null == *null))
            }
            Node::Variable(depth) => {
                budget::spend_on(&self.scope[*depth])?;
                Ok(self.scope[*depth].clone())
            }
            Node::List(items) => Ok(Val::List(self.values(items)?)),
            Node::Not(of) => match self.present(of)? {
                Val::Truth(truth) => Ok(Val::Truth(!truth)),
                other => Err(format!("`!` cannot be applied to {}", other.in_words()).into()),
            },
            Node::Both(and, sides) => self.both(*and, sides),
            Node::If(parts) => {
                let [condition, then, otherwise] = parts.as_ref();
                if self.truth(condition)? { self.value(then) } else { self.value(otherwise) }
            }
            Node::Equal(equal, sides) => {
                let [left, right] = self.pair(sides)?;
                Ok(Val::Truth(left.equals(&right) == *equal))
            }
            Node::Order(order, sides) => {
                let [left, right] = self.both_present(sides)?;
                match left.compare(&right) {
                    Some(found) => Ok(Val::Truth(order.holds(found))),
                    None => Err(between(order.symbol(), &left, &right)),
                }
            }
            Node::In(sides) => match self.pair(sides)? {
                [value, Val::List(items)] => Ok(Val::Truth(items.iter().any(|item| item.equals(&value)))),
                [_, Val::Null] => Err(Stop::Missing(None)),
                [left, right] => Err(between("in", &left, &right)),
            },
            Node::Element(sides) => match self.both_present(sides)? {
                [Val::List(mut items), Val::Number(at)] => match at.index().filter(|at| *at < items.len()) {
                    Some(at) => Ok(items.swap_remove(at)),
                    None => Err(format!("index {} is out of range for a list of {}", at.spelled(), items.len()).into()),
                },
                [left, right] => {
                    Err(format!("`[…]` cannot be applied to {}, {}", left.in_words(), right.in_words()).into())
                }
            },
            Node::Arithmetic(operation, sides) => match (operation, self.both_present(sides)?) {
                (_, [Val::Number(left), Val::Number(right)]) => Ok(Val::Number(operation.apply(left, right)?)),
                (Operation::Add, [left, right]) => {
                    budget::spend_on(&left)?;
                    budget::spend_on(&right)?;
                    match (left, right) {
                        (Val::Text(left), Val::Text(right)) => Ok(Val::Text(left + right)),
                        (Val::List(mut left), Val::List(right)) => {
                            left.extend(right);
                            Ok(Val::List(left))
                        }
                        (left, right) => Err(between("+", &left, &right)),
                    }
                }
                (_, [left, right]) => Err(between(operation.symbol(), &left, &right)),
            },
            Node::Negate(of) => match self.present(of)? {
                Val::Number(number) => Ok(Val::Number(number.negated()?)),
                other => Err(format!("`-` cannot be applied to {}", other.in_words()).into()),
            },
            Node::Call(function, name, arguments, column) => {
                let values = self.values(arguments)?;
                if values.iter().any(|value| function.has_no_value_for(value)) {
                    return Err(Stop::Missing(None));
                }
                match (function.apply(name, &values)?, column) {
                    (Some(value), _) => Ok(value),
                    (None, Some(index)) => Err(Stop::Missing(Some(*index))),
                    (None, None) => Ok(Val::Null),
                }
            }
            Node::Coalesce(values) => self.coalesce(values),
            Node::Each(each, of) => self.each(*each, of),
        }
    }

    fn coalesce(&mut self, nodes: &'a [Node]) -> Result<Val<'a>, Stop> {
        let mut missing = Ok(Val::Null);
        for node in nodes {
            match self.operand(node) {
                Ok(Val::Null) => {}
                Err(Stop::Missing(index)) => missing = Err(Stop::Missing(index)),
                found => return found,
            }
        }
        missing
    }

    fn values(&mut self, nodes: &'a [Node]) -> Result<Vec<Val<'a>>, Stop> {
        nodes.iter().map(|node| self.operand(node)).collect()
    }

    fn pair(&mut self, [left, right]: &'a [Node; 2]) -> Result<[Val<'a>; 2], Stop> {
        Ok([self.operand(left)?, self.operand(right)?])
    }

    /// Evaluates an operand, and charges for its size because the operation reads all of it.
    fn operand(&mut self, node: &'a Node) -> Result<Val<'a>, Stop> {
        let value = self.value(node)?;
        if !self.scope.is_empty() {
            budget::spend_on(&value)?;
        }
        Ok(value)
    }

    /// Evaluates an operand that must not be missing.
    fn present(&mut self, node: &'a Node) -> Result<Val<'a>, Stop> {
        self.value(node).and_then(present)
    }

    fn both_present(&mut self, sides: &'a [Node; 2]) -> Result<[Val<'a>; 2], Stop> {
        let [left, right] = self.pair(sides)?;
        Ok([present(left)?, present(right)?])
    }

    fn truth(&mut self, node: &'a Node) -> Result<bool, Stop> {
        match self.present(node)? {
            Val::Truth(truth) => Ok(truth),
            other => Err(format!("expected true or false, found {}", other.in_words()).into()),
        }
    }

    /// Evaluates `&&`, or `||` if `and` is false. A side that decides the result does so even if the other has no value.
    fn both(&mut self, and: bool, sides: &'a [Node; 2]) -> Result<Val<'a>, Stop> {
        let [left, right] = sides;
        let left = self.present(left);
        if matches!(left, Ok(Val::Truth(truth)) if truth != and) {
            return left;
        }
        let right = self.present(right)?;
        match (left, right) {
            (_, Val::Truth(truth)) if truth != and => Ok(Val::Truth(truth)),
            (Ok(Val::Truth(_)), Val::Truth(truth)) => Ok(Val::Truth(truth)),
            (Err(stop), _) => Err(stop),
            (Ok(left), right) => Err(between(if and { "&&" } else { "||" }, &left, &right)),
        }
    }

    fn each(&mut self, each: Each, of: &'a EachOf) -> Result<Val<'a>, Stop> {
        let items = match self.present(&of.list)? {
            Val::List(items) => items,
            other => return Err(format!("expected a list, found {}", other.in_words()).into()),
        };
        let (mut given, mut found, mut pending) = (Vec::new(), 0, None);
        for item in items {
            self.scope.push(item);
            let chosen = of.condition.as_ref().map_or(Ok(true), |condition| self.truth(condition));
            let value = match (&chosen, each, &of.body) {
                (Ok(true), Each::Map, Some(body)) => Some(self.value(body)),
                _ => None,
            };
            self.scope.pop();
            match (each, chosen) {
                (Each::All, Ok(false)) => return Ok(Val::Truth(false)),
                (Each::Exists, Ok(true)) => return Ok(Val::Truth(true)),
                // A later element may still decide the result.
                (Each::All | Each::Exists, Err(stop)) => pending = Some(stop),
                (Each::ExistsOne, Ok(true)) => found += 1,
                (Each::Map | Each::ExistsOne, Err(stop)) => return Err(stop),
                _ => given.extend(value.transpose()?),
            }
        }
        match (each, pending) {
            (_, Some(stop)) => Err(stop),
            (Each::All, None) => Ok(Val::Truth(true)),
            (Each::Exists, None) => Ok(Val::Truth(false)),
            (Each::ExistsOne, None) => Ok(Val::Truth(found == 1)),
            (Each::Map, None) => Ok(Val::List(given)),
        }
    }
}

/// Returns a value that is not `null`, which has no result.
fn present(value: Val<'_>) -> Result<Val<'_>, Stop> {
    match value {
        Val::Null => Err(Stop::Missing(None)),
        value => Ok(value),
    }
}

fn between(symbol: &str, left: &Val<'_>, right: &Val<'_>) -> Stop {
    format!("`{symbol}` cannot be applied to {} and {}", left.in_words(), right.in_words()).into()
}
