//! Implements the built-in types of parameters: booleans, numbers, texts, and lists, options and maps of them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ColumnReference, InvalidKind, InvalidParam, ParamType, ParamValue, PathPart};
use crate::step::error::StepError;
use crate::step::files::Files;

impl ParamValue for bool {
    fn ty() -> ParamType {
        ParamType::Boolean
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        value.as_bool().ok_or_else(|| InvalidParam::expected(&Self::ty(), value))
    }

    fn write(&self) -> Value {
        (*self).into()
    }
}

impl ParamValue for f64 {
    fn ty() -> ParamType {
        ParamType::Number
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        match value.as_f64() {
            Some(number) if number.is_finite() => Ok(number),
            _ => Err(InvalidParam::expected(&Self::ty(), value)),
        }
    }

    // A parameter struct made in Rust can hold NaN. As JSON's null it would read back as `None` where that is allowed;
    // as text it is refused when it is read back.
    fn write(&self) -> Value {
        if self.is_finite() { (*self).into() } else { self.to_string().into() }
    }
}

impl ParamValue for String {
    fn ty() -> ParamType {
        ParamType::Text
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        value.as_str().map(str::to_owned).ok_or_else(|| InvalidParam::expected(&Self::ty(), value))
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl ParamValue for $type {
            fn ty() -> ParamType {
                ParamType::Integer { min: <$type>::MIN as i64, max: <$type>::MAX as u64 }
            }

            fn read(value: &Value) -> Result<Self, InvalidParam> {
                let Some(integer) = whole(value) else {
                    return Err(InvalidParam::expected(&Self::ty(), value));
                };
                <$type>::try_from(integer).map_err(|_| {
                    InvalidParam::new(format!(
                        "`{integer}` is out of range: it must be from {} to {}", <$type>::MIN, <$type>::MAX
                    ))
                    .of_kind(InvalidKind::Range)
                })
            }

            fn write(&self) -> Value {
                (*self).into()
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, usize, i8, i16, i32, i64);

/// Returns the integer that `value` equals, in any notation: `5`, `5.0` and `5e0` are the same.
fn whole(value: &Value) -> Option<i128> {
    if let Some(integer) = value.as_i64() {
        return Some(integer.into());
    }
    if let Some(integer) = value.as_u64() {
        return Some(integer.into());
    }
    let float = value.as_f64()?;
    (float.fract() == 0.0 && float.abs() < 2f64.powi(100)).then_some(float as i128)
}

impl<T: ParamValue> ParamValue for Vec<T> {
    const BOUNDS: (Option<f64>, Option<f64>) = T::BOUNDS;
    const ONE_OF: &'static [&'static str] = T::ONE_OF;

    fn ty() -> ParamType {
        ParamType::List(Box::new(T::ty()))
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        let items = value.as_array().ok_or_else(|| InvalidParam::expected(&Self::ty(), value))?;
        let read = |(index, item)| T::read(item).map_err(|error: InvalidParam| error.within(PathPart::Index(index)));
        all(items.iter().enumerate().map(read))
    }

    fn write(&self) -> Value {
        self.iter().map(T::write).collect()
    }

    fn identity(&self, files: &Files) -> Result<Value, StepError> {
        self.iter().map(|item| item.identity(files)).collect()
    }

    fn named_columns(&self) -> Vec<ColumnReference> {
        let of_item = |(index, item): (usize, &T)| within(item.named_columns(), PathPart::Index(index));
        self.iter().enumerate().flat_map(of_item).collect()
    }
}

impl<T: ParamValue> ParamValue for Option<T> {
    const BOUNDS: (Option<f64>, Option<f64>) = T::BOUNDS;
    const ONE_OF: &'static [&'static str] = T::ONE_OF;

    fn ty() -> ParamType {
        ParamType::Optional(Box::new(T::ty()))
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        if value.is_null() { Ok(None) } else { T::read(value).map(Some) }
    }

    fn write(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::write)
    }

    fn identity(&self, files: &Files) -> Result<Value, StepError> {
        self.as_ref().map_or(Ok(Value::Null), |inner| inner.identity(files))
    }

    fn named_columns(&self) -> Vec<ColumnReference> {
        self.as_ref().map(T::named_columns).unwrap_or_default()
    }
}

impl<T: ParamValue> ParamValue for BTreeMap<String, T> {
    const BOUNDS: (Option<f64>, Option<f64>) = T::BOUNDS;
    const ONE_OF: &'static [&'static str] = T::ONE_OF;

    fn ty() -> ParamType {
        ParamType::Map(Box::new(T::ty()))
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        let members = value.as_object().ok_or_else(|| InvalidParam::expected(&Self::ty(), value))?;
        let read = |(key, member): (&String, &Value)| match T::read(member) {
            Ok(read) => Ok((key.clone(), read)),
            Err(error) => Err(error.within(PathPart::Key(key.clone()))),
        };
        all(members.iter().map(read))
    }

    fn write(&self) -> Value {
        self.iter().map(|(key, member)| (key.clone(), member.write())).collect()
    }

    fn identity(&self, files: &Files) -> Result<Value, StepError> {
        self.iter().map(|(key, member)| Ok((key.clone(), member.identity(files)?))).collect()
    }

    fn named_columns(&self) -> Vec<ColumnReference> {
        self.iter().flat_map(|(key, member)| within(member.named_columns(), PathPart::Key(key.clone()))).collect()
    }
}

/// Collects the values that were read, or all errors.
fn all<T, C: FromIterator<T>>(read: impl Iterator<Item = Result<T, InvalidParam>>) -> Result<C, InvalidParam> {
    let mut errors = Vec::new();
    let values = read.filter_map(|read| read.map_err(|error| errors.push(error)).ok()).collect();
    InvalidParam::gathered(errors).map_or(Ok(values), Err)
}

/// Prepends `part` to the path of each reference.
fn within(columns: Vec<ColumnReference>, part: PathPart) -> impl Iterator<Item = ColumnReference> {
    columns.into_iter().map(move |column| column.within(part.clone()))
}
