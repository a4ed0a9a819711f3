//! `chem log`: the events of a run.

use std::process::ExitCode;

use crate::cli::args::{Format, RunIdArgs, Shared};
use crate::cli::exit::Failure;
use crate::cli::output::{self, BAD, BOLD, DIM, GOOD, styled};
use crate::cli::runs;
use crate::event::{FlowEvent, FlowEventKind};
use crate::report::event_json;

pub(in crate::cli) fn run(shared: &Shared, args: &RunIdArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_existing_store(shared)?;
    let (_, events) = runs::find_run(store.as_ref(), &args.id)?;
    for event in &events {
        match shared.format {
            Format::Json => output::print_json(&event_json(event)?)?,
            Format::Human => output::print(&line(event))?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn line(event: &FlowEvent) -> String {
    let (style, what) = match &event.kind {
        FlowEventKind::FlowInitialized(it) => {
            (BOLD, format!("{} begins: {} steps, definition {}", it.flow, it.step_count, it.definition_hash.short()))
        }
        FlowEventKind::StepStarted(it) => {
            let inputs: Vec<String> = it.inputs.iter().map(|(port, hash)| format!("{port} {}", hash.short())).collect();
            let inputs = if inputs.is_empty() { String::new() } else { format!(" with {}", inputs.join(", ")) };
            (DIM, format!("{} starts: {}@{}{inputs}", it.step_id, it.uses, it.version))
        }
        FlowEventKind::StepFinished(it) => {
            let outputs: Vec<String> =
                it.outputs.iter().map(|output| format!("{} {}", output.kind, output.hash.short())).collect();
            let outputs = if outputs.is_empty() { String::new() } else { format!(": {}", outputs.join(", ")) };
            (GOOD, format!("{} finished{outputs}", it.step_id))
        }
        FlowEventKind::StepFailed(it) => {
            let causes: String = it.causes.iter().map(|cause| format!(": {cause}")).collect();
            (BAD, format!("{} failed: {}{causes}", it.step_id, it.error))
        }
        FlowEventKind::StepSignal(it) => (DIM, format!("{} says {} {}", it.step_id, it.signal, it.data)),
        FlowEventKind::FlowCompleted(it) => (BOLD, format!("complete: flow fingerprint {}", it.flow_fingerprint)),
    };
    let ts = event.ts.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string();
    let place = format!("{:>5} {ts} {}", event.position, event.kind.letter());
    format!("{} {}\n", styled(DIM, &place), styled(style, &output::shown(&what)))
}
