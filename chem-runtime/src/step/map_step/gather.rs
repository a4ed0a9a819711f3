//! Makes the table of what the children put out: a row for each, in their order.

use serde_json::Value;

use crate::artifact::{ArtifactSource, ArtifactValue as _, Column, ColumnType, Table, TableBuilder, TableRoot};
use crate::event::OutputRef;
use crate::fingerprint::canonical_json;
use crate::step::StepError;
use crate::step::children::{ChildEnd, ChildFlow, ERROR, FINGERPRINT, MapParams, OnError, Taken};

/// Returns the table of the children: what each was given, what is taken from it, and its fingerprint.
///
/// # Errors
/// Fails if an output does not have what is to be taken from it, or if the values of a column have different types.
pub(super) fn table(params: &MapParams, ends: &[ChildEnd], artifacts: &dyn ArtifactSource) -> Result<Table, StepError> {
    let mut columns: Vec<(&str, Vec<Value>)> = Vec::new();
    for name in params.over.keys() {
        let given = params.children.iter().map(|child| cell(child.given.get(name).cloned().unwrap_or_default()));
        columns.push((name, given.collect::<Result<_, StepError>>()?));
    }
    for (name, taken) in &params.take {
        let of_child = |(child, end): (&ChildFlow, &ChildEnd)| match &end.result {
            Ok((_, outputs)) => {
                let step = outputs.get(&taken.step).map(Vec::as_slice).unwrap_or_default();
                value(taken, step, artifacts).map_err(|reason| {
                    let step = &taken.step;
                    StepError::new(format!(
                        "`{name}` cannot be taken from step `{step}` with {}: {reason}",
                        child.label()
                    ))
                })
            }
            Err(_) => Ok(Value::Null),
        };
        columns.push((name, params.children.iter().zip(ends).map(of_child).collect::<Result<_, _>>()?));
    }
    let fingerprint = |end: &ChildEnd| end.result.as_ref().map_or(Value::Null, |(it, _)| it.to_string().into());
    columns.push((FINGERPRINT, ends.iter().map(fingerprint).collect()));
    if params.on_error == OnError::Collect {
        let error = |end: &ChildEnd| match &end.result {
            Ok(_) => Value::Null,
            Err(failure) => format!("step `{}` failed: {}", failure.step, failure.error).into(),
        };
        columns.push((ERROR, ends.iter().map(error).collect()));
    }
    let types = columns.iter().map(|(name, values)| Ok(Column::new(name, type_of(name, values)?)));
    let mut builder = TableBuilder::new(types.collect::<Result<_, StepError>>()?);
    for row in 0..ends.len() {
        let cells = columns.iter().map(|(_, values)| values[row].clone()).collect();
        builder.push(cells).map_err(StepError::new)?;
    }
    Ok(builder.finish()?)
}

/// Returns the value that a table can hold: a list as its text.
fn cell(value: Value) -> Result<Value, StepError> {
    Ok(match value {
        Value::Array(_) | Value::Object(_) => canonical_json(&value)?.into(),
        value => value,
    })
}

/// Returns what is to be taken from the outputs of a step.
///
/// # Errors
/// Returns why it cannot be taken.
fn value(taken: &Taken, outputs: &[OutputRef], artifacts: &dyn ArtifactSource) -> Result<Value, String> {
    let missing = || format!("it has no output `{}`", taken.output);
    let output = outputs.iter().find(|output| output.name == taken.output).ok_or_else(missing)?;
    let artifact = artifacts.artifact(output.hash).map_err(|error| error.to_string())?;
    if let Ok(root) = TableRoot::of(&artifact) {
        let Some(column) = &taken.member else { return Ok(root.rows.into()) };
        if !root.columns.iter().any(|found| *found.name == **column) {
            return Err(format!("the table has no column `{column}`"));
        }
        if root.rows != 1 {
            return Err(format!("`{column}` is taken from a table of one row, found {} rows", root.rows));
        }
        let table = Table::unpack(&artifact, artifacts).map_err(|error| error.to_string())?;
        return Ok(table.index_of(column).map(|index| table.row(0).swap_remove(index)).unwrap_or_default());
    }
    let payload = artifact.payload().map_err(|error| error.to_string())?;
    let found = match (&taken.member, payload) {
        (None, payload) => payload,
        (Some(member), Value::Object(mut members)) => {
            members.remove(member).ok_or_else(|| format!("`{}` has no member `{member}`", output.kind))?
        }
        (Some(member), _) => return Err(format!("`{}` has no member `{member}`", output.kind)),
    };
    match found {
        Value::Array(_) | Value::Object(_) => Err(format!("`{}` is no single value", output.kind)),
        value => Ok(value),
    }
}

fn type_of(name: &str, values: &[Value]) -> Result<ColumnType, StepError> {
    let mut found = None;
    for value in values {
        let ty = match value {
            Value::Null => continue,
            Value::Bool(_) => ColumnType::Boolean,
            Value::Number(number) if number.is_i64() => ColumnType::Integer,
            Value::Number(_) => ColumnType::Float,
            _ => ColumnType::Text,
        };
        found = match found {
            None => Some(ty),
            Some(before) if before == ty => Some(ty),
            Some(ColumnType::Integer | ColumnType::Float) if matches!(ty, ColumnType::Integer | ColumnType::Float) => {
                Some(ColumnType::Float)
            }
            Some(before) => {
                return Err(StepError::new(format!(
                    "`{name}` would hold {before:?} and {ty:?}; a column has one type"
                )));
            }
        };
    }
    Ok(found.unwrap_or(ColumnType::Text))
}
