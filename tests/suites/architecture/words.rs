//! Comments, messages and pages are plain English: phrases that are clear only in translation are kept out.

use std::path::Path;

/// The directories and files whose text has been edited, relative to the repository's root.
const EDITED: &[&str] = &[
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "README.md",
    "chem-macros/src",
    "chem-manifest/src",
    "chem-runtime/src",
    "docs",
    "python/README.md",
    "python/chem_flow",
];

/// The phrases, in lower case and without punctuation.
const AVOIDED: &[&str] = &[
    "cannot be told",
    "everybody",
    "for want of",
    "goes on to",
    "hears",
    "if only none",
    "in hand",
    "is told",
    "let go of",
    "lets go",
    "nobody",
    "none but",
    "one's own",
    "somebody",
    "stand",
    "stands",
    "thrown away",
    "whoever",
];

/// Reasons in `rejects` tables. They are part of the hash of an artifact, so they change only with a step's version.
const HASHED: &[&str] = &[
    "`{name}` stands in it twice",
    "an atom or bond that stands for several kinds",
    "has more than a SMILES where the SMILES stands",
];

#[test]
fn avoided_phrases_do_not_come_back() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let mut files = Vec::new();
    for edited in EDITED {
        let path = root.join(edited);
        if path.is_dir() { files.extend(crate::files(&path)) } else { files.push(path) }
    }
    let mut found = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            if HASHED.iter().any(|reason| line.contains(reason)) {
                continue;
            }
            let words = words(line);
            for phrase in AVOIDED.iter().filter(|phrase| words.contains(&format!(" {phrase} "))) {
                found.push(format!("{relative}:{}: `{phrase}`", number + 1));
            }
        }
    }
    assert!(found.is_empty(), "say this in plain English:\n{}", found.join("\n"));
}

/// Returns the words of a line in lower case, each with a space before and after it.
fn words(line: &str) -> String {
    let letters = line.to_lowercase();
    let words = letters.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
    words.fold(" ".to_owned(), |words, word| words + word + " ")
}
