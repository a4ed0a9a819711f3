//! A node whose disk is full, among others.

use chem_tests::slurm::cluster;
use chem_tests::small_disk::SmallDisk;

use crate::place::{Site, database, end_of, until};

/// A flow of children that each keep data in a temporary file, and take long enough for each node to get some.
const CHILDREN: usize = 18;

/// Writes the flow.
fn site(url: String) -> Site {
    let site = Site::empty(url);
    let steps = "  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }\n  - { id: slow, uses: test.slow, with: { \
                 wait: 400 } }\n  - { id: work, uses: test.scratch }\n  - { id: count, uses: demo.characters }\n";
    site.place.write("child.yaml", &format!("flow: child\nparams: {{ text: C }}\nsteps:\n{steps}"));
    let texts: Vec<String> = (0..CHILDREN).map(|index| format!("C{index}")).collect();
    let map = format!("map: {{ flow: child.yaml, over: {{ text: [{}] }} }}", texts.join(", "));
    site.place.write("mapped.yaml", &format!("flow: mapped\nsteps:\n  - id: every\n    {map}\n"));
    site
}

#[test]
fn a_node_with_a_full_disk_fails_no_child_and_the_others_do_all_the_work() {
    let directory = tempfile::tempdir().unwrap();
    // Only a disk belongs to one node: a limit on the size of files is that of the user who submits.
    let Some(disk) = SmallDisk::mounted(directory.path().join("full"), 256) else {
        return SmallDisk::skip("a node with a full disk");
    };
    disk.fill();
    // What a site does to place temporary files: it sets the variable for the tasks of a node.
    let prolog = directory.path().join("prolog.sh");
    let full = disk.path().display();
    std::fs::write(
        &prolog,
        format!("#!/bin/sh\n[ \"$SLURMD_NODENAME\" = n2 ] && echo \"export TMPDIR={full}\"\nexit 0\n"),
    )
    .unwrap();
    std::fs::set_permissions(&prolog, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let Some(cluster) = cluster(3, &format!("TaskProlog={}", prolog.display())) else { return };
    let Some(database) = database() else { return };
    let alone = site("sqlite:store.db".to_owned());
    let output = alone.command(None, &["run", "mapped.yaml", "--quiet"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");

    let site = site(database.url());
    let run = ["run", "mapped.yaml", "--on", "slurm", "--workers", "3", "--job-arg=--cpus-per-task=2"];
    let (status, stdout) = end_of(site.spawn(&cluster, &run, "said.txt"));
    assert_eq!(status, 0, "{stdout}{}{}", site.said("said.txt"), site.logs());
    assert_eq!(site.fingerprint(), alone.fingerprint());
    let logs = site.logs();
    let words = format!("has 0 B of 256 KiB free in `{full}`");
    assert_eq!(logs.matches(&words).count(), 1, "one worker ended, with words: {logs}");
    assert_eq!(logs.matches("0 children completed, 0 failed; this machine has no disk space").count(), 1, "{logs}");
    assert_eq!(logs.matches("nothing is left to do").count(), 2, "{logs}");
    // What the scheduler shows of the job.
    until("all workers end", || cluster.jobs().is_empty());
    let jobs = cluster.ask("scontrol", &["--oneliner", "show", "job"]);
    let of_full = jobs.lines().find(|job| job.contains(" NodeList=n2")).unwrap_or_else(|| panic!("{jobs}"));
    assert!(of_full.contains("JobState=FAILED") && of_full.contains("ExitCode=6:0"), "{of_full}");
    // The children say which machine it was, and none of them failed.
    let shown = site.json(&["show", "@last"]);
    let children = shown["children"].as_array().unwrap();
    assert!(children.len() == CHILDREN && children.iter().all(|child| child["status"] == "completed"), "{shown}");
    let log_of = |child: &serde_json::Value| {
        let id = child["flow_id"].as_str().unwrap();
        let output = site.command(None, &["log", id, "--format", "json"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let logs: String = children.iter().map(log_of).collect();
    assert_eq!(logs.matches("\"out_of_space\"").count(), 1, "{logs}");
    assert!(!logs.contains("\"stepfailed\""), "{logs}");
}
