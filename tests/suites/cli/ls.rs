//! `chem ls`: pages and filters.

use serde_json::Value;

use crate::harness::Place;

fn ids(place: &Place, arguments: &[&str]) -> (Vec<String>, String) {
    let told = place.chem(&[&["ls", "--format", "json"], arguments].concat()).expect(0);
    let ids = told.json().as_array().unwrap().iter().map(|run| run["flow_id"].as_str().unwrap().to_owned()).collect();
    (ids, told.stderr)
}

#[test]
fn runs_are_listed_page_by_page() {
    let place = Place::new();
    place.write("good.yaml", "flow: good\nsteps:\n  - { id: seed, uses: demo.seed }\n");
    place.write("gated.yaml", "flow: gated\nsteps:\n  - { id: seed, uses: demo.seed, gate: { message: Go on? } }\n");
    for (manifest, status) in
        [("good.yaml", 0), ("gated.yaml", 4), ("good.yaml", 0), ("good.yaml", 0), ("gated.yaml", 4)]
    {
        place.chem(&["run", manifest, "-q"]).expect(status);
    }
    let (all, said) = ids(&place, &[]);
    assert_eq!((all.len(), said.as_str()), (5, ""));
    assert_eq!(ids(&place, &["--all"]).0, all);

    // Each page names the page before it.
    let (newest, said) = ids(&place, &["--limit", "2"]);
    assert_eq!(newest, all[3..]);
    assert!(said.contains(&format!("add `--before {}`", all[3])), "{said}");
    let (next, said) = ids(&place, &["--limit", "2", "--before", &newest[0]]);
    assert_eq!(next, all[1..3]);
    assert!(said.contains(&format!("add `--before {}`", all[1])), "{said}");
    let (last, said) = ids(&place, &["--limit", "2", "--before", &next[0]]);
    assert_eq!((&last[..], said.as_str()), (&all[..1], ""));
    assert_eq!(ids(&place, &["--limit", "2", "-q"]).1, "");

    assert_eq!(ids(&place, &["--flow", "gated"]).0, [all[1].clone(), all[4].clone()]);
    assert_eq!(ids(&place, &["--status", "waiting", "--limit", "1"]).0, all[4..]);
    assert_eq!(ids(&place, &["--status", "completed"]).0, [all[0].clone(), all[2].clone(), all[3].clone()]);
    assert_eq!(ids(&place, &["--status", "running"]).0, Vec::<String>::new());
    assert_eq!(ids(&place, &["--since", "2020-01-01", "--until", "2999-12-31T23:59:59Z"]).0, all);
    assert_eq!(ids(&place, &["--until", "2020-01-01"]).0, Vec::<String>::new());
    let began: Value = place.chem(&["log", &all[2], "--format", "json"]).expect(0).json_lines()[0]["ts"].clone();
    assert_eq!(ids(&place, &["--since", began.as_str().unwrap()]).0, all[2..]);
    assert_eq!(ids(&place, &["--until", began.as_str().unwrap()]).0, all[..2]);

    let told = place.chem(&["ls", "--flow", "no-such"]).expect(0);
    assert!(told.stdout.is_empty() && told.stderr.contains("no run matches"), "{told:?}");
    let told = place.chem(&["ls", "--since", "yesterday"]).expect(2).stderr;
    assert!(told.contains("expected a day, such as 2026-11-29"), "{told}");
    place.chem(&["ls", "--before", "0000"]).expect(2);
}
