//! `process.run`: runs an external program as a step.
//!
//! `command` prepares the program and `child` runs it, guarded by `guard` and `marked`, in an environment that `environment`
//! sets; `format` writes and reads tables; `rows` answers batches; `shape` says which outputs there are; `version` asks for
//! the version; `undeclared` checks the command.

pub(in crate::steps) mod child;
mod command;
pub(in crate::steps) mod environment;
mod format;
pub(in crate::steps) mod guard;
pub(in crate::steps) mod listen;
mod marked;
mod rejects;
mod rows;
mod shape;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod undeclared;
mod version;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;

use self::command::{Program, named, no_program, unfilled};
use self::environment::{wrong_names, wrong_secrets};
use self::shape::{replaced_structures, shape, wrong_shape};
use self::undeclared::{missing_program, undeclared_files};
pub use self::version::VersionCommand;
use crate::prelude::*;
use crate::records::column_indices;
use crate::step::{Files, MAIN_OUTPUT, MoleculesOfTable, OutputSpec, PortSpec, StepInputs, StepOutput, StepReturn};

/// Sends a table to a program and reads the table that it returns.
///
/// The program receives the table on its standard input, as JSON Lines, CSV or an Arrow stream, and writes its result to its standard
/// output. It runs in the directory of the manifest, without a shell. An argument `{name}` is replaced by the path of the
/// file with that name under `files`; the content of these files, such as a script, is part of the step's identity. So is
/// `version`, which must cover everything else that the result depends on, because `chem` does not inspect the program, and
/// what the command `version_from` prints, which runs before the step. `chem check` warns of an argument that is an undeclared
/// file (`W0415`).
///
/// The program inherits from the environment of `chem` only `PATH`, `HOME`, `USER`, `LOGNAME`, `SHELL` and `TMPDIR`, and the
/// variables listed in `env`, so that passwords and keys do not leak by accident. `LC_ALL` and `LANG` are `C.UTF-8`, `TZ` is
/// `UTC` and `PYTHONHASHSEED` is `0`, which makes sorting, times and the order of sets independent of the machine.
///
/// The columns of the result have the types declared in `types`. Other columns that were sent keep their type and unit if
/// all their values fit; the types of the rest are inferred like those of `table.read`. The provider of new columns is
/// `version`, or the first line that `version_from` prints. A result in JSON Lines without records has the columns that were
/// sent and those of `types`. An Arrow stream says its types itself, and those in `types` must be the same.
///
/// The result is a table. With `molecules: true` it is molecules, made of its column `smiles` like those of
/// `molecules.from_table`, and a second output `rejects` has the rows that are none. `outputs` names further tables, with their
/// formats: an argument `{name}` is replaced by the path to which the program writes the output of that name. The types of their
/// columns are inferred, or those of the Arrow stream.
///
/// With `rows: true` the program answers each row with one row, in the same order, and what it answers must depend on that row
/// alone. It is started for each batch of `batch` rows, on all cores. The step then works like the row steps: the new columns,
/// which are those of `types`, are added to the rows, molecules stay molecules, an interrupted run continues behind the last
/// rows that it stored, and rows that an earlier run has computed are taken over.
///
/// With `on_error: reject`, a row for which the program fails is no failure of the step: the program is started for halves of the batch
/// until the row is found, and the row goes into a second output `rejects`, with the reason. So does a row that is set apart because it
/// kills the process of the step. What the program writes to its standard error is part of the reason, so it should not differ
/// between runs. If the program fails for a hundred rows in a row, the step fails.
///
/// The last 8 KiB of the program's standard error become the signal `stderr` (not with `rows: true`), and `-v` logs each line. The signal
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
/// - The program does not write one of `outputs`, or it is not a table in its format.
/// - With `rows: true`, the program answers with another number of rows, with columns that `types` does not declare, or with
///   other values in the columns that were sent.
/// - With `rows: true`, `types` has the column `smiles` of molecules: a program does not replace their structures by row.
/// - With `molecules: true`, the result has no column `smiles` of text.
/// - The program of `version_from` cannot be started, fails, prints nothing, or takes longer than a minute.
#[derive(Debug, Clone, PartialEq, Step)]
#[step("process.run", version = 3, columns = columns_of_answer, check = can_run, shape = shape, effects)]
pub struct RunProcess {
    /// The program and its arguments.
    #[param(example = "[python3, \"{script}\"]")]
    command: Vec<String>,
    /// The name and version of the program, as `name@version`. Required unless `version_from` is given.
    #[param(example = "rdkit@2026.9.1")]
    version: Option<String>,
    /// A command that prints the version of the program. It runs whenever the step's identity is computed, for example for
    /// `chem plan`, in the directory of the manifest and without the variables in `env`; what it prints is part of the identity.
    #[param(example = "[xtb, --version]")]
    version_from: Option<VersionCommand>,
    /// Files that the program reads, by their names in `command`.
    #[param(default = BTreeMap::new(), example = "{ script: scripts/describe.py }")]
    files: BTreeMap<String, InputFile>,
    /// The columns to send, in this order. Defaults to all.
    #[param(example = "[name, smiles]")]
    columns: Option<Vec<ColumnName>>,
    /// The format of the standard input.
    #[param(default = "jsonl", one_of = ["jsonl", "csv", "arrow"])]
    send: String,
    /// The format of the standard output.
    #[param(default = "jsonl", one_of = ["jsonl", "csv", "arrow"])]
    receive: String,
    /// The types of columns of the result by name: `text`, `integer`, `float` or `boolean`. Other columns keep the type with
    /// which they were sent, or it is inferred. With `rows: true`, the columns that the program computes.
    #[param(default = BTreeMap::new(), example = "{ logp: float }")]
    types: BTreeMap<String, ColumnType>,
    /// Whether the program answers each row with one row.
    rows: Option<bool>,
    /// With `rows: true`, the number of rows for which the program is started. Defaults to 1000.
    #[param(min = 1, max = 1_000_000)]
    batch: Option<u32>,
    /// With `rows: true`, whether a row for which the program fails makes the step fail, or is rejected. Defaults to `fail`.
    #[param(one_of = ["fail", "reject"])]
    on_error: Option<String>,
    /// Whether the result is molecules.
    molecules: Option<bool>,
    /// Further tables that the program writes, by their names in `command`, each with its format.
    #[param(one_of = ["jsonl", "csv", "arrow"], example = "{ poses: csv }")]
    outputs: Option<BTreeMap<String, String>>,
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
}

/// The value of `on_error` with which the step has rejects.
const REJECT: &str = "reject";

/// The input, which the step takes as a table or row by row.
pub struct SentTable;

impl StepInputs for SentTable {
    const PORTS: &'static [PortSpec] = &[PortSpec::of::<Input<Table>>("table")];

    fn take(_: &ExecutionContext<'_>) -> Result<Self, StepError> {
        Ok(Self)
    }
}

/// The outputs, which depend on the parameters.
pub struct Answers(Vec<StepOutput>);

impl StepReturn for Answers {
    const OUTPUTS: &'static [OutputSpec] = &[OutputSpec::of::<Table>(MAIN_OUTPUT)];

    fn into_outputs(self) -> Result<Vec<StepOutput>, StepError> {
        Ok(self.0)
    }
}

impl RunStep for RunProcess {
    type Inputs = SentTable;
    type Output = Answers;

    fn run(&self, _: SentTable, context: &ExecutionContext<'_>) -> Result<Answers, StepError> {
        if let Some(misfit) = wrong_shape(self).into_iter().next() {
            return Err(misfit.into());
        }
        let provider = self.provider(context.files())?;
        let outputs = if self.rows == Some(true) {
            rows::run(self, &provider, context)?
        } else {
            let table: Input<Table> = context.input("table")?;
            self.run_once(&table, &provider, context)?
        };
        Ok(Answers(outputs))
    }
}

impl RunProcess {
    /// Sends the whole table to the program, and reads everything that it gives.
    fn run_once(
        &self,
        table: &Table,
        provider: &str,
        context: &ExecutionContext<'_>,
    ) -> Result<Vec<StepOutput>, StepError> {
        let folder =
            tempfile::tempdir().map_err(|error| StepError::context("cannot make a temporary directory", error))?;
        // What the program has left there still takes up space.
        self.run_in(folder.path(), table, provider, context).map_err(StepError::blaming_full_disk)
    }

    /// Does the work of [`run_once`](Self::run_once). The program writes further outputs into `folder`.
    fn run_in(
        &self,
        folder: &Path,
        table: &Table,
        provider: &str,
        context: &ExecutionContext<'_>,
    ) -> Result<Vec<StepOutput>, StepError> {
        let columns = match &self.columns {
            Some(columns) => column_indices(table, columns, "columns")?,
            None => (0..table.columns().len()).collect(),
        };
        let further = self.outputs.iter().flatten();
        let written: BTreeMap<&str, PathBuf> =
            further.map(|(name, format)| (name.as_str(), folder.join(format!("{name}.{format}")))).collect();
        let program = Program::of(self, &written, context)?;
        let sent = format::written(table, &columns, &self.send)?;
        let text = program
            .run(sent, &|| context.check_cancelled(), |errors| context.signal("stderr", &json!({ "text": errors })))?;
        let sent: Vec<&Column> = columns.iter().filter_map(|index| table.columns().get(*index)).collect();
        let source = format!("the output of {}", program.name);
        let read = format::read(&source, &text, &self.receive, &sent, &self.types)?;
        let read = format::with_provider(read, table, provider)?;
        context.signal("answered", &json!({ "sent": table.rows(), "received": read.rows() }))?;
        let mut outputs = match MoleculesOfTable::linked().filter(|_| self.molecules == Some(true)) {
            Some(linked) => (linked.make)(read, context)?,
            None => vec![StepOutput::of(MAIN_OUTPUT, read)?],
        };
        for output in shape(&self.to_params()).outputs {
            if let (Some(path), Some(format)) = (written.get(output.name), self.format_of(output.name)) {
                let source = format!("the output `{}` of `{}`", output.name, program.name);
                let text = std::fs::read(path)
                    .map_err(|error| StepError::context(format!("the program did not write {source}"), error))?;
                command::expect_no_secret(&source, &text)?;
                let read = format::read(&source, &text, format, &sent, &BTreeMap::new())?;
                outputs.push(StepOutput::of(output.name, format::with_provider(read, table, provider)?)?);
            }
        }
        Ok(outputs)
    }

    /// Returns whether rows for which the program fails are rejected.
    fn rejects_rows(&self) -> bool {
        self.on_error.as_deref() == Some(REJECT)
    }

    fn format_of(&self, output: &str) -> Option<&str> {
        self.outputs.as_ref()?.get(output).map(String::as_str)
    }

    /// Returns what computes the new columns: the version that the manifest gives, or the first line that the program prints.
    fn provider(&self, files: &Files) -> Result<String, StepError> {
        match (&self.version, &self.version_from) {
            (Some(version), _) => Ok(version.clone()),
            (None, Some(command)) => Ok(command.ask(files)?.lines().next().unwrap_or_default().trim().to_owned()),
            (None, None) => Ok(String::new()),
        }
    }
}

fn columns_of_answer(step: &RunProcess, context: &ColumnContext<'_>) -> Columns {
    if step.rows == Some(true) {
        context.first_input().with(step.types.keys().map(String::as_str))
    } else {
        Columns::Unknown
    }
}

fn can_run(step: &RunProcess, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let mut misfits = Vec::new();
    if named(&step.command).is_none() {
        misfits.push(no_program());
    }
    misfits.extend(missing_program("command", &step.command, context));
    if let Some(asked) = &step.version_from {
        misfits.extend(
            named(asked.command())
                .is_none()
                .then(|| Misfit::new("version_from", "`version_from` is empty; expected a program")),
        );
        misfits.extend(missing_program("version_from", asked.command(), context));
    }
    let further = step.outputs.iter().flatten().map(|(name, _)| name);
    let names: Vec<&str> = step.files.keys().chain(further).map(String::as_str).collect();
    misfits.extend(unfilled(&step.command, &names));
    misfits.extend(undeclared_files(&step.command, &step.files, context));
    misfits.extend(wrong_names(&step.env));
    misfits.extend(wrong_secrets(step.secrets.iter().flatten().map(|(name, _)| name.as_str())));
    misfits.extend(step.columns.as_ref().and_then(|columns| Misfit::twice("columns", columns)));
    misfits.extend(wrong_shape(step));
    if let Some(kind) = context.first_kind().filter(|_| step.rows == Some(true)) {
        misfits.extend(replaced_structures(step, kind));
    }
    misfits
}
