//! `chem diff`: compares two runs, a run and a manifest, or a plan and a run.

use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueHint};
use serde_json::Value;

use super::check::read_and_check;
use super::deviations;
use crate::cli::args::{Format, Overrides, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BAD, BOLD, DIM, GOOD, ODD, Table, styled};
use crate::cli::runs;
use crate::engine::ReusePolicy;
use crate::evidence::PlanId;
use crate::flow::replay;
use crate::step::Files;
use crate::store::{EventStore, OpenMode, StoredArtifacts};
use crate::workbench::{self, Change, Comparison, Example, FlowFacts, RecordDifference, Side};

#[derive(Debug, Args)]
pub(in crate::cli) struct DiffArgs {
    /// The run to compare with: its id, the beginning of its id, or `@last` for the newest run. Or a sealed plan: `plan:` and the
    /// beginning of its hash.
    #[arg(value_name = "ID|PLAN")]
    pub before: String,
    /// The run to compare, named like the first, or a manifest.
    #[arg(value_name = "ID|MANIFEST", value_hint = ValueHint::FilePath)]
    pub after: String,
    /// If the second is a manifest, set a flow parameter. Can be given several times; the last value for a parameter counts.
    #[arg(long, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

pub(in crate::cli) fn run(shared: &Shared, args: &DiffArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Read)?;
    if args.before.starts_with(PlanId::PREFIX) {
        if !args.set.is_empty() {
            return Err(Failure::usage("`--set` requires a manifest, and a plan is compared with a run"));
        }
        return deviations::run(shared, store.as_ref(), &args.before, &args.after);
    }
    let before = run_facts(store.as_ref(), &args.before)?;
    let path = Path::new(&args.after);
    let after = if path.is_file() {
        let checked = read_and_check(shared, path, &Overrides { set: args.set.clone() })?;
        checked.print(shared)?;
        let Some(definition) = checked.definition else {
            return Ok(Status::Usage.into());
        };
        let files = Files::relative_to(&checked.directory).confined(shared.confinement(&checked.directory));
        let policy = ReusePolicy::wherever_possible();
        workbench::plan(store.as_ref(), &definition, Some(&checked.origins), &files, &policy)?.facts()
    } else if path.components().count() > 1 || path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
        return Err(Failure::usage(format!("there is no file `{}`", args.after))
            .with_help("name a manifest, or a run by its id"));
    } else if args.set.is_empty() {
        run_facts(store.as_ref(), &args.after)?
    } else {
        return Err(Failure::usage(format!("`--set` requires a manifest, and there is no file `{}`", args.after)));
    };
    let comparison = workbench::diff(&StoredArtifacts(store.as_ref()), &before, &after)?;
    match shared.format {
        Format::Json => output::print_json(&comparison.to_json())?,
        Format::Human => output::print(&render(&comparison))?,
    }
    Ok(if comparison.is_empty() { ExitCode::SUCCESS } else { Status::RunFailed.into() })
}

fn run_facts(store: &dyn EventStore, id: &str) -> Result<FlowFacts, Failure> {
    let (flow_id, events) = runs::find_run(store, id)?;
    Ok(FlowFacts::of_run(&replay(flow_id, &events)?))
}

fn render(comparison: &Comparison) -> String {
    let side = |side: &Side| {
        let run = side.flow_id.map_or_else(|| "as the manifest gives it".to_owned(), |run| format!("run {run}"));
        format!("{} {run}", styled(BOLD, &output::escape(&side.flow)))
    };
    let mut text = format!("{}\n{}\n\n", side(&comparison.before), side(&comparison.after));
    if comparison.is_empty() {
        text.push_str(&format!("{}\n", styled(GOOD, "no difference")));
        return text;
    }
    let mut line = |what: &str, of: String| text.push_str(&format!("{} {of}\n", styled(DIM, what)));
    if !comparison.added.is_empty() {
        line("steps added:", comparison.added.join(", "));
    }
    if !comparison.removed.is_empty() {
        line("steps removed:", comparison.removed.join(", "));
    }
    if comparison.reordered {
        line("steps:", "in another order".to_owned());
    }
    if let Some((before, after)) = comparison.statuses() {
        line("status:", format!("{} → {}", before.name(), after.name()));
    }
    if let Some((before, after)) = comparison.fingerprints().filter(|_| comparison.steps.is_empty()) {
        line("flow fingerprint:", format!("{before} → {after}"));
    }
    if !comparison.params.is_empty() {
        line("flow:", output::escape(&comparison.params_in_words()));
    }
    if let Some(parted) = comparison.parted() {
        line("diverged at", format!("{}: {}", styled(BOLD, &parted.step), output::escape(&parted.why_parted())));
    }
    let mut table = Table::new(&["step", "output", "added", "removed", "changed", ""]);
    for step in &comparison.steps {
        let name = (BOLD, step.step.clone());
        if step.outputs.is_empty() {
            let plain = || (DIM, String::new());
            table.row([name.clone(), plain(), plain(), plain(), plain(), (DIM, step.why_in_words())]);
        }
        for output in &step.outputs {
            let [added, removed, changed] = match &output.change {
                Change::Records(records) => {
                    [records.added, records.removed, records.changed].map(|count| count.to_string())
                }
                _ => Default::default(),
            };
            let (output, words) = ((DIM, output.output.clone()), (DIM, output.change.details()));
            table.row([name.clone(), output, (GOOD, added), (BAD, removed), (ODD, changed), words]);
        }
    }
    text.push('\n');
    text.push_str(&table.render());
    for step in &comparison.steps {
        for output in &step.outputs {
            if let Change::Records(records) = &output.change {
                text.push_str(&examples(&format!("{}.{}", step.step, output.output), records));
            }
        }
    }
    text
}

/// Formats the examples of records that differ, one per line.
fn examples(of: &str, records: &RecordDifference) -> String {
    let mut text = String::new();
    if records.examples.is_empty() {
        return text;
    }
    text.push_str(&format!("\n{}\n", styled(BOLD, of)));
    for example in &records.examples {
        let line = match example {
            Example::Added(record) => format!("{} {}", styled(GOOD, "+"), name_of(record)),
            Example::Removed(record) => format!("{} {}", styled(BAD, "-"), name_of(record)),
            Example::Changed(key, columns) => {
                let change =
                    |(column, (before, after)): (&String, &(Value, Value))| format!("{column} {before} → {after}");
                let changes = columns.iter().map(change).collect::<Vec<_>>().join(", ");
                format!("{} {}: {}", styled(ODD, "~"), name_of(key), output::escape(&changes))
            }
        };
        text.push_str(&format!("  {line}\n"));
    }
    if records.more() > 0 {
        text.push_str(&format!("  {}\n", styled(DIM, &format!("and {} more", records.more()))));
    }
    text
}

/// Returns the `name` of a record, or the whole record if it has none.
fn name_of(record: &Value) -> String {
    let name = match record.get("name").unwrap_or(record) {
        Value::String(name) => name.clone(),
        other => other.to_string(),
    };
    output::escape(&name)
}
