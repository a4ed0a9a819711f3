//! `chem branch`: starts a run that shares the finished first steps of another and diverges from a given step.

use std::process::ExitCode;

use crate::cli::args::{BranchArgs, Shared};
use crate::cli::drive::{Act, RunPlan, drive};
use crate::cli::exit::Failure;
use crate::cli::family::{self, Begun};
use crate::cli::runs;
use crate::engine::{BranchError, CoreEngineError};
use crate::event::FlowId;
use crate::flow::{StepStatus, replay};
use crate::store::OpenMode;

pub(in crate::cli) fn run(shared: &Shared, args: &BranchArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let (parent, events) = runs::find_run(store.as_ref(), &args.id)?;
    let instance = replay(parent, &events)?;
    let begun = Begun::of(store.as_ref(), &instance)?;
    let refused = |error: BranchError| Failure::of_run(parent, CoreEngineError::from(error));
    let Some(step) = instance.step(&args.from) else {
        return Err(refused(BranchError::UnknownStep { step: args.from.clone() }));
    };
    if step.status != StepStatus::FinishedOk {
        let (step, status) = (step.id.clone(), step.status);
        return Err(refused(BranchError::NotFinished { parent, step, status }));
    }
    let (definition, set) = family::with_set(&begun, &args.overrides.set)?;
    let plan = RunPlan { flow_id: FlowId::new(), definition, ..RunPlan::stored(parent, &events)? };
    drive(shared, store, plan.reusing(&args.reuse)?, Act::Branch { parent, from: &args.from, set: &set })
}
