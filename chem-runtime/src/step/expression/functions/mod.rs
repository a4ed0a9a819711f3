//! The functions that an expression may call.
//!
//! [`FUNCTIONS`] describes each of them once: how it is called, what it takes and gives, and examples, from which
//! `chem steps --functions` and `docs/functions.md` are written. The other files here compute the results.

mod numbers;
pub(super) mod patterns;
mod table;
mod text;
pub(crate) mod units;
mod values;

pub use table::FUNCTIONS;

use super::number::Number;
use super::value::Val;

/// A function, or a macro over lists, with its documentation.
#[derive(Debug)]
pub struct FunctionSpec {
    /// The name in expressions.
    pub name: &'static str,
    /// An older name of the same function.
    pub also: Option<&'static str>,
    /// What its arguments are about, for the order of the documentation.
    pub group: FunctionGroup,
    /// How it is called. An argument in brackets may be left out.
    pub signature: &'static str,
    /// What it gives, in a sentence or two.
    pub doc: &'static str,
    /// Expressions without columns, each with its value as JSON.
    pub examples: &'static [(&'static str, &'static str)],
    pub(super) call: Call,
    /// The least and the greatest number of arguments, including the value that a method is called on.
    pub(super) takes: (usize, usize),
    pub(super) gives: Gives,
    /// The index of an argument that is a regular expression.
    pub(super) pattern: Option<usize>,
    pub(super) function: Function,
}

/// What the arguments of a function are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionGroup {
    /// Numbers.
    Numbers,
    /// Texts, and regular expressions.
    Text,
    /// Missing values, and conversions between types and units.
    Values,
    /// Lists.
    Lists,
}

impl FunctionGroup {
    /// The groups in the order of the documentation.
    pub const ALL: [Self; 4] = [Self::Numbers, Self::Text, Self::Values, Self::Lists];

    /// Returns the title of the group.
    pub fn title(self) -> &'static str {
        match self {
            Self::Numbers => "Numbers",
            Self::Text => "Text",
            Self::Values => "Values of any type",
            Self::Lists => "Lists",
        }
    }
}

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    /// `name(value)`.
    Plain,
    /// `value.name()`.
    Method,
    /// Either way.
    Both,
}

/// The type of a function's results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    Text,
    Integer,
    Float,
    Boolean,
    /// Integers if the first argument is an integer, else floats.
    LikeFirst,
    /// The type to which all arguments belong.
    LikeAll,
    ListOfText,
    /// A list, of which the compiler of the macro knows more.
    Other,
}

/// The work of a function, by the types of its arguments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Function {
    /// One number.
    Number(fn(Number) -> Result<Number, String>),
    /// Two numbers.
    Numbers(fn(Number, Number) -> Result<Number, String>),
    /// One text.
    Text(fn(&str) -> String),
    /// Two texts.
    Texts(fn(&str, &str) -> Result<bool, String>),
    /// One value of several types. Returns `None` for other types.
    Any(fn(&Val<'_>) -> Option<Result<Val<'static>, String>>),
    /// Values of these types. Returns `None` for other types.
    Values(&'static [Takes], fn(&[Val<'_>]) -> Option<Result<Answer, String>>),
    /// Numbers, or one list of numbers: the maximum or the minimum.
    Extreme { greatest: bool },
    /// The first value that is not missing. The evaluator does the work.
    Coalesce,
    /// A macro, which the parser expands.
    Macro,
}

/// The type of an argument, as far as it is checked before any row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Number,
    Text,
    /// Checked when the function is called.
    Any,
}

/// What a function gives for values of suitable types.
pub(super) enum Answer {
    Value(Val<'static>),
    /// A missing value, such as the match of a pattern that does not match.
    Missing,
}

/// Returns the function of a call in a syntax tree.
pub(super) fn named(name: &str) -> Option<&'static FunctionSpec> {
    let name = spelled(name);
    FUNCTIONS.iter().find(|spec| spec.name == name || spec.also == Some(name))
}

/// Returns the names of all functions, sorted.
pub(super) fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = FUNCTIONS.iter().flat_map(|spec| std::iter::once(spec.name).chain(spec.also)).collect();
    names.sort_unstable();
    names
}

/// Returns the name of a function in expressions.
pub(super) fn spelled(name: &str) -> &str {
    match name {
        "math.@max" => "math.greatest",
        "math.@min" => "math.least",
        patterns::MATCHES => "matches",
        name => name,
    }
}

impl FunctionSpec {
    /// Returns the numbers of arguments in words.
    pub(super) fn takes_in_words(&self) -> String {
        let arguments = |number: usize| if number == 1 { "argument" } else { "arguments" };
        match self.takes {
            (least, most) if least == most => format!("{least} {}", arguments(least)),
            (least, usize::MAX) => format!("at least {least} {}", arguments(least)),
            (least, most) if most == least + 1 => format!("{least} or {most} arguments"),
            (least, most) => format!("{least} to {most} arguments"),
        }
    }
}

impl Function {
    /// Returns the type of the argument at `index`, as far as it is fixed.
    pub(super) fn takes(self, index: usize) -> Takes {
        match self {
            // A list of numbers has no kind that is checked.
            Self::Number(_) | Self::Numbers(_) | Self::Extreme { .. } => Takes::Number,
            Self::Text(_) | Self::Texts(_) => Takes::Text,
            Self::Values(takes, _) => takes.get(index).copied().unwrap_or(Takes::Any),
            Self::Any(_) | Self::Coalesce | Self::Macro => Takes::Any,
        }
    }

    /// Returns whether the result is missing because of this argument.
    pub(super) fn has_no_value_for(self, argument: &Val<'_>) -> bool {
        match (self, argument) {
            (_, Val::Null) => true,
            (Self::Extreme { .. }, Val::List(items)) => items.iter().any(|item| matches!(item, Val::Null)),
            _ => false,
        }
    }

    /// Applies the function, called `name` in messages, to `values`. Returns `None` for a missing value.
    pub(super) fn apply<'a>(self, name: &str, values: &[Val<'a>]) -> Result<Option<Val<'a>>, String> {
        let result = match (self, values) {
            (Self::Number(apply), [Val::Number(number)]) => Some(apply(*number).map(Val::Number)),
            (Self::Numbers(apply), [Val::Number(one), Val::Number(other)]) => {
                Some(apply(*one, *other).map(Val::Number))
            }
            (Self::Text(apply), [Val::Text(text)]) => Some(Ok(Val::Text(apply(text).into()))),
            (Self::Texts(apply), [Val::Text(one), Val::Text(other)]) => Some(apply(one, other).map(Val::Truth)),
            (Self::Any(apply), [value]) => apply(value),
            (Self::Values(_, apply), values) => match apply(values) {
                Some(Ok(Answer::Missing)) => return Ok(None),
                Some(Ok(Answer::Value(value))) => Some(Ok(value)),
                Some(Err(reason)) => Some(Err(reason)),
                None => None,
            },
            (Self::Extreme { greatest }, [Val::List(items)]) => numbers::extreme(greatest, items),
            (Self::Extreme { greatest }, items) => numbers::extreme(greatest, items),
            _ => None,
        };
        let result = result.unwrap_or_else(|| {
            let words: Vec<&str> = values.iter().map(Val::in_words).collect();
            Err(format!("`{}` cannot be applied to {}", spelled(name), words.join(", ")))
        });
        result.map(Some)
    }
}
