//! Writes the scripts of workers: what all have in common, and the one for Slurm. `others` has those for other schedulers.

use super::Scheduler;
use super::job::{For, Job, WORKER_STORE};
use crate::cli::exit::Failure;
use crate::report::quoted;

/// The time between a signal and the end of a job that every scheduler can keep, in seconds.
const LEAST_MARGIN: u64 = 1;

impl Job {
    /// Returns the script that submits workers to `scheduler`.
    ///
    /// # Errors
    /// Fails for a scheduler that needs an option which was not given.
    pub(super) fn script(&self, scheduler: Scheduler, purpose: &For) -> Result<String, Failure> {
        match scheduler {
            Scheduler::Slurm => Ok(self.slurm(purpose)),
            Scheduler::Pbs => Ok(self.pbs(purpose)),
            Scheduler::Lsf => Ok(self.lsf(purpose)),
            Scheduler::Hyperqueue => Ok(self.hyperqueue(purpose)),
            Scheduler::Kubernetes => self.kubernetes(purpose),
        }
    }

    /// Returns a name for the jobs, by which those of a run are found.
    pub(super) fn name(purpose: &For) -> String {
        let run = purpose.run.map(|run| format!("-{run}")).unwrap_or_default();
        let step = purpose.step.iter().map(|step| format!("-{step}")).collect::<String>();
        format!("chem{run}{step}")
    }

    fn slurm(&self, purpose: &For) -> String {
        let mut directives = vec![
            format!("--job-name={}", Self::name(purpose)),
            format!("--array=1-{}", self.count(purpose.left)),
            format!("--output={}", quoted(&self.log("slurm-%A_%a.log"))),
            "--open-mode=append".to_owned(),
            "--requeue".to_owned(),
        ];
        let needs = purpose.needs;
        directives.extend(needs.cpus.map(|cpus| format!("--cpus-per-task={cpus}")));
        directives.extend(needs.memory_mib.map(|mib| format!("--mem={mib}M")));
        directives.extend(needs.gpus.map(|gpus| format!("--gres=gpu:{gpus}")));
        directives.extend(needs.time_ms.map(|time| format!("--time={}", clock(time))));
        directives.push(format!("--signal=B:TERM@{}", self.margin_seconds()));
        directives.extend(self.partition.iter().map(|name| format!("--partition={name}")));
        directives.extend(self.account.iter().map(|name| format!("--account={name}")));
        directives.extend(self.arguments.iter().cloned());
        let directives: String = directives.iter().map(|directive| format!("#SBATCH {directive}\n")).collect();
        let mut until = vec!["--until".to_owned(), "slurm".to_owned()];
        // Slurm 22 does not tell a job when it ends.
        until.extend(
            needs.time_ms.into_iter().flat_map(|time| ["--time-limit".to_owned(), format!("{}s", time.div_ceil(1000))]),
        );
        until.extend(["--margin".to_owned(), format!("{}s", self.margin_seconds())]);
        let cores = "${SLURM_CPUS_PER_TASK:-${SLURM_CPUS_ON_NODE:-1}}";
        format!("#!/bin/bash\n{}{directives}{}", about(purpose, "sbatch"), self.shell(&until, cores, purpose))
    }

    /// Returns the part of a script that runs a worker. `exec` makes it the process that gets the signals.
    pub(super) fn shell(&self, until: &[String], cores: &str, purpose: &For) -> String {
        let run = purpose.run.map_or_else(|| "\"$RUN\"".to_owned(), |run| run.to_string());
        let given = if purpose.run.is_none() { ": \"${RUN:?set RUN to the id of the run}\"\n" } else { "" };
        let store = &self.store;
        format!(
            "set -eu\n{given}{store_comment}export CHEM_STORE=\"${{{WORKER_STORE}:-{store}}}\"\n\
             export RAYON_NUM_THREADS=\"{cores}\"\nexec {command}\n",
            store = in_double_quotes(store),
            store_comment =
                "# A password comes from the password file (~/.pgpass) or the environment, never from here.\n",
            command = self.command(&run, until, purpose),
        )
    }

    pub(super) fn margin_seconds(&self) -> u64 {
        self.margin_ms.div_ceil(1000).max(LEAST_MARGIN)
    }
}

/// Returns the comment at the head of a script.
pub(super) fn about(purpose: &For, submit: &str) -> String {
    let what = match (&purpose.run, &purpose.step) {
        (Some(run), Some(step)) => format!("# Workers for the children of the step `{step}` of run {run}.\n"),
        (Some(run), None) => format!("# Workers for the children of run {run}.\n"),
        (None, _) => format!(
            "# Workers for the children of a run. Begin the run with `chem run MANIFEST --on …`, set RUN to its id, and submit \
             this\n# with {submit}.\n"
        ),
    };
    format!(
        "{what}# Each job of the array takes one child after the other from the log, until none is left. There may be more or fewer \
         jobs.\n"
    )
}

/// Formats a duration for Slurm: `D-HH:MM:SS`, rounded up to seconds.
pub(super) fn clock(milliseconds: u64) -> String {
    let seconds = milliseconds.div_ceil(1000);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let clock = format!("{hours:02}:{minutes:02}:{:02}", seconds % 60);
    if days > 0 { format!("{days}-{clock}") } else { clock }
}

/// Escapes `text` for use between double quotes of a shell, after `:-`.
fn in_double_quotes(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, character| {
        if "\"\\$`}".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_slurm_reads_them() {
        let times = [1, 60_000, 7_200_000, 90_061_000].map(clock);
        assert_eq!(times, ["00:00:01", "00:01:00", "02:00:00", "1-01:01:01"]);
    }
}
