//! Provides a Slurm cluster for tests: a controller and nodes as ordinary processes of this machine, with a temporary directory
//! for everything they write. It needs no service, no munge and no systemd.
//!
//! A test calls [`cluster`], and returns if there is none; a notice is printed once. All processes of a cluster end when it is
//! dropped: they are found by the path of the configuration in their environment, which no other process has.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The environment variable that, set to `1`, makes a missing Slurm a failure.
pub const REQUIRE_SLURM: &str = "CHEM_REQUIRE_SLURM";

/// How long the controller and the nodes may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Directories in which distributions put the plugins of Slurm.
const PLUGINS: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu/slurm-wlm",
    "/usr/lib/aarch64-linux-gnu/slurm-wlm",
    "/usr/lib64/slurm",
    "/usr/lib/slurm",
    "/usr/lib/x86_64-linux-gnu/slurm",
    "/usr/local/lib/slurm",
];

/// A controller and its nodes.
pub struct Cluster {
    directory: TempDir,
    controller: Child,
    nodes: Vec<Option<Child>>,
}

/// Starts a cluster of `nodes` nodes with two cores each, named `n1` and so on. `more` are further lines of its configuration.
/// Returns `None` if this machine has no Slurm.
///
/// # Panics
/// If Slurm is installed and does not start, or if there is none and `CHEM_REQUIRE_SLURM=1` requires it.
pub fn cluster(nodes: usize, more: &str) -> Option<Cluster> {
    let plugins = PLUGINS.iter().map(Path::new).find(|path| path.join("auth_none.so").exists());
    let programs = ["slurmctld", "slurmd", "sbatch", "scontrol", "sdiag"].iter().all(|name| program(name).is_some());
    match plugins.filter(|_| programs) {
        Some(plugins) => Some(Cluster::start(nodes, plugins, more)),
        None => {
            let hint = "install Slurm (Debian's package is `slurm-wlm`)";
            assert!(std::env::var(REQUIRE_SLURM).as_deref() != Ok("1"), "no Slurm to test with: {hint}");
            static SAID: OnceLock<()> = OnceLock::new();
            SAID.get_or_init(|| {
                // Writes past the capture of the test harness, which would swallow the notice. Ignores a closed stderr.
                let _ = writeln!(std::io::stderr(), "\nSKIPPED: ALL TESTS THAT NEED SLURM: {hint}\n");
            });
            None
        }
    }
}

/// Returns the path of a program of Slurm; daemons are often outside of PATH.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|directory| directory.join(name)).find(|path| path.is_file())
}

fn answer(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Cluster {
    fn start(count: usize, plugins: &Path, more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Ports that are free together; they are given back just before the daemons take them.
        let listeners: Vec<TcpListener> = (0..=count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        let base = directory.path();
        for name in ["state", "spool", "log"] {
            std::fs::create_dir(base.join(name)).unwrap();
        }
        std::fs::write(base.join("slurm.conf"), configuration(base, plugins, &ports, more)).unwrap();
        drop(listeners);
        let controller = daemon(base, "slurmctld", &[]);
        let mut cluster = Self { directory, controller, nodes: (0..count).map(|_| None).collect() };
        for node in 0..count {
            cluster.start_node(node);
        }
        let begin = Instant::now();
        while !cluster.is_ready() {
            if begin.elapsed() > PATIENCE {
                let logs = ["slurmctld", "n1"].map(|name| cluster.log(name));
                panic!("Slurm is installed and does not start: {}", logs.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        cluster
    }

    /// Starts the daemon of a node, by its index.
    pub fn start_node(&mut self, index: usize) {
        let name = format!("n{}", index + 1);
        std::fs::create_dir_all(self.path().join("spool").join(&name)).unwrap();
        self.nodes[index] = Some(daemon(self.path(), "slurmd", &["-N", &name]));
    }

    /// Returns the directory of the cluster.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the path of the configuration, which programs of Slurm take from the variable `SLURM_CONF`.
    pub fn configuration(&self) -> PathBuf {
        self.path().join("slurm.conf")
    }

    /// Returns what a program of Slurm prints.
    ///
    /// # Panics
    /// If the program fails.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.try_ask(program, arguments);
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a program of Slurm.
    pub fn try_ask(&self, name: &str, arguments: &[&str]) -> std::process::Output {
        let mut command = Command::new(program(name).unwrap());
        command.args(arguments).env("SLURM_CONF", self.configuration()).output().unwrap()
    }

    fn is_ready(&self) -> bool {
        // A node is listed once for each of its partitions.
        let output = self.try_ask("sinfo", &["--noheader", "--Node", "--format=%N %t"]);
        let said = String::from_utf8_lossy(&output.stdout);
        let idle: BTreeSet<&str> = said.lines().filter_map(|line| line.trim().strip_suffix(" idle")).collect();
        output.status.success() && idle.len() == self.nodes.len()
    }

    /// Returns the log of the controller, `slurmctld`, or of a node.
    pub fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join("log").join(format!("{name}.log"))).unwrap_or_default()
    }

    /// Returns how many requests of each kind the controller has got from programs, by what `sdiag` counts.
    pub fn requests(&self) -> Vec<(String, u64)> {
        let said = self.ask("sdiag", &[]);
        let by_type = said.lines().skip_while(|line| !line.contains("by message type")).skip(1);
        let counts = by_type.take_while(|line| !line.trim().is_empty()).filter_map(|line| {
            let (name, rest) = line.trim().split_once(char::is_whitespace)?;
            let count = rest.split_once("count:")?.1.split_whitespace().next()?.parse().ok()?;
            Some((name.to_owned(), count))
        });
        counts.collect()
    }

    /// Sets the counts of [`requests`](Self::requests) to zero.
    pub fn reset_requests(&self) {
        self.ask("sdiag", &["--reset"]);
    }

    /// Returns the processes of jobs on a node, by its index, with the daemons that watch over them.
    pub fn jobs_of(&self, index: usize) -> Vec<u32> {
        let mut jobs = self.workers_of(index);
        jobs.extend(jobs.clone().into_iter().filter_map(watcher_of));
        jobs.sort_unstable();
        jobs.dedup();
        jobs
    }

    /// Returns the processes of jobs on a node, by its index, without the daemons that watch over them.
    pub fn workers_of(&self, index: usize) -> Vec<u32> {
        let name = format!("n{}", index + 1);
        let is_here = |process: &u32| variable(*process, "SLURMD_NODENAME").as_deref() == Some(&name);
        self.processes().into_iter().filter(is_here).collect()
    }

    /// Kills everything that runs on a node, as a failure of the machine does, and leaves the node dead.
    pub fn kill_node(&mut self, index: usize) {
        if let Some(mut daemon) = self.nodes[index].take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        self.jobs_of(index).iter().for_each(|process| signal(*process, "KILL"));
    }

    /// Returns the processes of jobs, and those that watch over them.
    pub fn jobs(&self) -> Vec<u32> {
        let is_helper = |process: &u32| {
            let name = std::fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
            ["slurmctld", "slurmscriptd", "slurmd"].contains(&name.trim())
        };
        self.processes().into_iter().filter(|process| !is_helper(process)).collect()
    }

    /// Returns the processes that belong to this cluster, except its daemons.
    fn processes(&self) -> Vec<u32> {
        let configuration = self.configuration().to_string_lossy().into_owned();
        let daemons: Vec<u32> =
            self.nodes.iter().flatten().chain([&self.controller]).map(std::process::Child::id).collect();
        let numbers =
            std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        let ours = |process: &u32| variable(*process, "SLURM_CONF").as_deref() == Some(&configuration);
        numbers.filter(|process| !daemons.contains(process)).filter(ours).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The controller first, which would start jobs again.
        for daemon in [&mut self.controller].into_iter().chain(self.nodes.iter_mut().flatten()) {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
        self.processes().iter().for_each(|process| signal(*process, "KILL"));
    }
}

/// Sends a signal to a process, which may be gone.
pub fn signal(process: u32, name: &str) {
    let _ = Command::new("kill").args([format!("-{name}"), process.to_string()]).stderr(Stdio::null()).status();
}

/// Returns a variable of the environment with which a process was started; `None` if the process is gone or another user's.
fn variable(process: u32, name: &str) -> Option<String> {
    let environment = std::fs::read(format!("/proc/{process}/environ")).ok()?;
    let mut entries = environment.split(|byte| *byte == 0);
    let value = entries.find_map(|entry| entry.strip_prefix(format!("{name}=").as_bytes()))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// Returns the daemon that watches over a job of which `process` is a part; `None` if it is gone.
fn watcher_of(mut process: u32) -> Option<u32> {
    loop {
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let field = |name: &str| Some(status.lines().find_map(|line| line.strip_prefix(name))?.trim().to_owned());
        if field("Name:")? == "slurmstepd" {
            return Some(process);
        }
        process = field("PPid:")?.parse().ok().filter(|parent| *parent > 1)?;
    }
}

fn daemon(base: &Path, name: &str, arguments: &[&str]) -> Child {
    let configuration = base.join("slurm.conf");
    let output = std::fs::File::create(base.join("log").join(format!("{name}.{}", arguments.join("")))).unwrap();
    let mut command = Command::new(program(name).unwrap());
    command.arg("-D").args(arguments).arg("-f").arg(&configuration).env("SLURM_CONF", &configuration);
    command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output).spawn().unwrap()
}

fn configuration(base: &Path, plugins: &Path, ports: &[u16], more: &str) -> String {
    let (host, user) = (answer("hostname", &["-s"]), answer("id", &["-un"]));
    let (base, plugins) = (base.display(), plugins.display());
    let mut text = format!(
        "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={}\nAuthType=auth/none\nCredType=cred/none\n\
         PluginDir={plugins}\nSlurmUser={user}\nSlurmdUser={user}\nStateSaveLocation={base}/state\n\
         SlurmdSpoolDir={base}/spool/%n\nSlurmctldPidFile={base}/state/slurmctld.pid\nSlurmdPidFile={base}/spool/%n.pid\n\
         SlurmctldLogFile={base}/log/slurmctld.log\nSlurmdLogFile={base}/log/%n.log\nProctrackType=proctrack/linuxproc\n\
         TaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\n\
         SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\nMpiDefault=none\nReturnToService=2\nSlurmdTimeout=10\n\
         KillWait=5\nMailProg=/bin/true\nMaxArraySize=2001\nSlurmdParameters=config_overrides\n{more}\n",
        ports[0]
    );
    for (index, port) in ports.iter().enumerate().skip(1) {
        let node = format!(
            "NodeName=n{index} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=8000 State=UNKNOWN"
        );
        writeln!(text, "{node}").unwrap();
    }
    if !more.contains("PartitionName=") {
        text.push_str("PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n");
    }
    text
}
