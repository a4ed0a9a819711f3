//! Values of parameters whose type is known only at run time: those of step types that are not in Rust.

use std::collections::BTreeMap;

use serde_json::Value;

use super::columns::ColumnName;
use super::error::StepError;
use super::file::{InputFile, OutputFile};
use super::files::Files;
use super::param::{ColumnReference, InvalidParam, ParamType, ParamValue, PathPart};

/// Reads a value of type `ty`, and returns it as the log records it: an integer for a number is one value with the float.
///
/// # Errors
/// Fails like [`ParamValue::read`] of the Rust type, and for a type that only steps in Rust have.
pub(crate) fn read_as(ty: &ParamType, value: &Value) -> Result<Value, InvalidParam> {
    match ty {
        ParamType::Boolean => written::<bool>(value),
        ParamType::Integer { .. } => written::<i64>(value),
        ParamType::Number => written::<f64>(value),
        ParamType::Text => written::<String>(value),
        ParamType::Column => written::<ColumnName>(value),
        ParamType::InputFile => written::<InputFile>(value),
        ParamType::OutputFile => written::<OutputFile>(value),
        ParamType::Optional(_) if value.is_null() => Ok(Value::Null),
        ParamType::Optional(inner) => read_as(inner, value),
        ParamType::List(inner) => {
            let items = value.as_array().ok_or_else(|| InvalidParam::expected(ty, value))?;
            let read = |(index, item)| read_as(inner, item).map_err(|error| error.within(PathPart::Index(index)));
            items.iter().enumerate().map(read).collect()
        }
        ParamType::Map(inner) => {
            let members = value.as_object().ok_or_else(|| InvalidParam::expected(ty, value))?;
            let read = |(key, member): (&String, &Value)| match read_as(inner, member) {
                Ok(read) => Ok((key.clone(), read)),
                Err(error) => Err(error.within(PathPart::Key(key.clone()))),
            };
            members.iter().map(read).collect::<Result<_, _>>().map(Value::Object)
        }
        other => Err(InvalidParam::new(format!("only a step in Rust can take a value of the type `{other}`"))),
    }
}

fn written<T: ParamValue>(value: &Value) -> Result<Value, InvalidParam> {
    T::read(value).map(|read| read.write())
}

/// Returns the value as it is hashed: an input file by its content.
///
/// # Errors
/// Fails if a file cannot be read.
pub(crate) fn identity_of(ty: &ParamType, value: &Value, files: &Files) -> Result<Value, StepError> {
    match (ty, value) {
        (ParamType::InputFile, Value::String(path)) => InputFile::new(path.as_str()).identity(files),
        (ParamType::Optional(inner), _) => identity_of(inner, value, files),
        (ParamType::List(inner), Value::Array(items)) => {
            items.iter().map(|item| identity_of(inner, item, files)).collect()
        }
        (ParamType::Map(inner), Value::Object(members)) => {
            let identity = |(key, member): (&String, &Value)| Ok((key.clone(), identity_of(inner, member, files)?));
            members
                .iter()
                .map(identity)
                .collect::<Result<BTreeMap<_, _>, StepError>>()
                .map(|all| all.into_iter().collect())
        }
        _ => Ok(value.clone()),
    }
}

/// Returns the columns that a value names.
pub(crate) fn columns_named_by(ty: &ParamType, value: &Value) -> Vec<ColumnReference> {
    match (ty, value) {
        (ParamType::Column, Value::String(name)) => vec![ColumnReference::to(name)],
        (ParamType::Optional(inner), _) => columns_named_by(inner, value),
        (ParamType::List(inner), Value::Array(items)) => {
            let of_item = |(index, item)| {
                let named = columns_named_by(inner, item).into_iter();
                named.map(move |column| column.within(PathPart::Index(index)))
            };
            items.iter().enumerate().flat_map(of_item).collect()
        }
        (ParamType::Map(inner), Value::Object(members)) => {
            let of_member = |(key, member): (&String, &Value)| {
                let (named, key) = (columns_named_by(inner, member).into_iter(), key.clone());
                named.map(move |column| column.within(PathPart::Key(key.clone())))
            };
            members.iter().flat_map(of_member).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_those_of_the_rust_types() {
        let list = ParamType::List(Box::new(ParamType::Optional(Box::new(ParamType::Number))));
        assert_eq!(read_as(&list, &json!([5, null, 0.5])), Ok(json!([5.0, null, 0.5])));
        let error = read_as(&list, &json!([1, "x"])).unwrap_err();
        assert_eq!((&*error.message, error.path), ("expected a number, found the text `x`", vec![PathPart::Index(1)]));
        let map = ParamType::Map(Box::new(ParamType::Column));
        let named = columns_named_by(&map, &json!({ "a": "logp" }));
        assert_eq!((named[0].name.as_str(), &named[0].path), ("logp", &vec![PathPart::Key("a".to_owned())]));
        assert!(read_as(&ParamType::Expression, &json!("x")).is_err());
    }

    #[test]
    fn a_file_is_hashed_by_its_content() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("a.txt"), "one").unwrap();
        let files = Files::relative_to(directory.path());
        let list = ParamType::List(Box::new(ParamType::InputFile));
        let identity = identity_of(&list, &json!(["a.txt"]), &files).unwrap();
        assert!(InputFile::content_in(&identity[0]).is_some());
    }
}
