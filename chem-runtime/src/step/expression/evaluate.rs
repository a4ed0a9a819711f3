//! An expression at work on the rows of one table.

use std::cmp::Ordering;

use super::budget;
use super::functions::Function;
use super::number::Operation;
use super::value::Val;
use crate::artifact::ColumnData;

/// What an expression says of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<'t> {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It cannot be decided, because the row has no value in this column.
    Missing(&'t str),
    /// It cannot be evaluated, for this reason.
    Error(String),
}

/// An expression bound to a table.
pub struct Condition<'t> {
    pub(super) root: Node,
    pub(super) columns: Vec<(&'t str, &'t ColumnData)>,
}

/// A part of an expression, ready to be evaluated.
#[derive(Debug)]
pub(super) enum Node {
    Literal(Val<'static>),
    /// The cell in the column at this index.
    Cell(usize),
    /// Whether the column at this index has no value.
    IsMissing(usize),
    /// The variable of a macro, by how many macros are around the one that it belongs to.
    Variable(usize),
    List(Vec<Node>),
    Not(Box<Node>),
    /// `&&`, or else `||`.
    Both(bool, Box<[Node; 2]>),
    If(Box<[Node; 3]>),
    /// `==`, or else `!=`.
    Equal(bool, Box<[Node; 2]>),
    Order(Order, Box<[Node; 2]>),
    In(Box<[Node; 2]>),
    Element(Box<[Node; 2]>),
    Arithmetic(Operation, Box<[Node; 2]>),
    Negate(Box<Node>),
    Call(Function, String, Vec<Node>),
    Each(Each, Box<EachOf>),
}

/// The comparisons that ask for an order.
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
    /// What the body gives for those elements of which the condition, if there is one, holds.
    Map,
}

/// What a macro is over.
#[derive(Debug)]
pub(super) struct EachOf {
    pub(super) list: Node,
    /// What has to hold of an element.
    pub(super) condition: Option<Node>,
    /// What becomes of an element in a [`Each::Map`].
    pub(super) body: Option<Node>,
}

/// Why there is no value.
enum Stop {
    /// The column at this index has none.
    Missing(usize),
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
    /// What the expression says of the row with this number. The work on a row is limited by
    /// [`EXPRESSION_WORK`](crate::step::limits::EXPRESSION_WORK).
    pub fn test(&self, row: usize) -> Verdict<'t> {
        budget::for_row(|| self.decide(row)).unwrap_or_else(Verdict::Error)
    }

    fn decide(&self, row: usize) -> Verdict<'t> {
        match (Row { columns: &self.columns, row, scope: Vec::new() }.value(&self.root)) {
            Ok(Val::Truth(true)) => Verdict::True,
            Ok(Val::Truth(false)) => Verdict::False,
            Ok(other) => {
                Verdict::Error(format!("the expression gives {} where true or false is needed", other.in_words()))
            }
            Err(Stop::Missing(index)) => Verdict::Missing(self.columns[index].0),
            Err(Stop::Error(reason)) => Verdict::Error(reason),
        }
    }
}

/// A row, with the variables of the macros around what is evaluated.
struct Row<'a> {
    columns: &'a [(&'a str, &'a ColumnData)],
    row: usize,
    scope: Vec<Val<'a>>,
}

impl<'a> Row<'a> {
    fn value(&mut self, node: &'a Node) -> Result<Val<'a>, Stop> {
        // What stands in no macro is evaluated once.
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
            Node::Cell(index) => Val::of_cell(self.columns[*index].1, self.row).ok_or(Stop::Missing(*index)),
            Node::IsMissing(index) => Ok(Val::Truth(Val::of_cell(self.columns[*index].1, self.row).is_none())),
            Node::Variable(depth) => {
                budget::spend_on(&self.scope[*depth])?;
                Ok(self.scope[*depth].clone())
            }
            Node::List(items) => Ok(Val::List(self.values(items)?)),
            Node::Not(of) => match self.value(of)? {
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
                let [left, right] = self.pair(sides)?;
                match left.compare(&right) {
                    Some(found) => Ok(Val::Truth(order.holds(found))),
                    None => Err(between(order.symbol(), &left, &right)),
                }
            }
            Node::In(sides) => match self.pair(sides)? {
                [value, Val::List(items)] => Ok(Val::Truth(items.iter().any(|item| item.equals(&value)))),
                [left, right] => Err(between("in", &left, &right)),
            },
            Node::Element(sides) => match self.pair(sides)? {
                [Val::List(mut items), Val::Number(at)] => match at.place().filter(|at| *at < items.len()) {
                    Some(at) => Ok(items.swap_remove(at)),
                    None => Err(format!("there is no element {} in a list of {}", at.spelled(), items.len()).into()),
                },
                [left, right] => {
                    Err(format!("`[…]` cannot be applied to {}, {}", left.in_words(), right.in_words()).into())
                }
            },
            Node::Arithmetic(operation, sides) => match (operation, self.pair(sides)?) {
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
            Node::Negate(of) => match self.value(of)? {
                Val::Number(number) => Ok(Val::Number(number.negated()?)),
                other => Err(format!("`-` cannot be applied to {}", other.in_words()).into()),
            },
            Node::Call(function, name, arguments) => {
                let values = self.values(arguments)?;
                Ok(function.apply(name, &values)?)
            }
            Node::Each(each, of) => self.each(*each, of),
        }
    }

    fn values(&mut self, nodes: &'a [Node]) -> Result<Vec<Val<'a>>, Stop> {
        nodes.iter().map(|node| self.operand(node)).collect()
    }

    fn pair(&mut self, [left, right]: &'a [Node; 2]) -> Result<[Val<'a>; 2], Stop> {
        Ok([self.operand(left)?, self.operand(right)?])
    }

    /// The value of `node`, which what it is part of looks through.
    fn operand(&mut self, node: &'a Node) -> Result<Val<'a>, Stop> {
        let value = self.value(node)?;
        if !self.scope.is_empty() {
            budget::spend_on(&value)?;
        }
        Ok(value)
    }

    fn truth(&mut self, node: &'a Node) -> Result<bool, Stop> {
        match self.value(node)? {
            Val::Truth(truth) => Ok(truth),
            other => Err(format!("found {} where true or false is needed", other.in_words()).into()),
        }
    }

    /// `&&`, or else `||`. What decides by itself, on either side, is not held up by what the other side lacks.
    fn both(&mut self, and: bool, sides: &'a [Node; 2]) -> Result<Val<'a>, Stop> {
        let [left, right] = sides;
        let left = self.value(left);
        if matches!(left, Ok(Val::Truth(truth)) if truth != and) {
            return left;
        }
        let right = self.value(right)?;
        match (left, right) {
            (_, Val::Truth(truth)) if truth != and => Ok(Val::Truth(truth)),
            (Ok(Val::Truth(_)), Val::Truth(truth)) => Ok(Val::Truth(truth)),
            (Err(stop), _) => Err(stop),
            (Ok(left), right) => Err(between(if and { "&&" } else { "||" }, &left, &right)),
        }
    }

    fn each(&mut self, each: Each, of: &'a EachOf) -> Result<Val<'a>, Stop> {
        let items = match self.value(&of.list)? {
            Val::List(items) => items,
            other => return Err(format!("found {} where a list is needed", other.in_words()).into()),
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
                // An element further on may still decide.
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

fn between(symbol: &str, left: &Val<'_>, right: &Val<'_>) -> Stop {
    format!("`{symbol}` cannot stand between {} and {}", left.in_words(), right.in_words()).into()
}
