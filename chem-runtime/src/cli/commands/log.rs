//! `chem log`: the events of a run, or those of all runs as they come.

use std::process::ExitCode;
use std::time::Duration;

use crate::cli::args::{Format, LogArgs, Shared};
use crate::cli::exit::{Failure, Status};
use crate::cli::output::{self, BAD, BOLD, DIM, GOOD, styled};
use crate::cli::{runs, signals};
use crate::event::{FlowEvent, FlowEventKind};
use crate::flow::{FlowStatus, replay};
use crate::report::event_json;
use crate::step::CancelToken;
use crate::store::{Cursor, EventStore};

/// How long one call to the store waits for events. In between it is seen whether Ctrl-C was pressed.
const WAIT: Duration = Duration::from_millis(250);

pub(in crate::cli) fn run(shared: &Shared, args: &LogArgs) -> Result<ExitCode, Failure> {
    match &args.id {
        Some(id) => one_run(shared, id, args.follow),
        None => all_runs(shared, args.from.unwrap_or(Cursor::START)),
    }
}

fn one_run(shared: &Shared, id: &str, follow: bool) -> Result<ExitCode, Failure> {
    let store = runs::open_existing_store(shared)?;
    let (flow_id, mut events) = runs::find_run(store.as_ref(), id)?;
    let mut printed = 0;
    loop {
        events[printed..].iter().try_for_each(|event| print(shared, event, &line(event)))?;
        printed = events.len();
        if !follow || replay(flow_id, &events)?.status() != FlowStatus::Interrupted {
            return Ok(ExitCode::SUCCESS);
        }
        while store.next_position(flow_id)? == printed as u64 {
            std::thread::sleep(WAIT);
        }
        events = store.list(flow_id)?;
    }
}

fn all_runs(shared: &Shared, mut cursor: Cursor) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared)?;
    let stop = CancelToken::default();
    signals::stop_on_signals(stop.clone(), "");
    while !stop.is_cancelled() {
        let followed = store.follow(cursor, 1000, WAIT)?;
        for event in &followed.events {
            print(shared, event, &format!("{} {}", styled(DIM, &event.flow_id.to_string()), line(event)))?;
        }
        cursor = followed.cursor;
    }
    output::say(&format!("go on from here with `chem log --follow --from {cursor}`"));
    Ok(Status::Interrupted.into())
}

fn print(shared: &Shared, event: &FlowEvent, line: &str) -> Result<(), Failure> {
    match shared.format {
        Format::Json => output::print_json(&event_json(event)?)?,
        Format::Human => output::print(line)?,
    }
    Ok(())
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
