//! The parameters for reading a sheet of a workbook.

use super::extension;

/// Which cells of a workbook are read, and how.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(not(feature = "excel"), allow(dead_code, reason = "without workbooks no sheet is chosen"))]
pub(crate) struct SheetChoice<'a> {
    /// The name of the sheet; `None` for the only one.
    pub name: Option<&'a str>,
    pub merged: Merged,
}

/// What happens to merged cells, of which only the first has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Merged {
    /// They are an error.
    #[default]
    Refuse,
    /// All of them have the value of the first.
    Fill,
    /// The others have no value.
    First,
}

impl<'a> SheetChoice<'a> {
    /// Returns what the parameters `sheet` and `merged_cells` say.
    pub(crate) fn of(name: Option<&'a str>, merged: Option<&str>) -> Self {
        let merged = match merged {
            Some("fill") => Merged::Fill,
            Some("first") => Merged::First,
            _ => Merged::Refuse,
        };
        Self { name, merged }
    }
}

/// Returns what is wrong with the file `path` if its extension says that it is a workbook of a kind that is not read.
pub(crate) fn other_workbook(path: &str) -> Option<String> {
    let is_other = matches!(extension(path).as_deref(), Some("xls" | "xlsb" | "ods" | "numbers"));
    is_other.then(|| format!("cannot read `{path}`, a workbook of another kind than `.xlsx`; save it as `.xlsx`"))
}
