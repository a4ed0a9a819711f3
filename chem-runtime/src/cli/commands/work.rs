//! `chem work`: runs children of a run that no process runs, one after the other.

use std::process::ExitCode;
use std::str::FromStr;

use chem_manifest::authored::parse_memory;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::cli::CommandName;
use crate::cli::advice::Advice;
use crate::cli::args::{Format, NamedRun, Reuse, Shared};
use crate::cli::cluster::duration;
use crate::cli::drive::{RunPlan, engine_for};
use crate::cli::exit::{Failure, Status};
use crate::cli::{output, runs, sealing, signals};
use crate::engine::{OutOfSpace, Stopped, WorkOptions, Worked};
use crate::event::{FlowId, Resources};
use crate::step::CancelToken;
use crate::store::OpenMode;

#[derive(Debug, Args)]
pub(in crate::cli) struct WorkArgs {
    #[command(flatten)]
    pub run: NamedRun,
    /// Stop at this time, such as 2026-11-29T18:30:00Z, or, for `slurm`, before the job of Slurm that runs this ends. A child that
    /// runs then is interrupted, and another worker resumes it.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Until>,
    /// The time limit of the job, if Slurm does not say when it ends, as before version 23.
    #[arg(long, value_name = "DURATION", requires = "until", value_parser = duration)]
    pub time_limit: Option<u64>,
    /// How long before the end of the job to stop; a quarter of the time limit if that is shorter.
    #[arg(long, value_name = "DURATION", requires = "until", default_value = "60s", value_parser = duration)]
    pub margin: u64,
    /// Run only children of this step.
    #[arg(long, value_name = "STEP")]
    pub step: Option<String>,
    /// What each job has of the machine, such as `cpus=2,memory=4G,gpus=1`. Children of a step whose `resources` are more are left
    /// to other workers.
    #[arg(long, value_name = "RESOURCES", value_parser = resources)]
    pub resources: Option<Resources>,
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
    if !plan.definition.has_children() {
        return Err(Failure::usage(format!("run {flow_id} has no step with `map`, so it has no children to work on")));
    }
    if let Some(step) = &args.step
        && !plan.definition.steps().iter().any(|it| it.step().id().as_str() == step && it.has_children())
    {
        return Err(Failure::usage(format!("run {flow_id} has no step `{step}` with `map`")));
    }
    let cancel = CancelToken::default();
    signals::stop_on_signals(cancel.clone(), "stopping; press Ctrl-C again to stop at once");
    let engine = engine_for(shared, store.clone(), plan, cancel)?;
    let most = args.max.map(|most| most as usize);
    let options = WorkOptions {
        until: args.deadline()?,
        most,
        jobs: args.jobs.into(),
        step: args.step.clone(),
        has: args.resources.unwrap_or_default(),
    };
    let worked = engine.work(flow_id, &options).map_err(|error| Failure::of_run(flow_id, error))?;
    let Worked { completed, failed, stopped, out_of_space } = &worked;
    match shared.format {
        Format::Json => {
            let mut summary = json!({
                "flow_id": flow_id,
                "completed": completed,
                "failed": failed,
                "stopped": stopped.name(),
            });
            if let Some(found) = out_of_space {
                summary["out_of_space"] = json!(found);
            }
            output::print_json(&summary)?;
        }
        Format::Human => {
            for flow_id in failed {
                output::say(&format!("run {flow_id} failed"));
            }
            let why = match stopped {
                Stopped::NothingLeft => "nothing is left to do",
                Stopped::Enough => "that is as many as `--max` allows",
                Stopped::Late => "the time is over",
                Stopped::Interrupted => "interrupted",
                Stopped::TooSmall => "what is left needs more than `--resources` says",
                Stopped::OutOfSpace => "this machine has no disk space",
            };
            output::print(&format!("{} children completed, {} failed; {why}\n", completed.len(), failed.len()))?;
        }
    }
    if let Some(found) = out_of_space {
        say_out_of_space(shared, flow_id, found);
    }
    sealing::after_a_run(shared, store.as_ref());
    Ok(match stopped {
        Stopped::OutOfSpace => Status::OutOfSpace.into(),
        Stopped::Interrupted => Status::Interrupted.into(),
        _ if !failed.is_empty() => Status::RunFailed.into(),
        _ => ExitCode::SUCCESS,
    })
}

/// Says why the worker has stopped although children are left, and what to do about it.
fn say_out_of_space(shared: &Shared, flow_id: FlowId, found: &OutOfSpace) {
    let help =
        Advice::text("free space there, or set TMPDIR to a directory on another disk, then start the worker again: ")
            .then_command(CommandName::Work, &[&flow_id])
            .then("; the child that it ran is handed back, so other workers take it");
    let message = format!("no disk space for the children of run {flow_id}: {found}");
    output::print_error(&message, std::slice::from_ref(&found.error), help.render(shared).as_deref());
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) enum Until {
    Time(Timestamp),
    /// Before the job of Slurm ends.
    Slurm,
}

impl FromStr for Until {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "slurm" => Ok(Self::Slurm),
            time => time.parse().map(Self::Time).map_err(|error: jiff::Error| {
                format!("expected a time such as `2026-11-29T18:30:00Z`, or `slurm` ({error})")
            }),
        }
    }
}

impl WorkArgs {
    /// Returns when to stop.
    ///
    /// # Errors
    /// Fails if that depends on a job of Slurm and this process is not part of one.
    fn deadline(&self) -> Result<Option<Timestamp>, Failure> {
        let Some(Until::Slurm) = self.until else {
            return Ok(match self.until {
                Some(Until::Time(time)) => Some(time),
                _ => None,
            });
        };
        let variable = |name: &str| std::env::var(name).ok();
        if variable("SLURM_JOB_ID").is_none() {
            return Err(Failure::usage(
                "`--until slurm` needs a job of Slurm, and this is none: SLURM_JOB_ID is not set",
            )
            .with_help("outside of Slurm, write a time: `--until 2026-11-29T18:30:00Z`"));
        }
        let seconds = |name: &str| variable(name)?.parse::<i64>().ok().and_then(|it| Timestamp::from_second(it).ok());
        let job = JobTimes { begin: seconds("SLURM_JOB_START_TIME"), end: seconds("SLURM_JOB_END_TIME") };
        let deadline = job.deadline(Timestamp::now(), self.time_limit, self.margin);
        if deadline.is_none() {
            output::say("Slurm does not say when this job ends: it works until Slurm asks it to stop");
        }
        Ok(deadline)
    }
}

/// What Slurm says about the times of a job.
struct JobTimes {
    begin: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl JobTimes {
    /// Returns when a worker that begins `now` stops, so that `margin` milliseconds are left, or a quarter of the time if that is
    /// less; `None` if it is not known when the job ends.
    fn deadline(&self, now: Timestamp, limit: Option<u64>, margin: u64) -> Option<Timestamp> {
        let later = |from: Timestamp, milliseconds: u64| {
            let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
            from.saturating_add(SignedDuration::from_millis(milliseconds)).unwrap_or(Timestamp::MAX)
        };
        let begin = self.begin.unwrap_or(now);
        let end = self.end.or_else(|| limit.map(|limit| later(begin, limit)))?;
        let whole = u64::try_from(end.duration_since(begin).as_millis()).unwrap_or_default();
        Some(later(begin, whole - margin.min(whole / 4)))
    }
}

/// Parses resources such as `cpus=2,memory=4G`.
fn resources(text: &str) -> Result<Resources, String> {
    let mut resources = Resources::default();
    for part in text.split(',') {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("expected `name=value`, found `{part}`"))?;
        let count = || {
            let count = value.parse().ok().filter(|count| *count > 0);
            count.ok_or_else(|| format!("expected an integer of at least 1 for `{name}`, found `{value}`"))
        };
        let before = match name {
            "cpus" => resources.cpus.replace(count()?).map(drop),
            "gpus" => resources.gpus.replace(count()?).map(drop),
            "memory" => {
                let memory = parse_memory(value);
                let memory = memory.ok_or_else(|| format!("expected an amount such as `4G`, found `{value}`"))?;
                resources.memory_mib.replace(memory).map(drop)
            }
            _ => return Err(format!("`{name}` is no resource: expected `cpus`, `memory` or `gpus`")),
        };
        if before.is_some() {
            return Err(format!("duplicate `{name}`"));
        }
    }
    Ok(resources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_stops_before_its_job_ends() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let deadline = |begin: Option<i64>, end: Option<i64>, limit: Option<u64>, margin: u64| {
            let job = JobTimes { begin: begin.map(at), end: end.map(at) };
            job.deadline(at(1000), limit.map(|limit| limit * 1000), margin * 1000).map(Timestamp::as_second)
        };
        assert_eq!(deadline(Some(900), Some(4500), None, 60), Some(4440));
        // Slurm's own word counts more than the script's.
        assert_eq!(deadline(Some(900), Some(4500), Some(100), 60), Some(4440));
        assert_eq!(deadline(Some(900), None, Some(3600), 60), Some(4440));
        assert_eq!(deadline(None, None, Some(3600), 60), Some(4540));
        assert_eq!(deadline(Some(900), None, Some(40), 60), Some(930));
        assert_eq!(deadline(Some(900), Some(800), None, 60), Some(900));
        assert_eq!(deadline(Some(900), None, None, 60), None);
    }

    #[test]
    fn nonsense_is_no_resource() {
        let read = |text: &str| resources(text).map(|it| (it.cpus, it.memory_mib, it.gpus));
        assert_eq!(read("cpus=2,memory=4G"), Ok((Some(2), Some(4096), None)));
        assert_eq!(read("gpus=1"), Ok((None, None, Some(1))));
        for (text, wrong) in [
            ("", "expected `name=value`"),
            ("cpus", "expected `name=value`"),
            ("cpus=0", "at least 1"),
            ("cpus=two", "at least 1"),
            ("memory=4GB", "such as `4G`"),
            ("disk=4G", "no resource"),
            ("cpus=1,cpus=2", "duplicate `cpus`"),
            ("cpus=1,", "expected `name=value`"),
        ] {
            let error = resources(text).unwrap_err();
            assert!(error.contains(wrong), "{text}: {error}");
        }
    }
}
