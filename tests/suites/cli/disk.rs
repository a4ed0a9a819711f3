//! Machines whose disk is full: they hand children back instead of failing them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use chem_tests::small_disk::{FullScratch, SmallDisk};
use serde_json::Value;

use crate::harness::{Outcome, Place};

const STEP: i32 = 1;
const STORE: i32 = 3;
const NO_SPACE: i32 = 6;

/// The children of the flows of these tests.
const CHILDREN: usize = 6;

/// A step that needs more space for temporary files than a full machine has.
const SCRATCH: &str = "  - { id: work, uses: test.scratch }\n  - { id: count, uses: demo.characters }\n";

/// A program that keeps its input in a temporary file for a while.
const PROGRAM: &str = "kept=$(mktemp) || exit 1
head -c 1000000 /dev/zero > \"$kept\" || exit 1
rm \"$kept\"
sed 's/}$/, \"one\": 1}/'
";

/// Returns a place with a flow whose children have these steps after one that gives a text.
fn place(steps: &str) -> Place {
    let place = Place::new();
    let seed = "  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }\n";
    place.write("child.yaml", &format!("flow: child\nparams: {{ text: CCO }}\nsteps:\n{seed}{steps}"));
    let texts: Vec<String> = (0..CHILDREN).map(|index| format!("C{index}")).collect();
    let map = format!("map: {{ flow: child.yaml, over: {{ text: [{}] }} }}", texts.join(", "));
    place.write("mapped.yaml", &format!("flow: mapped\nsteps:\n  - id: every\n    {map}\n"));
    place
}

/// Returns a machine whose disk is full.
fn full_machine(place: &Place) -> FullScratch {
    FullScratch::at(place.path().join("scratch"))
}

fn on(machine: &FullScratch, place: &Place, arguments: &[&str]) -> Outcome {
    machine.command(place.command(arguments)).output().unwrap().into()
}

/// Returns the events of all children of the newest run.
fn logs_of_children(place: &Place, store: &str) -> Vec<Vec<Value>> {
    let shown = place.chem(&["show", "@last", "--format", "json", "--store", store]).expect(0).json();
    let children = shown["children"].as_array().unwrap().clone();
    let begun = children.iter().filter(|child| child["status"] != "not begun");
    begun
        .map(|child| {
            let id = child["flow_id"].as_str().unwrap();
            place.chem(&["log", id, "--format", "json", "--store", store]).expect(0).json_lines()
        })
        .collect()
}

fn findings(log: &[Value]) -> Vec<&Value> {
    let found = log.iter().filter(|event| event["payload"]["signal"] == "out_of_space");
    found.map(|event| &event["payload"]["data"]).collect()
}

fn fingerprint(place: &Place, run: &[&str]) -> Value {
    place.chem(&[run, &["--format", "json"]].concat()).expect(0).json()["flow_fingerprint"].clone()
}

/// A run and workers on a full machine, and then on another.
fn children_are_handed_back(store: &str, place: &Place) {
    let expected = fingerprint(&self::place(SCRATCH), &["run", "mapped.yaml"]);
    let machine = full_machine(place);
    let ended = on(&machine, place, &["run", "mapped.yaml", "--store", store]).expect(NO_SPACE).stderr;
    for words in
        ["no disk space for step `work` of run", "cannot keep the text", "set TMPDIR", "chem resume", "chem work"]
    {
        assert!(ended.contains(words), "{words}: {ended}");
    }
    if let Some(disk) = machine.disk() {
        let words = format!("has 0 B of 256 KiB free in `{}`", disk.path().display());
        assert!(ended.contains(&words), "{words}: {ended}");
    }
    let work = ["work", "@last", "--store", store];
    let ended = on(&machine, place, &work).expect(NO_SPACE);
    assert_eq!(ended.stdout, "0 children completed, 0 failed; this machine has no disk space\n");
    assert!(ended.stderr.contains("no disk space for the children of run"), "{}", ended.stderr);
    assert!(ended.stderr.contains("start the worker again: `chem work"), "{}", ended.stderr);
    for _ in 0..3 {
        let ended =
            on(&machine, place, &[&work[..], &["--jobs", "2", "--format", "json"]].concat()).expect(NO_SPACE).json();
        assert_eq!((&ended["stopped"], &ended["failed"]), (&"out_of_space".into(), &Value::Array(Vec::new())));
        assert!(ended["out_of_space"]["error"].as_str().unwrap().contains("cannot keep the text"), "{ended}");
    }
    let logs = logs_of_children(place, store);
    let found: Vec<&Value> = logs.iter().flat_map(|log| findings(log)).collect();
    assert!(!found.is_empty() && found.iter().all(|found| found["host"].is_string()), "{found:?}");
    assert!(
        logs.iter().all(|log| findings(log).len() < 2),
        "each child says once that this machine is full: {found:?}"
    );

    let shown = place.chem(&["show", "@last", "--store", store]);
    let shown = shown.expect(0).stdout;
    assert!(shown.contains("machines without disk space: 1: `"), "{shown}");
    let incidents =
        place.chem(&["show", "@last", "--format", "json", "--store", store]).expect(0).json()["incidents"].clone();
    let data: Vec<&Value> = incidents.as_array().unwrap().iter().map(|incident| &incident["data"]).collect();
    assert_eq!(data, found);

    let worked = place.chem(&[&work[..], &["--format", "json"]].concat()).expect(0).json();
    assert_eq!(worked["completed"].as_array().unwrap().len(), CHILDREN, "{worked}");
    let resumed = fingerprint(place, &["resume", "@last", "--store", store]);
    assert_eq!(resumed, expected);
    let logs = logs_of_children(place, store);
    assert_eq!(logs.len(), CHILDREN);
    let failures = logs.iter().flatten().filter(|event| event["type"] == "stepfailed").count();
    assert_eq!(failures, 0, "a full disk fails no child");
    // What full machines have recorded stays, and is in no fingerprint.
    assert!(logs.iter().any(|log| !findings(log).is_empty()));
}

#[test]
fn a_full_machine_hands_children_back_on_sqlite() {
    children_are_handed_back("sqlite:store.db", &place(SCRATCH));
}

#[test]
fn a_full_machine_hands_children_back_on_a_spool() {
    children_are_handed_back("spool:shared", &place(SCRATCH));
}

#[cfg(feature = "postgres")]
#[test]
fn a_full_machine_hands_children_back_on_postgres() {
    let Some(database) = chem_tests::postgres_server::database() else { return };
    children_are_handed_back(&database.url(), &place(SCRATCH));
}

#[test]
fn a_run_by_itself_fails_on_a_full_disk_and_says_so() {
    let place = place(SCRATCH);
    let machine = full_machine(&place);
    let failed = on(&machine, &place, &["run", "child.yaml"]).expect(STEP);
    let said = failed.stdout + &failed.stderr;
    assert!(said.contains("No space left on device") || said.contains("File too large"), "{said}");
    place.chem(&["retry", "@last"]).expect(0);
}

#[test]
fn a_program_that_fails_on_a_full_disk_fails_no_child() {
    for rows in [false, true] {
        let run = format!(
            "  - {{ id: read, uses: table.read, with: {{ path: \"${{params.text}}.csv\" }} }}\n  - {{ id: work, uses: process.run, \
             with: {{ command: [sh, \"{{program}}\"], files: {{ program: keep.sh }}, version: \"1\", rows: {rows}, \
             types: {{ one: integer }} }} }}\n"
        );
        let place = place("");
        place.write("child.yaml", &format!("flow: child\nparams: {{ text: CCO }}\nsteps:\n{run}"));
        place.write("keep.sh", PROGRAM).write("CCO.csv", "n\n1\n");
        for index in 0..CHILDREN {
            place.write(&format!("C{index}.csv"), &format!("n\n{index}\n"));
        }
        let machine = full_machine(&place);
        // A limit on files does not show in the room of a disk.
        if machine.disk().is_none() {
            return SmallDisk::skip("a program on a full disk");
        }
        let ended = on(&machine, &place, &["run", "mapped.yaml"]).expect(NO_SPACE).stderr;
        assert!(ended.contains("`sh` exited with status 1") && ended.contains("is full"), "{ended}");
        on(&machine, &place, &["work", "@last"]).expect(NO_SPACE);
        let failed = on(&machine, &place, &["run", "child.yaml"]).expect(STEP);
        assert!((failed.stdout + &failed.stderr).contains("is full"));
        let run = place.chem(&["ls", "--format", "json"]).expect(0).json();
        let mapped = run.as_array().unwrap().iter().find(|run| run["flow"] == "mapped").unwrap();
        place.chem(&["resume", mapped["flow_id"].as_str().unwrap()]).expect(0);
        // The same failure on a disk with room is one of the program.
        place.write("keep.sh", "exit 1\n");
        place.chem(&["run", "mapped.yaml"]).expect(STEP);
    }
}

/// The programs of a scheduler whose only machine is full: a job runs at once, and has ended when it is asked about.
fn scheduler(place: &Place, machine: &FullScratch) -> PathBuf {
    let programs = place.path().join("programs");
    let job = machine.command(Command::new("bash"));
    let words: Vec<String> =
        [job.get_program()].into_iter().chain(job.get_args()).map(|word| word.to_str().unwrap().to_owned()).collect();
    let variables: Vec<String> =
        job.get_envs().filter_map(|(name, value)| Some(format!("{}={}", name.to_str()?, value?.to_str()?))).collect();
    let (variables, words) = (variables.join(" "), words.join(" "));
    let submit = format!(
        "echo x >> '{0}/submitted.txt'\nSLURM_JOB_ID=1 env {variables} {words} \"$2\" >> '{0}/workers.log' 2>&1\necho 1\n",
        place.path().display()
    );
    let states = "echo 'JobId=1 JobState=FAILED Reason=NonZeroExitCode NodeList=n1'\n";
    for (name, script) in [("sbatch", submit.as_str()), ("scontrol", states)] {
        place.write(&format!("programs/{name}"), &format!("#!/bin/bash\n{script}"));
        let path = programs.join(name);
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    programs
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).unwrap_or_default().lines().count()
}

#[test]
fn a_run_whose_workers_all_lack_space_says_so_and_gives_up() {
    let place = place(SCRATCH);
    let machine = full_machine(&place);
    let programs = scheduler(&place, &machine);
    let path =
        std::env::join_paths([programs].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())));
    let mut run =
        place.command(&["run", "mapped.yaml", "--store", "spool:shared", "--on", "slurm", "--ask-after", "1s"]);
    let ended = Outcome::from(run.env("PATH", path.unwrap()).output().unwrap()).expect(130).stderr;
    let workers = std::fs::read_to_string(place.path().join("workers.log")).unwrap();
    assert!(workers.contains("no disk space for the children of run"), "{workers}");
    assert!(ended.contains("workers had no disk space: `") && ended.contains("after 3 submissions"), "{ended}");
    // That a child has begun on a full machine is no progress.
    assert_eq!(lines(&place.path().join("submitted.txt")), 3, "{ended}");
    let log = place.chem(&["log", "@last", "--format", "json", "--store", "spool:shared"]).expect(0).json_lines();
    let gone: Vec<&Value> = log.iter().filter(|event| event["payload"]["signal"] == "workers_gone").collect();
    let host = &gone.last().unwrap()["payload"]["data"]["out_of_space"][0]["host"];
    assert!(host.is_string(), "{gone:?}");
    // On a machine with room, nothing has to be tried again.
    place.chem(&["resume", "@last", "--store", "spool:shared"]).expect(0);
}

/// A worker on whose store the disk gets full while it works.
fn a_full_store_ends_the_worker(store: &str, kibibytes: u64) {
    let place = place("  - { id: work, uses: test.slow, with: { wait: 300, ran: \"ran-${params.text}.txt\" } }\n");
    let Some(disk) = SmallDisk::mounted(place.path().join("disk"), kibibytes) else {
        return SmallDisk::skip("a store on a full disk");
    };
    let begun = || (0..CHILDREN).filter(|index| place.path().join(format!("ran-C{index}.txt")).exists()).count();
    let (run, work) = (["run", "mapped.yaml", "--store", store], ["work", "@last", "--store", store]);
    for (arguments, wait_for) in [(run, 1), (work, 2)] {
        let process = place.spawn(&arguments);
        while begun() < wait_for {
            std::thread::sleep(Duration::from_millis(5));
        }
        disk.fill();
        let ended = Outcome::from(process.wait_with_output().unwrap()).expect(STORE).stderr;
        assert!(ended.contains("the disk is full: cannot ") && ended.contains("chem resume"), "{ended}");
        // A further worker does not even begin.
        let ended = place.chem(&work).expect(STORE).stderr;
        assert!(ended.contains("disk"), "{ended}");
        disk.free();
    }
    place.chem(&work).expect(0);
    let run = place.chem(&["resume", "@last", "--store", store, "--format", "json"]).expect(0).json();
    assert_eq!(run["status"], "completed");
    place.chem(&["verify", "@last", "--store", store]).expect(0);
    let logs = logs_of_children(&place, store);
    assert_eq!(logs.iter().flatten().filter(|event| event["type"] == "stepfailed").count(), 0);
}

#[test]
fn a_full_spool_ends_the_worker() {
    a_full_store_ends_the_worker("spool:disk/shared", 1024);
}

#[test]
fn a_full_disk_of_an_sqlite_store_ends_the_worker() {
    a_full_store_ends_the_worker("sqlite:disk/store.db", 4096);
}
