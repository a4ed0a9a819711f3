//! Submits workers to Slurm as one array of jobs, and asks about them.

use std::collections::BTreeMap;
use std::process::Command;

use super::job::{For, Job, WORKER_STORE};
use crate::cli::output;
use crate::engine::{Order, Submission, Workers, Workforce};

/// The name under which submissions to Slurm are recorded.
const SLURM: &str = "slurm";

/// The states of a job that does not run any more. All others are of a job that runs or will.
const GONE: &[&str] = &[
    "BOOT_FAIL",
    "CANCELLED",
    "COMPLETED",
    "DEADLINE",
    "FAILED",
    "NODE_FAIL",
    "OUT_OF_MEMORY",
    "PREEMPTED",
    "REVOKED",
    "TIMEOUT",
];

/// Brings workers as jobs of Slurm.
pub(super) struct Slurm {
    pub(super) job: Job,
    pub(super) patience_ms: u64,
}

impl Workers for Slurm {
    fn submit(&self, order: &Order) -> Result<Option<Submission>, String> {
        let purpose = purpose(order);
        let workers = self.job.count(order.left);
        let script =
            self.job.script(super::Scheduler::Slurm, &purpose).map_err(|failure| failure.message().to_owned())?;
        let directory = &self.job.logs;
        let written = |error| format!("cannot write to the directory of logs `{}`: {error}", directory.display());
        std::fs::create_dir_all(directory).map_err(written)?;
        let path = directory.join(format!("{}.sh", Job::name(&purpose)));
        std::fs::write(&path, script).map_err(written)?;
        let mut command = Command::new("sbatch");
        command.arg("--parsable").arg(&path);
        if let Some(url) = &self.job.secret_store {
            // Slurm passes the environment on to the jobs, and keeps it where only its own user and root can read it.
            command.env(WORKER_STORE, url);
        }
        let said = said_by(command)?;
        // In a federation, the name of the cluster follows the id.
        let job = said.trim().split(';').next().unwrap_or_default().to_owned();
        if job.is_empty() || !job.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("expected the id of a job from `sbatch`, found `{}`", said.trim().escape_debug()));
        }
        let (step, logs) = (&order.step, directory.display());
        output::say(&format!("submitted job {job}: {workers} workers for step `{step}`; their logs are in {logs}"));
        Ok(Some(Submission { job, scheduler: SLURM.to_owned(), workers: Some(workers) }))
    }

    fn ask(&self, order: &Order, submission: Option<&Submission>) -> Result<Workforce, String> {
        let tasks = match submission.filter(|submission| submission.scheduler == SLURM) {
            Some(submission) => tasks_of(&submission.job)?,
            None => tasks_named(&Job::name(&purpose(order)))?,
        };
        let alive = tasks.iter().find(|task| !GONE.contains(&task.state.as_str()));
        let summary = summary(&tasks);
        if let Some(task) = alive {
            output::say(&format!("job {}: {summary}", task.job));
        }
        let workers = submission.and_then(|submission| submission.workers);
        let alive = alive.map(|task| Submission { job: task.job.clone(), scheduler: SLURM.to_owned(), workers });
        Ok(Workforce { alive, summary })
    }

    fn patience_ms(&self) -> u64 {
        self.patience_ms
    }

    fn say(&self, message: &str) {
        output::say(message);
    }
}

fn purpose(order: &Order) -> For {
    For { run: Some(order.run), step: Some(order.step.clone()), needs: order.needs, left: order.left }
}

/// A job of an array, or several that wait together.
struct Task {
    /// The id of the array.
    job: String,
    state: String,
    /// Why it waits, or where it ran.
    detail: String,
}

/// Returns the jobs of an array that Slurm knows. It forgets them some minutes after their end; then the accounts are asked, if
/// the site keeps any.
fn tasks_of(job: &str) -> Result<Vec<Task>, String> {
    let mut command = Command::new("scontrol");
    command.args(["--oneliner", "show", "job", job]);
    match said_by(command) {
        Ok(said) => Ok(said.lines().filter_map(|line| task(line, job)).collect()),
        Err(error) if error.contains("Invalid job id") => Ok(tasks_in_accounts(job).unwrap_or_default()),
        Err(error) => Err(error),
    }
}

/// Reads a line of `scontrol --oneliner show job`.
fn task(line: &str, job: &str) -> Option<Task> {
    let field = |name: &str| {
        let words = line.split_whitespace();
        words.filter_map(|word| word.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let state = field("JobState")?.to_owned();
    let detail = if state == "PENDING" { field("Reason") } else { field("NodeList") };
    let detail = detail.filter(|detail| *detail != "(null)").unwrap_or_default().to_owned();
    Some(Task { job: job.to_owned(), state, detail })
}

/// Returns the jobs of this user that wait or run under `name`.
fn tasks_named(name: &str) -> Result<Vec<Task>, String> {
    let mut command = Command::new("squeue");
    command.args(["--noheader", "--me", "--name", name, "--format", "%F|%T|%r"]);
    let said = said_by(command)?;
    let task = |line: &str| {
        let mut parts = line.trim().splitn(3, '|');
        let (job, state) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let detail = parts.next().filter(|reason| *reason != "None").unwrap_or_default().to_owned();
        Some(Task { job, state, detail })
    };
    Ok(said.lines().filter_map(task).collect())
}

/// Returns the jobs of an array from the accounts; `None` if there are no accounts.
fn tasks_in_accounts(job: &str) -> Option<Vec<Task>> {
    let mut command = Command::new("sacct");
    command.args(["--allocations", "--noheader", "--parsable2", "--jobs", job, "--format", "State,NodeList"]);
    let said = said_by(command).ok()?;
    let task = |line: &str| {
        let (state, node) = line.split_once('|')?;
        // The accounts say by whom: `CANCELLED by 1000`.
        let state = state.split_whitespace().next()?.to_owned();
        Some(Task { job: job.to_owned(), state, detail: node.to_owned() })
    };
    Some(said.lines().filter_map(task).collect())
}

/// Counts the jobs by their states, such as `2 RUNNING on n1, 6 PENDING (Resources)`.
fn summary(tasks: &[Task]) -> String {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for task in tasks {
        *counts.entry((&task.state, &task.detail)).or_default() += 1;
    }
    let one = |((state, detail), count): (&(&str, &str), &usize)| match (*detail, *state) {
        ("", state) => format!("{count} {state}"),
        (reason, "PENDING") => format!("{count} {state} ({reason})"),
        (node, state) => format!("{count} {state} on {node}"),
    };
    match counts.is_empty() {
        true => "Slurm does not know the job any more".to_owned(),
        false => counts.iter().map(one).collect::<Vec<_>>().join(", "),
    }
}

/// Runs a program of Slurm, and returns what it prints.
fn said_by(mut command: Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(|error| format!("cannot start `{program}`, a program of Slurm: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let error = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = error.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Err(format!("`{program}` failed ({}): {}", output.status, lines.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_are_counted_by_what_became_of_them() {
        let lines = [
            "JobId=7 ArrayJobId=7 ArrayTaskId=3-8 JobState=PENDING Reason=Resources NodeList=(null)",
            "JobId=8 ArrayJobId=7 ArrayTaskId=1 JobState=TIMEOUT Reason=None NodeList=n1",
            "JobId=9 ArrayJobId=7 ArrayTaskId=2 JobState=TIMEOUT Reason=None NodeList=n1",
            "no job",
        ];
        let tasks: Vec<Task> = lines.iter().filter_map(|line| task(line, "7")).collect();
        assert_eq!(summary(&tasks), "1 PENDING (Resources), 2 TIMEOUT on n1");
        assert_eq!(summary(&[]), "Slurm does not know the job any more");
    }
}
