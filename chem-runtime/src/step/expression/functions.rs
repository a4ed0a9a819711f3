//! The functions that an expression may call.

use std::borrow::Cow;

use super::number::{Number, Operation, real};
use super::patterns;
use super::value::Val;

/// A function, by the types of its arguments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Function {
    /// One number.
    Number(fn(Number) -> Result<Number, String>),
    /// Two numbers.
    Numbers(Operation),
    /// One text.
    Text(fn(&str) -> String),
    /// Two texts.
    Texts(fn(&str, &str) -> Result<bool, String>),
    /// One value of several types. Returns `None` for other types.
    Any(fn(&Val<'_>) -> Option<Result<Val<'static>, String>>),
    /// Numbers, or one list of numbers: the maximum or the minimum.
    Extreme { greatest: bool },
}

/// Returns the function called `name`, and the number of its arguments. An extreme also takes several.
pub(super) fn named(name: &str) -> Option<(Function, usize)> {
    use Function::{Any, Extreme, Numbers, Text, Texts};
    Some(match name {
        "bool" => (Any(bool_of), 1),
        "double" => (Any(double_of), 1),
        "int" => (Any(int_of), 1),
        "size" => (Any(size_of), 1),
        "string" => (Any(string_of), 1),
        "quotient" => (Numbers(Operation::Quotient), 2),
        "math.abs" => (Function::Number(Number::magnitude), 1),
        "math.ceil" => (Function::Number(|number| Ok(number.rounded(f64::ceil))), 1),
        "math.floor" => (Function::Number(|number| Ok(number.rounded(f64::floor))), 1),
        "math.round" => (Function::Number(|number| Ok(number.rounded(f64::round))), 1),
        "math.trunc" => (Function::Number(|number| Ok(number.rounded(f64::trunc))), 1),
        "math.sign" => (Function::Number(|number| Ok(number.sign())), 1),
        "math.sqrt" => (Function::Number(Number::square_root), 1),
        "math.@max" => (Extreme { greatest: true }, 1),
        "math.@min" => (Extreme { greatest: false }, 1),
        "lowerAscii" => (Text(str::to_ascii_lowercase), 1),
        "upperAscii" => (Text(str::to_ascii_uppercase), 1),
        "trim" => (Text(|text| text.trim().to_owned()), 1),
        "contains" => (Texts(|text, part| Ok(text.contains(part))), 2),
        "startsWith" => (Texts(|text, part| Ok(text.starts_with(part))), 2),
        "endsWith" => (Texts(|text, part| Ok(text.ends_with(part))), 2),
        patterns::MATCHES => (Texts(patterns::matches), 2),
        _ => return None,
    })
}

impl Function {
    /// Applies the function, called `name` in messages, to `values`.
    pub(super) fn apply<'a>(self, name: &str, values: &[Val<'a>]) -> Result<Val<'a>, String> {
        let result = match (self, values) {
            (Self::Number(apply), [Val::Number(number)]) => Some(apply(*number).map(Val::Number)),
            (Self::Numbers(operation), [Val::Number(one), Val::Number(other)]) => {
                Some(operation.apply(*one, *other).map(Val::Number))
            }
            (Self::Text(apply), [Val::Text(text)]) => Some(Ok(Val::Text(apply(text).into()))),
            (Self::Texts(apply), [Val::Text(one), Val::Text(other)]) => Some(apply(one, other).map(Val::Truth)),
            (Self::Any(apply), [value]) => apply(value),
            (Self::Extreme { greatest }, [Val::List(items)]) => extreme(greatest, items),
            (Self::Extreme { greatest }, items) => extreme(greatest, items),
            _ => None,
        };
        result.unwrap_or_else(|| {
            let words: Vec<&str> = values.iter().map(Val::in_words).collect();
            Err(format!("`{}` cannot be applied to {}", spelled(name), words.join(", ")))
        })
    }
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

fn extreme<'a>(greatest: bool, items: &[Val<'a>]) -> Option<Result<Val<'a>, String>> {
    let mut best: Option<Number> = None;
    for item in items {
        let Val::Number(number) = item else { return None };
        let better = |best: Number| if greatest { number.compare(best).is_gt() } else { number.compare(best).is_lt() };
        best = best.filter(|best| !better(*best)).or(Some(*number));
    }
    Some(best.map(Val::Number).ok_or_else(|| "the list must not be empty".to_owned()))
}

fn bool_of(value: &Val<'_>) -> Option<Result<Val<'static>, String>> {
    Some(match value {
        Val::Truth(truth) => Ok(Val::Truth(*truth)),
        Val::Text(text) => match text.as_ref() {
            "1" | "t" | "true" | "TRUE" | "True" => Ok(Val::Truth(true)),
            "0" | "f" | "false" | "FALSE" | "False" => Ok(Val::Truth(false)),
            _ => Err(format!("`bool`: `{text}` is neither true nor false")),
        },
        _ => return None,
    })
}

fn double_of(value: &Val<'_>) -> Option<Result<Val<'static>, String>> {
    let number = match value {
        Val::Number(number) => real(number.real()),
        Val::Text(text) => match text.parse() {
            Ok(number) => real(number),
            Err(_) => Err(format!("`double`: `{text}` is not a number")),
        },
        _ => return None,
    };
    Some(number.map(Val::Number))
}

fn int_of(value: &Val<'_>) -> Option<Result<Val<'static>, String>> {
    let number = match value {
        Val::Number(number) => number.truncated(),
        Val::Text(text) => match text.parse::<i64>() {
            Ok(number) => Ok(Number::Whole(number.into())),
            Err(_) => Err(format!("`int`: `{text}` is not an integer")),
        },
        _ => return None,
    };
    Some(number.map(Val::Number))
}

fn string_of(value: &Val<'_>) -> Option<Result<Val<'static>, String>> {
    let text: Cow<'static, str> = match value {
        Val::Number(number) => number.spelled().into(),
        Val::Text(text) => text.to_string().into(),
        Val::Truth(truth) => truth.to_string().into(),
        _ => return None,
    };
    Some(Ok(Val::Text(text)))
}

fn size_of(value: &Val<'_>) -> Option<Result<Val<'static>, String>> {
    let size = match value {
        Val::Text(text) => text.chars().count(),
        Val::List(items) => items.len(),
        _ => return None,
    };
    Some(Ok(Val::Number(Number::Whole(size as i128))))
}
