//! `chem branch`: starts a run that shares the finished first steps of another and diverges from a given step.

use std::process::ExitCode;

use clap::Args;

use crate::cli::args::{NamedRun, Reuse, Shared};
use crate::cli::drive::{Act, RunPlan, drive};
use crate::cli::exit::Failure;
use crate::cli::signing::Signers;
use crate::cli::{output, runs};
use crate::engine::{BranchError, CoreEngineError};
use crate::event::FlowId;
use crate::flow::{StepStatus, replay};
use crate::store::OpenMode;
use crate::workbench::RecordedRun;

#[derive(Debug, Args)]
pub(in crate::cli) struct BranchArgs {
    #[command(flatten)]
    pub run: NamedRun,
    /// The first step to run again. It and all steps before it must have finished.
    #[arg(long, value_name = "STEP")]
    pub from: String,
    #[command(flatten)]
    pub overrides: BranchOverrides,
    #[command(flatten)]
    pub reuse: Reuse,
    #[command(flatten)]
    pub signers: Signers,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct BranchOverrides {
    /// Set a flow parameter, or with STEP.PARAMETER=VALUE a parameter of a step. Can be given several times; the last value
    /// for a parameter counts.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub set: Vec<String>,
}

pub(in crate::cli) fn run(shared: &Shared, args: &BranchArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let (parent, events) = runs::find_run(store.as_ref(), &args.run.id)?;
    let instance = replay(parent, &events)?;
    let refused = |error: BranchError| Failure::of_run(parent, CoreEngineError::from(error));
    let Some(step) = instance.step(&args.from) else {
        return Err(refused(BranchError::UnknownStep { step: args.from.clone() }));
    };
    if step.status != StepStatus::FinishedOk {
        let (step, status) = (step.id.clone(), step.status);
        return Err(refused(BranchError::NotFinished { parent, step, status }));
    }
    let values = RecordedRun::of(store.as_ref(), &instance)?.with_values(&args.overrides.set, &shared.step_types()?)?;
    output::say_diagnostics(&values.warnings);
    let (flow_id, definition) = (FlowId::new(), values.definition);
    let plan = RunPlan { flow_id, definition, ..RunPlan::stored(shared, parent, &events, None)? };
    drive(
        shared,
        store,
        plan.reusing(&args.reuse)?.signed_by(&args.signers)?,
        Act::Branch { parent, from: &args.from, set: &values.set },
    )
}
