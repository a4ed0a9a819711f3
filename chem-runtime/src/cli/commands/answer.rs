//! `chem approve` and `chem reject`: a person's decision on a step that waits for one.

use std::process::ExitCode;

use crate::cli::args::{AnswerArgs, ApproveArgs, Shared};
use crate::cli::drive::{Act, RunPlan, drive};
use crate::cli::exit::Failure;
use crate::cli::runs;
use crate::engine::Answer;

pub(in crate::cli) fn approve(shared: &Shared, args: &ApproveArgs) -> Result<ExitCode, Failure> {
    let read = |text: &String| serde_json::from_str(text);
    let data = args.data.as_ref().map(read).transpose().map_err(|error| {
        Failure::usage(format!("`--data` is not JSON: {error}"))
            .with_help("write an object, such as `'{\"limit\": 5}'`")
    })?;
    let (reason, shown) = (args.answer.reason.clone(), args.answer.shown.clone());
    decided(shared, &args.answer, &Answer { approved: true, data, reason, shown })
}

/// Rejecting is what was asked for: the status is good although the run has failed.
pub(in crate::cli) fn reject(shared: &Shared, args: &AnswerArgs) -> Result<ExitCode, Failure> {
    let (reason, shown) = (args.reason.clone(), args.shown.clone());
    decided(shared, args, &Answer { approved: false, data: None, reason, shown })
}

fn decided(shared: &Shared, args: &AnswerArgs, answer: &Answer) -> Result<ExitCode, Failure> {
    let store = runs::open_existing_store(shared)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.id)?;
    drive(shared, store, RunPlan::stored(flow_id, &events)?, Act::Answer(&args.step, answer))
}
