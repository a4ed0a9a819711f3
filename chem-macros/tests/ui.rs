//! What the macros say of what they do not accept. Each file in `ui/step`, `ui/derive` and `ui/flow` is one mistake, and the
//! `.stderr` beside it is all that the compiler prints. `TRYBUILD=overwrite cargo test -p chem-macros --test ui` writes the latter
//! anew.
//!
//! The cases are here and not with the other suites because trybuild builds for itself whatever their crate depends on.
//! From here that is the runtime without chemistry, and it is only checked, since no case is run: what is accepted is in
//! `step/`, and in the suite `flows`.

use std::path::Path;

#[test]
fn each_wrong_use_is_one_error_under_the_wrong_token() {
    let manifests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui/flow");
    // The crate that trybuild makes of the cases; its manifests are found from there.
    let there = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../tests/trybuild/chem-macros/flows");
    std::fs::create_dir_all(&there).unwrap();
    for entry in std::fs::read_dir(manifests).unwrap() {
        let manifest = entry.unwrap().path();
        if manifest.extension().is_some_and(|extension| extension == "yaml") {
            std::fs::copy(&manifest, there.join(manifest.file_name().unwrap())).unwrap();
        }
    }
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/step/*.rs");
    cases.compile_fail("tests/ui/derive/*.rs");
    cases.compile_fail("tests/ui/flow/*.rs");
}
