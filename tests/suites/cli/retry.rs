//! Retries of failed steps: `retry:`, `timeout:` and `chem retry`.

use crate::harness::Place;

fn busy_flow(retry: &str) -> String {
    format!(
        "flow: busy
steps:
  - {{ id: seed, uses: demo.seed, with: {{ text: CCO }} }}
  - id: ask
    uses: test.busy
    with: {{ times: 2, tried: tried.txt }}
{retry}  - {{ id: characters, uses: demo.characters }}
"
    )
}

#[test]
fn a_step_is_tried_again_as_its_manifest_says() {
    let place = Place::new();
    place.write("busy.yaml", &busy_flow("    retry: { attempts: 3, backoff: 1ms }\n"));
    let run = place.chem(&["run", "busy.yaml", "--format", "json"]).expect(0);
    assert_eq!(run.json()["event_variants"], "ISFSXRSXRSFSFC");
    assert!(run.stderr.contains("ask attempt 3 of 3") && run.stderr.contains("the server is busy"), "{}", run.stderr);
    let log = place.chem(&["log", "@last"]).expect(0).stdout;
    assert!(log.contains("ask will be retried (attempt 2 of 3, not before "), "{log}");
}

#[test]
fn a_failed_run_is_tried_again_by_hand() {
    let place = Place::new();
    place.write("busy.yaml", &busy_flow(""));
    place.chem(&["run", "busy.yaml"]).expect(1);
    let resumed = place.chem(&["resume", "@last"]).expect(2);
    assert!(resumed.stderr.contains("chem retry"), "{}", resumed.stderr);
    place.chem(&["retry", "@last"]).expect(1);
    let run = place.chem(&["retry", "@last", "--reason", "it is up", "--format", "json"]).expect(0).json();
    assert_eq!((&run["status"], &run["event_variants"]), (&"completed".into(), &"ISFSXRSXRSFSFC".into()));
    let log = place.chem(&["log", "@last"]).expect(0).stdout;
    assert!(log.contains("(attempt 3): it is up") && log.contains("ask will be retried by "), "{log}");
    let done = place.chem(&["retry", "@last"]).expect(2);
    assert!(done.stderr.contains("no step of run"), "{}", done.stderr);
}

#[test]
fn no_more_attempts_than_allowed() {
    let place = Place::new();
    place.write("busy.yaml", &busy_flow("    retry: { attempts: 2 }\n"));
    place.chem(&["run", "busy.yaml"]).expect(1);
    let refused = place.chem(&["retry", "@last"]).expect(2);
    assert!(refused.stderr.contains("has used the 2 attempts"), "{}", refused.stderr);
    assert_eq!(place.show("@last")["event_variants"], "ISFSXRSX");
}

#[test]
fn a_step_that_takes_too_long_fails_and_the_run_can_go_on() {
    let place = Place::new();
    let slow = "flow: slow
steps:
  - { id: seed, uses: demo.seed }
  - { id: wait, uses: test.slow, with: { wait: 3600000 }, timeout: 30ms }
";
    place.write("slow.yaml", slow);
    let run = place.chem(&["run", "slow.yaml"]).expect(1);
    assert!(run.stderr.contains("step `wait` failed: the step did not end within 30ms"), "{}", run.stderr);
}
