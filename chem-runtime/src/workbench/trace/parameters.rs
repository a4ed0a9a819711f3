//! The parameters of a step and the values of a row, as a trace shows them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::tables::Stored;
use crate::step::{ParamType, StepSpec};

/// Returns whether a parameter has one of these types, or a list of it.
pub(super) fn is_of(ty: &ParamType, types: &[ParamType]) -> bool {
    match ty {
        ParamType::Optional(inner) | ParamType::List(inner) => is_of(inner, types),
        ty => types.contains(ty),
    }
}

/// Returns the texts of the parameters of these types, as the flow writes them.
pub(super) fn texts_of(spec: &StepSpec, params: &Map<String, Value>, types: &[ParamType]) -> Vec<String> {
    let named =
        spec.params.iter().filter(|param| is_of(&param.ty.make(), types)).filter_map(|param| params.get(param.name));
    let texts = named.flat_map(|value| match value {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    });
    texts.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

/// The parameters of a step that are not files, nor null.
pub(super) fn plain_params(spec: &StepSpec, params: &Map<String, Value>) -> Map<String, Value> {
    let is_file = |name: &str| {
        spec.param(name).is_some_and(|param| {
            let ty = param.ty.make();
            ty.names_written_files() || is_of(&ty, &[ParamType::InputFile, ParamType::InputFiles])
        })
    };
    params
        .iter()
        .filter(|(name, value)| !value.is_null() && !is_file(name))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect()
}

/// Returns the values of columns of a row by name.
pub(super) fn cells(
    input: &Stored<'_>,
    row: &[Value],
    columns: impl IntoIterator<Item = impl AsRef<str>>,
) -> BTreeMap<String, Value> {
    let cell = |name: &str| Some((name.to_owned(), row.get(input.index_of(name)?)?.clone()));
    columns.into_iter().filter_map(|name| cell(name.as_ref())).collect()
}
