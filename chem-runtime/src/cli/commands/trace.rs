//! `chem trace`: follows a record through a run, to the step that dropped it.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value};

use crate::cli::args::{Format, NamedRun, Shared};
use crate::cli::exit::Failure;
use crate::cli::output::{self, BAD, BOLD, DIM, styled};
use crate::cli::runs;
use crate::flow::replay;
use crate::step::Registry;
use crate::store::OpenMode;
use crate::workbench::{self, Kept, ReadRecord, RecordTrace, StepOutcome, StepTrace, Trace, Wanted, WhyDropped};

/// The maximum number of values of a row that are printed.
const MOST_VALUES: usize = 8;

#[derive(Debug, Args)]
pub(in crate::cli) struct TraceArgs {
    #[command(flatten)]
    pub run: NamedRun,
    #[command(flatten)]
    pub record: NamedRecord,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct NamedRecord {
    /// The name of the record, as it was read.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// The number of the record in its file, from 1.
    #[arg(long, value_name = "NUMBER")]
    pub record: Option<u64>,
    /// The SMILES of a molecule, in any spelling.
    #[arg(long, value_name = "SMILES")]
    pub smiles: Option<String>,
    /// The standard InChIKey of a molecule. Computes the keys of all molecules that were read.
    #[arg(long, value_name = "KEY")]
    pub inchi_key: Option<String>,
}

impl NamedRecord {
    fn wanted(&self) -> Option<Wanted> {
        let Self { name, record, smiles, inchi_key } = self;
        let by_name = name.clone().map(Wanted::Name);
        let by_number = record.map(Wanted::Record);
        let by_smiles = smiles.clone().map(Wanted::Smiles);
        by_name.or(by_number).or(by_smiles).or(inchi_key.clone().map(Wanted::InchiKey))
    }
}

pub(in crate::cli) fn run(shared: &Shared, args: &TraceArgs) -> Result<ExitCode, Failure> {
    let Some(wanted) = args.record.wanted() else {
        return Err(Failure::usage("expected the name of a record, `--record`, `--smiles` or `--inchi-key`"));
    };
    let store = runs::open_store(shared, OpenMode::Read)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.run.id)?;
    let instance = replay(flow_id, &events)?;
    let trace = workbench::trace(store.as_ref(), Registry::linked()?, &instance, &events, &wanted)?;
    match shared.format {
        Format::Json => output::print_json(&trace.to_json())?,
        Format::Human => output::print(&render(&trace))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn render(trace: &Trace) -> String {
    let records: Vec<String> = trace.records.iter().map(record).collect();
    let mut text = records.join("\n");
    if trace.more > 0 {
        let more = format!("and {} more records; `--record` names one", trace.more);
        text.push_str(&format!("\n{}\n", styled(DIM, &more)));
    }
    text
}

fn record(RecordTrace { origin, steps }: &RecordTrace) -> String {
    let mut lines = vec![(origin.step.as_str(), origin.uses.as_str(), read(origin))];
    lines.extend(steps.iter().map(|step| (step.step.as_str(), step.uses.as_str(), outcome(step))));
    let wide = |of: fn(&(&str, &str, String)) -> usize| lines.iter().map(of).max().unwrap_or_default();
    let (step, uses) = (wide(|line| line.0.chars().count()), wide(|line| line.1.chars().count()));
    let mut text = format!("{}\n", styled(BOLD, &output::escape(&place(origin))));
    for (id, of, what) in &lines {
        let padding = " ".repeat(uses - of.chars().count());
        text.push_str(&format!("  {id:step$}  {}{padding}  {what}\n", styled(DIM, of)));
    }
    text
}

/// Returns the name and the place of a record: `aspirin, record 3 of data/drugs.csv`.
fn place(ReadRecord { name, record, line, files, .. }: &ReadRecord) -> String {
    let mut parts: Vec<String> = name.iter().cloned().collect();
    let of = if files.is_empty() { String::new() } else { format!(" of `{}`", files.join("`, `")) };
    match (record, line) {
        (Some(record), _) => parts.push(format!("record {record}{of}")),
        (None, Some(line)) => parts.push(format!("line {line}{of}")),
        (None, None) => parts.extend(Some(of.trim_start().to_owned()).filter(|of| !of.is_empty())),
    }
    parts.join(", ")
}

fn read(origin: &ReadRecord) -> String {
    let shown = match &origin.rejected {
        Some(reason) => {
            let text = origin.values.get("text").and_then(Value::as_str).unwrap_or_default();
            return format!("{}: {}; its text is `{}`", bad("rejected"), escaped(reason), escaped(text));
        }
        None => origin.values.get("smiles").and_then(Value::as_str).map(escaped),
    };
    format!("read as {}", shown.map_or_else(|| values(&origin.values), |smiles| format!("`{smiles}`")))
}

fn outcome(StepTrace { step, outcome, .. }: &StepTrace) -> String {
    match outcome {
        StepOutcome::Kept(rows) => rows.iter().map(kept).collect::<Vec<_>>().join("; "),
        StepOutcome::Rejected(reason) => format!("{}: {}", bad("rejected"), escaped(reason)),
        StepOutcome::Dropped(why) => {
            let why: Vec<String> = why.iter().map(dropped).collect();
            format!("{} by `{}`: {}", bad("dropped"), escaped(step), why.join("; "))
        }
        StepOutcome::Merged { into, by } => {
            format!(
                "{} by `{}`, which kept the record with the same {by}: {}",
                bad("merged"),
                escaped(step),
                values(into)
            )
        }
        StepOutcome::Given(files) if files.is_empty() => "given to this step".to_owned(),
        StepOutcome::Given(files) => format!("given to this step, which wrote `{}`", escaped(&files.join("`, `"))),
        StepOutcome::Unfollowed(reason) => escaped(reason),
        StepOutcome::NotFinished(status) => format!("the step is {}", status.name().replace('_', " ")),
    }
}

fn kept(Kept { row, values: new, alike }: &Kept) -> String {
    let made = if new.is_empty() { String::new() } else { format!(": {}", values(new)) };
    let alike = match alike {
        0 | 1 => String::new(),
        alike => format!(" ({alike} rows with these values, so the row may be that of another record)"),
    };
    format!("row {}{alike}{made}", row + 1)
}

fn dropped(why: &WhyDropped) -> String {
    match why {
        WhyDropped::Condition { condition, missing: Some(column), .. } => {
            format!("{} has no value, which `{}` needs", escaped(column), escaped(condition))
        }
        WhyDropped::Condition { condition, missing: None, columns, params } => {
            let found = values(&columns.clone().into_iter().collect());
            let limits = values(&params.clone().into_iter().collect());
            let limits = if params.is_empty() { String::new() } else { format!(" with {limits}") };
            format!("{found}, and `{}` does not hold{limits}", escaped(condition))
        }
        WhyDropped::Parameters { params, columns } => {
            let found = values(&columns.clone().into_iter().collect());
            let found = if columns.is_empty() { String::new() } else { format!("{found}; ") };
            format!("{found}the step has {}", values(params))
        }
    }
}

/// Renders the first values of a row.
fn values(values: &Map<String, Value>) -> String {
    let value = |value: &Value| match value {
        Value::Null => "missing".to_owned(),
        Value::String(text) => format!("`{}`", escaped(&shortened(text))),
        other => escaped(&shortened(&other.to_string())),
    };
    let first = values.iter().take(MOST_VALUES).map(|(name, of)| format!("{} {}", escaped(name), value(of)));
    let mut parts: Vec<String> = first.collect();
    if values.len() > MOST_VALUES {
        parts.push(format!("{} more values", values.len() - MOST_VALUES));
    }
    if parts.is_empty() { "no parameters".to_owned() } else { parts.join(", ") }
}

/// Returns the first 80 characters of a text.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn escaped(text: &str) -> String {
    output::escape(text).to_string()
}

fn bad(word: &str) -> String {
    styled(BAD, word).to_string()
}
