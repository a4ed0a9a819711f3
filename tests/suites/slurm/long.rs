//! What takes minutes: only `.ci/nightly` runs it, by its effort.

use std::time::{Duration, Instant};

use chem_tests::postgres_server::{PostgresServer, ServerSettings, TestDatabase, server};
use chem_tests::slurm::{Cluster, cluster, signal};

use crate::place::{Site, alone, calls, database, end_of, until};

/// Returns whether these tests are wanted now.
fn worthwhile() -> bool {
    let worthwhile = chem_tests::effort::rounds(1) > 1;
    if !worthwhile {
        eprintln!("SKIPPED: it takes minutes; `.ci/nightly` runs it, and so does CHEM_TEST_EFFORT=2");
    }
    worthwhile
}

#[test]
fn two_hundred_children_survive_killed_nodes_submitters_and_a_restarted_database() {
    if !worthwhile() {
        return;
    }
    let (children, wait) = (200, 1500);
    let Some(mut place) = Machines::start() else { return };
    let site = Site::new(place.database.url(), children, wait, "");
    let expected = alone(children, wait);
    place.kill_while_it_runs(&site);
    assert_eq!(site.check(), expected.join().unwrap());
}

#[test]
fn two_hundred_shards_survive_killed_nodes_submitters_and_a_restarted_database() {
    if !worthwhile() {
        return;
    }
    let Some(mut place) = Machines::start() else { return };
    let (rows, wait) = (600, 1.5);
    let site = Site::of_rows(place.database.url(), rows, wait, true);
    place.kill_while_it_runs(&site);
    let whole = Site::of_rows("sqlite:store.db".to_owned(), rows, wait, false);
    let output = whole.command(None, &["run", "mapped.yaml", "--quiet"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(site.check(), whole.fingerprint());
    assert_eq!(site.json(&["show", "@last"])["set_apart"], serde_json::json!([]));
}

/// Three nodes and a database.
struct Machines {
    cluster: Cluster,
    server: PostgresServer,
    database: TestDatabase,
}

impl Machines {
    fn start() -> Option<Self> {
        let cluster = cluster(3, "")?;
        let server = server(ServerSettings { tcp: true, ..ServerSettings::default() })?;
        let database = TestDatabase::create(&server.url("postgres"));
        Some(Self { cluster, server, database })
    }

    /// Runs the flow of `site`, and kills something every ten seconds: what runs on a node, a node, the submitter, the database.
    fn kill_while_it_runs(&mut self, site: &Site) {
        let Self { cluster, server, .. } = self;
        cluster.reset_requests();
        // There are more jobs than places, so that another one starts when one is killed.
        let on = ["--on", "slurm", "--workers", "100"];
        let mut submitter = site.spawn(cluster, &[&["run", "mapped.yaml"][..], &on].concat(), "0.txt");
        until("workers run", || (0..3).all(|node| !cluster.workers_of(node).is_empty()));
        let (mut rounds, mut next) = (0, Instant::now() + Duration::from_secs(10));
        let mut lost = 0;
        while submitter.try_wait().unwrap().is_none() {
            if Instant::now() < next {
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
            next += Duration::from_secs(10);
            match rounds {
                // The whole node, which comes back.
                2 => {
                    cluster.kill_node(0);
                    cluster.start_node(0);
                }
                // Otherwise what runs on it.
                _ => {
                    let workers = cluster.workers_of(rounds % 3);
                    lost += workers.len();
                    workers.iter().for_each(|worker| signal(*worker, "KILL"));
                }
            }
            if rounds == 1 || rounds == 4 {
                submitter.kill().unwrap();
                submitter.wait().unwrap();
                let said = format!("{rounds}.txt");
                submitter = site.spawn(cluster, &[&["resume", "@last"][..], &on].concat(), &said);
            }
            if rounds == 3 {
                server.kill();
                server.restart().unwrap();
            }
            rounds += 1;
        }
        let (status, stdout) = end_of(submitter);
        let said: String = (0..rounds).map(|round| site.said(&format!("{round}.txt"))).collect();
        assert_eq!(status, 0, "{stdout}{said}");
        assert!(rounds > 4 && lost > 4, "the run was too short: {rounds} rounds, {lost} workers killed");
        let calls = calls(cluster);
        eprintln!("{rounds} rounds, {lost} workers killed, {calls} calls");
        assert!(calls <= 3, "{:?}", cluster.requests());
        until("all workers end", || cluster.jobs().is_empty());
    }
}

#[test]
fn a_preempted_worker_hands_its_child_back_within_its_grace() {
    if !worthwhile() {
        return;
    }
    let partitions = "PreemptType=preempt/partition_prio\nPreemptMode=REQUEUE\n\
                      PartitionName=low Nodes=ALL Default=YES PriorityTier=1 GraceTime=5 State=UP\n\
                      PartitionName=high Nodes=ALL PriorityTier=9 PreemptMode=OFF State=UP";
    let Some(cluster) = cluster(2, partitions) else { return };
    let Some(database) = database() else { return };
    // Slurm looks for jobs to stop every half minute.
    let (children, wait) = (8, 45_000);
    let site = Site::new(database.url(), children, wait, "");
    let expected = alone(children, wait);
    let submitter = site.spawn(&cluster, &["run", "mapped.yaml", "--on", "slurm", "--workers", "4"], "said.txt");
    until("all workers run", || site.begun().len() >= 4);
    let urgent = ["--partition=high", "--ntasks=4", "--output=/dev/null", "--wrap=sleep 5"];
    cluster.ask("sbatch", &urgent);
    let (status, stdout) = end_of(submitter);
    assert_eq!(status, 0, "{stdout}{}", site.said("said.txt"));
    let logs = site.logs();
    assert!(logs.contains("interrupted"), "no worker was asked to stop: {logs}");
    assert_eq!(site.check(), expected.join().unwrap());
}

#[test]
fn a_time_limit_in_the_middle_of_a_child_costs_only_its_time() {
    if !worthwhile() {
        return;
    }
    let Some(cluster) = cluster(2, "") else { return };
    let Some(database) = database() else { return };
    let (children, wait) = (12, 20_000);
    // The jobs get a minute, which the script does not know, so that Slurm has to ask the workers to stop.
    let site = Site::new(database.url(), children, wait, "    resources: { time: 10m }\n");
    let arguments = [
        "run",
        "mapped.yaml",
        "--on",
        "slurm",
        "--workers",
        "4",
        "--job-arg=--time=1",
        "--margin=10s",
        "--ask-after=5s",
    ];
    let (status, stdout) = end_of(site.spawn(&cluster, &arguments, "said.txt"));
    assert_eq!(status, 0, "{stdout}{}", site.said("said.txt"));
    let logs = site.logs();
    assert!(logs.contains("interrupted"), "no worker was asked to stop: {logs}");
    assert!(site.said("said.txt").matches("submitted job").count() >= 2, "{}", site.said("said.txt"));
    site.check();
}
