//! A run on a cluster: where it runs, its store, and what is asked of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chem_tests::postgres_server::TestDatabase;
use chem_tests::slurm::Cluster;
use serde_json::Value;

use crate::harness::Place;

/// The flow of a child: it takes a while, and leaves a line for each time that its step runs.
const CHILD: &str = "flow: child
params: { text: CCO, wait: 0 }
steps:
  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }
  - { id: slow, uses: test.slow, with: { wait: \"${params.wait}\", ran: \"ran-${params.text}.txt\" } }
  - { id: characters, uses: demo.characters }
  - { id: count, uses: demo.count }
";

/// How long a test waits for something that has to happen.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// A directory with a flow of many children.
pub struct Site {
    pub place: Place,
    pub url: String,
    children: usize,
}

impl Site {
    /// Writes a flow with `children` children, each of which takes `wait` milliseconds. `more` are further lines of the step.
    pub fn new(url: String, children: usize, wait: u64, more: &str) -> Self {
        let place = Place::new();
        place.write("child.yaml", CHILD);
        let texts: Vec<String> = (0..children).map(|index| format!("C{index}")).collect();
        let step = format!(
            "  - id: every\n    map: {{ flow: child.yaml, params: {{ wait: {wait} }}, over: {{ text: [{}] }}, take: {{ n: \
             count.characters }} }}\n{more}",
            texts.join(", ")
        );
        place.write("mapped.yaml", &format!("flow: mapped\nsteps:\n{step}"));
        Self { place, url, children }
    }

    /// Creates a directory without a flow.
    pub fn empty(url: String) -> Self {
        Self { place: Place::new(), url, children: 0 }
    }

    /// Writes a flow of a table of so many rows on which a program works, all at once or in shards of three. The program takes
    /// `wait` seconds for what it gets at once.
    pub fn of_rows(url: String, rows: usize, wait: f32, in_shards: bool) -> Self {
        let place = Place::new();
        let work = "- { id: slow, uses: process.run, with: { command: [sh, \"{program}\"], files: { program: slow.sh }, \
                    version: \"1\", rows: true, types: { one: integer } } }";
        let step = match in_shards {
            true => format!("  - map:\n      over: read\n      rows: 3\n      steps:\n        {work}\n"),
            false => format!("  {work}\n"),
        };
        let read = "  - { id: read, uses: table.read, with: { path: numbers.csv } }\n";
        place.write("mapped.yaml", &format!("flow: rows\nsteps:\n{read}{step}"));
        let numbers: Vec<String> = (0..rows).map(|n| n.to_string()).collect();
        place.write("numbers.csv", &format!("n\n{}\n", numbers.join("\n")));
        place.write("slow.sh", &format!("sed 's/}}$/, \"one\": 1}}/'; sleep {wait}\n"));
        Self { place, url, children: rows / 3 * usize::from(in_shards) }
    }

    /// Copies the files of a directory of the repository, and of the directories in it.
    pub fn of(directory: &str, url: String) -> Self {
        let place = Place::new();
        let mut left = vec![PathBuf::from(directory)];
        while let Some(directory) = left.pop() {
            for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&directory)).unwrap() {
                let entry = entry.unwrap();
                let path = directory.join(entry.file_name());
                match entry.file_type().unwrap().is_dir() {
                    true => left.push(path),
                    false => drop(place.write(path.to_str().unwrap(), &std::fs::read_to_string(entry.path()).unwrap())),
                }
            }
        }
        Self { place, url, children: 0 }
    }

    /// Returns the fingerprint of the newest run.
    pub fn fingerprint(&self) -> Value {
        self.json(&["show", "@last"])["flow_fingerprint"].clone()
    }

    /// Returns what the workers said.
    pub fn logs(&self) -> String {
        let Ok(logs) = std::fs::read_dir(self.place.path().join(".chem/workers")) else { return String::new() };
        let logs =
            logs.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|it| it == "log"));
        logs.map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }

    /// Returns a command of the program on the store, with the programs of Slurm on `cluster`.
    pub fn command(&self, cluster: Option<&Cluster>, arguments: &[&str]) -> Command {
        let mut command = self.place.command(&[arguments, &["--store", &self.url]].concat());
        if let Some(cluster) = cluster {
            command.env("SLURM_CONF", cluster.configuration());
        }
        command
    }

    /// Starts the program, and puts what it says into a file.
    pub fn spawn(&self, cluster: &Cluster, arguments: &[&str], said: &str) -> Child {
        let file = std::fs::File::create(self.place.path().join(said)).unwrap();
        let mut command = self.command(Some(cluster), arguments);
        command.stdout(Stdio::piped()).stderr(file).spawn().unwrap()
    }

    /// Returns what the program said into a file.
    pub fn said(&self, name: &str) -> String {
        std::fs::read_to_string(self.place.path().join(name)).unwrap_or_default()
    }

    /// Returns what `chem` prints as JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command(None, &[arguments, &["--format", "json"]].concat()).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}: {stdout}"))
    }

    /// Returns how often the step of each child has begun to work.
    pub fn begun(&self) -> BTreeMap<usize, usize> {
        let lines = |index: usize| {
            let path = self.place.path().join(format!("ran-C{index}.txt"));
            std::fs::read_to_string(path).unwrap_or_default().lines().count()
        };
        (0..self.children).map(|index| (index, lines(index))).filter(|(_, lines)| *lines > 0).collect()
    }

    /// Checks that every child of the newest run has ended once, and returns the fingerprint of the run.
    pub fn check(&self) -> String {
        let run = self.json(&["show", "@last"]);
        assert_eq!(run["status"], "completed", "{run}");
        let children = run["children"].as_array().unwrap();
        // A shard at which workers were killed twice is cut: then its parts do the work.
        let parts = children.iter().filter(|child| !child["parts"].is_null()).count();
        assert_eq!(children.len() - parts, self.children);
        for child in children {
            let events =
                self.command(None, &["log", child["flow_id"].as_str().unwrap(), "--format", "json"]).output().unwrap();
            let ends = String::from_utf8(events.stdout).unwrap().matches("\"flowcompleted\"").count();
            let of_cut = |other: &&Value| !other["parts"].is_null() && other["index"] == child["index"];
            let was_cut = child["status"] == "failed" && children.iter().any(|other| of_cut(&other));
            assert_eq!(ends, usize::from(!was_cut), "{child}");
        }
        run["flow_fingerprint"].as_str().unwrap().to_owned()
    }
}

/// Returns the fingerprint of the run that one process makes of the same flow, in a store of its own.
pub fn alone(children: usize, wait: u64) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let site = Site::new("sqlite:store.db".into(), children, wait, "");
        let output = site.command(None, &["run", "mapped.yaml", "--quiet"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        site.check()
    })
}

/// Waits until `is_so`.
#[track_caller]
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "{what} did not happen within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits for the end of a process, and returns its status and its standard output.
pub fn end_of(child: Child) -> (i32, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap_or(-1), String::from_utf8(output.stdout).unwrap())
}

/// Returns how often Slurm was called since the counts were reset, without the reports of its nodes and this question.
pub fn calls(cluster: &Cluster) -> u64 {
    let of_users = |name: &str| {
        ["SUBMIT", "JOB_INFO", "JOB_USER_INFO", "CANCEL", "KILL_JOB"].iter().any(|part| name.contains(part))
    };
    let requests = cluster.requests();
    requests.iter().filter(|(name, _)| name.starts_with("REQUEST") && of_users(name)).map(|(_, count)| count).sum()
}

/// Creates a database of its own for a test.
pub fn database() -> Option<TestDatabase> {
    chem_tests::postgres_server::database()
}
