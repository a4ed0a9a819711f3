//! What every change has to keep: one array, nodes and submitters that are killed, and nothing left behind.

use chem_tests::slurm::cluster;
use serde_json::Value;

use crate::place::{Site, alone, calls, database, end_of, until};

#[test]
fn one_array_runs_all_children_although_a_node_and_the_submitter_are_killed() {
    let Some(database) = database() else { return };
    one_array(database.url());
}

#[test]
fn one_array_runs_all_children_without_a_database() {
    let directory = tempfile::tempdir().unwrap();
    one_array(format!("spool:{}", directory.path().join("spool").display()));
}

fn one_array(url: String) {
    let Some(mut cluster) = cluster(3, "") else { return };
    let (children, wait) = (24, 600);
    let expected = alone(children, wait);
    let site = Site::new(url, children, wait, "");
    cluster.reset_requests();
    let mut submitter = site.spawn(&cluster, &["run", "mapped.yaml", "--on", "slurm", "--workers", "6"], "first.txt");
    until("some children run", || site.begun().len() >= 4);
    cluster.kill_node(0);
    submitter.kill().unwrap();
    submitter.wait().unwrap();
    let resumed = site.spawn(&cluster, &["resume", "@last", "--on", "slurm", "--workers", "6"], "second.txt");
    let (status, stdout) = end_of(resumed);
    assert_eq!(status, 0, "{stdout}{}", site.said("second.txt"));
    assert_eq!(site.check(), expected.join().unwrap());
    assert!(
        site.said("first.txt").contains("submitted job 1: 6 workers for step `every`"),
        "{}",
        site.said("first.txt")
    );
    assert!(site.said("second.txt").contains("job 1: "), "{}", site.said("second.txt"));
    // One submission, and one question by the process that resumed.
    assert_eq!(calls(&cluster), 2, "{:?}", cluster.requests());
    let log = std::fs::read_to_string(site.place.path().join(".chem/workers/slurm-1_6.log")).unwrap();
    assert!(log.contains("nothing is left to do"), "{log}");
    until("all workers end", || cluster.jobs().is_empty());
}

#[test]
fn a_job_that_is_cancelled_by_hand_is_submitted_again() {
    let Some(cluster) = cluster(1, "") else { return };
    let Some(database) = database() else { return };
    let site = Site::new(database.url(), 6, 800, "");
    let arguments = ["run", "mapped.yaml", "--on", "slurm", "--workers", "2", "--ask-after", "3s"];
    let submitter = site.spawn(&cluster, &arguments, "said.txt");
    until("some children run", || site.begun().len() >= 2);
    cluster.ask("scancel", &["1"]);
    let (status, stdout) = end_of(submitter);
    let said = site.said("said.txt");
    assert_eq!(status, 0, "{stdout}{said}");
    assert_eq!(said.matches("submitted job").count(), 2, "{said}");
    // The log says what became of the first job: Slurm forgets it.
    let log = site.command(None, &["log", "@last", "--format", "json"]).output().unwrap();
    let log = String::from_utf8(log.stdout).unwrap();
    let gone: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["payload"]["signal"] == "workers_gone")
        .map(|event| event["payload"]["data"].clone())
        .collect();
    assert_eq!((gone.len(), &gone[0]["job"]), (1, &"1".into()), "{gone:?}");
    assert!(gone[0]["workers"].as_str().unwrap().contains("CANCELLED"), "{gone:?}");
    site.check();
    until("all workers end", || cluster.jobs().is_empty());
}

/// The flow that a chemist copies, with RDKit.
#[test]
fn the_flow_for_clusters_runs_on_one() {
    let Ok(python) = std::env::var("CHEM_TEST_RDKIT") else {
        assert!(std::env::var("CHEM_REQUIRE_RDKIT").as_deref() != Ok("1"), "no RDKit to test with");
        eprintln!("SKIPPED: flows/cluster: set CHEM_TEST_RDKIT to a Python that has RDKit");
        return;
    };
    let Some(cluster) = cluster(2, "") else { return };
    let Some(database) = database() else { return };
    let site = Site::of("flows/cluster", database.url());
    let python = format!("python={python}");
    let set = ["--set", python.as_str(), "--set", "conformers=3"];
    let library = "flows/cluster/library.yaml";
    let run = [&["run", library, "--on", "slurm", "--workers", "2"][..], &set].concat();
    let (status, stdout) = end_of(site.spawn(&cluster, &run, "said.txt"));
    assert_eq!(status, 0, "{stdout}{}{}", site.said("said.txt"), site.logs());
    let table = site.said("flows/out/conformers-of-parts.csv");
    assert_eq!(table.lines().count(), 5, "{table}");
    let part = site.said("flows/out/conformers-b.csv");
    assert!(
        part.starts_with("name,smiles,conformers,lowest_energy,energy_range\n") && part.contains("alprazolam"),
        "{part}"
    );
    // One process alone makes the same.
    let alone = Site::of("flows/cluster", "sqlite:store.db".to_owned());
    let output = alone.command(None, &[&["run", library, "--quiet"][..], &set].concat()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(site.fingerprint(), alone.fingerprint());
}

#[test]
fn shards_of_a_table_give_on_a_cluster_what_the_whole_gives() {
    let Some(cluster) = cluster(2, "") else { return };
    let Some(database) = database() else { return };
    let whole = Site::of_rows("sqlite:store.db".to_owned(), 30, 0.2, false);
    let cut = Site::of_rows(database.url(), 30, 0.2, true);
    let output = whole.command(None, &["run", "mapped.yaml", "--quiet"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let run = cut.spawn(&cluster, &["run", "mapped.yaml", "--on", "slurm", "--workers", "3"], "said.txt");
    let (status, stdout) = end_of(run);
    assert_eq!(status, 0, "{stdout}{}{}", cut.said("said.txt"), cut.logs());
    assert_eq!(cut.fingerprint(), whole.fingerprint());
    assert_eq!(cut.said("said.txt").matches("submitted job").count(), 1, "{}", cut.said("said.txt"));
    assert!(cut.logs().contains("children completed"), "{}", cut.logs());
}
