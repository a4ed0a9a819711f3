//! Kills and signals to real processes. `kills` covers kills at random moments.

use std::collections::HashMap;
use std::io::{BufRead as _, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[cfg(all(feature = "postgres", unix))]
use chem_tests::postgres_server::{ServerSettings, server};

use crate::harness::{Outcome, Place, slow_flow};

const STEPS: usize = 6;

/// Returns how often each step has run, from the lines it wrote.
fn runs(place: &Place) -> HashMap<String, usize> {
    let mut runs = HashMap::new();
    let text = std::fs::read_to_string(place.path().join("ran.txt")).unwrap_or_default();
    for step in text.lines() {
        *runs.entry(step.to_owned()).or_default() += 1;
    }
    runs
}

fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

/// Waits until the file has this many lines, which shows the child's progress.
fn wait_for_lines(place: &Place, lines: usize) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while runs(place).values().sum::<usize>() < lines {
        assert!(Instant::now() < deadline, "the child does not get on");
        std::thread::yield_now();
    }
}

fn outcome(child: Child) -> Outcome {
    child.wait_with_output().unwrap().into()
}

#[test]
fn killed_again_and_again_a_run_still_ends() {
    let place = Place::new();
    place.write("slow.yaml", &slow_flow(STEPS, 40));
    let mut child = place.spawn(&["run", "slow.yaml", "-q"]);
    for kills in 1..=STEPS {
        wait_for_lines(&place, kills);
        child.kill().unwrap();
        child.wait().unwrap();
        child = place.spawn(&["resume", "@last", "-q"]);
    }
    outcome(child).expect(0);
    let run = place.show("@last");
    assert_eq!(run["event_variants"], format!("I{}C", "SF".repeat(STEPS + 1)));
    assert_eq!(place.chem(&["ls", "--format", "json"]).json().as_array().unwrap().len(), 1);
}

#[test]
fn a_run_that_a_process_is_at_work_on_is_not_called_interrupted() {
    let place = Place::new();
    place.write("slow.yaml", &slow_flow(1, 20_000));
    let mut child = place.spawn(&["run", "slow.yaml"]);
    wait_for_lines(&place, 1);
    let run = place.show("@last");
    assert_eq!((&run["status"], &run["holder"]["pid"]), (&"running".into(), &child.id().into()));
    let shown = place.chem(&["show", "@last"]).expect(0);
    assert!(shown.stdout.contains(&format!(", by process {} on ", child.id())), "{}", shown.stdout);
    assert!(!shown.stderr.contains("resume"), "{}", shown.stderr);
    assert!(place.chem(&["ls"]).expect(0).stdout.contains("running"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(place.show("@last")["status"], "interrupted");
    assert!(place.chem(&["show", "@last"]).expect(0).stderr.contains("chem resume"));
}

#[test]
fn ctrl_c_stops_cleanly_and_says_how_to_go_on() {
    let place = Place::new();
    place.write("slow.yaml", &slow_flow(2, 20_000));
    let mut child = place.spawn(&["run", "slow.yaml"]);
    wait_for_lines(&place, 1);
    signal(&child, "-INT");
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{stderr}");
    let run = place.show("@last");
    assert_eq!((&run["status"], &run["event_variants"]), (&"interrupted".into(), &"ISFS".into()));
    let advice = format!("chem resume {}", run["flow_id"].as_str().unwrap());
    assert!(stderr.contains(&advice), "{stderr}");
}

#[test]
fn a_second_ctrl_c_ends_the_program_while_a_step_still_works() {
    let place = Place::new();
    let deaf = "flow: deaf\nsteps:\n  - { id: seed, uses: demo.seed }\n  \
                - { id: deaf, uses: test.deaf, with: { wait: 60000, ran: ran.txt } }\n";
    place.write("deaf.yaml", deaf);
    let mut child = place.spawn(&["run", "deaf.yaml", "-q"]);
    wait_for_lines(&place, 1);
    let began = Instant::now();
    let mut stderr = std::io::BufReader::new(child.stderr.take().unwrap());
    signal(&child, "-INT");
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert_eq!(line, "stopping; press Ctrl-C again to stop at once\n");
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(30), "the program waited for the step");
    assert_eq!(place.show("@last")["status"], "interrupted");
}

/// The chemistry library has its own handler of Ctrl-C, under which searches end early with too few matches.
#[cfg(all(feature = "chemistry", target_os = "linux"))]
#[test]
fn ctrl_c_in_the_middle_of_chemistry_stops_it_and_changes_no_number() {
    let place = Place::new();
    let molecules = "CC(=O)Nc1ccc(O)cc1C(=O)NCc1ccccc1\n".repeat(1_500);
    place.write("many.smi", &molecules);
    place.write(
        "logp.yaml",
        "flow: logp\nsteps:\n  - { id: read, uses: molecules.read, with: { path: many.smi } }\n  \
         - { id: describe, uses: molecules.describe, with: { properties: [logp] } }\n",
    );
    let mut child = place.spawn(&["run", "logp.yaml"]);
    // On a slow machine, the steps also store how far they have got.
    let but_progress = |events: &str| events.replace('K', "");
    let begun = || but_progress(&place.chem(&["show", "@last", "--format", "json"]).stdout).contains("ISGFS");
    while !begun() {
        assert_eq!(child.try_wait().unwrap(), None, "the step was done before it was seen to begin");
    }
    signal(&child, "-INT");
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{stderr}");
    assert!(!stderr.contains("interrupted, result may not"), "{stderr}");
    assert_eq!(but_progress(place.show("@last")["event_variants"].as_str().unwrap()), "ISGFS");
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_that_outlives_its_terminal_still_stops_cleanly_when_it_is_asked_to() {
    let place = Place::new();
    place.write("slow.yaml", &slow_flow(2, 20_000));
    let mut command = place.command_through("nohup", &[], &["run", "slow.yaml", "-q"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for_lines(&place, 1);
    signal(&child, "-HUP");
    assert_eq!(child.try_wait().unwrap(), None);
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(place.show("@last")["event_variants"], "ISFS");
}

#[test]
fn two_processes_share_a_store() {
    let place = Place::new();
    place.write("slow.yaml", &slow_flow(3, 5));
    let children: Vec<Child> = (0..4).map(|_| place.spawn(&["run", "slow.yaml", "-q", "--format", "json"])).collect();
    let fingerprints: Vec<String> =
        children.into_iter().map(|child| outcome(child).expect(0).json()["flow_fingerprint"].to_string()).collect();
    assert!(fingerprints.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(place.chem(&["ls", "--format", "json"]).json().as_array().unwrap().len(), 4);
}

#[test]
fn two_processes_on_one_run_never_fork_its_log() {
    let place = Place::new();
    place.write("slow.yaml", &slow_flow(4, 30));
    let mut child = place.spawn(&["run", "slow.yaml", "-q"]);
    wait_for_lines(&place, 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed: Vec<Child> = (0..2).map(|_| place.spawn(&["resume", "@last", "-q"])).collect();
    let outcomes: Vec<Outcome> = resumed.into_iter().map(outcome).collect();
    let ended = outcomes.iter().filter(|outcome| outcome.status == 0).count();
    assert_eq!(ended, 1, "{outcomes:#?}");
    let other = outcomes.iter().find(|outcome| outcome.status != 0).unwrap();
    assert!(other.stderr.contains("is running") || other.stderr.contains("holds the lease"), "{other:?}");
    assert_eq!(place.show("@last")["event_variants"], "ISFSFSFSFSFC");
}

/// Changes the recorded `place` of the last run's lease holder in the store to `elsewhere` of its current value.
#[cfg(target_os = "linux")]
fn move_holder(place: &Place, elsewhere: impl Fn(&str) -> String) {
    let store = rusqlite::Connection::open(place.path().join(".chem/store.db")).unwrap();
    let now: String =
        store.query_row("SELECT json_extract(holder, '$.place') FROM flow_leases", [], |row| row.get(0)).unwrap();
    let changed = store.execute("UPDATE flow_leases SET holder = json_set(holder, '$.place', ?)", [elsewhere(&now)]);
    assert_eq!(changed.unwrap(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_goes_on_after_its_machine_was_started_anew_and_in_another_container_when_asked() {
    for (elsewhere, free) in [("0000/pid:[1]", true), ("start/pid:[1]", false)] {
        let place = Place::new();
        place.write("slow.yaml", &slow_flow(1, 600_000));
        let mut child = place.spawn(&["run", "slow.yaml", "-q"]);
        wait_for_lines(&place, 1);
        child.kill().unwrap();
        child.wait().unwrap();
        move_holder(&place, |now| elsewhere.replace("start", now.split('/').next().unwrap()));
        if !free {
            let held = place.chem(&["resume", "@last"]).expect(3);
            assert!(held.stderr.contains("is running") && held.stderr.contains("--take-over"), "{}", held.stderr);
        }
        let more: &[&str] = if free { &[] } else { &["--take-over"] };
        let mut child = place.spawn(&[&["resume", "@last", "-q"], more].concat());
        wait_for_lines(&place, 2);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[cfg(all(feature = "postgres", unix))]
#[test]
fn who_waits_for_a_server_is_told_so_and_the_run_goes_on_when_it_is_back() {
    use std::io::{BufRead as _, BufReader, Read as _};

    let Some(mut server) = server(ServerSettings::durable()) else { return };
    let place = Place::new();
    place.write("slow.yaml", &slow_flow(6, 50));
    let mut child = place.spawn(&["run", "slow.yaml", "--store", &server.url("postgres")]);
    wait_for_lines(&place, 2);
    server.kill();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let warning = "the store does not answer, and is asked up to 7 more times within ";
    let told = said.by_ref().lines().map_while(Result::ok).any(|line| line.contains(warning));
    server.restart().unwrap();
    assert!(told, "nothing was said, and the run has ended");
    said.read_to_end(&mut Vec::new()).unwrap();
    assert!(child.wait().unwrap().success());
}
