//! A flow that reads several files as one: what every command makes of it.

use crate::harness::Place;

const FLOW: &str = "flow: plates
steps:
  - { id: read, uses: table.read, with: { path: plates/*.csv, file_column: plate } }
  - { id: write, uses: table.write, with: { path: out/all.csv } }
";

fn place() -> Place {
    let place = Place::new();
    std::fs::create_dir(place.path().join("plates")).unwrap();
    place.write("plates.yaml", FLOW).write("plates/b.csv", "id,n\nb,2\n").write("plates/a.csv", "n,id\n1,a\n");
    place
}

#[test]
fn a_pattern_is_planned_run_repeated_and_explained() {
    let place = place();
    place.chem(&["plan", "plates.yaml"]).expect(0);
    let first = place.chem(&["run", "plates.yaml", "--format", "json"]).expect(0).json();
    let written = || std::fs::read_to_string(place.path().join("out/all.csv")).unwrap();
    assert_eq!(written(), "n,id,plate\n1,a,a.csv\n2,b,b.csv\n");
    place.chem(&["verify", "@last"]).expect(0);
    let manifest = place.chem(&["manifest", "@last"]).expect(0).stdout;
    assert!(manifest.contains("plates/*.csv"), "{manifest}");

    // All files are handed over.
    place.chem(&["export", "@last", "run.zip"]).expect(0);
    let elsewhere = Place::new();
    let verified = elsewhere.chem(&["verify", place.path().join("run.zip").to_str().unwrap()]).expect(0).stdout;
    assert!(verified.contains("2 of 2 steps verified"), "{verified}");

    // Another directory and another way to name the same files do the same work.
    std::fs::rename(place.path().join("plates"), place.path().join("moved")).unwrap();
    place.write("moved.yaml", &FLOW.replace("plates/*.csv", "[moved/a.csv, moved/b.csv]"));
    let moved = place.chem(&["run", "moved.yaml", "--format", "json"]).expect(0).json();
    assert_eq!(moved["flow_fingerprint"], first["flow_fingerprint"]);
    std::fs::rename(place.path().join("moved"), place.path().join("plates")).unwrap();

    place.write("plates/c.csv", "n,id\n3,c\n").write("plates/a.csv", "n,id\n5,a\n");
    let plan = place.chem(&["plan", "plates.yaml", "--format", "json"]).expect(0).stdout;
    assert!(plan.contains("path[c.csv]") && plan.contains("path[a.csv]") && !plan.contains("path[b.csv]"), "{plan}");
    place.chem(&["run", "plates.yaml"]).expect(0);
    assert_eq!(written(), "n,id,plate\n5,a,a.csv\n2,b,b.csv\n3,c,c.csv\n");
    let why = place.chem(&["why", "@last", "read"]).expect(0).stdout;
    assert!(why.contains("path[c.csv]") && why.contains("path[a.csv]"), "{why}");
}

#[test]
fn a_pattern_without_a_match_is_found_by_the_check_and_a_plan_waits_for_files_of_the_run() {
    let place = place();
    place.write("none.yaml", &FLOW.replace("plates/*.csv", "plate/*.csv"));
    let refused = place.chem(&["check", "none.yaml"]).expect(2);
    let said = refused.stdout + &refused.stderr;
    assert!(said.contains("no file matches `plate/*.csv`") && said.contains("no directory `plate/`"), "{said}");

    place.write(
        "made.yaml",
        "flow: made
steps:
  - { id: read, uses: table.read, with: { path: plates/a.csv } }
  - { id: one, uses: table.write, with: { path: parts/one.csv } }
  - { id: parts, uses: table.read, source: true, with: { path: parts/*.csv } }
  - { id: write, uses: table.write, with: { path: out/parts.csv } }
",
    );
    place.chem(&["check", "made.yaml"]).expect(0);
    let plan = place.chem(&["plan", "made.yaml"]).expect(0).stdout;
    assert!(plan.contains("one.csv"), "{plan}");
    place.chem(&["run", "made.yaml"]).expect(0);
    assert_eq!(std::fs::read_to_string(place.path().join("out/parts.csv")).unwrap(), "n,id\n1,a\n");

    place.write("outside.yaml", &FLOW.replace("plates/*.csv", "'../*.csv'"));
    let refused = place.chem(&["run", "--confined", "outside.yaml"]);
    assert_ne!(refused.status, 0);
}
