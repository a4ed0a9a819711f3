//! Files of the repository that are made from the code.

use std::path::{Path, PathBuf};

/// Set to `1`, the files are written anew instead of being compared.
pub const UPDATE: &str = "CHEM_UPDATE_DOCS";

/// A file of the repository.
pub fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Fails if the file at `path` does not have `content`, or gives it that if the environment says so.
#[track_caller]
pub fn assert_current(path: &str, content: &str) {
    let file = in_repository(path);
    if std::env::var(UPDATE).as_deref() == Ok("1") {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        return std::fs::write(file, content).unwrap();
    }
    let there = std::fs::read_to_string(file).unwrap_or_default();
    let differs = there.lines().zip(content.lines()).position(|(one, other)| one != other);
    let line = differs.unwrap_or_else(|| there.lines().count().min(content.lines().count()));
    assert!(
        there == content,
        "{path} is not what the code says, from line {} on:\n  there: {}\n  code:  {}\n\
         `{UPDATE}=1 cargo test -p chem-tests --test docs` writes it anew",
        line + 1,
        there.lines().nth(line).unwrap_or("(the end)"),
        content.lines().nth(line).unwrap_or("(the end)"),
    );
}
