//! The scripts for schedulers, as far as they can be checked without these.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_yaml::Value;

use crate::harness::{Outcome, Place};

const URL: &str = "postgres://chem@db.example.org/chem";

fn place() -> Place {
    let place = Place::new();
    place.write("child.yaml", "flow: child\nparams: { text: C }\nsteps:\n  - { id: seed, uses: demo.seed, with: { text: \"${params.text}\" } }\n");
    let needs = "resources: { cpus: 2, memory: 4G, gpus: 1, time: 26h }";
    let map = "map: { flow: child.yaml, over: { text: [C, CC, CCC] }, take: { taken: seed } }";
    place.write("mapped.yaml", &format!("flow: mapped\nsteps:\n  - id: every_one\n    {map}\n    {needs}\n"));
    place
}

fn print(place: &Place, scheduler: &str, more: &[&str]) -> Outcome {
    let arguments = ["run", "mapped.yaml", "--store", URL, "--on", scheduler, "--print"];
    place.chem(&[&arguments[..], more].concat())
}

/// Runs `bash` on a script.
fn bash(arguments: &[&str], script: &str) -> std::process::Output {
    let mut bash = Command::new("bash")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    bash.wait_with_output().unwrap()
}

#[test]
fn scripts_are_scripts_with_the_directives_of_their_scheduler() {
    let place = place();
    let expected: [(&str, &str, &[&str]); 4] = [
        (
            "slurm",
            "#SBATCH ",
            &[
                "--array=1-2",
                "--cpus-per-task=2",
                "--mem=4096M",
                "--gres=gpu:1",
                "--time=1-02:00:00",
                "--signal=B:TERM@90",
                "--partition=long",
                "--account=lab",
                "--qos=big",
            ],
        ),
        (
            "pbs",
            "#PBS ",
            &[
                "-J 1-2",
                "-l select=1:ncpus=2:mem=4096mb:ngpus=1",
                "-l walltime=26:00:00",
                "-q long",
                "-A lab",
                "--qos=big",
            ],
        ),
        (
            "lsf",
            "#BSUB ",
            &[
                "-J \"chem[1-2]\"",
                "-n 2",
                "-R \"rusage[mem=4096MB]\"",
                "-gpu \"num=1\"",
                "-W 26:00",
                "-q long",
                "-P lab",
                "--qos=big",
            ],
        ),
        (
            "hyperqueue",
            "#HQ ",
            &[
                "--array=1-2",
                "--cpus=2",
                "--resource mem=4096",
                "--resource gpus/nvidia=1",
                "--time-limit=93600s",
                "--qos=big",
            ],
        ),
    ];
    for (scheduler, mark, directives) in expected {
        let more =
            ["--workers", "2", "--margin", "90s", "--partition", "long", "--account", "lab", "--job-arg=--qos=big"];
        let script = print(&place, scheduler, &more).expect(0).stdout;
        let checked = bash(&["-n"], &script);
        assert!(checked.status.success() && checked.stderr.is_empty(), "{scheduler}: {checked:?}");
        let found: Vec<&str> = script.lines().filter_map(|line| line.strip_prefix(mark)).collect();
        for directive in directives {
            assert!(found.contains(directive), "{scheduler} lacks {directive}: {found:?}");
        }
        // Directives after the first command are ignored.
        let lines: Vec<&str> = script.lines().collect();
        let last = lines.iter().rposition(|line| line.starts_with(mark)).unwrap();
        let first = lines.iter().position(|line| !line.starts_with('#')).unwrap();
        assert!(last < first, "{script}");
    }
    // With one worker, PBS needs no array, and would refuse one.
    assert!(!print(&place, "pbs", &["--workers", "1"]).expect(0).stdout.contains("-J"));
}

#[test]
fn a_script_starts_this_program_on_the_store_whose_password_it_does_not_contain() {
    let place = place();
    let arguments = ["run", "mapped.yaml", "--on", "slurm", "--print", "--no-cache", "--confined"];
    let mut command = place.command(&arguments);
    command.env("CHEM_STORE", "postgres://chem:hunter2@db.example.org/a$b`c");
    let script = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(!script.contains("hunter2"), "{script}");
    let begin = script.replace("exec ", "printf '%s\\n' \"$CHEM_STORE\" ");
    let run = |variables: &str| {
        let output = bash(&[], &format!("export {variables}\n{begin}"));
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let words = run("RUN=the-run SLURM_CPUS_PER_TASK=2");
    let program = std::fs::canonicalize(crate::harness::PROGRAM).unwrap();
    let expected = [
        "postgres://chem@db.example.org/a$b`c",
        program.to_str().unwrap(),
        "work",
        "the-run",
        "--until",
        "slurm",
        "--time-limit",
        "93600s",
        "--margin",
        "60s",
        "--resources=cpus=2,memory=4G,gpus=1",
        "--confined",
        "--no-cache",
    ];
    assert_eq!(words, expected);
    assert_eq!(run("RUN=r CHEM_WORKER_STORE=postgres://with@password")[0], "postgres://with@password");
    let without_run = bash(&[], &begin);
    assert!(String::from_utf8_lossy(&without_run.stderr).contains("set RUN to the id of the run"), "{without_run:?}");
}

#[test]
fn kubernetes_gets_an_indexed_job() {
    let place = place();
    for (more, wrong) in [(&[][..], "needs a container image"), (&["--image", "lab/chem:1"], "for one run")] {
        let refused = print(&place, "kubernetes", more).expect(2).stderr;
        assert!(refused.contains(wrong), "{refused}");
    }
    // A run in a store of this machine begins; its script is printed for the other store.
    place.chem(&["run", "mapped.yaml"]).expect(0);
    let run = place.show("@last")["flow_id"].as_str().unwrap().to_owned();
    let refused =
        place.chem(&["resume", &run, "--on", "kubernetes", "--image", "lab/chem:1", "--print"]).expect(2).stderr;
    assert!(refused.contains("is complete"), "{refused}");
    let Some(database) = crate::place::database() else { return };
    let url = database.url();
    let mut begun =
        place.command(&["run", "mapped.yaml", "--on", "kubernetes", "--image", "lab/chem:1", "--store", &url]);
    let mut begun = begun.stderr(Stdio::piped()).spawn().unwrap();
    crate::place::until("the run waits for workers", || {
        place.chem(&["ls", "--store", &url]).stdout.contains("mapped")
            && place.chem(&["log", "@last", "--store", &url]).stdout.contains("every_one")
    });
    let script = ["resume", "@last", "--on", "kubernetes", "--image", "lab/chem:1", "--print", "--store", &url];
    let script = place.chem(&script).expect(0).stdout;
    begun.kill().unwrap();
    let said = begun.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&said.stderr).contains("--print --image IMAGE | kubectl apply -f -"), "{said:?}");

    let job: Value = serde_yaml::from_str(&script).unwrap();
    assert_eq!((job["apiVersion"].as_str(), job["kind"].as_str()), (Some("batch/v1"), Some("Job")));
    let name = job["metadata"]["name"].as_str().unwrap();
    let is_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    assert!(name.len() <= 63 && name.bytes().all(is_label) && !name.ends_with('-'), "{name}");
    let spec = &job["spec"];
    assert_eq!((spec["completionMode"].as_str(), spec["completions"].as_u64()), (Some("Indexed"), Some(3)));
    assert_eq!(spec["parallelism"], spec["completions"]);
    let pod = &spec["template"]["spec"];
    assert_eq!((pod["restartPolicy"].as_str(), pod["activeDeadlineSeconds"].as_u64()), (Some("Never"), Some(93_600)));
    let container = &pod["containers"][0];
    assert_eq!(container["image"].as_str(), Some("lab/chem:1"));
    let command: Vec<&str> =
        container["command"].as_sequence().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(command[..2], ["chem", "work"]);
    for part in ["requests", "limits"] {
        let resources = &container["resources"][part];
        assert_eq!((resources["cpu"].as_str(), resources["memory"].as_str()), (Some("2"), Some("4096Mi")));
        assert_eq!(resources["nvidia.com/gpu"].as_str(), Some("1"));
    }
}

#[test]
fn what_workers_could_not_use_is_refused() {
    let place = place();
    place.write("plain.yaml", "flow: plain\nsteps:\n  - { id: seed, uses: demo.seed }\n");
    for (arguments, wrong) in [
        (&["run", "mapped.yaml", "--on", "slurm"][..], "cannot use the store `sqlite:.chem/store.db`"),
        (&["run", "plain.yaml", "--on", "slurm", "--store", URL], "no step with `map`"),
        (&["run", "mapped.yaml", "--workers", "2"], "--on"),
        (
            &["run", "mapped.yaml", "--on", "slurm", "--print", "--store", URL, "--job-arg=a\nb"],
            "cannot be part of a script",
        ),
        (
            &[
                "run",
                "mapped.yaml",
                "--on",
                "kubernetes",
                "--print",
                "--store",
                URL,
                "--image",
                "i",
                "--partition",
                "p",
            ],
            "for one run",
        ),
    ] {
        let refused = place.chem(arguments).expect(2).stderr;
        assert!(refused.contains(wrong), "{arguments:?}: {refused}");
    }
    place.chem(&["run", "mapped.yaml"]).expect(0);
    for (arguments, wrong) in [
        (&["work", "@last", "--until", "slurm"][..], "SLURM_JOB_ID is not set"),
        (&["work", "@last", "--until", "tomorrow"], "expected a time such as `2026-11-29T18:30:00Z`, or `slurm`"),
        (&["work", "@last", "--step", "other"], "no step `other` with `map`"),
        (&["work", "@last", "--resources", "disk=1T"], "no resource"),
    ] {
        let refused = place.chem(arguments).expect(2).stderr;
        assert!(refused.contains(wrong), "{arguments:?}: {refused}");
    }
}
