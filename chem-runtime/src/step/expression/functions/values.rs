//! Functions of values of several types: conversions, and sizes.

use std::borrow::Cow;

use super::super::number::{Number, real};
use super::super::value::Val;

pub(super) fn bool_of(value: &Val<'_>) -> Option<Result<Val<'static>, String>> {
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

pub(super) fn double_of(value: &Val<'_>) -> Option<Result<Val<'static>, String>> {
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

pub(super) fn int_of(value: &Val<'_>) -> Option<Result<Val<'static>, String>> {
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

pub(super) fn string_of(value: &Val<'_>) -> Option<Result<Val<'static>, String>> {
    let text: Cow<'static, str> = match value {
        Val::Number(number) => number.spelled().into(),
        Val::Text(text) => text.to_string().into(),
        Val::Truth(truth) => truth.to_string().into(),
        _ => return None,
    };
    Some(Ok(Val::Text(text)))
}

pub(super) fn size_of(value: &Val<'_>) -> Option<Result<Val<'static>, String>> {
    let size = match value {
        Val::Text(text) => text.chars().count(),
        Val::List(items) => items.len(),
        _ => return None,
    };
    Some(Ok(Val::Number(Number::Whole(size as i128))))
}
