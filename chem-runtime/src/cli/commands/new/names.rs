//! Checks the names of flows, steps and projects.

use crate::cli::exit::Failure;
use crate::step::StepId;

/// The names that a crate with a program cannot have: Rust's keywords and crates, the crates of this program, and the
/// directories of a build.
const NO_CRATES: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "chem-macros",
    "chem-runtime",
    "chem_macros",
    "chem_runtime",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// Rejects an invalid flow name.
pub(super) fn check_flow(name: &str) -> Result<(), Failure> {
    plain(name, "flow")
}

/// Rejects an invalid project name. A project is a crate, so its name must be a valid crate name too.
pub(super) fn check_project(name: &str) -> Result<(), Failure> {
    plain(name, "project")?;
    if NO_CRATES.contains(&name) {
        return Err(Failure::usage(format!(
            "`{name}` cannot be the name of a project: it is reserved by Rust or this program"
        ))
        .with_help(format!("choose another name, such as `{name}-flows`")));
    }
    Ok(())
}

fn plain(name: &str, what: &str) -> Result<(), Failure> {
    if StepId::new(name).is_ok() {
        return Ok(());
    }
    Err(Failure::usage(format!("`{name}` cannot be the name of a {what}"))
        .with_help("a name begins with a letter and has at most 64 lower-case letters, digits, `_` and `-`"))
}

/// Returns the name of the function and module of a step type: `filter_molecules` for `molecules.filter`. It always
/// contains a `_`, so it is never a Rust keyword.
pub(super) fn function_of_step(name: &str) -> Result<String, Failure> {
    let is_word = |word: &str| {
        word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.chars().all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_')
    };
    match name.split_once('.') {
        Some((family, verb)) if is_word(family) && verb.split('.').all(is_word) && name.len() <= 64 => {
            Ok(format!("{}_{family}", verb.replace('.', "_")))
        }
        _ => Err(Failure::usage(format!("`{name}` cannot be the name of a step type")).with_help(
            "write `family.verb`, such as `table.head`: words of lower-case letters, digits and `_`, each beginning with \
             a letter, with 64 characters at most",
        )),
    }
}

/// Returns the name of the struct that `#[step]` generates for a function: `FilterMolecules` for `filter_molecules`.
pub(super) fn structure_of_function(function: &str) -> String {
    let capitalized = |word: &str| {
        let mut characters = word.chars();
        characters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(characters).collect::<String>()
    };
    function.split('_').map(capitalized).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_type_names_its_function() {
        for (name, function) in
            [("table.head", "head_table"), ("self.type", "type_self"), ("a1.b_2.c", "b_2_c_a1"), ("as.as", "as_as")]
        {
            assert_eq!(function_of_step(name).unwrap(), function);
            assert!(!structure_of_function(function).contains('_'));
        }
        for name in ["", ".", "head", "table.", ".head", "Table.head", "table.he-ad", "table.1st", "a/b.c", "a..b"] {
            assert!(function_of_step(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_project_is_a_crate() {
        assert!(check_project("my-flows").is_ok());
        for name in ["", "..", "a/b", "A", "test", "self", "core", "chem-runtime", "-x", "é", &"a".repeat(65)] {
            assert!(check_project(name).is_err(), "{name}");
        }
        assert!(NO_CRATES.is_sorted());
    }
}
