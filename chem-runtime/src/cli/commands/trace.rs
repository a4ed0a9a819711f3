//! `chem trace`: follows a record through a run, to the step that dropped it.

use std::process::ExitCode;

use clap::Args;

use crate::cli::args::{Format, NamedRun, Shared};
use crate::cli::exit::Failure;
use crate::cli::output::{self, BAD, BOLD, DIM, styled};
use crate::cli::runs;
use crate::flow::replay;
use crate::step::{Files, Registry};
use crate::store::OpenMode;
use crate::workbench::{self, Ancestry, InWords, ReadRecord, RecordTrace, Trace, Wanted};

#[derive(Debug, Args)]
pub(in crate::cli) struct TraceArgs {
    #[command(flatten)]
    pub run: NamedRun,
    #[command(flatten)]
    pub record: NamedRecord,
    /// The step with the row, or `STEP.OUTPUT`. Defaults to the last step that has a table.
    #[arg(long, value_name = "STEP")]
    pub of: Option<String>,
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
    /// The number of a row of a step's table, from 1, to follow back to the records from which it comes.
    #[arg(long, value_name = "NUMBER")]
    pub row: Option<u64>,
}

impl NamedRecord {
    fn wanted(&self) -> Option<Wanted> {
        let Self { name, record, smiles, inchi_key, .. } = self;
        let by_name = name.clone().map(Wanted::Name);
        let by_number = record.map(Wanted::Record);
        let by_smiles = smiles.clone().map(Wanted::Smiles);
        by_name.or(by_number).or(by_smiles).or(inchi_key.clone().map(Wanted::InchiKey))
    }
}

pub(in crate::cli) fn run(shared: &Shared, args: &TraceArgs) -> Result<ExitCode, Failure> {
    if args.of.is_some() && args.record.row.is_none() {
        return Err(Failure::usage("`--of` names the step of a row: expected `--row`"));
    }
    let store = runs::open_store(shared, OpenMode::Read)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.run.id)?;
    let instance = replay(flow_id, &events)?;
    let registry = Registry::linked()?;
    let directory = instance.initialized().and_then(|it| it.environment.directory.clone()).unwrap_or_default();
    let files = Files::relative_to(&directory).confined(shared.confinement(directory.as_ref()));
    if let Some(row) = args.record.row {
        let of = args.of.as_deref();
        let ancestry = workbench::ancestry(store.as_ref(), registry, &instance, &events, &files, of, row)?;
        match shared.format {
            Format::Json => output::print_json(&ancestry.to_json())?,
            Format::Human => output::print(&render_back(&ancestry))?,
        }
        return Ok(ExitCode::SUCCESS);
    }
    let Some(wanted) = args.record.wanted() else {
        return Err(Failure::usage("expected the name of a record, `--record`, `--smiles`, `--inchi-key` or `--row`"));
    };
    let trace = workbench::trace(store.as_ref(), registry, &instance, &events, &files, &wanted)?;
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
    let mut lines = vec![(origin.step.as_str(), origin.uses.as_str(), styled_words(&origin.words()))];
    lines.extend(steps.iter().map(|step| (step.step.as_str(), step.uses.as_str(), styled_words(&step.words()))));
    section(&origin.place(), &lines)
}

fn render_back(ancestry: &Ancestry) -> String {
    let Ancestry { steps, sources, more, .. } = ancestry;
    let mut lines: Vec<(&str, &str, String)> =
        steps.iter().map(|step| (step.step.as_str(), step.uses.as_str(), styled_words(&step.words()))).collect();
    let read = |origin: &ReadRecord| format!("{}: {}", output::escape(&origin.place()), styled_words(&origin.words()));
    lines.extend(sources.iter().map(|origin| (origin.step.as_str(), origin.uses.as_str(), read(origin))));
    let mut text = section(&ancestry.place(), &lines);
    if *more > 0 {
        text.push_str(&format!("\n{}\n", styled(DIM, &format!("and {more} more rows"))));
    }
    text
}

/// Renders steps below a title.
fn section(title: &str, lines: &[(&str, &str, String)]) -> String {
    let wide = |of: fn(&(&str, &str, String)) -> usize| lines.iter().map(of).max().unwrap_or_default();
    let (step, uses) = (wide(|line| line.0.chars().count()), wide(|line| line.1.chars().count()));
    let mut text = format!("{}\n", styled(BOLD, &output::escape(title)));
    for (id, of, what) in lines {
        let padding = " ".repeat(uses - of.chars().count());
        text.push_str(&format!("  {id:step$}  {}{padding}  {what}\n", styled(DIM, of)));
    }
    text
}

fn styled_words(InWords { end, text }: &InWords) -> String {
    let end = end.map(|end| styled(BAD, end).to_string()).unwrap_or_default();
    format!("{end}{}", output::escape(text))
}
