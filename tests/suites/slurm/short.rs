//! What every change has to keep: one array, nodes and submitters that are killed, and nothing left behind.

use chem_tests::slurm::cluster;

use crate::place::{Site, alone, calls, database, end_of, until};

#[test]
fn one_array_runs_all_children_although_a_node_and_the_submitter_are_killed() {
    let Some(mut cluster) = cluster(3, "") else { return };
    let Some(database) = database() else { return };
    let (children, wait) = (24, 600);
    let expected = alone(children, wait);
    let site = Site::new(database.url(), children, wait, "");
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
