//! Steps that take their inputs as a whole, or none.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::declared::declared;
use super::rows::failed;
use super::step::PythonStep;
use super::wire::Said;
use super::worker::Trouble;
use crate::artifact::{Column, Table};
use crate::fingerprint::ContentHash;
use crate::step::{
    ExecutionContext, FileWritten, InputFile, MAIN_OUTPUT, OutputFile, ParamType, StepError, StepOutput,
};
use crate::steps::arrow;

/// Does the work of `step`.
pub(super) fn run(step: &PythonStep, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError> {
    let folder = tempfile::tempdir().map_err(|error| StepError::context("cannot make a temporary directory", error))?;
    // What the step has left there still takes up space.
    run_in(folder.path(), step, context).map_err(StepError::blaming_full_disk)
}

/// Does the work of `step`, which writes its files into `folder`.
fn run_in(folder: &Path, step: &PythonStep, context: &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError> {
    let (mut bodies, mut inputs, mut came) = (Vec::new(), Vec::new(), Vec::new());
    for (port, input) in step.of.spec.inputs.iter().zip(&step.of.step.inputs) {
        if context.input_hash(port.name).is_none() {
            inputs.push(Value::Null);
        } else if input.kind == "file" {
            let file = context.input::<FileWritten>(port.name)?;
            inputs.push(path_of(&written(&file, context)?)?);
        } else {
            let table = context.input::<Table>(port.name)?;
            came.extend(table.columns().iter().cloned());
            bodies.push(arrow::write(&table)?);
            inputs.push(json!({}));
        }
    }
    let (params, files) = arguments(step, context, folder)?;
    let places: Map<String, Value> =
        files.iter().map(|(name, _, place)| Ok((name.clone(), path_of(place)?))).collect::<Result<_, StepError>>()?;
    let head = json!({
        "type": "run",
        "module": step.of.module,
        "step": step.of.spec.name,
        "params": params,
        "written": places,
        "inputs": inputs,
    });
    let check = || context.check_cancelled();
    let mut on = |said: Said| match said {
        Said::Signal { name, data } => context.signal(&name, &data),
        Said::Progress { done, total } => {
            context.progress(done, total);
            Ok(())
        }
        _ => Ok(()),
    };
    let answer = step.pool.with_worker(&check, |worker| {
        worker.request(head.as_object().cloned().unwrap_or_default(), &bodies, &check, &mut on)
    });
    let tables = match answer {
        Ok((Said::Tables, tables)) => tables,
        Ok((Said::Failed { error, traceback } | Said::Broken { error, traceback }, _)) => {
            return Err(failed(step.of, &error, &traceback));
        }
        Ok((Said::Cancelled, _)) => return Err(StepError::interrupted()),
        Ok(_) => return Err(StepError::new("a Python worker gave another answer than it was asked for")),
        Err(Trouble::Step(error)) => return Err(error),
        Err(Trouble::Died(how)) => {
            return Err(StepError::new(format!("the worker {how} while it ran `{}`", step.of.spec.name)));
        }
    };
    let provider = step.of.provider();
    let mut outputs = Vec::new();
    let described = &step.of.step.outputs;
    if tables.len() != described.len() {
        let (name, sent) = (step.of.spec.name, tables.len());
        return Err(StepError::new(format!(
            "`{name}` declares {} tables, and its worker sent {sent}",
            described.len()
        )));
    }
    for ((output, described), stream) in step.of.spec.outputs.iter().zip(described).zip(&tables) {
        let sent = arrow::read(stream)?;
        let table = match described.declared() {
            Some(columns) => declared(step.of.spec.name, &columns, &sent)?,
            None => sent,
        };
        outputs.push(StepOutput::of(output.name, with_provider(table, &came, &provider)?)?);
    }
    for (name, file, place) in files {
        let made = file.write(context.files(), |to| {
            std::io::copy(&mut File::open(&place)?, to)?;
            Ok(())
        })?;
        let named = step.of.spec.outputs.iter().find(|output| output.name == name);
        outputs.push(StepOutput::of(named.map_or(MAIN_OUTPUT, |output| output.name), made)?);
    }
    Ok(outputs)
}

/// The parameters as Python gets them, and the files to write: the parameter, the file, and the place where Python writes.
type Arguments = (Map<String, Value>, Vec<(String, OutputFile, PathBuf)>);

fn arguments(step: &PythonStep, context: &ExecutionContext<'_>, folder: &Path) -> Result<Arguments, StepError> {
    let (mut params, mut files) = (step.arguments(), Vec::new());
    for param in step.of.spec.params {
        let ty = param.ty.make();
        match (&ty, params.get(param.name).and_then(Value::as_str).map(str::to_owned)) {
            (ParamType::OutputFile, Some(path)) => {
                params.remove(param.name);
                let name = Path::new(&path).file_name().map(PathBuf::from).unwrap_or_else(|| "file".into());
                let place = folder.join(param.name);
                std::fs::create_dir(&place)
                    .map_err(|error| StepError::context("cannot make a temporary directory", error))?;
                files.push((param.name.to_owned(), OutputFile::new(path), place.join(name)));
            }
            (ty, _) => {
                if let Some(value) = params.get_mut(param.name) {
                    resolve(ty, value, context)?;
                }
            }
        }
    }
    Ok((params, files))
}

/// Replaces the path of each input file in a value by one that Python can open, after a check of its content.
fn resolve(ty: &ParamType, value: &mut Value, context: &ExecutionContext<'_>) -> Result<(), StepError> {
    match (ty, value) {
        (ParamType::InputFile, value) => {
            if let Some(path) = value.as_str() {
                InputFile::new(path).check_unchanged(context.files())?;
                *value = path_of(&absolute(&context.files().input(path))?)?;
            }
            Ok(())
        }
        (ParamType::Optional(inner), value) => resolve(inner, value, context),
        (ParamType::List(inner), Value::Array(items)) => {
            items.iter_mut().try_for_each(|item| resolve(inner, item, context))
        }
        (ParamType::Map(inner), Value::Object(members)) => {
            members.values_mut().try_for_each(|member| resolve(inner, member, context))
        }
        _ => Ok(()),
    }
}

/// Returns the path of a file that an earlier step wrote.
///
/// # Errors
/// Fails if its content is not what that step wrote.
fn written(file: &FileWritten, context: &ExecutionContext<'_>) -> Result<PathBuf, StepError> {
    let path = absolute(&context.files().output(&file.path))?;
    let cannot = |error| StepError::context(format!("cannot read `{}`", path.display()), error);
    let (hash, _) = ContentHash::of_reader(File::open(&path).map_err(cannot)?).map_err(cannot)?;
    if hash != file.sha256 {
        return Err(StepError::new(format!(
            "`{}` is not as the earlier step wrote it; run the flow again",
            path.display()
        )));
    }
    Ok(path)
}

fn absolute(path: &Path) -> Result<PathBuf, StepError> {
    std::path::absolute(path).map_err(|error| StepError::context(format!("cannot find `{}`", path.display()), error))
}

fn path_of(path: &Path) -> Result<Value, StepError> {
    let text = path.to_str();
    text.map(Value::from).ok_or_else(|| StepError::new(format!("the path `{}` is not UTF-8 text", path.display())))
}

/// Sets the provider of the columns that no input has. The others stay what they were.
fn with_provider(table: Table, inputs: &[Column], provider: &str) -> Result<Table, StepError> {
    let columns = table.columns().iter().map(|column| {
        match inputs.iter().find(|input| input.name == column.name && input.ty == column.ty) {
            Some(input) if column.unit.is_none() || column.unit == input.unit => input.clone(),
            _ => column.clone().with_provider(provider),
        }
    });
    let data = (0..table.columns().len()).filter_map(|index| table.data(index).cloned());
    Ok(Table::new(columns.zip(data))?)
}
