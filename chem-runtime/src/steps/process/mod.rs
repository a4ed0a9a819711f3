//! `process.run`: a program of any language as a step.

mod child;
mod environment;
mod guard;
mod listen;
mod marked;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod undeclared;

use std::collections::{BTreeMap, HashMap};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use self::child::{Finished, run_child};
use self::environment::{set_environment, wrong_names, wrong_secrets};
use self::undeclared::{is_path, missing_program, undeclared_files};
use crate::prelude::*;
use crate::records::{
    DeclaredType, TableFormat, TableText, column_places, shortened, write_delimited, write_json_lines,
};
use crate::step::secret::{found_in, mask};
use crate::step::{PathPart, nearest};

/// Hands a table to a program and reads the table that it answers with.
///
/// The program gets the table on its standard input, as JSON Lines or CSV, and writes its own to its standard output. It
/// runs in the directory of the manifest, without a shell. An argument `{name}` is replaced by the path of the file
/// called so under `files`; these files, such as a script, are part of the step's identity by their content. So is
/// `version`, which has to say all else that the answer depends on: the program is not looked into. `chem check` warns of
/// an argument that is a file and is not declared (`W0415`).
///
/// Of the environment of `chem` the program gets `PATH`, `HOME`, `USER`, `LOGNAME`, `SHELL` and `TMPDIR`, and the variables
/// that `env` names, so that no password or key is handed on by accident. `LC_ALL` and `LANG` are `C.UTF-8`, `TZ` is `UTC`
/// and `PYTHONHASHSEED` is `0`: so it sorts, tells the time and orders sets alike on every machine.
///
/// The columns of the answer have the types that `types` says. Others that were sent keep theirs, with their unit, if all
/// that stands in them fits it; the rest are typed as by `table.read`. Columns that were not in the table have `version` as
/// what computed them. An answer in JSON Lines without a record has the columns that were sent and those of `types`. The
/// answer is a table; `table.join` puts it beside the molecules that it speaks of.
///
/// What the program writes to its standard error is the signal `stderr` (its last 8 KiB), and each line is logged under
/// `-v`. The signal `answered` counts the rows `sent` and `received`. When the step ends, is interrupted or runs out of
/// time, and when `chem` itself is killed, the program is killed with all that it started: on Linux all processes that have
/// its environment variable `CHEM_PROCESS`, elsewhere those in its process group. What was left behind all the same is
/// killed before the next program starts.
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
#[step("process.run", version = 3, check = can_run, effects)]
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
    /// The types of columns of the answer: `text`, `integer`, `float` or `boolean` by name. The others keep the type that
    /// they were sent with, or it is found out.
    #[param(default = BTreeMap::new(), example = "{ logp: float }")]
    types: BTreeMap<String, ColumnType>,
    /// Variables of the environment that the program gets besides the usual ones. Their values are in no fingerprint:
    /// `version` has to say what of them the answer depends on.
    #[param(default = [], example = "[LD_LIBRARY_PATH]")]
    env: Vec<String>,
    /// Variables that the program gets and whose values are secret, each with the variable of `chem` that holds it. The
    /// fingerprint has a keyed hash of each value, and the log no value.
    #[param(example = "{ TOKEN: { secret: env:LAB_TOKEN } }")]
    secrets: Option<BTreeMap<String, Secret>>,
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
    let (program_name, mut program) = program(&command, &files, context)?;
    set_environment(&mut program, &env);
    for (name, secret) in secrets.iter().flatten() {
        program.env(name, secret.reveal()?);
    }
    let name = format!("`{program_name}`");
    let finished = run_child(&name, program, sent, Duration::from_secs_f64(timeout), context)?;
    let text = answer(&name, finished, context)?;
    let format = if receive == "csv" { TableFormat::Delimited(b',') } else { TableFormat::JsonLines };
    let sent: Vec<&Column> = columns.iter().filter_map(|place| table.columns().get(*place)).collect();
    let source = format!("the output of {program_name}");
    let read = with_provider(table_of(&source, &text, format, &sent, &types)?, &table, &version)?;
    context.signal("answered", &json!({ "sent": table.rows(), "received": read.rows() }))?;
    Ok(read)
}

/// The answer `text` as a table. Columns that were `sent` keep their type if what stands in them fits it, and `types` does
/// not say another.
fn table_of(
    source: &str,
    text: &[u8],
    format: TableFormat,
    sent: &[&Column],
    types: &BTreeMap<String, ColumnType>,
) -> Result<Table, StepError> {
    // In JSON Lines the names of columns stand in the records.
    if format == TableFormat::JsonLines && text.trim_ascii().is_empty() {
        return no_rows(sent, types);
    }
    let read_as = |columns: &[&Column]| -> Result<Table, StepError> {
        let mut types = DeclaredType::all(types, "types");
        let as_sent = |column: &&Column| (column.name.to_string(), DeclaredType { ty: column.ty, by: "columns" });
        types.extend(columns.iter().map(as_sent));
        let how = TableText { name: source, format, types: &types, missing: &[], strict: true };
        Ok(how.read(text)?.kept)
    };
    let found = read_as(&[])?;
    let types_found: HashMap<&str, ColumnType> =
        found.columns().iter().map(|column| (&*column.name, column.ty)).collect();
    let is_other = |sent: &Column| types_found.get(&*sent.name).is_some_and(|found| *found != sent.ty);
    let mut others: Vec<&Column> = sent.iter().copied().filter(|sent| is_other(sent)).collect();
    others.retain(|sent| !types.contains_key(&*sent.name));
    if others.is_empty() {
        return Ok(found);
    }
    read_as(&fitting(&others, &|columns| read_as(columns).is_ok()))
}

/// Those of `columns` that fit by themselves. Each half is tried as a whole first, since most fit.
fn fitting<'c>(columns: &[&'c Column], fit: &dyn Fn(&[&Column]) -> bool) -> Vec<&'c Column> {
    match columns.split_at(columns.len() / 2) {
        _ if columns.is_empty() || fit(columns) => columns.to_vec(),
        ([], _) => Vec::new(),
        (one, other) => [fitting(one, fit), fitting(other, fit)].concat(),
    }
}

/// A table of the columns that were `sent` and those that `types` names, with no rows.
fn no_rows(sent: &[&Column], types: &BTreeMap<String, ColumnType>) -> Result<Table, StepError> {
    let came_back =
        sent.iter().map(|column| Column::new(&column.name, *types.get(&*column.name).unwrap_or(&column.ty)));
    let new = types.iter().filter(|(name, _)| sent.iter().all(|column| *column.name != ***name));
    let columns = came_back.chain(new.map(|(name, ty)| Column::new(name, *ty))).collect();
    Ok(TableBuilder::new(columns).finish()?)
}

fn no_program() -> Misfit {
    Misfit::new("command", "`command` names no program to run")
}

fn can_run(step: &RunProcess, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    if step.command.first().is_none_or(|name| name.trim().is_empty()) {
        misfits.push(no_program());
    }
    misfits.extend(missing_program(&step.command, context));
    misfits.extend(unfilled(&step.command, &step.files));
    misfits.extend(undeclared_files(&step.command, &step.files, context));
    misfits.extend(wrong_names(&step.env));
    misfits.extend(wrong_secrets(step.secrets.iter().flatten().map(|(name, _)| name.as_str())));
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

/// The name of the program, and it as it is started.
fn program<'a>(
    command: &'a [String],
    files: &BTreeMap<String, InputFile>,
    context: &ExecutionContext<'_>,
) -> Result<(&'a str, Command), StepError> {
    let Some((name, arguments)) = command.split_first().filter(|(name, _)| !name.trim().is_empty()) else {
        return Err(no_program().into());
    };
    context.files().check_program(name)?;
    let absolute = |path: &str| {
        let full = context.files().input(path);
        std::path::absolute(&full)
            .map_err(|error| StepError::context(format!("cannot find `{}`", full.display()), error))
    };
    let mut paths = BTreeMap::new();
    for (stands_for, file) in files {
        // What the program will read has to be what the fingerprint was made from.
        file.check_unchanged(context.files())?;
        let path = absolute(file.as_str())?;
        let Some(path) = path.to_str() else {
            return Err(StepError::new(format!("the path `{}` is not UTF-8 text", path.display())));
        };
        paths.insert(stands_for.as_str(), path.to_owned());
    }
    let first = filled(name, &paths);
    let mut program = if is_path(&first) { Command::new(absolute(&first)?) } else { Command::new(&first) };
    program.args(arguments.iter().map(|argument| filled(argument, &paths))).current_dir(absolute(".")?);
    Ok((name, program))
}

/// `text` with the path in place of each name in braces. What stands in a path is not replaced again.
fn filled(text: &str, paths: &BTreeMap<&str, String>) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, from)) = rest.split_once('{') {
        filled.push_str(before);
        let named = paths.iter().find_map(|(name, path)| Some((path, from.strip_prefix(name)?.strip_prefix('}')?)));
        rest = match named {
            Some((path, behind)) => {
                filled.push_str(path);
                behind
            }
            None => {
                filled.push('{');
                from
            }
        };
    }
    filled.push_str(rest);
    filled
}

/// What the program wrote, if it ended well.
fn answer(name: &str, finished: Finished, context: &ExecutionContext<'_>) -> Result<Vec<u8>, StepError> {
    let Finished { status, output, errors } = finished;
    // Masked before any of it is cut off.
    let errors = mask(&String::from_utf8_lossy(&errors)).replace('\0', "\u{fffd}");
    let errors = errors.trim();
    if !errors.is_empty() {
        context.signal("stderr", &json!({ "text": errors }))?;
    }
    if status.success() {
        return match found_in(&output) {
            None => Ok(output),
            Some(variable) => Err(StepError::new(format!(
                "{name} answered with the secret in the environment variable `{variable}`, which the log would keep; let \
                 the program leave it out"
            ))),
        };
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
    let known: HashMap<&str, &Column> = sent.columns().iter().map(|column| (&*column.name, column)).collect();
    let columns = table.columns().iter().enumerate().filter_map(|(place, column)| {
        let column = match known.get(&*column.name).copied() {
            Some(known) if known.ty == column.ty => known.clone(),
            Some(_) => column.clone(),
            None => column.clone().with_provider(version),
        };
        Some((column, table.data(place)?.clone()))
    });
    Ok(Table::new(columns)?)
}
