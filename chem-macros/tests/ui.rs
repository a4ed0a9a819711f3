//! What `#[step]` says of what it does not accept. Each file in `ui/step` is one mistake, and the `.stderr` beside it is
//! all that the compiler prints. `TRYBUILD=overwrite cargo test -p chem-macros --test ui` writes the latter anew.
//!
//! The cases are here and not with the other suites because trybuild builds for itself whatever their crate depends on.
//! From here that is the runtime without chemistry, and it is only checked, since no case is run: what is accepted is in
//! `step/`.

#[test]
fn each_wrong_use_is_one_error_under_the_wrong_token() {
    trybuild::TestCases::new().compile_fail("tests/ui/step/*.rs");
}
