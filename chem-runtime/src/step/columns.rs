//! The columns of tables before there are tables: what a step says of its output, so that a name that no earlier step
//! produces is found in the manifest and not in the middle of a run.
//!
//! A step says it with a function that `#[step(…, columns = function)]` names. Where nothing is said nothing is known,
//! and of what is not known nothing is called wrong.

use std::collections::HashSet;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::file::InputFile;
use super::param::{InvalidParam, ParamType, ParamValue, PathPart};
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
    /// They are not known.
    #[default]
    Unknown,
    /// These, in this order, and no others.
    Known(Vec<Box<str>>),
}

impl Columns {
    /// Just these.
    pub fn known<N: Into<Box<str>>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Known(names.into_iter().map(Into::into).collect())
    }

    /// With these after the others. One that is there already stays at its place.
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

    /// Without these.
    pub fn without<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let Self::Known(mut columns) = self else { return Self::Unknown };
        let names: Vec<N> = names.into_iter().collect();
        let without: HashSet<&str> = names.iter().map(AsRef::as_ref).collect();
        columns.retain(|column| !without.contains(&**column));
        Self::Known(columns)
    }

    /// Their names, if they are known.
    pub fn names(&self) -> Option<&[Box<str>]> {
        match self {
            Self::Unknown => None,
            Self::Known(names) => Some(names),
        }
    }
}

/// What a step may look at to say which columns its output will have, besides its parameters.
#[derive(Debug)]
pub struct ColumnContext<'a> {
    inputs: &'a [(&'a str, Option<Columns>)],
    directory: &'a Path,
    written: &'a HashSet<PathBuf>,
}

impl<'a> ColumnContext<'a> {
    /// For a step that is fed `inputs`, by the names of its ports, with nothing for one that is left open, in a flow whose paths start from `directory` and whose
    /// earlier steps write the files `written`, as absolute paths without links.
    pub fn new(inputs: &'a [(&'a str, Option<Columns>)], directory: &'a Path, written: &'a HashSet<PathBuf>) -> Self {
        Self { inputs, directory, written }
    }

    /// The columns of the table that feeds `port`.
    pub fn input(&self, port: &str) -> Columns {
        self.inputs.iter().find(|(name, _)| *name == port).and_then(|(_, columns)| columns.clone()).unwrap_or_default()
    }

    /// The columns of the table that feeds the step's first port.
    pub fn first_input(&self) -> Columns {
        self.inputs.first().and_then(|(_, columns)| columns.clone()).unwrap_or_default()
    }

    /// Whether something is wired to `port`.
    pub fn is_wired(&self, port: &str) -> bool {
        self.inputs.iter().any(|(name, columns)| *name == port && columns.is_some())
    }

    /// A path of the manifest, from where this process is.
    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    /// The first 64 KiB of a file that is there already, or all of a shorter one. `None` for one that cannot be read,
    /// and for one that an earlier step of the flow writes anew.
    pub fn beginning(&self, file: &InputFile) -> Option<Vec<u8>> {
        const BYTES: u64 = 64 << 10;
        let path = self.path(file.as_str());
        // A pipe would be waited for, and what is taken out of it be gone.
        if !path.is_file() || self.written.contains(&place_of(&path)) {
            return None;
        }
        let mut beginning = Vec::new();
        std::fs::File::open(path).ok()?.take(BYTES).read_to_end(&mut beginning).ok()?;
        Some(beginning)
    }
}

/// For `#[step(…, columns = same_columns)]`: the output has the columns of the table that feeds the first port.
pub fn same_columns<S>(_: &S, context: &ColumnContext<'_>) -> Columns {
    context.first_input()
}

/// A column that a parameter names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnReference {
    /// Its name.
    pub name: String,
    /// Where in the parameter's value it is named.
    pub path: Vec<PathPart>,
    /// The bytes of the text there; none for all of it.
    pub at: Option<Range<usize>>,
}

impl ColumnReference {
    /// All of a value names the column `name`.
    pub fn to(name: &str) -> Self {
        Self { name: name.to_owned(), path: Vec::new(), at: None }
    }

    /// The same, seen from one level further out.
    pub fn within(mut self, part: PathPart) -> Self {
        self.path.insert(0, part);
        self
    }
}

/// A parameter that names a column. A check sees that an earlier step produces it.
///
/// It reads from text and compares with text:
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
    /// The name.
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
