//! Parameters that name several files to read.

use std::collections::HashSet;
use std::path::{Component, MAIN_SEPARATOR, Path, PathBuf};

use serde_json::Value;

use super::error::StepError;
use super::file::InputFile;
use super::files::Files;
use super::glob::Glob;
use super::param::{InvalidParam, ParamType, ParamValue, PathPart};
use super::place::place_of;
use crate::cancel::CancelToken;

/// The number of files that a message names.
const NAMED: usize = 3;

/// Files to read, in order: a path, a pattern such as `data/*.csv`, or a list of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFiles {
    paths: Vec<String>,
    /// Whether the paths are written as a list.
    is_list: bool,
}

/// One of several files to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedFile {
    /// The file.
    pub(crate) file: InputFile,
    /// The path below the directory that the paths of all files begin with, as far as it is written without wildcards. It
    /// stays when that directory moves.
    pub(crate) name: String,
}

/// Why files were not found.
#[derive(Debug)]
pub(crate) enum Unresolved {
    /// No file matches a pattern.
    Unmatched(String),
    /// A file is named twice.
    Twice(String),
    /// A directory cannot be searched, or a pattern is invalid.
    Unread(StepError),
}

impl From<Unresolved> for StepError {
    fn from(unresolved: Unresolved) -> Self {
        match unresolved {
            Unresolved::Unmatched(message) | Unresolved::Twice(message) => Self::new(message),
            Unresolved::Unread(error) => error,
        }
    }
}

impl InputFiles {
    /// Creates files from paths or patterns, relative to the manifest unless they are absolute.
    pub fn several<P: Into<String>>(paths: impl IntoIterator<Item = P>) -> Self {
        Self { paths: paths.into_iter().map(Into::into).collect(), is_list: true }
    }

    /// Returns the paths and patterns as they were written.
    pub fn paths(&self) -> &[String] {
        &self.paths
    }

    /// Returns the paths and patterns that a written value names.
    pub(crate) fn paths_in(value: &Value) -> Vec<&str> {
        match value {
            Value::String(path) => vec![path],
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the path and the hash of the content of each file, given the value as it was written and its identity; `None` if
    /// that is not the identity of several files.
    pub(crate) fn read_from(written: &Value, identity: &Value) -> Option<Vec<(String, String)>> {
        let bases: Vec<String> = Self::paths_in(written).into_iter().map(base_of).collect();
        let depth = common_depth(&bases);
        let base: PathBuf = bases.first().map(|base| components(base).take(depth).collect()).unwrap_or_default();
        let file = |file: &Value| {
            let (name, content) = (InputFile::name_in(file)?, InputFile::content_in(file)?);
            Some((base.join(name).to_string_lossy().into_owned(), content.to_owned()))
        };
        identity.as_array()?.iter().map(file).collect()
    }

    /// Returns the file if the value is a single path without wildcards.
    pub(crate) fn single(&self) -> Option<InputFile> {
        match self.paths.as_slice() {
            [path] if !self.is_list && matches!(Glob::of(path), Ok(None)) => Some(InputFile::new(path)),
            _ => None,
        }
    }

    /// Returns the paths and patterns as if each named a file.
    pub(crate) fn as_written(&self) -> Vec<NamedFile> {
        let file = |path: &String| NamedFile { file: InputFile::new(path), name: path.clone() };
        self.paths.iter().map(file).collect()
    }

    /// Returns the paths for a message, at most [`NAMED`] of them.
    pub(crate) fn describe(&self) -> String {
        match self.paths.get(..NAMED) {
            Some(first) if self.paths.len() > NAMED => format!("{}, …", first.join(", ")),
            _ => self.paths.join(", "),
        }
    }

    /// Reads the value from a manifest.
    ///
    /// # Errors
    /// Fails if it is neither a path nor a list of paths, or if a pattern is invalid.
    pub(crate) fn read(value: &Value) -> Result<Self, InvalidParam> {
        let files = match value {
            Value::Array(items) if items.is_empty() => {
                return Err(InvalidParam::new("the list of files is empty"));
            }
            Value::Array(items) => {
                let path = |(index, item)| path_in(item).map_err(|error| error.within(PathPart::Index(index)));
                Self::several(items.iter().enumerate().map(path).collect::<Result<Vec<String>, _>>()?)
            }
            Value::String(_) => Self { paths: vec![path_in(value)?], is_list: false },
            _ => return Err(InvalidParam::expected(&ParamType::InputFiles, value)),
        };
        Ok(files)
    }

    /// Returns the value as the log records it.
    pub(crate) fn write(&self) -> Value {
        match self.paths.as_slice() {
            [path] if !self.is_list => path.as_str().into(),
            paths => paths.into(),
        }
    }

    /// Returns whether the file at `place`, a canonical path, is one of the files. `directory` is where relative paths start.
    pub(crate) fn match_place(&self, directory: &Path, place: &Path) -> bool {
        self.paths.iter().any(|path| match Glob::of(path) {
            Ok(Some(glob)) => glob.matches(directory, place),
            _ => place_of(&directory.join(path)) == place,
        })
    }

    /// Finds the files when a step starts.
    ///
    /// # Errors
    /// Fails if a pattern matches no file, if a file is named twice, or if a directory cannot be searched.
    pub(crate) fn find(&self, files: &Files) -> Result<Vec<NamedFile>, StepError> {
        Ok(self.found_with(files.directory(), |glob| files.find(glob))?)
    }

    /// Returns the files that were found when the step started.
    ///
    /// # Errors
    /// Fails like [`find`](Self::find).
    pub(crate) fn found(&self, files: &Files) -> Result<Vec<NamedFile>, StepError> {
        Ok(self.found_with(files.directory(), |glob| files.found(glob))?)
    }

    /// Finds the files before the flow runs, relative to `directory`.
    ///
    /// # Errors
    /// Fails like [`find`](Self::find).
    pub(crate) fn found_in(&self, directory: &Path) -> Result<Vec<NamedFile>, Unresolved> {
        self.found_with(directory, |glob| glob.find(directory, &CancelToken::default()))
    }

    fn found_with(
        &self,
        directory: &Path,
        find: impl Fn(&Glob) -> Result<Vec<String>, StepError>,
    ) -> Result<Vec<NamedFile>, Unresolved> {
        let mut paths = Vec::new();
        for path in &self.paths {
            match Glob::of(path).map_err(|reason| Unresolved::Unread(StepError::new(reason)))? {
                None => {
                    paths.push(path.clone());
                }
                Some(glob) => {
                    let found = find(&glob).map_err(Unresolved::Unread)?;
                    if found.is_empty() {
                        return Err(Unresolved::Unmatched(format!("no file matches `{path}`")));
                    }
                    paths.extend(found.into_iter().map(|file| format!("{}{file}", glob.base())));
                }
            }
        }
        let mut places = HashSet::new();
        if let Some(twice) = paths.iter().find(|path| !places.insert(place_of(&directory.join(path)))) {
            return Err(Unresolved::Twice(format!("`{}` names the file `{twice}` twice", self.describe())));
        }
        let bases: Vec<String> = self.paths.iter().map(|path| base_of(path)).collect();
        let depth = common_depth(&bases);
        Ok(paths.into_iter().map(|path| NamedFile { name: below(&path, depth), file: InputFile::new(path) }).collect())
    }
}

impl From<&str> for InputFiles {
    fn from(path: &str) -> Self {
        Self { paths: vec![path.to_owned()], is_list: false }
    }
}

fn path_in(value: &Value) -> Result<String, InvalidParam> {
    let path = <InputFile as ParamValue>::read(value)?.as_str().to_owned();
    match Glob::of(&path) {
        Ok(_) => Ok(path),
        Err(reason) => Err(InvalidParam::new(reason)),
    }
}

/// Returns the directory of a path, or of a pattern as far as it is written without wildcards.
fn base_of(path: &str) -> String {
    let fixed = &path[..path.find(['*', '?']).unwrap_or(path.len())];
    fixed[..fixed.rfind('/').map_or(0, |slash| slash + 1)].to_owned()
}

/// Returns the components of a path without `.`.
fn components(path: &str) -> impl Iterator<Item = Component<'_>> {
    Path::new(path).components().filter(|part| *part != Component::CurDir)
}

/// Returns the number of components that all directories begin with.
fn common_depth(directories: &[String]) -> usize {
    let Some((first, others)) = directories.split_first() else { return 0 };
    others.iter().fold(components(first).count(), |depth, other| {
        components(first).zip(components(other)).take(depth).take_while(|(one, other)| one == other).count()
    })
}

/// Returns a path without its first `depth` components, with `/` between the others.
fn below(path: &str, depth: usize) -> String {
    let rest: PathBuf = components(path).skip(depth).collect();
    rest.to_string_lossy().replace(MAIN_SEPARATOR, "/")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(directory: &Path, value: &Value) -> Result<Vec<String>, String> {
        let files = InputFiles::read(value).map_err(|error| error.message.to_string())?;
        assert_eq!(files.write(), *value);
        let found = files.found_in(directory).map_err(|error| StepError::from(error).to_string())?;
        Ok(found.into_iter().map(|file| file.name).collect())
    }

    #[test]
    fn files_have_the_names_that_stay_when_their_directory_moves() {
        let directory = tempfile::tempdir().unwrap();
        for path in ["data/2024/a.csv", "data/2023/a.csv", "data/b.csv", "a.csv"] {
            let full = directory.path().join(path);
            std::fs::create_dir_all(full.parent().unwrap()).unwrap();
            std::fs::write(full, "").unwrap();
        }
        for (value, expected) in [
            (json!("data/*/a.csv"), &["2023/a.csv", "2024/a.csv"][..]),
            (json!(["./data/b.csv", "data/2023/a.csv"]), &["b.csv", "2023/a.csv"]),
            (json!(["data/2024/*.csv"]), &["a.csv"]),
            (json!(["data/2024/*.csv", "data/2023/a.csv"]), &["2024/a.csv", "2023/a.csv"]),
            (json!(["a.csv", "data/b.csv"]), &["a.csv", "data/b.csv"]),
            (json!("data/b.csv"), &["b.csv"]),
        ] {
            assert_eq!(names(directory.path(), &value).unwrap(), expected, "{value}");
        }
        let file = |name: &str| json!({ "sha256": "0", "extension": "csv", "name": name });
        for (written, name, path) in [
            (json!("data/*/a.csv"), "2023/a.csv", "data/2023/a.csv"),
            (json!(["./data/b.csv", "data/2023/a.csv"]), "2023/a.csv", "data/2023/a.csv"),
            (json!(["/srv/*.csv", "a.csv"]), "/srv/b.csv", "/srv/b.csv"),
        ] {
            let read = InputFiles::read_from(&written, &json!([file(name)]));
            assert_eq!(read, Some(vec![(path.to_owned(), "0".to_owned())]));
        }
        for (value, why) in [
            (json!("data/*.sdf"), "no file matches `data/*.sdf`"),
            (json!(["a.csv", "./a.csv"]), "`a.csv, ./a.csv` names the file `./a.csv` twice"),
            (json!(["data/b.csv", "data/*.csv"]), "names the file `data/b.csv` twice"),
            (json!([]), "the list of files is empty"),
            (json!([""]), "the path is empty"),
            (json!(["*/../a"]), "`..` follows a wildcard"),
            (json!(5), "expected "),
        ] {
            let refused = names(directory.path(), &value).unwrap_err();
            assert!(refused.contains(why), "{value}: {refused}");
        }
    }
}
