//! A stored format has one owner: the module that writes it also reads it, and the others call that module.

use std::path::Path;

/// Text that only a reader or writer of a format has, and the directory of chem-runtime's sources that owns the format.
const OWNERS: &[(&str, &str)] = &[
    ("\"cel\"", "step/expression"),
    // The members of a table's root, by name or as the fields of a struct that reads them.
    ("\"chunks\"", "artifact/table"),
    ("chunks: Vec<", "artifact/table"),
    // An error of a store behind one of an artifact.
    ("ArtifactError::Unavailable {", "store/error.rs"),
    // What canonical JSON is written with.
    ("ser::Serializer for", "fingerprint/typed"),
];

#[test]
fn a_stored_format_is_read_where_it_is_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../chem-runtime/src");
    let mut wrong = Vec::new();
    for file in crate::rust_files(&root) {
        let relative = file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for (sign, owner) in OWNERS.iter().filter(|(_, owner)| !relative.starts_with(owner)) {
                if line.contains(sign) {
                    wrong.push(format!("{relative}:{}: {sign} belongs to `{owner}`", number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "formats have a second owner:\n{}", wrong.join("\n"));
}
