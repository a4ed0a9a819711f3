//! The exit status does not depend on whether the reader of the output has closed its end.

use std::process::Stdio;

use crate::harness::{Outcome, Place, slow_flow};

/// Returns the result of a command whose standard output has no reader.
fn unread(place: &Place, arguments: &[&str]) -> Outcome {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = place.command(arguments);
    let output = command.stdout(writer).stderr(Stdio::piped()).spawn().unwrap().wait_with_output();
    output.unwrap().into()
}

#[test]
fn the_status_is_that_of_the_command() {
    let place = Place::new();
    let steps = "steps:\n  - { id: seed, uses: demo.seed, with: { text: CCO } }\n";
    place.write("demo.yaml", &format!("flow: demo\n{steps}  - {{ id: count, uses: demo.characters }}\n"));
    place.write("fail.yaml", &format!("flow: fail\n{steps}  - {{ id: broken, uses: test.fail }}\n"));
    place.write("gated.yaml", &format!("flow: gated\n{}", steps.replace(" }\n", ", gate: { message: Go on? } }\n")));
    place.write("wrong.yaml", &format!("flow: wrong\n{}", steps.replace("seed,", "sead,")));
    let ids = ["demo.yaml", "fail.yaml"].map(|manifest| {
        let run = place.chem(&["run", manifest, "-q", "--format", "json"]).json();
        run["flow_id"].as_str().unwrap().to_owned()
    });
    let [good, failed] = &ids;
    let hash = place.show(good)["steps"][0]["outputs"][0]["hash"].as_str().unwrap().to_owned();
    let commands: &[(&[&str], i32)] = &[
        (&["check", "demo.yaml"], 0),
        (&["check", "wrong.yaml"], 2),
        (&["check", "demo.yaml", "wrong.yaml"], 2),
        (&["check", "--explain", "E0410"], 0),
        (&["check", "--explain", "E0000"], 2),
        (&["plan", "demo.yaml"], 0),
        (&["plan", "wrong.yaml"], 2),
        (&["run", "demo.yaml"], 0),
        (&["run", "fail.yaml"], 1),
        (&["run", "fail.yaml", "-q"], 1),
        (&["run", "gated.yaml"], 4),
        (&["run", "wrong.yaml"], 2),
        (&["run", "demo.yaml", "--store", "mysql://x"], 3),
        (&["retry", failed], 1),
        (&["resume", failed], 2),
        (&["branch", good, "--from", "count"], 0),
        (&["diff", good, failed], 1),
        (&["diff", good, good], 0),
        (&["verify", good], 0),
        (&["verify", failed], 1),
        (&["why", good, "seed"], 0),
        (&["show", failed], 0),
        (&["show", "zzz"], 2),
        (&["ls"], 0),
        (&["log", failed], 0),
        (&["artifact", &hash], 0),
        (&["artifact", "abc"], 2),
        (&["steps"], 0),
        (&["steps", "demo.sead"], 2),
        (&["schema"], 0),
        (&["store", "status"], 0),
        (&["store", "check"], 0),
        (&["completions", "bash"], 0),
        (&["--help"], 0),
        (&["nonsense"], 2),
    ];
    for (arguments, status) in commands {
        for format in [&[][..], &["--format", "json"]] {
            let arguments = [arguments, format].concat();
            assert_eq!(place.chem(&arguments).status, *status, "{arguments:?}, read");
            let outcome = unread(&place, &arguments);
            assert_eq!(outcome.status, *status, "{arguments:?}, not read: {}", outcome.stderr);
            assert!(!outcome.stderr.to_lowercase().contains("pipe"), "{arguments:?}: {}", outcome.stderr);
        }
    }
}

#[test]
fn a_closed_standard_error_changes_no_status() {
    let place = Place::new();
    place.write(
        "fail.yaml",
        "flow: f\nsteps:\n  - { id: seed, uses: demo.seed }\n  - { id: broken, uses: test.fail }\n",
    );
    for verbose in ["-q", "-v", "-vvv"] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = place.command(&["run", "fail.yaml", verbose]).stdout(Stdio::null()).stderr(writer).status();
        assert_eq!(status.unwrap().code(), Some(1), "{verbose}");
    }
}

/// No event is left to print when the reader goes, so no write could fail.
#[cfg(unix)]
#[test]
fn a_followed_log_ends_with_its_reader() {
    use std::io::BufRead as _;

    let place = Place::new();
    place.write("gated.yaml", "flow: g\nsteps:\n  - { id: seed, uses: demo.seed, gate: { message: Go on? } }\n");
    place.chem(&["run", "gated.yaml", "-q"]).expect(4);
    let events = place.chem(&["log", "@last"]).expect(0).stdout.lines().count();
    for arguments in [&["log", "--follow"][..], &["log", "@last", "--follow"], &["log", "--follow", "--format", "json"]]
    {
        let mut child = place.spawn(arguments);
        let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
        for _ in 0..events {
            stdout.read_line(&mut String::new()).unwrap();
        }
        drop(stdout);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if std::time::Instant::now() > deadline => {
                    child.kill().unwrap();
                    panic!("{arguments:?} outlives its reader");
                }
                None => std::thread::sleep(std::time::Duration::from_millis(20)),
            }
        };
        assert_eq!(status.code(), Some(0), "{arguments:?}");
    }
}

#[test]
fn a_log_is_not_written_on_for_nobody() {
    let place = Place::new();
    place.write("slow.yaml", &slow_flow(400, 0));
    place.chem(&["run", "slow.yaml", "-q"]).expect(0);
    for arguments in
        [&["log", "@last", "--format", "json"][..], &["log", "--follow"], &["log", "--follow", "--format", "json"]]
    {
        let outcome = unread(&place, arguments).expect(0);
        assert_eq!(outcome.stderr, "");
    }
}
