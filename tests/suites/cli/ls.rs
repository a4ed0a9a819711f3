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

/// Two children, each with two children of its own, of which one fails.
fn family(place: &Place) {
    for (name, rows) in [("a", "n\n1\n"), ("b", "n\n1,2,3\n")] {
        place.write(&format!("{name}.csv"), rows);
    }
    place.write("read.yaml", "flow: read\nparams: { path: a.csv, more: 0 }\nsteps:\n  - { id: read, uses: table.read, with: { path: \"${params.path}\", on_error: fail } }\n  - { id: more, uses: table.filter, with: { where: n >= params.more } }\n");
    let inner = "map: { flow: read.yaml, params: { more: \"${params.more}\" }, over: { path: [a.csv, b.csv] }, on_error: collect }";
    place.write("family.yaml", &format!("flow: family\nsteps:\n  - id: outer\n    map:\n      over: {{ more: [1, 2] }}\n      steps:\n        - {{ id: inner, {inner} }}\n"));
    place.chem(&["run", "family.yaml", "-q"]).expect(0);
}

#[test]
fn a_filtered_tree_counts_families_and_has_the_runs_above_those_that_match() {
    let place = Place::new();
    family(&place);
    let (first, _) = ids(&place, &[]);
    place.chem(&["run", "read.yaml", "-q"]).expect(0);
    family(&place);
    let (all, _) = ids(&place, &[]);
    let tree = |arguments: &[&str]| {
        let told = place.chem(&[&["ls", "--tree", "--format", "json"], arguments].concat()).expect(0);
        let status = |run: &Value| run["status"].as_str().unwrap().to_owned();
        let runs = told.json().as_array().unwrap().clone();
        (runs.iter().map(status).collect::<Vec<_>>(), runs[0]["flow_id"].as_str().unwrap().to_owned(), told.stderr)
    };
    // A family has a failed run below each of its two children.
    let of_family = ["completed", "completed", "failed", "completed", "failed"];
    let (found, top, said) = tree(&["--status", "failed", "--limit", "1"]);
    assert_eq!((&found[..], &top), (&of_family.map(str::to_owned)[..], &all[2]));
    assert!(said.contains(&format!("add `--before {top}`")), "{said}");
    let (older, top, said) = tree(&["--status", "failed", "--limit", "1", "--before", &top]);
    assert_eq!((older, &top, said.as_str()), (found.clone(), &first[0], ""));
    let (both, ..) = tree(&["--status", "failed"]);
    assert_eq!(both, [&found[..], &found[..]].concat());
    assert_eq!(tree(&["--status", "failed", "--all"]).0, both);
    // A run without a family counts like one.
    let (found, top, _) = tree(&["--flow", "read", "--limit", "2"]);
    assert_eq!((found.len(), &top), (1 + 7, &all[1]));
    assert_eq!(tree(&["--flow", "family", "--limit", "5"]).0.len(), 2);
}
