//! What workers of a run need: the program, the store, the resources, and where their logs go.

use std::path::PathBuf;

use super::OnCluster;
use crate::cli::args::{Reuse, Shared};
use crate::cli::exit::Failure;
use crate::event::{FlowId, Resources};
use crate::report::quoted;
use crate::store::StoreUrl;

/// The number of workers that are asked for unless the user says how many.
const MOST_WORKERS: usize = 32;

/// The variable that brings the address of the store to workers if it has a password.
pub(super) const WORKER_STORE: &str = "CHEM_WORKER_STORE";

/// What is the same for all workers of a command.
pub(super) struct Job {
    /// The program that runs now.
    pub(super) program: PathBuf,
    /// The address of the store, without a password.
    pub(super) store: String,
    /// The address with its password, if it has one.
    pub(super) secret_store: Option<String>,
    /// The options of the worker that this command has, too.
    pub(super) options: Vec<String>,
    /// The directory of logs: an absolute path.
    pub(super) logs: PathBuf,
    pub(super) workers: Option<u32>,
    pub(super) partition: Option<String>,
    pub(super) account: Option<String>,
    pub(super) arguments: Vec<String>,
    pub(super) image: Option<String>,
    pub(super) margin_ms: u64,
}

/// What a script is for.
pub(super) struct For {
    /// The run; `None` for a script that gets it from the variable `RUN`.
    pub(super) run: Option<FlowId>,
    /// The only step whose children to run; `None` for all.
    pub(super) step: Option<String>,
    pub(super) needs: Resources,
    /// The number of children.
    pub(super) left: usize,
}

impl Job {
    /// # Errors
    /// Fails if other machines cannot use the store, and for options that fit on no line of a script.
    pub(super) fn new(on: &OnCluster, shared: &Shared, reuse: &Reuse) -> Result<Self, Failure> {
        let url = shared.store_url()?;
        let store = reachable(&url)?;
        let typed = typed_url(shared).filter(|typed| typed.parse().is_ok_and(|it: StoreUrl| it.to_string() != *typed));
        let texts = on.job_arg.iter().chain(&on.partition).chain(&on.account).chain(&on.image);
        for text in texts.chain([&on.logs.to_string_lossy().into_owned()]) {
            if text.contains(char::is_control) || text.is_empty() {
                return Err(Failure::usage(format!("`{}` cannot be part of a script", text.escape_debug())));
            }
        }
        Ok(Self {
            program: std::env::current_exe()?,
            store,
            secret_store: typed,
            options: options(shared, reuse)?,
            logs: std::path::absolute(&on.logs)?,
            workers: on.workers,
            partition: on.partition.clone(),
            account: on.account.clone(),
            arguments: on.job_arg.clone(),
            image: on.image.clone(),
            margin_ms: on.margin,
        })
    }

    /// Returns how many workers to ask for, if `left` children have not ended.
    pub(super) fn count(&self, left: usize) -> u32 {
        let most = u32::try_from(left.clamp(1, MOST_WORKERS)).unwrap_or(1);
        self.workers.unwrap_or(most)
    }

    /// Returns the command of a worker, without its variables. `run` is a word of a shell.
    pub(super) fn command(&self, run: &str, until: &[String], purpose: &For) -> String {
        let mut words = vec![quoted(&self.program.to_string_lossy()), "work".to_owned(), run.to_owned()];
        words.extend(until.iter().cloned());
        words.extend(self.work_options(purpose).iter().map(|option| quoted(option)));
        words.join(" ")
    }

    /// Returns the options of a worker that do not depend on the scheduler.
    pub(super) fn work_options(&self, purpose: &For) -> Vec<String> {
        let step = purpose.step.iter().map(|step| format!("--step={step}"));
        let has = written(purpose.needs).into_iter().map(|has| format!("--resources={has}"));
        step.chain(has).chain(self.options.iter().cloned()).collect()
    }

    /// Returns the path of `name` in the directory of logs.
    pub(super) fn log(&self, name: &str) -> String {
        self.logs.join(name).to_string_lossy().into_owned()
    }
}

/// Returns resources as `--resources` takes them; `None` if nothing is asked for. The time is that of a job, not of a child.
fn written(needs: Resources) -> Option<String> {
    let Resources { cpus, gpus, memory_mib, time_ms: _ } = needs;
    let memory = memory_mib.map(|mib| format!("memory={}", chem_manifest::authored::write_memory(mib)));
    let parts = [cpus.map(|cpus| format!("cpus={cpus}")), memory, gpus.map(|gpus| format!("gpus={gpus}"))];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

/// Returns the address of the store for workers, without a password.
///
/// # Errors
/// Fails if other machines cannot use the store.
fn reachable(url: &StoreUrl) -> Result<String, Failure> {
    let text = url.without_secrets();
    let (scheme, rest) = text.split_once(':').unwrap_or((&text, ""));
    match scheme {
        "memory" | "sqlite" => Err(Failure::usage(format!("workers on other machines cannot use the store `{text}`"))
            .with_help("name one that they reach: `--store postgres://HOST/DATABASE`, or `--store spool:DIR`")),
        // A directory that all machines see has the same path on all of them.
        "spool" => Ok(format!("{scheme}:{}", std::path::absolute(rest)?.to_string_lossy())),
        _ => Ok(text),
    }
}

/// Returns the address of the store as it was given.
fn typed_url(shared: &Shared) -> Option<String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    shared.store.clone().or_else(|| variable("CHEM_STORE")).or_else(|| variable("DATABASE_URL"))
}

/// Returns the options of this command that a worker needs, too.
fn options(shared: &Shared, reuse: &Reuse) -> Result<Vec<String>, Failure> {
    let mut options = shared.confining_options()?;
    options.extend(reuse.no_cache.then(|| "--no-cache".to_owned()));
    options.extend(reuse.no_reuse_rows.then(|| "--no-reuse-rows".to_owned()));
    options.extend(reuse.refresh.iter().map(|step| format!("--refresh={step}")));
    Ok(options)
}
