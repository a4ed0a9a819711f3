//! Compares the installed distributions that steps depend on with a lock file: `uv.lock`, `pylock.toml`, or a list of requirements.
//!
//! The versions of these distributions, and hashes of their files, are part of the identity of each step. The lock file is not: a
//! package in it that no step needs may change.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::description::{Description, Distribution};
use crate::step::SourceProblem;

/// The versions that a lock file allows of each distribution, by its normalized name. Several depend on the platform.
type Locked = BTreeMap<String, Vec<String>>;

/// A lock file in TOML: `package` in uv's format, `packages` in that of PEP 751.
#[derive(Deserialize)]
struct LockFile {
    #[serde(default, alias = "packages")]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<String>,
}

/// Returns what is installed otherwise than the lock file `name` in `directory` says.
pub(super) fn differences(name: &str, directory: &Path, description: &Description) -> Vec<SourceProblem> {
    let problem = |message: String, help: &str| SourceProblem { module: None, message, help: Some(help.to_owned()) };
    let text = match std::fs::read_to_string(directory.join(name)) {
        Ok(text) => text,
        Err(error) => {
            let help = "a path is relative to the manifest";
            return vec![problem(format!("cannot read the lock file `{name}`: {error}"), help)];
        }
    };
    let locked = match read(name, &text) {
        Ok(locked) => locked,
        Err(reason) => {
            let help = "a lock file is `uv.lock`, `pylock.toml`, or a list of requirements such as `rdkit==2026.9.1`";
            return vec![problem(format!("cannot read the lock file `{name}`: {reason}"), help)];
        }
    };
    let needed: BTreeMap<&str, &Distribution> = description
        .steps()
        .flat_map(|step| &step.identity.distributions)
        .map(|found| (found.name.as_str(), found))
        .collect();
    let differs = |found: &Distribution| {
        let Distribution { name: distribution, version, .. } = found;
        match locked.get(&normalized(distribution)) {
            None => Some(format!("the steps need `{distribution}`, which the lock file `{name}` does not have")),
            Some(versions) if versions.contains(version) => None,
            Some(versions) => Some(format!(
                "`{distribution}` {version} is installed, and the lock file `{name}` says {}",
                versions.join(" or ")
            )),
        }
    };
    let help = "install what the lock file says, for example with `uv sync --locked` or `pip install -r`, or lock anew";
    needed.into_values().filter_map(differs).map(|message| problem(message, help)).collect()
}

fn read(name: &str, text: &str) -> Result<Locked, String> {
    if !(name.ends_with(".lock") || name.ends_with(".toml")) || !text.contains("[[package") {
        return requirements(text);
    }
    let file: LockFile = basic_toml::from_str(text).map_err(|error| error.to_string())?;
    let mut locked = Locked::new();
    for Package { name, version } in file.package {
        // The project itself has no version.
        locked.entry(normalized(&name)).or_default().extend(version);
    }
    Ok(locked)
}

/// Reads lines such as `numpy==2.4.6 ; python_version >= "3.11"`, each of which may continue with options behind a backslash.
fn requirements(text: &str) -> Result<Locked, String> {
    let mut locked = Locked::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split(" #").next().unwrap_or_default().trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("--") {
            continue;
        }
        let (requirement, _) = line.split_once([';', '\\']).unwrap_or((line, ""));
        let requirement = requirement.split(" --").next().unwrap_or_default();
        let Some((name, version)) = requirement.split_once("==").filter(|(_, version)| !version.contains(['*', ',']))
        else {
            return Err(format!("line {number}, `{line}`, does not say one version"));
        };
        let name = name.split('[').next().unwrap_or_default();
        locked.entry(normalized(name.trim())).or_default().push(version.trim().to_owned());
    }
    Ok(locked)
}

/// Returns the form of a distribution's name in which all its spellings are equal, as PEP 503 says.
fn normalized(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_lock_file_gives_the_same_versions() {
        let expected: Locked = [("my-package", ["1.0"].as_slice()), ("numpy", &["1.26.4", "2.4.6"])]
            .map(|(name, versions)| (name.to_owned(), versions.iter().map(|&version| version.to_owned()).collect()))
            .into();
        let uv = "version = 1\n[[package]]\nname = \"numpy\"\nversion = \"1.26.4\"\n\n[[package]]\nname = \"numpy\"\n\
                  version = \"2.4.6\"\nsource = { registry = \"there\" }\n[[package]]\nname = \"my-package\"\nversion = \"1.0\"\n";
        assert_eq!(read("uv.lock", uv).unwrap(), expected);
        assert_eq!(read("pylock.toml", &uv.replace("[[package]]", "[[packages]]")).unwrap(), expected);
        let list = "# Made by a tool.\n--index-url there\nMy_Package[extra]==1.0 \\\n    --hash=sha256:00\n\
                    numpy==1.26.4 ; python_version < \"3.11\"  # old\nnumpy==2.4.6\n";
        for name in ["requirements.txt", "requirements.lock"] {
            assert_eq!(read(name, list).unwrap(), expected);
        }
        for open in ["numpy>=2", "numpy", "numpy==2.*", "-r others.txt", "numpy @ file:///numpy.whl"] {
            assert!(read("requirements.txt", open).unwrap_err().contains("line 1"), "{open}");
        }
    }
}
