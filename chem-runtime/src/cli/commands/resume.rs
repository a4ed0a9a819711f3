//! `chem resume`: continues an interrupted run from its recorded definition.
//!
//! If the manifest has changed since, the command reports the change and does not apply it: `--recorded` continues with
//! the flow as it was, `--adopt` with a branch that has the flow as it is now. A change that alters no step, such as a
//! timeout, does not stop the run from continuing.

use std::process::ExitCode;
use std::sync::Arc;

use serde_json::Map;

use crate::cli::args::{ResumeArgs, Shared};
use crate::cli::drive::{Act, RunPlan, drive};
use crate::cli::exit::Failure;
use crate::cli::family::{self, Begun, Manifest};
use crate::cli::{output, runs};
use crate::event::FlowId;
use crate::flow::{Change, FlowInstance, FlowStatus, StepStatus, replay};
use crate::store::{EventStore, OpenMode, Takeover};

pub(in crate::cli) fn run(shared: &Shared, args: &ResumeArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.id)?;
    let instance = replay(flow_id, &events)?;
    match instance.status() {
        FlowStatus::Interrupted | FlowStatus::Waiting => {}
        FlowStatus::Completed => {
            return Err(Failure::usage(format!("run {flow_id} is complete; there is nothing to resume"))
                .with_help(format!("`chem show {flow_id}` shows what came of it")));
        }
        FlowStatus::Failed => {
            return Err(Failure::usage(format!("run {flow_id} has failed and cannot be resumed")).with_help(format!(
                "`chem show {flow_id}` says why; `chem retry {flow_id}` tries the failed step again"
            )));
        }
    }
    let begun = Begun::of(store.as_ref(), &instance)?;
    let mut plan = RunPlan::stored(flow_id, &events)?;
    if let Some(manifest) = &args.manifest {
        plan = plan.at(manifest)?;
    }
    if !args.recorded {
        let go_on = format!("`chem resume {flow_id} --recorded` goes on with the flow as it was");
        match family::compare(&begun, args.manifest.as_deref())? {
            Manifest::AsRecorded => {}
            Manifest::Wrong => {
                return Err(Failure::usage("the manifest of this run has errors now").with_help(go_on));
            }
            Manifest::Changed { definition, changes, .. } if args.adopt => {
                let plan = RunPlan { flow_id: FlowId::new(), definition: *definition, ..plan }.reusing(&args.reuse)?;
                return adopt(shared, store, &instance, plan, &changes);
            }
            Manifest::Changed { changes, policies, .. } if changes.is_empty() => output::say(&format!(
                "the manifest of this run has its steps run otherwise since it began, which is not taken up{}\n  \
                 `chem resume {flow_id} --adopt` goes on with a branch as it is now",
                family::listed(&policies)
            )),
            Manifest::Changed { changes, policies, .. } => {
                let what = family::listed(&[changes, policies].concat());
                let message = format!("the manifest of this run has changed since it began{what}");
                return Err(
                    Failure::usage(message).with_help(format!("{go_on}, and `--adopt` with a branch as it is now"))
                );
            }
        }
    }
    let takeover = if args.take_over { Takeover::Always } else { Takeover::IfFree };
    drive(shared, store, RunPlan { takeover, ..plan }.reusing(&args.reuse)?, Act::Run)
}

/// Continues in a branch that has the current flow of the manifest, from the first step that has changed or not finished.
fn adopt(
    shared: &Shared,
    store: Arc<dyn EventStore>,
    instance: &FlowInstance,
    plan: RunPlan,
    changes: &[Change],
) -> Result<ExitCode, Failure> {
    let shared_with = |index: usize, id: &str| {
        let state = instance.steps().get(index).filter(|state| state.id == id);
        state.is_some_and(|state| state.status == StepStatus::FinishedOk)
            && !changes.iter().any(|change| change.step == id)
    };
    let ids: Vec<&str> = plan.definition.steps().iter().map(|step| step.step().id().as_str()).collect();
    let first = ids.iter().enumerate().position(|(index, id)| !shared_with(index, id));
    // If steps were only removed, the last step runs again.
    let from = first.or(ids.len().checked_sub(1)).map(|index| ids[index].to_owned()).unwrap_or_default();
    drive(shared, store, plan, Act::Branch { parent: instance.flow_id(), from: &from, set: &Map::new() })
}
