//! Patterns for paths, such as `data/*.csv`.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use regex::Regex;

use super::error::StepError;
use super::limits::INPUT_FILES;
use super::place::place_of;
use crate::cancel::CancelToken;

/// A path with wildcards: `*` matches any characters of a name, `?` one character, and `**` any number of directories. Wildcards match no name that begins with a dot.
#[derive(Debug, Clone)]
pub(crate) struct Glob {
    written: String,
    /// The path up to the last slash before the first wildcard.
    base: String,
    parts: Vec<Part>,
}

/// A part of a pattern, between slashes.
#[derive(Debug, Clone)]
enum Part {
    Name(String),
    Like(Regex),
    AnyDirectories,
}

impl Part {
    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Like(regex) => !is_hidden(name) && regex.is_match(name),
            Self::AnyDirectories => !is_hidden(name),
        }
    }
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

impl Glob {
    /// Returns the pattern in `path`; `None` if it has no wildcard.
    ///
    /// # Errors
    /// Fails if `..` follows a wildcard, or if the pattern is too long for a regular expression.
    pub(crate) fn of(path: &str) -> Result<Option<Self>, String> {
        let Some(wildcard) = path.find(['*', '?']) else { return Ok(None) };
        let (base, rest) = path.split_at(path[..wildcard].rfind('/').map_or(0, |slash| slash + 1));
        let mut parts: Vec<Part> = Vec::new();
        for part in rest.split('/').filter(|part| !part.is_empty() && *part != ".") {
            match part {
                ".." => return Err(format!("`..` follows a wildcard in `{path}`")),
                "**" if matches!(parts.last(), Some(Part::AnyDirectories)) => {}
                "**" => parts.push(Part::AnyDirectories),
                _ if part.contains(['*', '?']) => {
                    let like = regex::escape(part).replace(r"\*", ".*").replace(r"\?", ".");
                    let like = Regex::new(&format!("(?s)^{like}$")).map_err(|_| format!("`{path}` is too long"))?;
                    parts.push(Part::Like(like));
                }
                name => parts.push(Part::Name(name.to_owned())),
            }
        }
        Ok(Some(Self { written: path.to_owned(), base: base.to_owned(), parts }))
    }

    /// Returns the pattern as it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.written
    }

    /// Returns the directory in which the pattern is matched, as written, with a slash at the end unless it is empty.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Returns the files that match, relative to [`base`](Self::base) and sorted. `directory` is where relative paths start.
    ///
    /// # Errors
    /// Fails if a directory cannot be read, if the name of a matching file is not UTF-8, if more files match than
    /// [`INPUT_FILES`] allows, or if the run is asked to stop.
    pub(crate) fn find(&self, directory: &Path, cancel: &CancelToken) -> Result<Vec<String>, StepError> {
        let mut search = Search { cancel, found: Vec::new() };
        search.within(&directory.join(&self.base), "", &self.parts)?;
        let mut found = search.found;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Returns whether the file at `place`, a canonical path, matches. `directory` is where relative paths start.
    pub(crate) fn matches(&self, directory: &Path, place: &Path) -> bool {
        let Ok(rest) = place.strip_prefix(place_of(&directory.join(&self.base))) else { return false };
        let names: Option<Vec<&str>> = rest.components().map(|part| part.as_os_str().to_str()).collect();
        names.is_some_and(|names| are_like(&self.parts, &names))
    }
}

fn are_like(parts: &[Part], names: &[&str]) -> bool {
    match (parts, names) {
        ([], []) => true,
        // At the end of a pattern, `**` matches the files too.
        ([any @ Part::AnyDirectories], [name]) => any.matches(name),
        ([any @ Part::AnyDirectories, rest @ ..], _) => {
            are_like(rest, names)
                || names.split_first().is_some_and(|(first, more)| any.matches(first) && are_like(parts, more))
        }
        ([part, rest @ ..], [name, more @ ..]) => part.matches(name) && are_like(rest, more),
        _ => false,
    }
}

struct Search<'a> {
    cancel: &'a CancelToken,
    found: Vec<String>,
}

impl Search<'_> {
    /// Finds the files below `directory` that match `parts`. `prefix` is the path of the directory in results.
    fn within(&mut self, directory: &Path, prefix: &str, parts: &[Part]) -> Result<(), StepError> {
        let Some((part, rest)) = parts.split_first() else { return Ok(()) };
        if let Part::Name(name) = part {
            return self.at(&directory.join(name), format!("{prefix}{name}"), rest);
        }
        let any_depth = matches!(part, Part::AnyDirectories);
        if any_depth && !rest.is_empty() {
            self.within(directory, prefix, rest)?;
        }
        for (name, path) in self.entries(directory, part)? {
            let relative = format!("{prefix}{name}");
            // A link to a directory above would be followed forever.
            if any_depth && path.is_dir() && !path.is_symlink() {
                self.within(&path, &format!("{relative}/"), parts)?;
            } else if !any_depth || rest.is_empty() {
                self.at(&path, relative, rest)?;
            }
        }
        Ok(())
    }

    /// Takes the file at `path`, which matches if `rest` is empty, or continues in the directory there.
    fn at(&mut self, path: &Path, relative: String, rest: &[Part]) -> Result<(), StepError> {
        if path.is_dir() {
            return self.within(path, &format!("{relative}/"), rest);
        }
        if rest.is_empty() && path.exists() {
            self.found.push(relative);
        }
        if self.found.len() as u64 > INPUT_FILES.get() {
            return Err(StepError::new(format!("the pattern matches too many files: {}", INPUT_FILES.advice())));
        }
        Ok(())
    }

    /// Returns the entries of `directory` whose names match `part`; none if there is no such directory.
    fn entries(&self, directory: &Path, part: &Part) -> Result<Vec<(String, PathBuf)>, StepError> {
        let cannot =
            |error: Error| StepError::context(format!("cannot list the directory `{}`", directory.display()), error);
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(cannot(error)),
        };
        let mut matching = Vec::new();
        for entry in entries {
            if self.cancel.is_cancelled() {
                return Err(StepError::interrupted());
            }
            let entry = entry.map_err(cannot)?;
            let name = entry.file_name();
            let lossy = name.to_string_lossy();
            if !part.matches(&lossy) {
                continue;
            }
            let Some(name) = name.to_str() else {
                return Err(StepError::new(format!(
                    "the name `{lossy}` in the directory `{}` is not UTF-8; rename the file",
                    directory.display()
                )));
            };
            matching.push((name.to_owned(), entry.path()));
        }
        Ok(matching)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_finds_files_in_order_and_knows_them_by_their_paths() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for path in ["b.csv", "a.csv", ".hidden.csv", "a.tsv", "x/a1.csv", "x/y/a10.csv", "x/.git/a.csv", "a+b.csv"] {
            let full = root.join("data").join(path);
            std::fs::create_dir_all(full.parent().unwrap()).unwrap();
            std::fs::write(full, "").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(".", root.join("data/x/loop")).unwrap();
        for (pattern, expected) in [
            ("data/*.csv", &["a+b.csv", "a.csv", "b.csv"][..]),
            ("data/?.csv", &["a.csv", "b.csv"]),
            ("data/a+*.csv", &["a+b.csv"]),
            ("./data/*/a?.csv", &["x/a1.csv"]),
            ("data/**/a1*.csv", &["x/a1.csv", "x/y/a10.csv"]),
            ("data/**/x/**/a1*.csv", &["x/a1.csv", "x/y/a10.csv"]),
            ("data/**/**/*.tsv", &["a.tsv"]),
            ("d*/x/a1.csv", &["data/x/a1.csv"]),
            ("data/x/**", &["a1.csv", "y/a10.csv"]),
            ("data/.h*.csv", &[]),
            ("data/*.sdf", &[]),
            ("absent/*.csv", &[]),
            ("data/a.csv/*", &[]),
        ] {
            let glob = Glob::of(pattern).unwrap().unwrap();
            assert_eq!(glob.find(root, &CancelToken::default()).unwrap(), expected, "{pattern}");
            for found in expected {
                assert!(glob.matches(root, &place_of(&root.join(glob.base()).join(found))), "{pattern} {found}");
            }
            assert!(!glob.matches(root, &place_of(&root.join("data/x/.git/a.csv"))), "{pattern}");
        }
        let csv = Glob::of("out/*.csv").unwrap().unwrap();
        assert!(csv.matches(root, &place_of(&root.join("out/new.csv"))) && !csv.matches(root, &root.join("new.csv")));
        assert!(Glob::of("data (1)[2]/a.csv").unwrap().is_none());
        assert_eq!(Glob::of("a/*/../b").unwrap_err(), "`..` follows a wildcard in `a/*/../b`");
    }

    #[test]
    #[cfg(unix)]
    fn a_name_that_is_not_utf_8_is_not_skipped() {
        use std::os::unix::ffi::OsStrExt as _;

        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.csv")), "").unwrap();
        let find = |pattern: &str| Glob::of(pattern).unwrap().unwrap().find(directory.path(), &CancelToken::default());
        assert!(find("*.csv").unwrap_err().to_string().contains("not UTF-8"));
        assert!(find("*.tsv").unwrap().is_empty());
    }
}
