//! Fingerprints do not depend on where, when or how often a flow runs.

use serde_json::Value;

use crate::harness::{Place, slow_flow};

fn identity(run: &Value) -> (Value, Value) {
    let fingerprints = run["steps"].as_array().unwrap().iter().map(|step| step["fingerprint"].clone()).collect();
    (run["flow_fingerprint"].clone(), fingerprints)
}

#[test]
fn environment_place_and_store_do_not_enter() {
    let reference = Place::new();
    reference.write("slow.yaml", &slow_flow(2, 0));
    let expected = identity(&reference.chem(&["run", "slow.yaml", "-q", "--format", "json"]).expect(0).json());

    let environments: [&[(&str, &str)]; 4] = [
        &[("TZ", "Asia/Kathmandu")],
        &[("LC_ALL", "de_DE.UTF-8"), ("LANG", "de_DE.UTF-8")],
        &[("RAYON_NUM_THREADS", "1")],
        &[("RAYON_NUM_THREADS", "7"), ("TZ", "UTC"), ("LC_ALL", "C")],
    ];
    for environment in environments {
        let place = Place::new();
        place.write("slow.yaml", &slow_flow(2, 0));
        let mut command = place.command(&["run", "slow.yaml", "-q", "--format", "json"]);
        let outcome: crate::harness::Outcome = command.envs(environment.iter().copied()).output().unwrap().into();
        assert_eq!(identity(&outcome.expect(0).json()), expected, "{environment:?}");
    }

    let elsewhere = Place::new();
    elsewhere.write("deep/er/renamed.yaml", &slow_flow(2, 0));
    let run = elsewhere.chem(&["run", "deep/er/renamed.yaml", "-q", "--format", "json", "--store", "memory:"]);
    assert_eq!(identity(&run.expect(0).json()), expected);
}

#[test]
fn spelling_does_not_enter_and_meaning_does() {
    let manifest = |with: &str| {
        format!(
            "flow: f\nsteps:\n  - id: seed\n    uses: demo.seed\n    with: {with}\n  - id: s\n    uses: test.slow\n    with: {{ wait: 5 }}\n"
        )
    };
    let run = |text: &str| {
        let place = Place::new();
        place.write("f.yaml", text);
        identity(&place.chem(&["run", "f.yaml", "-q", "--format", "json"]).expect(0).json())
    };
    let expected = run(&manifest("{ text: 'hello, flow' }"));
    for same in [
        manifest("{ \"text\": \"hello, flow\" } # said so"),
        manifest("\n      text: >-\n        hello,\n        flow"),
        manifest("{}"),
        manifest("{ text: 'hello, flow' }").replace("wait: 5", "wait: 5.0"),
        manifest("{ text: 'hello, flow' }").replace("wait: 5", "wait: 0x5"),
    ] {
        assert_eq!(run(&same), expected, "{same}");
    }
    for other in [
        manifest("{ text: 'hello, flow!' }"),
        manifest("{}").replace("wait: 5", "wait: 6"),
        manifest("{}").replace("id: s\n", "id: t\n"),
    ] {
        assert_ne!(run(&other), expected, "{other}");
    }
}
