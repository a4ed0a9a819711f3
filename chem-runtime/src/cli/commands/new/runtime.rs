//! Chooses where a new project takes chem-runtime from.
//!
//! The default is the source that this program was built from. Otherwise a release of chem-runtime that no registry has
//! would be looked up under a name that anyone can register.

use std::path::Path;

use serde_json::json;

use crate::cli::exit::Failure;

/// The directory of the sources that this program was compiled from.
const BUILT_FROM: &str = env!("CARGO_MANIFEST_DIR");

/// Returns the part of a dependency that says where the crate comes from, in TOML: `path = "…"`.
pub(super) fn source(chosen: Option<&str>) -> Result<String, Failure> {
    match chosen {
        None => built_from(Path::new(BUILT_FROM)),
        Some(chosen) if is_version(chosen) => Ok(format!("version = {}", toml_text(chosen))),
        Some(chosen) if is_repository(chosen) => Ok(git(chosen)),
        Some(chosen) => Ok(path(&directory_of_runtime(Path::new(chosen))?)),
    }
}

fn built_from(sources: &Path) -> Result<String, Failure> {
    // Cargo adds this file to published packages; a checkout has none.
    if sources.join(".cargo_vcs_info.json").exists() {
        return Ok(format!("version = {}", toml_text(env!("CARGO_PKG_VERSION"))));
    }
    directory_of_runtime(sources).map(|directory| path(&directory)).map_err(|_| {
        Failure::usage(format!("the sources that this program was built from are not at `{}`", sources.display()))
            .with_help(
                "name a checkout, a repository or a published version: `--runtime ../chem/chem-runtime`, \
                 `--runtime https://host/chem.git#REVISION`, `--runtime 0.1.0`",
            )
    })
}

/// Returns whether `text` is three numbers, with an optional operator before them and more after them.
fn is_version(text: &str) -> bool {
    let numbers = text.trim_start_matches(['=', '^', '~']).splitn(3, '.');
    let starts_with_digit = |part: &str| part.starts_with(|first: char| first.is_ascii_digit());
    numbers.clone().count() == 3 && numbers.into_iter().all(starts_with_digit) && !text.contains('/')
}

fn is_repository(text: &str) -> bool {
    text.contains("://") || text.starts_with("git@")
}

/// Returns the dependency on a repository, at the revision after `#` if there is one.
fn git(text: &str) -> String {
    match text.split_once('#') {
        Some((url, revision)) => format!("git = {}, rev = {}", toml_text(url), toml_text(revision)),
        None => format!("git = {}", toml_text(text)),
    }
}

fn path(directory: &str) -> String {
    format!("path = {}", toml_text(directory))
}

/// Returns the absolute path of a directory that has the sources of chem-runtime.
fn directory_of_runtime(sources: &Path) -> Result<String, Failure> {
    let refused = |why: &str| {
        Failure::usage(format!("`{}` is not the directory of chem-runtime's sources: {why}", sources.display()))
            .with_help("name the directory with its Cargo.toml: `--runtime ../chem/chem-runtime`")
    };
    let manifest = std::fs::read_to_string(sources.join("Cargo.toml"));
    match manifest.map(|manifest| manifest.contains("name = \"chem-runtime\"")) {
        Ok(true) => {}
        Ok(false) => return Err(refused("its Cargo.toml is that of another crate")),
        Err(error) => return Err(refused(&error.to_string())),
    }
    let full = sources.canonicalize().map_err(|error| refused(&error.to_string()))?;
    full.into_os_string().into_string().map_err(|_| refused("its path is not UTF-8"))
}

/// Quotes `text` as a TOML basic string, which has the same escapes as JSON.
fn toml_text(text: &str) -> String {
    json!(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_recognised_by_its_form() {
        for (chosen, written) in [
            ("0.1.0", r#"version = "0.1.0""#),
            ("=1.20.3-rc.1", r#"version = "=1.20.3-rc.1""#),
            ("https://host/chem.git", r#"git = "https://host/chem.git""#),
            ("ssh://git@host/chem#v1", r#"git = "ssh://git@host/chem", rev = "v1""#),
            ("git@host:chem.git", r#"git = "git@host:chem.git""#),
        ] {
            assert_eq!(source(Some(chosen)).unwrap(), written);
        }
        for directory in ["1.2.3/chem-runtime", "..", "src", ""] {
            assert!(source(Some(directory)).is_err(), "{directory}");
        }
    }

    #[test]
    fn the_default_is_what_the_program_was_built_from() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap();
        assert_eq!(source(None).unwrap(), format!("path = {:?}", here.to_str().unwrap()));

        let packed = tempfile::tempdir().unwrap();
        std::fs::write(packed.path().join(".cargo_vcs_info.json"), "{}").unwrap();
        assert_eq!(built_from(packed.path()).unwrap(), format!("version = {:?}", env!("CARGO_PKG_VERSION")));

        let gone = packed.path().join("gone");
        let refused = format!("{:?}", built_from(&gone).unwrap_err());
        assert!(refused.contains("are not at") && refused.contains("--runtime"), "{refused}");
    }
}
