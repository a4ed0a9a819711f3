//! `chem verify`: checks whether a stored run can be repeated.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::audit_file;
use crate::cli::args::{Format, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BAD, BOLD, DIM, GOOD, ODD, Table, styled};
use crate::cli::{runs, signals};
use crate::event::FlowId;
use crate::flow::replay;
use crate::handover::unpack;
use crate::step::CancelToken;
use crate::store::{EventStore, InMemoryEventStore, OpenMode};
use crate::workbench::{self, Outcome, Tolerances, Verification};

#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// The run: its id, the beginning of its id, or `@last` for the newest run; or the file of an exported run.
    #[arg(value_name = "ID|FILE")]
    pub run: String,
    /// Accept values of this column that differ by at most NUMBER, in steps that are declared approximate. Can be given
    /// several times.
    #[arg(long, value_name = "COLUMN=NUMBER")]
    pub tolerance: Vec<String>,
}

pub(in crate::cli) fn run(shared: &Shared, args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let tolerances = args.tolerance.iter().map(|text| tolerance(text)).collect::<Result<Tolerances, Failure>>()?;
    let exported = tempfile::tempdir()?;
    let (store, flow_id, events) = if audit_file::is_file(&args.run) {
        let (store, flow_id) = from_file(Path::new(&args.run), exported.path())?;
        let events = store.list(flow_id)?;
        (store, flow_id, events)
    } else {
        let store = runs::open_store(shared, OpenMode::Read)?;
        let (flow_id, events) = runs::find_run(store.as_ref(), &args.run)?;
        (store, flow_id, events)
    };
    let cancel = CancelToken::default();
    signals::stop_on_signals(cancel.clone(), "stopping; press Ctrl-C again to stop at once");
    let outputs = tempfile::tempdir()?;
    let instance = replay(flow_id, &events)?;
    let directory = instance.initialized().and_then(|it| it.environment.directory.clone()).unwrap_or_default();
    let confinement = shared.confinement(directory.as_ref());
    let registry = shared.step_types()?;
    let verification =
        workbench::verify(&store, &instance, &registry, &tolerances, outputs.path(), confinement, &cancel)?;
    match shared.format {
        Format::Json => output::print_json(&verification.to_json())?,
        Format::Human => output::print(&render(&verification))?,
    }
    Ok(if verification.is_verified() { ExitCode::SUCCESS } else { Status::RunFailed.into() })
}

/// Puts an exported run into memory, and its files into `directory`. Returns the store and the run.
fn from_file(file: &Path, directory: &Path) -> Result<(Arc<dyn EventStore>, FlowId), Failure> {
    let store: Arc<dyn EventStore> = Arc::new(InMemoryEventStore::new());
    let flow_id = unpack(file, directory, store.as_ref()).map_err(|error| Failure::of_export(error, file))?;
    Ok((store, flow_id))
}

fn tolerance(text: &str) -> Result<(String, f64), Failure> {
    let parts = text.split_once('=').map(|(column, value)| (column.trim(), value.trim().parse::<f64>()));
    match parts {
        Some((column, Ok(value))) if !column.is_empty() && value >= 0.0 && value.is_finite() => {
            Ok((column.to_owned(), value))
        }
        _ => Err(Failure::usage(format!("`{text}` is not a tolerance"))
            .with_help("write `--tolerance COLUMN=NUMBER`, such as `--tolerance logp=1e-6`")),
    }
}

fn render(verification: &Verification) -> String {
    let mut table = Table::new(&["step", "uses", "outcome", ""]);
    for step in &verification.steps {
        let (style, words) = match &step.outcome {
            Outcome::Verified { within } if within.is_empty() => (GOOD, String::new()),
            Outcome::Verified { within } => {
                let off: Vec<String> = within.iter().map(|(column, off)| format!("{column} off by {off}")).collect();
                (GOOD, off.join(", "))
            }
            Outcome::Differs(fault) => (BAD, fault.to_string()),
            Outcome::NotRepeatable { reason } => (ODD, reason.clone()),
            Outcome::NotFinished => (DIM, String::new()),
        };
        table.row([
            (BOLD, step.step.clone()),
            (DIM, format!("{}@{}", step.uses, step.version)),
            (style, step.outcome.name().replace('_', " ")),
            (anstyle::Style::new(), words),
        ]);
    }
    let (verified, all) = (verification.verified(), verification.steps.len());
    let mut text = table.render();
    text.push_str(&format!("\n{verified} of {all} steps verified\n"));
    if let Some((step, fault)) = verification.first_fault() {
        let first = format!("first difference: step {}, {fault}", step.step);
        text.push_str(&format!("{}\n", styled(BAD, &output::escape(&first))));
    }
    text
}
