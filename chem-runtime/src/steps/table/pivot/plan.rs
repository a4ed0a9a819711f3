//! The parameters of `table.pivot` that name columns, checked before the flow runs and again when it does.

use std::collections::HashSet;

use crate::prelude::*;

/// The parameters that name columns.
pub(super) struct Plan<'a> {
    pub(super) keep: Option<&'a [ColumnName]>,
    pub(super) name: &'a ColumnName,
    pub(super) value: &'a ColumnName,
    pub(super) names: Option<&'a [String]>,
    /// Whether other columns are dropped.
    pub(super) drops: bool,
}

impl Plan<'_> {
    /// Checks the parameters among themselves.
    pub(super) fn alone(&self) -> Result<(), Misfit> {
        if self.name == self.value {
            return Err(Misfit::new("value", format!("`name` and `value` both name the column `{}`", self.name)));
        }
        let keep = self.keep.unwrap_or_default();
        if let Some(both) = keep.iter().find(|kept| [self.name, self.value].contains(kept)) {
            return Err(Misfit::new("keep", format!("the column `{both}` cannot be kept: it is turned into columns")));
        }
        let names = self.names.unwrap_or_default();
        if self.names.is_some_and(<[String]>::is_empty) {
            return Err(Misfit::new("names", "`names` is empty; expected at least one new column").with_help("omit it"));
        }
        if names.iter().any(|name| name.trim().is_empty()) {
            return Err(Misfit::new("names", "`names` contains an empty text"));
        }
        let twice = Misfit::twice("keep", keep).or_else(|| Misfit::twice("names", names));
        twice.map_or(Ok(()), Err)
    }

    /// Checks the parameters against the columns `there` of the input.
    pub(super) fn against(&self, there: &[Box<str>]) -> Result<(), Misfit> {
        let kept: HashSet<&str> = match self.keep {
            Some(keep) => keep.iter().map(ColumnName::as_str).collect(),
            None => there.iter().map(|name| &**name).filter(|name| !self.turned(name)).collect(),
        };
        if let Some(clash) = self.names.unwrap_or_default().iter().find(|name| kept.contains(name.as_str())) {
            return Err(clashes(clash));
        }
        match there.iter().find(|name| !kept.contains(&***name) && !self.turned(name)) {
            Some(lost) if !self.drops => {
                let message = format!("the column `{lost}` is neither kept nor `name` or `value` and would be lost");
                Err(Misfit::new("keep", message).with_help("add it to `keep`, or write `others: drop`"))
            }
            _ => Ok(()),
        }
    }

    /// Returns whether the column is the one with the names or the one with the values.
    fn turned(&self, column: &str) -> bool {
        [self.name.as_str(), self.value.as_str()].contains(&column)
    }
}

/// Reports a new column with the name of one that is kept.
pub(super) fn clashes(name: &str) -> Misfit {
    let message = format!("a column `{name}` is kept, and a new column would have the same name");
    Misfit::new("names", message).with_help("rename the kept one before, with `rename` of `table.select`")
}
