//! Predicts the columns of tables before a flow runs, so that the check of a manifest finds a column name that no
//! earlier step produces, rather than a run that is half done.
//!
//! A step predicts the columns of its output with the function named in `#[step(…, columns = function)]`. Without one
//! they are unknown, and no name is reported as missing from unknown columns.

use std::collections::HashSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::file::InputFile;
use super::input_files::{InputFiles, NamedFile, Unresolved};
use super::misfit::Misfit;
use super::param::{ColumnReference, InvalidParam, ParamType, ParamValue};
use super::place::place_of;

/// The columns of a table, as far as they are known before the flow runs.
///
/// ```
/// use chem_runtime::step::Columns;
///
/// let read = Columns::known(["name", "smiles"]);
/// assert_eq!(read.clone().with(["logp", "name"]), Columns::known(["name", "smiles", "logp"]));
/// assert_eq!(read.without(["name"]), Columns::known(["smiles"]));
/// assert_eq!(Columns::Unknown.with(["logp"]), Columns::Unknown);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Columns {
    /// Nothing is known about the columns.
    #[default]
    Unknown,
    /// Exactly these columns, in this order.
    Known(Vec<Box<str>>),
}

impl Columns {
    /// Creates [`Known`](Self::Known) columns with these names.
    pub fn known<N: Into<Box<str>>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Known(names.into_iter().map(Into::into).collect())
    }

    /// Appends these columns. One that already exists keeps its position.
    pub fn with<N: Into<Box<str>>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let Self::Known(mut columns) = self else { return Self::Unknown };
        let mut there: HashSet<Box<str>> = columns.iter().cloned().collect();
        for name in names {
            let name = name.into();
            if there.insert(name.clone()) {
                columns.push(name);
            }
        }
        Self::Known(columns)
    }

    /// Removes these columns.
    pub fn without<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let Self::Known(mut columns) = self else { return Self::Unknown };
        let names: Vec<N> = names.into_iter().collect();
        let without: HashSet<&str> = names.iter().map(AsRef::as_ref).collect();
        columns.retain(|column| !without.contains(&**column));
        Self::Known(columns)
    }

    /// Returns the names, or `None` if the columns are unknown.
    pub fn names(&self) -> Option<&[Box<str>]> {
        match self {
            Self::Unknown => None,
            Self::Known(names) => Some(names),
        }
    }
}

/// What a step may use besides its parameters to predict the columns of its output.
#[derive(Debug)]
pub struct ColumnContext<'a> {
    inputs: &'a [(&'a str, Option<Columns>)],
    first_kind: Option<&'a str>,
    directory: &'a Path,
    written: &'a HashSet<PathBuf>,
}

impl<'a> ColumnContext<'a> {
    /// Creates the context of a step. `inputs` holds the columns at each port by the port's name, `None` for a port
    /// left open. The flow's relative paths start at `directory`, and its earlier steps write the files `written`, as
    /// absolute paths without links.
    pub fn new(inputs: &'a [(&'a str, Option<Columns>)], directory: &'a Path, written: &'a HashSet<PathBuf>) -> Self {
        Self { inputs, first_kind: None, directory, written }
    }

    /// Returns the context with the kind of the artifact that feeds the step's first port.
    #[must_use]
    pub(crate) fn with_first_kind(self, first_kind: Option<&'a str>) -> Self {
        Self { first_kind, ..self }
    }

    /// Returns the kind of the artifact that feeds the step's first port, if it is known.
    pub(crate) fn first_kind(&self) -> Option<&'a str> {
        self.first_kind
    }

    /// Returns the columns of the table that feeds `port`, unknown if none does.
    pub fn input(&self, port: &str) -> Columns {
        self.inputs.iter().find(|(name, _)| *name == port).and_then(|(_, columns)| columns.clone()).unwrap_or_default()
    }

    /// Returns the columns of the table that feeds the step's first port, unknown if none does.
    pub fn first_input(&self) -> Columns {
        self.inputs.first().and_then(|(_, columns)| columns.clone()).unwrap_or_default()
    }

    /// Returns whether `port` is wired.
    pub fn is_wired(&self, port: &str) -> bool {
        self.inputs.iter().any(|(name, columns)| *name == port && columns.is_some())
    }

    /// Resolves a path of the manifest for use by this process.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// Returns the files that `files` names; `None` if they do not exist yet, or if an earlier step of the flow writes one of
    /// them.
    ///
    /// # Errors
    /// Reports that the value of `param` names a file twice.
    pub(crate) fn found(&self, param: &'static str, files: &InputFiles) -> Result<Option<Vec<NamedFile>>, Misfit> {
        if self.written.iter().any(|place| files.match_place(self.directory, place)) {
            return Ok(None);
        }
        match files.found_in(self.directory) {
            Ok(found) => Ok(Some(found)),
            Err(Unresolved::Twice(message)) => Err(Misfit::new(param, message)),
            // The files are checked apart from the step.
            Err(Unresolved::Unmatched(_) | Unresolved::Unread(_)) => Ok(None),
        }
    }

    /// Returns the first 64 KiB of an existing file, or all of a shorter one. `None` if it cannot be read, or if an
    /// earlier step of the flow overwrites it.
    pub fn beginning(&self, file: &InputFile) -> Option<Vec<u8>> {
        self.first_bytes(file, 64 << 10)
    }

    /// Returns the first `bytes` of an existing file, under the conditions of [`beginning`](Self::beginning).
    pub fn first_bytes(&self, file: &InputFile, bytes: u64) -> Option<Vec<u8>> {
        let path = self.path(file.as_str());
        // Reading from a pipe would block, and consume its data.
        if !path.is_file() || self.written.contains(&place_of(&path)) {
            return None;
        }
        let mut beginning = Vec::new();
        std::fs::File::open(path).ok()?.take(bytes).read_to_end(&mut beginning).ok()?;
        Some(beginning)
    }
}

/// Returns the columns of the table that feeds the first port, for `#[step(…, columns = same_columns)]`.
pub fn same_columns<S>(_: &S, context: &ColumnContext<'_>) -> Columns {
    context.first_input()
}

/// A parameter that names a column. A check verifies that an earlier step produces it.
///
/// Converts from text and to text:
///
/// ```
/// use chem_runtime::step::ColumnName;
///
/// let name = ColumnName::from("logp");
/// assert_eq!(name.as_str(), "logp");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnName(Box<str>);

impl ColumnName {
    /// Returns the name of the column.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ColumnName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl AsRef<str> for ColumnName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ColumnName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl ParamValue for ColumnName {
    fn ty() -> ParamType {
        ParamType::Column
    }

    fn read(value: &Value) -> Result<Self, InvalidParam> {
        match value.as_str() {
            Some("") => Err(InvalidParam::new("the name of a column is empty")),
            Some(name) => Ok(name.into()),
            None => Err(InvalidParam::expected(&Self::ty(), value)),
        }
    }

    fn write(&self) -> Value {
        self.as_str().into()
    }

    fn named_columns(&self) -> Vec<ColumnReference> {
        vec![ColumnReference::to(&self.0)]
    }
}
