//! `process.run`: a program of any language as a step.

mod child;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use self::child::{Finished, run_child};
use crate::prelude::*;
use crate::records::{
    DeclaredType, TableFormat, TableText, column_places, shortened, write_delimited, write_json_lines,
};
use crate::step::{PathPart, nearest};

/// Hands a table to a program and reads the table that it answers with.
///
/// The program gets the table on its standard input, as JSON Lines or CSV, and writes its own to its standard output. It
/// runs in the directory of the manifest, without a shell. An argument `{name}` is replaced by the path of the file
/// called so under `files`; these files, such as a script, are part of the step's identity by their content. So is
/// `version`, which has to say all else that the answer depends on: the program is not looked into.
///
/// The columns of the answer are typed as by `table.read`, or as `types` says. Those that were not in the table have
/// `version` as what computed them. The answer is a table; `table.join` puts it beside the molecules that it speaks of.
///
/// What the program writes to its standard error is the signal `stderr` (its last 8 KiB), and each line is logged under
/// `-v`. The signal `answered` counts the rows `sent` and `received`. When the step ends, is interrupted or runs out of
/// time, the program is killed with all that it started in its process group.
///
/// # Example
/// ```yaml
/// flow: backwards
/// steps:
///   - id: read
///     uses: table.read
///     with: { path: data/approved-drugs.csv }
///   - id: backwards
///     uses: process.run
///     with:
///       command: [sort, -r]
///       version: coreutils
///       columns: [name]
/// ```
///
/// # Errors
/// - `command` is empty, or the program cannot be started: it is not there, or may not be run.
/// - A file of `files` is not there, or changes while the step starts.
/// - The program ends with another status than 0, or is killed; the message has the end of its standard error.
/// - It runs for longer than `timeout`, or leaves a program behind that keeps its output open.
/// - It writes more than 2 GiB, or something that is no table: the message has the line.
/// - A column of `columns` or `types` is not there.
#[step("process.run", version = 2, check = can_run, effects)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn run_process(
    table: Input<Table>,
    /// The program and its arguments.
    #[param(example = "[python3, \"{script}\"]")]
    command: Vec<String>,
    /// What the program is, with its version, as `name@version`.
    #[param(example = "rdkit@2026.9.1")]
    version: String,
    /// Files that the program reads, by the names that stand for them in `command`.
    #[param(default = BTreeMap::new(), example = "{ script: scripts/describe.py }")]
    files: BTreeMap<String, InputFile>,
    /// The columns to send, in this order. Left out, all of them.
    #[param(example = "[name, smiles]")]
    columns: Option<Vec<ColumnName>>,
    /// How the table is sent.
    #[param(default = "jsonl", one_of = ["jsonl", "csv"])]
    send: String,
    /// How the answer is read.
    #[param(default = "jsonl", one_of = ["jsonl", "csv"])]
    receive: String,
    /// The types of columns of the answer: `text`, `integer`, `float` or `boolean` by name. The others are found out.
    #[param(default = BTreeMap::new(), example = "{ logp: float }")]
    types: BTreeMap<String, ColumnType>,
    /// How long the program may run.
    #[param(default = 3600.0, min = 0.001, max = 31_536_000.0, unit = "s")]
    timeout: f64,
    context: &ExecutionContext<'_>,
) -> Result<Table, StepError> {
    let columns = match &columns {
        Some(columns) => column_places(&table, columns, "columns")?,
        None => (0..table.columns().len()).collect(),
    };
    let mut sent = Vec::new();
    match send.as_str() {
        "csv" => write_delimited(&table, &columns, b',', &mut sent)?,
        _ => write_json_lines(&table, &columns, &mut sent)?,
    }
    let (name, program) = program(&command, &files, context)?;
    let finished = run_child(&name, program, sent, Duration::from_secs_f64(timeout), context)?;
    let answer = answer(&name, finished, context)?;
    let format = if receive == "csv" { TableFormat::Delimited(b',') } else { TableFormat::JsonLines };
    let source = format!("the output of {name}");
    let how =
        TableText { name: &source, format, types: &DeclaredType::all(&types, "types"), missing: &[], strict: true };
    let read = with_provider(how.read(&answer)?.kept, &table, &version)?;
    context.signal("answered", &json!({ "sent": table.rows(), "received": read.rows() }))?;
    Ok(read)
}

fn no_program() -> Misfit {
    Misfit::new("command", "`command` names no program to run")
}

fn can_run(step: &RunProcess, _: &ColumnContext<'_>) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    if step.command.first().is_none_or(|name| name.trim().is_empty()) {
        misfits.push(no_program());
    }
    misfits.extend(unfilled(&step.command, &step.files));
    misfits.extend(step.columns.as_ref().and_then(|columns| Misfit::twice("columns", columns)));
    misfits
}

/// The words in braces in `command` that look like names of `files` and are near one that there is.
fn unfilled(command: &[String], files: &BTreeMap<String, InputFile>) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    for (index, argument) in command.iter().enumerate() {
        let name = argument.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let Some(name) = name.filter(|name| !files.contains_key(*name)) else { continue };
        // Other words in braces may be meant for the program.
        if let Some(meant) = nearest(name, files.keys().map(String::as_str)) {
            let message = format!("`files` has no file called `{name}`");
            let mut misfit = Misfit::new("command", message).at(PathPart::Index(index));
            misfit.help = Some(format!("did you mean `{{{meant}}}`?"));
            misfits.push(misfit);
        }
    }
    misfits
}

/// The program as it is called in messages, and as it is started.
fn program(
    command: &[String],
    files: &BTreeMap<String, InputFile>,
    context: &ExecutionContext<'_>,
) -> Result<(String, Command), StepError> {
    let Some((name, arguments)) = command.split_first().filter(|(name, _)| !name.trim().is_empty()) else {
        return Err(no_program().into());
    };
    let absolute = |path: &str| {
        let full = context.files().input(path);
        std::path::absolute(&full)
            .map_err(|error| StepError::context(format!("cannot find `{}`", full.display()), error))
    };
    let mut paths = Vec::new();
    for (stands_for, file) in files {
        // What the program will read has to be what the fingerprint was made from.
        file.read(context.files())?;
        let path = absolute(file.as_str())?;
        let Some(path) = path.to_str() else {
            return Err(StepError::new(format!("the path `{}` is not UTF-8 text", path.display())));
        };
        paths.push((format!("{{{stands_for}}}"), path.to_owned()));
    }
    let filled = |text: &String| paths.iter().fold(text.clone(), |text, (name, path)| text.replace(name, path));
    let first = filled(name);
    let mut program =
        if Path::new(&first).components().count() > 1 { Command::new(absolute(&first)?) } else { Command::new(&first) };
    program.args(arguments.iter().map(filled)).current_dir(absolute(".")?);
    Ok((format!("`{name}`"), program))
}

/// What the program wrote, if it ended well.
fn answer(name: &str, finished: Finished, context: &ExecutionContext<'_>) -> Result<Vec<u8>, StepError> {
    let Finished { status, output, errors } = finished;
    let errors = String::from_utf8_lossy(&errors).replace('\0', "\u{fffd}");
    let errors = errors.trim();
    if !errors.is_empty() {
        context.signal("stderr", &json!({ "text": errors }))?;
    }
    if status.success() {
        return Ok(output);
    }
    let how = match status.code() {
        Some(code) => format!("ended with status {code}"),
        None => format!("was killed: {status}"),
    };
    // The last lines say most, and a message is no place for all of them.
    let last: Vec<String> = errors.lines().rev().take(5).map(|line| shortened(line.as_bytes())).collect();
    let last: Vec<&str> = last.iter().rev().map(String::as_str).collect();
    Err(StepError::new(match last.as_slice() {
        [] => format!("{name} {how} and said nothing on its standard error"),
        last => format!("{name} {how}; it said: {}", last.join(" / ")),
    }))
}

/// The same table with `version` as what computed the columns that were not in `sent`.
fn with_provider(table: Table, sent: &Table, version: &str) -> Result<Table, StepError> {
    let columns = table.columns().iter().enumerate().filter_map(|(place, column)| {
        let column = match sent.column(&column.name) {
            Some((known, _)) if known.ty == column.ty => known.clone(),
            Some(_) => column.clone(),
            None => column.clone().with_provider(version),
        };
        Some((column, table.data(place)?.clone()))
    });
    Ok(Table::new(columns)?)
}
