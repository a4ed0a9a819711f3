//! `chem approve` and `chem reject`: decide on a step that waits for a person.

use std::process::ExitCode;

use crate::cli::args::{AnswerArgs, ApproveArgs, Shared};
use crate::cli::drive::{Act, RunPlan, drive};
use crate::cli::exit::Failure;
use crate::cli::family::{self, Begun};
use crate::cli::runs;
use crate::engine::Answer;
use crate::flow::replay;
use crate::store::OpenMode;

pub(in crate::cli) fn approve(shared: &Shared, args: &ApproveArgs) -> Result<ExitCode, Failure> {
    let read = |text: &String| serde_json::from_str(text);
    let data = args.data.as_ref().map(read).transpose().map_err(|error| {
        Failure::usage(format!("`--data` is not JSON: {error}"))
            .with_help("write an object, such as `'{\"limit\": 5}'`")
    })?;
    let (reason, shown) = (args.answer.reason.clone(), args.answer.shown.clone());
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.answer.id)?;
    let instance = replay(flow_id, &events)?;
    let begun = Begun::of(store.as_ref(), &instance)?;
    let plan = family::moved(&begun, RunPlan::stored(flow_id, &events)?, args.manifest.as_deref())?;
    let answer = Answer { approved: true, data, reason, shown };
    drive(shared, store, plan.reusing(&args.reuse)?, Act::Answer(&args.answer.step, &answer))
}

/// Rejects the step. The exit status is success although the run fails, since that is what the user asked for.
pub(in crate::cli) fn reject(shared: &Shared, args: &AnswerArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.id)?;
    let (reason, shown) = (args.reason.clone(), args.shown.clone());
    let answer = Answer { approved: false, data: None, reason, shown };
    drive(shared, store, RunPlan::stored(flow_id, &events)?, Act::Answer(&args.step, &answer))
}
