//! Runs the children of steps with `map:` in jobs of a cluster.
//!
//! `job` says what workers a run needs, `scripts` and `others` write the scripts for each scheduler. `slurm` submits to Slurm, the only
//! scheduler that is called; for the others, a person submits the printed script.

mod job;
mod others;
mod scripts;
mod slurm;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use job::Job;
use slurm::Slurm;

use super::args::{Reuse, Shared};
use super::exit::Failure;
use super::output;
use crate::engine::{Order, Submission, Workers, Workforce};
use crate::event::{FlowId, Resources};
use crate::flow::FlowDefinition;

/// The options with which workers are asked for.
#[derive(Debug, Args)]
pub(in crate::cli) struct OnCluster {
    /// Have the children of steps with `map` run by workers, in jobs of this scheduler. `slurm` submits them; for the others,
    /// `--print` prints what to submit.
    #[arg(long, value_name = "SCHEDULER", value_enum)]
    pub on: Option<Scheduler>,
    /// Print the script of the workers. Runs and submits nothing.
    #[arg(long, requires = "on")]
    pub print: bool,
    /// The number of workers. Left out, one for each child, but at most 32.
    #[arg(long, value_name = "NUMBER", requires = "on", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub workers: Option<u32>,
    /// The partition or queue of the jobs.
    #[arg(long, value_name = "NAME", requires = "on")]
    pub partition: Option<String>,
    /// The account that the jobs are charged to.
    #[arg(long, value_name = "NAME", requires = "on")]
    pub account: Option<String>,
    /// A further option of the scheduler, such as `--qos=long`. Can be given several times.
    #[arg(long, value_name = "OPTION", requires = "on", allow_hyphen_values = true)]
    pub job_arg: Vec<String>,
    /// The directory of the script and of the logs of the workers.
    #[arg(long, value_name = "DIRECTORY", requires = "on", default_value = ".chem/workers")]
    pub logs: PathBuf,
    /// The container image with this program, for Kubernetes.
    #[arg(long, value_name = "NAME", requires = "on")]
    pub image: Option<String>,
    /// Ask the scheduler about the workers when the log has been silent for this long. The time doubles with each answer that
    /// they wait.
    #[arg(long, value_name = "DURATION", requires = "on", default_value = "60s", value_parser = duration)]
    pub ask_after: u64,
    /// How long before the end of its job a worker stops, so that others can take what it has not finished.
    #[arg(long, value_name = "DURATION", requires = "on", default_value = "60s", value_parser = duration)]
    pub margin: u64,
}

/// The schedulers of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Scheduler {
    Slurm,
    Pbs,
    Lsf,
    Hyperqueue,
    Kubernetes,
}

impl Scheduler {
    /// Returns what submits the script that comes before it on a command line.
    fn submits_with(self) -> &'static str {
        match self {
            Self::Slurm => "| sbatch",
            Self::Pbs => "| qsub",
            Self::Lsf => "| bsub",
            Self::Hyperqueue => "> workers.sh && hq submit workers.sh",
            Self::Kubernetes => "--image IMAGE | kubectl apply -f -",
        }
    }
}

/// Parses a duration such as `90s`, in milliseconds.
pub(in crate::cli) fn duration(text: &str) -> Result<u64, String> {
    chem_manifest::parse_time(text)
        .ok_or_else(|| "expected an integer and a unit: `500ms`, `30s`, `10m` or `2h`".to_owned())
}

impl OnCluster {
    /// Returns who brings the workers for runs of `definition`; `None` if this process runs the children itself.
    ///
    /// # Errors
    /// Fails if workers on other machines would be of no use.
    pub(in crate::cli) fn workers(
        &self,
        shared: &Shared,
        definition: &FlowDefinition,
        reuse: &Reuse,
    ) -> Result<Option<Arc<dyn Workers>>, Failure> {
        let Some(scheduler) = self.on else { return Ok(None) };
        children_of(definition)?;
        let job = Job::new(self, shared, reuse)?;
        Ok(Some(match scheduler {
            Scheduler::Slurm => Arc::new(Slurm { job, patience_ms: self.ask_after }),
            other => Arc::new(ByHand { scheduler: other, patience_ms: self.ask_after }),
        }))
    }

    /// Prints the script of the workers for `run`, or for any run of `definition`. Returns `false` if no script is asked for.
    ///
    /// # Errors
    /// Fails if workers on other machines would be of no use.
    pub(in crate::cli) fn print_script(
        &self,
        shared: &Shared,
        definition: &FlowDefinition,
        reuse: &Reuse,
        run: Option<FlowId>,
    ) -> Result<bool, Failure> {
        let Some(scheduler) = self.on.filter(|_| self.print) else { return Ok(false) };
        let children = children_of(definition)?;
        let left = children.iter().map(|(_, count)| *count).max().unwrap_or_default();
        let needs = children.iter().fold(Resources::default(), |most, (needs, _)| most.and(*needs));
        let job = Job::new(self, shared, reuse)?;
        output::print(&job.script(scheduler, &job::For { run, step: None, needs, left })?)?;
        Ok(true)
    }
}

/// Returns what the children of each step of `definition` need, and how many there are at most.
///
/// # Errors
/// Fails if no step has children.
fn children_of(definition: &FlowDefinition) -> Result<Vec<(Resources, usize)>, Failure> {
    let children = definition.steps().iter().filter(|step| step.has_children()).map(|step| {
        let own = step.policy().resources;
        match step.step().children() {
            Some(params) => (params.needs(own), params.children.len()),
            // How many shards there are depends on the rows.
            None => (own.unwrap_or_default(), usize::MAX),
        }
    });
    let children: Vec<_> = children.collect();
    match children.is_empty() {
        true => Err(Failure::usage("the flow has no step with `map`, so there is nothing for workers to do")
            .with_help(
                "without `--on`, this process runs the flow; `--sweep` runs it once for each of several values",
            )),
        false => Ok(children),
    }
}

/// Workers that a person submits.
struct ByHand {
    scheduler: Scheduler,
    patience_ms: u64,
}

impl Workers for ByHand {
    fn submit(&self, order: &Order) -> Result<Option<Submission>, String> {
        let Order { run, step, left, .. } = order;
        let name = self.scheduler.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        output::say(&format!(
            "step `{step}` waits for workers to run its {left} children; submit them with\n  chem resume {run} --on {name} \
             --print {}",
            self.scheduler.submits_with()
        ));
        Ok(None)
    }

    fn ask(&self, _: &Order, _: Option<&Submission>) -> Result<Workforce, String> {
        Ok(Workforce { alive: None, summary: "not known".to_owned() })
    }

    fn patience_ms(&self) -> u64 {
        self.patience_ms
    }

    fn say(&self, message: &str) {
        output::say(message);
    }
}
