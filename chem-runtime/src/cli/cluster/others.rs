//! Writes the scripts of workers for schedulers that only a person submits to: PBS, LSF, HyperQueue and Kubernetes.

use serde_json::json;

use super::job::{For, Job};
use super::scripts::{about, clock};
use crate::cli::exit::Failure;
use crate::report::quoted;

/// The longest name that Kubernetes and old versions of PBS take.
const LONGEST_LABEL: usize = 63;
const LONGEST_PBS_NAME: usize = 15;

impl Job {
    /// Writes the script for PBS Pro and OpenPBS.
    pub(super) fn pbs(&self, purpose: &For) -> String {
        let (needs, count) = (purpose.needs, self.count(purpose.left));
        let mut select = format!("select=1:ncpus={}", needs.cpus.unwrap_or(1));
        select.extend(needs.memory_mib.map(|mib| format!(":mem={mib}mb")));
        select.extend(needs.gpus.map(|gpus| format!(":ngpus={gpus}")));
        let name: String = Self::name(purpose).chars().take(LONGEST_PBS_NAME).collect();
        let mut directives = vec![format!("-N {}", name.trim_end_matches('-'))];
        // PBS refuses an array of one job.
        directives.extend((count > 1).then(|| format!("-J 1-{count}")));
        directives.push(format!("-l {select}"));
        directives.extend(needs.time_ms.map(|time| format!("-l walltime={}", hours(time))));
        directives.extend([
            format!("-o {}/", quoted(&self.logs.to_string_lossy())),
            "-j oe".to_owned(),
            "-r y".to_owned(),
        ]);
        directives.extend(self.partition.iter().map(|name| format!("-q {name}")));
        directives.extend(self.account.iter().map(|name| format!("-A {name}")));
        self.lines("#PBS", "qsub", directives, "${NCPUS:-1}", purpose)
    }

    /// Writes the script for LSF.
    pub(super) fn lsf(&self, purpose: &For) -> String {
        let needs = purpose.needs;
        let mut directives = vec![
            format!("-J \"{}[1-{}]\"", Self::name(purpose), self.count(purpose.left)),
            format!("-n {}", needs.cpus.unwrap_or(1)),
            "-R \"span[hosts=1]\"".to_owned(),
        ];
        directives.extend(needs.memory_mib.map(|mib| format!("-R \"rusage[mem={mib}MB]\"")));
        directives.extend(needs.gpus.map(|gpus| format!("-gpu \"num={gpus}\"")));
        let minutes = needs.time_ms.map(|time| time.div_ceil(60_000));
        directives.extend(minutes.map(|minutes| format!("-W {}:{:02}", minutes / 60, minutes % 60)));
        directives.extend([format!("-o {}", quoted(&self.log("lsf-%J_%I.log"))), "-r".to_owned()]);
        directives.extend(self.partition.iter().map(|name| format!("-q {name}")));
        directives.extend(self.account.iter().map(|name| format!("-P {name}")));
        self.lines("#BSUB", "bsub", directives, "${LSB_DJOB_NUMPROC:-1}", purpose)
    }

    /// Writes the script for HyperQueue.
    pub(super) fn hyperqueue(&self, purpose: &For) -> String {
        let needs = purpose.needs;
        let cpus = needs.cpus.unwrap_or(1);
        let mut directives = vec![
            format!("--name={}", Self::name(purpose)),
            format!("--array=1-{}", self.count(purpose.left)),
            format!("--cpus={cpus}"),
        ];
        directives.extend(needs.memory_mib.map(|mib| format!("--resource mem={mib}")));
        directives.extend(needs.gpus.map(|gpus| format!("--resource gpus/nvidia={gpus}")));
        directives.extend(needs.time_ms.map(|time| format!("--time-limit={}s", time.div_ceil(1000))));
        let log = quoted(&self.log("hq-%{JOB_ID}_%{TASK_ID}.log"));
        directives.extend([format!("--stdout={log}"), format!("--stderr={log}")]);
        self.lines("#HQ", "hq submit", directives, &cpus.to_string(), purpose)
    }

    /// Joins the parts of a script whose directives begin with `mark`.
    fn lines(&self, mark: &str, submit: &str, directives: Vec<String>, cores: &str, purpose: &For) -> String {
        let directives = directives.iter().chain(&self.arguments);
        let directives: String = directives.map(|directive| format!("{mark} {directive}\n")).collect();
        let mut until = Vec::new();
        if let Some(time) = purpose.needs.time_ms {
            let margin = self.margin_ms.min(time / 4);
            let seconds = (time - margin) / 1000;
            until = vec!["--until".to_owned(), format!("\"$(date -u -d '+{seconds} seconds' +%Y-%m-%dT%H:%M:%SZ)\"")];
        }
        format!("#!/bin/bash\n{directives}{}{}", about(purpose, submit), self.shell(&until, cores, purpose))
    }

    /// Writes an Indexed Job of Kubernetes.
    ///
    /// # Errors
    /// Fails without an image or a run, and for options that Kubernetes has no word for.
    pub(super) fn kubernetes(&self, purpose: &For) -> Result<String, Failure> {
        let image = self.image.as_deref().ok_or_else(|| {
            Failure::usage("Kubernetes needs a container image with this program").with_help("name it with `--image`")
        })?;
        let run = purpose.run.ok_or_else(|| {
            Failure::usage("a Job of Kubernetes is for one run, which has to have begun")
                .with_help("leave out `--print`: the run begins, and says what to type then")
        })?;
        if self.partition.is_some() || self.account.is_some() || !self.arguments.is_empty() {
            return Err(Failure::usage("`--partition`, `--account` and `--job-arg` mean nothing to Kubernetes")
                .with_help("edit the printed Job"));
        }
        let name: String = Self::name(purpose).replace('_', "-").chars().take(LONGEST_LABEL).collect();
        let (needs, count) = (purpose.needs, self.count(purpose.left));
        let mut command = vec!["chem".to_owned(), "work".to_owned(), run.to_string()];
        command.extend(self.work_options(purpose));
        let mut resources = serde_json::Map::new();
        resources.insert("cpu".to_owned(), json!(needs.cpus.unwrap_or(1).to_string()));
        resources.extend(needs.memory_mib.map(|mib| ("memory".to_owned(), json!(format!("{mib}Mi")))));
        resources.extend(needs.gpus.map(|gpus| ("nvidia.com/gpu".to_owned(), json!(gpus.to_string()))));
        let limit = needs.time_ms.map(|time| format!("      activeDeadlineSeconds: {}\n", time.div_ceil(1000)));
        // JSON is YAML: values are written as JSON, so that nothing needs escaping.
        Ok(format!(
            "{about}# The files of the run have to be mounted under the paths that they have here. A password of the store comes \
             from the\n# Secret `chem-store`, as the variable PGPASSWORD.\napiVersion: batch/v1\nkind: Job\nmetadata:\n  \
             name: {name}\nspec:\n  completionMode: Indexed\n  completions: {count}\n  parallelism: {count}\n  backoffLimit: \
             {retries}\n  template:\n    spec:\n{limit}      restartPolicy: Never\n      \
             terminationGracePeriodSeconds: {grace}\n      containers:\n        - name: worker\n          image: {image}\n          \
             command: {command}\n          env:\n            - {{ name: CHEM_STORE, value: {store} }}\n            - {{ name: \
             RAYON_NUM_THREADS, value: {threads} }}\n          envFrom:\n            - secretRef: {{ name: chem-store, optional: \
             true }}\n          resources:\n            requests: {resources}\n            limits: {resources}\n",
            about = about(purpose, "kubectl apply"),
            name = json!(name.trim_end_matches('-')),
            retries = u64::from(count) * 6,
            limit = limit.unwrap_or_default(),
            grace = self.margin_seconds(),
            image = json!(image),
            command = json!(command),
            store = json!(self.store),
            threads = json!(needs.cpus.unwrap_or(1).to_string()),
            resources = json!(resources),
        ))
    }
}

/// Formats a duration as `HH:MM:SS`, with as many hours as it takes.
fn hours(milliseconds: u64) -> String {
    let seconds = milliseconds.div_ceil(1000);
    let rest = clock(milliseconds);
    let rest = rest.rsplit_once('-').map_or(rest.as_str(), |(_, rest)| rest);
    let minutes = rest.split_once(':').map_or("", |(_, minutes)| minutes);
    format!("{:02}:{minutes}", seconds / 3600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_hours_to_pbs() {
        assert_eq!([1, 7_200_000, 90_061_000].map(hours), ["00:00:01", "02:00:00", "25:01:01"]);
    }
}
