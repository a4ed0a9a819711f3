//! `chem resume`: continues an interrupted run from its recorded definition.
//!
//! If the manifest has changed since, the command reports the change and does not apply it: `--recorded` continues with
//! the flow as it was, `--adopt` with a branch that has the flow as it is now. A change that alters no step, such as a
//! timeout, does not stop the run from continuing.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::Map;

use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{MovedManifest, NamedRun, Reuse, Shared};
use crate::cli::cluster::OnCluster;
use crate::cli::drive::{Act, RunPlan, drive};
use crate::cli::exit::Failure;
use crate::cli::signing::Signers;
use crate::cli::{output, runs};
use crate::event::FlowId;
use crate::flow::{Change, FlowInstance, FlowStatus, replay};
use crate::store::{EventStore, OpenMode, Takeover};
use crate::workbench::{ManifestComparison, RecordedRun, branch_point, lines};

#[derive(Debug, Args)]
pub(in crate::cli) struct ResumeArgs {
    #[command(flatten)]
    pub run: NamedRun,
    #[command(flatten)]
    pub manifest: MovedManifest,
    /// If the manifest has changed since the run began, continue in a branch with the current flow.
    #[arg(long, conflicts_with = "recorded")]
    pub adopt: bool,
    /// Continue with the recorded flow, whatever the manifest says now.
    #[arg(long, conflicts_with = "manifest")]
    pub recorded: bool,
    /// Take the run over from the process that holds its lease, which can then append no more events. Use this if that
    /// process is gone and this one cannot see that, for example in another container. The interrupted step runs again.
    #[arg(long)]
    pub take_over: bool,
    #[command(flatten)]
    pub reuse: Reuse,
    #[command(flatten)]
    pub signers: Signers,
    #[command(flatten)]
    pub cluster: OnCluster,
}

pub(in crate::cli) fn run(shared: &Shared, args: &ResumeArgs) -> Result<ExitCode, Failure> {
    let store = runs::open_store(shared, OpenMode::Existing)?;
    let (flow_id, events) = runs::find_run(store.as_ref(), &args.run.id)?;
    let instance = replay(flow_id, &events)?;
    match instance.status() {
        FlowStatus::Interrupted | FlowStatus::Waiting => {}
        FlowStatus::Completed => {
            return Err(Failure::usage(format!("run {flow_id} is complete; there is nothing to resume"))
                .with_help(Advice::command(CommandName::Show, &[&flow_id]).then(" shows its result")));
        }
        FlowStatus::Failed => {
            let help = Advice::command(CommandName::Show, &[&flow_id])
                .then(" shows why; ")
                .then_command(CommandName::Retry, &[&flow_id])
                .then(" retries the failed step");
            return Err(Failure::usage(format!("run {flow_id} has failed and cannot be resumed")).with_help(help));
        }
    }
    let manifest = args.manifest.path.as_deref();
    let mut plan = RunPlan::stored(shared, flow_id, &events, manifest)?;
    if args.cluster.print_script(shared, &plan.definition, &args.reuse, Some(flow_id))? {
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = manifest {
        plan = plan.at(path)?;
    }
    if !args.recorded {
        let recorded =
            Advice::command(CommandName::Resume, &[&flow_id, &"--recorded"]).then(" continues with the recorded flow");
        match RecordedRun::of(store.as_ref(), &instance)?.compare_manifest(manifest, &shared.step_types()?)? {
            ManifestComparison::Same | ManifestComparison::Unavailable => {}
            ManifestComparison::Invalid { diagnostics } => {
                output::say_diagnostics(&diagnostics);
                return Err(Failure::usage("the manifest of this run has errors now").with_help(recorded));
            }
            ManifestComparison::Changed { definition, changes, .. } if args.adopt => {
                let plan = RunPlan { flow_id: FlowId::new(), definition: *definition, ..plan }
                    .reusing(&args.reuse)?
                    .signed_by(&args.signers)?
                    .on(shared, &args.cluster, &args.reuse)?;
                return adopt(shared, store, &instance, plan, &changes);
            }
            ManifestComparison::Changed { changes, policies, .. } if changes.is_empty() => {
                output::say(&format!(
                    "the manifest has changed how steps are run; this run keeps the recorded way{}",
                    lines(&policies)
                ));
                let adopt = Advice::text("  ").then_command(CommandName::Resume, &[&flow_id, &"--adopt"]);
                output::advise(shared, &adopt.then(" continues in a branch with the current flow"));
            }
            ManifestComparison::Changed { changes, policies, .. } => {
                let what = lines(&[changes, policies].concat());
                return Err(Failure::usage(format!("the manifest of this run has changed since it began{what}"))
                    .with_help(recorded.then(", and `--adopt` in a branch with the current one")));
            }
        }
    }
    let takeover = if args.take_over { Takeover::Always } else { Takeover::IfFree };
    let plan = RunPlan { takeover, ..plan }.reusing(&args.reuse)?.signed_by(&args.signers)?;
    drive(shared, store, plan.on(shared, &args.cluster, &args.reuse)?, Act::Run)
}

/// Continues in a branch that has the current flow of the manifest.
fn adopt(
    shared: &Shared,
    store: Arc<dyn EventStore>,
    instance: &FlowInstance,
    plan: RunPlan,
    changes: &[Change],
) -> Result<ExitCode, Failure> {
    let from = branch_point(instance, &plan.definition, changes);
    drive(shared, store, plan, Act::Branch { parent: instance.flow_id(), from: &from, set: &Map::new() })
}
