//! What `chem new` writes: it runs, builds and passes its tests as it stands, and takes the place of nothing.

mod snapshots;
#[cfg(unix)]
mod wheel;

use std::path::Path;

use chem_tests::outside::{Outside, Said};

const PROGRAM: &str = env!("CARGO_BIN_EXE_chem-alone");

fn outside() -> Outside {
    Outside::with(Path::new(PROGRAM))
}

#[test]
fn a_new_flow_runs() {
    let outside = outside();
    let said = outside.shell(".", "chem new flow hello").well();
    assert_eq!(said.stdout, "wrote flows/hello.yaml\nwrote schemas/flow.schema.json\n");
    let manifest = std::fs::read_to_string(outside.path().join("flows/hello.yaml")).unwrap();
    assert!(manifest.starts_with("# yaml-language-server: $schema=../schemas/flow.schema.json\nflow: hello\n"));
    assert_eq!(outside.shell(".", "chem check flows/hello.yaml").well().stdout, "ok flows/hello.yaml, 4 steps\n");
    outside.shell(".", "chem run flows/hello.yaml").well();
    assert!(outside.path().join("flows/out/hello.csv").exists());
    let printed = outside.shell(".", "chem schema").well().stdout;
    assert_eq!(std::fs::read_to_string(outside.path().join("schemas/flow.schema.json")).unwrap(), printed);
    // A name that is text only in quotes is in quotes.
    outside.shell(".", "chem new flow null").well();
    let manifest = std::fs::read_to_string(outside.path().join("flows/null.yaml")).unwrap();
    assert!(manifest.contains("\nflow: 'null'\n"), "{manifest}");
    outside.shell(".", "chem check flows/null.yaml").well();
    // One that is there stays: it may be that of a program with more steps.
    outside.write("schemas/flow.schema.json", "mine");
    assert_eq!(outside.shell(".", "chem new flow another").well().stdout, "wrote flows/another.yaml\n");
}

#[test]
fn nothing_is_overwritten() {
    let outside = outside();
    for (what, path) in [
        ("flow kept", "flows/kept.yaml"),
        ("step table.head", "src/steps/head_table.rs"),
        ("project kept", "kept/mine"),
    ] {
        outside.write(path, "mine");
        let said = outside.shell(".", &format!("chem new {what}"));
        assert!(!said.good && said.stderr.contains("already exists"), "{what}: {said:?}");
        assert_eq!(std::fs::read_to_string(outside.path().join(path)).unwrap(), "mine");
    }
    assert_eq!(std::fs::read_dir(outside.path().join("kept")).unwrap().count(), 1);
}

#[test]
fn names_are_checked() {
    let outside = outside();
    for (what, said_of_it) in [
        ("flow ../escape", "`../escape` cannot be the name of a flow"),
        ("flow Leads", "begins with a letter"),
        ("step head", "write `family.verb`"),
        ("step demo.seed", "step type `demo.seed` already exists"),
        ("project a/b", "`a/b` cannot be the name of a project"),
        ("project match", "such as `match-flows`"),
    ] {
        let said = outside.shell(".", &format!("chem new {what}"));
        assert!(!said.good && said.stderr.contains(said_of_it), "{what}: {said:?}");
    }
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0, "something was written");
}

#[test]
fn what_was_written_is_told_to_scripts() {
    let said = outside().shell(".", "chem new flow hello --format json").well();
    assert_eq!(said.stdout, "{\"written\":[\"flows/hello.yaml\",\"schemas/flow.schema.json\"]}\n");
}

#[test]
fn a_project_takes_the_runtime_from_its_sources_if_it_is_told_where_they_are() {
    let outside = outside();
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../chem-runtime");
    let refused = outside.shell(".", &format!("chem new project words --runtime {}/src", runtime.display()));
    assert!(!refused.good && refused.stderr.contains("is not the directory of chem-runtime's sources"), "{refused:?}");
    assert!(!outside.path().join("words").exists());
    outside.shell(".", &format!("chem new project words --runtime {}", runtime.display())).well();
    let manifest = std::fs::read_to_string(outside.path().join("words/Cargo.toml")).unwrap();
    let named = format!("chem-runtime = {{ path = {:?},", runtime.canonicalize().unwrap());
    assert_eq!(manifest.matches(&named).count(), 2, "{manifest}");
}

/// As it is generated, with generated steps in it, and with a test that does not name the library. `CHEM_UPDATE_DOCS=1` writes
/// the template's snapshot anew. The `-` of the name is a `_` in the source.
#[test]
fn a_new_project_builds_and_passes_its_tests() {
    let mut outside = outside();
    let update = std::env::var("CHEM_UPDATE_DOCS").as_deref() == Ok("1");
    if update {
        outside = outside.variable("INSTA_UPDATE", "always");
    }
    outside.shell(".", "chem new project own-words").well();
    outside.shell("own-words", "cargo fmt --check").well();
    let tested = outside.shell("own-words", "cargo test").well();
    if update {
        let template = "../chem-runtime/src/cli/templates/project/repeat.snap";
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join(template);
        std::fs::copy(outside.path().join("own-words/snapshots/flows/repeat.snap"), template).unwrap();
    }
    assert_eq!(passed(&tested), 2, "{tested:?}");
    assert!(!tested.stderr.contains("warning"), "{}", tested.stderr);

    let added = outside.shell("own-words", "chem new step table.head").well();
    assert!(added.stderr.contains("add `pub mod head_table;` to src/steps/mod.rs"), "{added:?}");
    outside.shell("own-words", "rustfmt --edition 2024 --check src/steps/head_table.rs").well();
    outside.shell("own-words", "chem new step table.count --kind source").well();
    outside.shell("own-words", "chem new step table.shape_2d --kind sink").well();
    outside
        .shell("own-words", "rustfmt --edition 2024 --check src/steps/count_table.rs src/steps/shape_2d_table.rs")
        .well();
    let modules =
        "printf 'pub mod count_table;\\npub mod head_table;\\npub mod shape_2d_table;\\n' >> src/steps/mod.rs";
    outside.shell("own-words", modules).well();
    let tested = outside.shell("own-words", "cargo test").well();
    assert_eq!(passed(&tested), 5, "{tested:?}");
    assert!(!tested.stderr.contains("warning"), "{}", tested.stderr);

    let listed = outside.shell("own-words", "cargo run -q -- steps").well().stdout;
    assert!(listed.contains("text.repeat") && listed.contains("table.head"), "{listed}");
    outside.shell("own-words", "cargo run -q -- run flows/repeat.yaml").well();
    outside.shell("own-words", "cargo run -q -- schema --output schemas/flow.schema.json").well();
    let schema = std::fs::read_to_string(outside.path().join("own-words/schemas/flow.schema.json")).unwrap();
    assert!(schema.contains("\"text.repeat\""), "{schema}");

    // A program that does not link the library says what is missing, and so does the page on it.
    outside.shell("own-words", "sed -i.old '/^use own_words/d' tests/flows.rs").well();
    let failed = outside.shell("own-words", "cargo test --test flows");
    let advice = "the step types here are those of the crate `chem-runtime`; a program links another crate by naming it: \
                  `use my_steps as _;`";
    assert!(!failed.good && failed.stdout.contains(advice), "{failed:?}");
    let said = outside.shell("own-words", "chem check flows/repeat.yaml");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/linking.md");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(!said.good && page.contains(said.stdout.trim_end()), "{said:?}");
}

/// How many tests passed, in all programs of tests.
fn passed(tested: &Said) -> usize {
    let counts = tested.stdout.lines().filter_map(|line| line.strip_prefix("test result: ok. ")?.split(' ').next());
    counts.map(|count| count.parse::<usize>().unwrap()).sum()
}
