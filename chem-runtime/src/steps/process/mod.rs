//! `process.run`: runs an external program as a step.

pub(in crate::steps) mod child;
pub(in crate::steps) mod environment;
pub(in crate::steps) mod guard;
pub(in crate::steps) mod listen;
mod marked;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod undeclared;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use self::child::{Finished, run_child};
use self::environment::{set_environment, wrong_names, wrong_secrets};
use self::undeclared::{is_path, missing_program, undeclared_files};
use crate::prelude::*;
use crate::records::{
    CellText, DeclaredType, TableFormat, TableText, column_indices, shortened, write_delimited, write_json_lines,
};
use crate::step::secret::{found_in, mask};
use crate::step::{PathPart, nearest};

/// Sends a table to a program and reads the table that it returns.
///
/// The program receives the table on its standard input, as JSON Lines or CSV, and writes its result to its standard
/// output. It runs in the directory of the manifest, without a shell. An argument `{name}` is replaced by the path of the
/// file with that name under `files`; the content of these files, such as a script, is part of the step's identity. So is
/// `version`, which must cover everything else that the result depends on, because `chem` does not inspect the program.
/// `chem check` warns of an argument that is an undeclared file (`W0415`).
///
/// The program inherits from the environment of `chem` only `PATH`, `HOME`, `USER`, `LOGNAME`, `SHELL` and `TMPDIR`, and the
/// variables listed in `env`, so that passwords and keys do not leak by accident. `LC_ALL` and `LANG` are `C.UTF-8`, `TZ` is
/// `UTC` and `PYTHONHASHSEED` is `0`, which makes sorting, times and the order of sets independent of the machine.
///
/// The columns of the result have the types declared in `types`. Other columns that were sent keep their type and unit if
/// all their values fit; the types of the rest are inferred like those of `table.read`. The provider of new columns is
/// `version`. A result in JSON Lines without records has the columns that were sent and those of `types`. The result is a
/// table: `molecules.from_table` turns it into molecules, with the rows that are none apart, and `table.join` joins it with the
/// molecules.
///
/// The last 8 KiB of the program's standard error become the signal `stderr`, and `-v` logs each line. The signal
/// `answered` counts the rows `sent` and `received`. When the step ends, is interrupted or times out, or `chem` itself is
/// killed, the program and all processes that it started are killed: on Linux all processes that inherited its environment
/// variable `CHEM_PROCESS`, elsewhere those in its process group. Processes that survive this are killed before the next
/// program starts.
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
/// - `command` is empty, or the program cannot be started: it does not exist or is not executable.
/// - A file of `files` does not exist, or changes while the step starts.
/// - The program exits with a status other than 0, or is killed; the message includes the end of its standard error.
/// - The program runs for longer than `timeout`, or leaves a process behind that keeps its output open.
/// - The program writes more than 2 GiB, or something that is not a table; the message names the line.
/// - A column of `columns` or `types` does not exist.
#[step("process.run", version = 3, check = can_run, effects)]
#[allow(clippy::too_many_arguments, reason = "each is a parameter that a manifest may give")]
pub fn run_process(
    table: Input<Table>,
    /// The program and its arguments.
    #[param(example = "[python3, \"{script}\"]")]
    command: Vec<String>,
    /// The name and version of the program, as `name@version`.
    #[param(example = "rdkit@2026.9.1")]
    version: String,
    /// Files that the program reads, by their names in `command`.
    #[param(default = BTreeMap::new(), example = "{ script: scripts/describe.py }")]
    files: BTreeMap<String, InputFile>,
    /// The columns to send, in this order. Defaults to all.
    #[param(example = "[name, smiles]")]
    columns: Option<Vec<ColumnName>>,
    /// The format of the standard input.
    #[param(default = "jsonl", one_of = ["jsonl", "csv"])]
    send: String,
    /// The format of the standard output.
    #[param(default = "jsonl", one_of = ["jsonl", "csv"])]
    receive: String,
    /// The types of columns of the result by name: `text`, `integer`, `float` or `boolean`. Other columns keep the type with
    /// which they were sent, or it is inferred.
    #[param(default = BTreeMap::new(), example = "{ logp: float }")]
    types: BTreeMap<String, ColumnType>,
    /// Additional environment variables that the program inherits. Their values are not part of the fingerprint: `version`
    /// must cover what the result depends on.
    #[param(default = [], example = "[LD_LIBRARY_PATH]")]
    env: Vec<String>,
    /// Environment variables with secret values, each with the variable of `chem` that holds the value. The fingerprint
    /// contains a keyed hash of each value; the log contains no value.
    #[param(example = "{ TOKEN: { secret: env:LAB_TOKEN } }")]
    secrets: Option<BTreeMap<String, Secret>>,
    /// The time limit of the program.
    #[param(default = 3600.0, min = 0.001, max = 31_536_000.0, unit = "s")]
    timeout: f64,
    context: &ExecutionContext<'_>,
) -> Result<Table, StepError> {
    let columns = match &columns {
        Some(columns) => column_indices(&table, columns, "columns")?,
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
    let finished = run_child(&name, program, sent, Duration::from_secs_f64(timeout), &|| context.check_cancelled())?;
    let text = answer(&name, finished, context)?;
    let format = if receive == "csv" { TableFormat::Delimited(b',') } else { TableFormat::JsonLines };
    let sent: Vec<&Column> = columns.iter().filter_map(|index| table.columns().get(*index)).collect();
    let source = format!("the output of {program_name}");
    let read = with_provider(table_of(&source, &text, format, &sent, &types)?, &table, &version)?;
    context.signal("answered", &json!({ "sent": table.rows(), "received": read.rows() }))?;
    Ok(read)
}

/// Parses the result `text`. Columns that were `sent` keep their type if all their values fit and `types` does not declare
/// another.
fn table_of(
    source: &str,
    text: &[u8],
    format: TableFormat,
    sent: &[&Column],
    types: &BTreeMap<String, ColumnType>,
) -> Result<Table, StepError> {
    // JSON Lines without records contain no names of columns.
    if format == TableFormat::JsonLines && text.trim_ascii().is_empty() {
        return no_rows(sent, types);
    }
    if let Err(error) = std::str::from_utf8(text) {
        let line = text[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        return Err(StepError::new(format!("line {line} of {source} is not UTF-8 text")));
    }
    let read_as = |columns: &[&Column]| -> Result<Table, StepError> {
        let mut types = DeclaredType::all(types, "types");
        let as_sent = |column: &&Column| (column.name.to_string(), DeclaredType { ty: column.ty, by: "columns" });
        types.extend(columns.iter().map(as_sent));
        let how =
            TableText { name: source, format, types: &types, cells: CellText::default(), qualified: &[], strict: true };
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

/// Returns those of `columns` that `fit`. Bisects, because usually all of them fit.
fn fitting<'c>(columns: &[&'c Column], fit: &dyn Fn(&[&Column]) -> bool) -> Vec<&'c Column> {
    match columns.split_at(columns.len() / 2) {
        _ if columns.is_empty() || fit(columns) => columns.to_vec(),
        ([], _) => Vec::new(),
        (one, other) => [fitting(one, fit), fitting(other, fit)].concat(),
    }
}

/// Returns an empty table with the columns that were `sent` and those of `types`.
fn no_rows(sent: &[&Column], types: &BTreeMap<String, ColumnType>) -> Result<Table, StepError> {
    let came_back =
        sent.iter().map(|column| Column::new(&column.name, *types.get(&*column.name).unwrap_or(&column.ty)));
    let known: HashSet<&str> = sent.iter().map(|column| &*column.name).collect();
    let new = types.iter().filter(|(name, _)| !known.contains(name.as_str()));
    let columns = came_back.chain(new.map(|(name, ty)| Column::new(name, *ty))).collect();
    Ok(TableBuilder::new(columns).finish()?)
}

fn no_program() -> Misfit {
    Misfit::new("command", "`command` is empty; expected a program")
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

/// Reports arguments in braces that are probably misspelt names of `files`.
fn unfilled(command: &[String], files: &BTreeMap<String, InputFile>) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    for (index, argument) in command.iter().enumerate() {
        let name = argument.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let Some(name) = name.filter(|name| !files.contains_key(*name)) else { continue };
        // Other arguments in braces may be meant for the program.
        if let Some(nearest) = nearest(name, files.keys().map(String::as_str)) {
            let message = format!("`files` has no file called `{name}`");
            let mut misfit = Misfit::new("command", message).at(PathPart::Index(index));
            misfit.help = Some(format!("did you mean `{{{nearest}}}`?"));
            misfits.push(misfit);
        }
    }
    misfits
}

/// Returns the name of the program, and the command that starts it.
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
    for (name, file) in files {
        // The program must read the content that the fingerprint covers.
        file.check_unchanged(context.files())?;
        let path = absolute(file.as_str())?;
        let Some(path) = path.to_str() else {
            return Err(StepError::new(format!("the path `{}` is not UTF-8 text", path.display())));
        };
        paths.insert(name.as_str(), path.to_owned());
    }
    let first = filled(name, &paths);
    let mut program = if is_path(&first) { Command::new(absolute(&first)?) } else { Command::new(&first) };
    program.args(arguments.iter().map(|argument| filled(argument, &paths))).current_dir(absolute(".")?);
    Ok((name, program))
}

/// Replaces each name in braces by its path. Does not replace names within the inserted paths.
fn filled(text: &str, paths: &BTreeMap<&str, String>) -> String {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, from)) = rest.split_once('{') {
        filled.push_str(before);
        let named = paths.iter().find_map(|(name, path)| Some((path, from.strip_prefix(name)?.strip_prefix('}')?)));
        rest = match named {
            Some((path, rest)) => {
                filled.push_str(path);
                rest
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

/// Returns the standard output of a program that exited with status 0.
fn answer(name: &str, finished: Finished, context: &ExecutionContext<'_>) -> Result<Vec<u8>, StepError> {
    let Finished { status, output, errors } = finished;
    // Mask secrets before truncating, which could cut one in half.
    let errors = mask(&String::from_utf8_lossy(&errors)).replace('\0', "\u{fffd}");
    let errors = errors.trim();
    if !errors.is_empty() {
        context.signal("stderr", &json!({ "text": errors }))?;
    }
    if status.success() {
        return match found_in(&output) {
            None => Ok(output),
            Some(variable) => Err(StepError::new(format!(
                "the output of {name} contains the secret in the environment variable `{variable}`, which the log would \
                 record; change the program so that it does not print the secret"
            ))),
        };
    }
    let how = match status.code() {
        Some(code) => format!("exited with status {code}"),
        None => format!("was killed: {status}"),
    };
    // The last lines are usually the most informative.
    let last: Vec<String> = errors.lines().rev().take(5).map(|line| shortened(line.as_bytes())).collect();
    let last: Vec<&str> = last.iter().rev().map(String::as_str).collect();
    Err(StepError::new(match last.as_slice() {
        [] => format!("{name} {how} and wrote nothing to its standard error"),
        last => format!("{name} {how}; standard error: {}", last.join(" / ")),
    }))
}

/// Sets the provider of the columns that were not `sent` to `version`.
fn with_provider(table: Table, sent: &Table, version: &str) -> Result<Table, StepError> {
    let known: HashMap<&str, &Column> = sent.columns().iter().map(|column| (&*column.name, column)).collect();
    let columns = table.columns().iter().enumerate().filter_map(|(index, column)| {
        let column = match known.get(&*column.name).copied() {
            Some(known) if known.ty == column.ty => known.clone(),
            Some(_) => column.clone(),
            None => column.clone().with_provider(version),
        };
        Some((column, table.data(index)?.clone()))
    });
    Ok(Table::new(columns)?)
}
