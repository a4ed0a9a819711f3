//! Changes the code of a step in a new project, and checks its snapshot test: the report, the file for a review, and insta's
//! environment variables.

use std::path::Path;

use super::outside;

/// Returns the failure that the README shows.
fn promised() -> String {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let (_, rest) = page.split_once("\nstep `repeat` gave").expect("the README has a failure in it");
    format!("step `repeat` gave{}", rest.split_once("\n…").unwrap().0)
}

#[test]
fn a_change_of_code_without_a_new_version_is_named_reviewed_and_mended() {
    let outside = outside();
    outside.shell(".", "chem new project snapped").well();
    let project = outside.path().join("snapped");
    let (kept, new) = (project.join("snapshots/flows/repeat.snap"), project.join("snapshots/flows/repeat.snap.new"));
    let test = |variables: &str| outside.shell("snapped", &format!("{variables} cargo test the_repeat_flow"));
    let replace = |from: &str, to: &str| {
        let path = project.join("src/steps/repeat_text.rs");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    let before = std::fs::read_to_string(&kept).unwrap();
    replace("text.0.repeat(", "text.0.to_lowercase().repeat(");

    let failed = test("");
    assert!(!failed.good && failed.stdout.contains(&promised()), "{}\n---\n{}", promised(), failed.stdout);
    let message = failed.stdout.split_once("panicked at ").and_then(|(_, said)| said.split_once('\n')).unwrap().1;
    assert!(message.starts_with("step `repeat` gave another result"), "{message}");
    assert!(!failed.stdout.contains("Snapshot Summary"), "insta prints its diff as well: {}", failed.stdout);
    assert!(!new.exists(), "INSTA_UPDATE=no leaves nothing");
    assert!(!test("INSTA_UPDATE=auto CI=1").good && !new.exists(), "a review in CI");

    assert!(!test("INSTA_UPDATE=auto CI=").good && new.exists(), "nothing to review");
    let review = insta::Snapshot::from_file(&new).unwrap();
    assert!(review.metadata().source().is_some_and(|source| source.ends_with(".rs")), "{review:?}");
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), before);

    // A review accepts what insta would write.
    test("INSTA_UPDATE=always").well();
    let accepted = insta::Snapshot::from_file(&kept).unwrap();
    assert_eq!(review.as_text().map(ToString::to_string), accepted.as_text().map(ToString::to_string));
    test("").well();
    std::fs::write(&kept, &before).unwrap();
    test("INSTA_FORCE_PASS=1").well();
    assert!(!test("").good);

    // insta leaves a file for a review when it passes by force, and removes the file when the test passes by itself.
    replace("text.0.to_lowercase().repeat(", "text.0.repeat(");
    test("").well();
    assert!(!new.exists());

    std::fs::remove_file(&kept).unwrap();
    let failed = test("");
    assert!(!failed.good && failed.stdout.contains("\n`flows/repeat.yaml` has no snapshot yet\n"), "{}", failed.stdout);
    assert!(failed.stdout.contains("`cargo install cargo-insta`"), "{}", failed.stdout);
}
