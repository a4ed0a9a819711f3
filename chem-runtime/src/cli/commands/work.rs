//! `chem work`: runs children of a run that no process runs, one after the other.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use crate::cli::args::{Format, NamedRun, Reuse, Shared};
use crate::cli::drive::{RunPlan, engine_for};
use crate::cli::exit::{Failure, Status};
use crate::cli::{output, runs, sealing, signals};
use crate::engine::{Stopped, WorkOptions, Worked};
use crate::step::CancelToken;
use crate::store::OpenMode;

#[derive(Debug, Args)]
pub(in crate::cli) struct WorkArgs {
    #[command(flatten)]
    pub run: NamedRun,
    /// Stop at this time, such as 2026-11-29T18:30:00Z. A child that runs then is interrupted, and another worker resumes it.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Timestamp>,
    /// Run at most this many children.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub max: Option<u32>,
    /// Run this many children at the same time.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub jobs: u16,
    #[command(flatten)]
    pub reuse: Reuse,
}

pub(in crate::cli) fn run(shared: &Shared, args: &WorkArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.run.id)?;
    let plan = RunPlan::stored(shared, flow_id, &events, None)?.reusing(&args.reuse)?;
    if !plan.definition.steps().iter().any(|step| step.step().children().is_some()) {
        return Err(Failure::usage(format!("run {flow_id} has no step with `map`, so it has no children to work on")));
    }
    let cancel = CancelToken::default();
    signals::stop_on_signals(cancel.clone(), "stopping; press Ctrl-C again to stop at once");
    let engine = engine_for(shared, store.clone(), plan, cancel)?;
    let most = args.max.map(|most| most as usize);
    let worked = engine
        .work(flow_id, &WorkOptions { until: args.until, most, jobs: args.jobs.into() })
        .map_err(|error| Failure::of_run(flow_id, error))?;
    let Worked { completed, failed, stopped } = &worked;
    match shared.format {
        Format::Json => output::print_json(&json!({
            "flow_id": flow_id,
            "completed": completed,
            "failed": failed,
            "stopped": stopped.name(),
        }))?,
        Format::Human => {
            for flow_id in failed {
                output::say(&format!("run {flow_id} failed"));
            }
            let why = match stopped {
                Stopped::NothingLeft => "nothing is left to do",
                Stopped::Enough => "that is as many as `--max` allows",
                Stopped::Late => "the time is over",
                Stopped::Interrupted => "interrupted",
            };
            output::print(&format!("{} children completed, {} failed; {why}\n", completed.len(), failed.len()))?;
        }
    }
    sealing::after_a_run(shared, store.as_ref());
    Ok(match stopped {
        Stopped::Interrupted => Status::Interrupted.into(),
        _ if !failed.is_empty() => Status::RunFailed.into(),
        _ => ExitCode::SUCCESS,
    })
}
