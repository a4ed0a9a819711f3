//! Unites the columns of several tables by name.

use std::collections::{HashMap, HashSet};

use crate::step::{InputFiles, Misfit};

/// What happens to columns that only some of the tables have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Uniting {
    /// They are an error.
    #[default]
    Same,
    /// They are kept, without values in the rows of the other tables.
    All,
    /// They are dropped.
    Common,
}

impl Uniting {
    /// Returns what the parameter `columns` says.
    pub(crate) fn of(columns: Option<&str>) -> Self {
        match columns {
            Some("all") => Self::All,
            Some("common") => Self::Common,
            _ => Self::Same,
        }
    }

    /// Unites the columns that tables have besides some that are common to all.
    ///
    /// # Errors
    /// Fails if a table lacks a column and the columns must be the same.
    pub(crate) fn unite_further<N: AsRef<str>>(self, tables: &[Vec<N>]) -> Result<Vec<Box<str>>, Disunited> {
        match self.unite(tables) {
            Err(Disunited::NothingInCommon) => Ok(Vec::new()),
            united => united,
        }
    }

    /// Returns the columns of the united table: those of the first table in its order, then further ones.
    ///
    /// # Errors
    /// Fails if a table lacks a column and the columns must be the same, or if no column is common to all.
    pub(crate) fn unite<N: AsRef<str>>(self, tables: &[Vec<N>]) -> Result<Vec<Box<str>>, Disunited> {
        let sets: Vec<HashSet<&str>> = tables.iter().map(|names| names.iter().map(AsRef::as_ref).collect()).collect();
        let mut seen = HashSet::new();
        let all =
            tables.iter().enumerate().flat_map(|(table, names)| names.iter().map(move |name| (table, name.as_ref())));
        let all: Vec<(usize, &str)> = all.filter(|(_, name)| seen.insert(*name)).collect();
        let lacking = |name: &str| sets.iter().position(|names| !names.contains(name));
        match self {
            Self::Same => match all.iter().find_map(|(has, name)| Some((*has, *name, lacking(name)?))) {
                Some((has, name, lacks)) => Err(Disunited::Lacks { lacks, has, name: name.to_owned() }),
                None => Ok(all.into_iter().map(|(_, name)| name.into()).collect()),
            },
            Self::All => Ok(all.into_iter().map(|(_, name)| name.into()).collect()),
            Self::Common => {
                let common = all.iter().filter(|(_, name)| lacking(name).is_none());
                let common: Vec<Box<str>> = common.map(|(_, name)| (*name).into()).collect();
                if common.is_empty() && !all.is_empty() { Err(Disunited::NothingInCommon) } else { Ok(common) }
            }
        }
    }
}

/// Why tables are not united.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Disunited {
    /// The table at index `lacks` has no column `name`, which the one at index `has` has.
    Lacks { lacks: usize, has: usize, name: String },
    /// No column is common to all tables.
    NothingInCommon,
}

impl Disunited {
    /// Describes the reason for files at these paths.
    pub(crate) fn of_files(&self, paths: &[&str]) -> String {
        match self {
            Self::Lacks { lacks, has, name } => format!(
                "`{}` has no column `{name}`, which `{}` has; `columns: all` keeps such columns, without values there, and \
                 `columns: common` drops them",
                paths[*lacks], paths[*has]
            ),
            Self::NothingInCommon => "the files have no column in common; write `columns: all`".to_owned(),
        }
    }
}

/// Arranges the cells of a table as those of the united table.
pub(crate) struct Arrangement(Vec<Option<usize>>);

impl Arrangement {
    /// Returns the arrangement of a table with the columns `names` in the united table.
    pub(crate) fn of<N: AsRef<str>>(names: &[N], united: &[Box<str>]) -> Self {
        let at: HashMap<&str, usize> = names.iter().enumerate().map(|(index, name)| (name.as_ref(), index)).collect();
        Self(united.iter().map(|name| at.get(&**name).copied()).collect())
    }

    /// Returns the cells of a row in the united order, with `T::default()` where the table has no column.
    pub(crate) fn apply<T: Default>(&self, cells: Vec<T>) -> Vec<T> {
        let mut cells: Vec<Option<T>> = cells.into_iter().map(Some).collect();
        let mut cell = |index: usize| cells.get_mut(index).and_then(Option::take);
        self.0.iter().map(|index| index.and_then(&mut cell).unwrap_or_default()).collect()
    }
}

/// Checks that none of `columns` has the name of the new column that the parameter `file_column` names.
///
/// # Errors
/// Reports a column of that name.
pub(crate) fn check_new_column<N: AsRef<str>>(name: &str, columns: &[N]) -> Result<(), Misfit> {
    if columns.iter().any(|column| column.as_ref() == name) {
        let message = format!("the files already have a column `{name}`; choose another name");
        return Err(Misfit::new("file_column", message));
    }
    Ok(())
}

/// Reports the parameters that apply to several files alone, if `files` is a single path.
pub(crate) fn idle_of_single(files: &InputFiles, has_file_column: bool, has_columns: bool) -> Vec<Misfit> {
    let Some(file) = files.single() else { return Vec::new() };
    let set = [("file_column", has_file_column), ("columns", has_columns)].into_iter().filter(|(_, is_set)| *is_set);
    let misfit = |(param, _)| {
        Misfit::new(param, format!("`{param}` applies to several files, but `path` names one"))
            .with_help(format!("omit it, or write a list: `path: [{}]`", file.as_str()))
    };
    set.map(misfit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unite(how: Uniting) -> Result<Vec<Box<str>>, Disunited> {
        how.unite(&[vec!["a", "b"], vec!["b", "a"], vec!["c", "a"]])
    }

    /// The columns are those of `pandas.concat`, with `join="outer"` and `join="inner"`.
    #[test]
    fn columns_are_united_by_name() {
        assert_eq!(unite(Uniting::All).unwrap(), ["a", "b", "c"].map(Box::from));
        assert_eq!(unite(Uniting::Common).unwrap(), [Box::from("a")]);
        let disunited = unite(Uniting::Same).unwrap_err();
        assert_eq!(disunited, Disunited::Lacks { lacks: 2, has: 0, name: "b".to_owned() });
        assert!(
            disunited.of_files(&["x", "y", "z"]).starts_with("`z` has no column `b`, which `x` has; `columns: all`")
        );
        let further = Uniting::Same.unite(&[vec!["a"], vec!["a", "b"]]).unwrap_err();
        assert_eq!(further, Disunited::Lacks { lacks: 0, has: 1, name: "b".to_owned() });
        let apart = [vec!["a"], vec!["b"]];
        assert_eq!(Uniting::Common.unite(&apart), Err(Disunited::NothingInCommon));
        assert_eq!(Uniting::Common.unite_further(&apart), Ok(Vec::new()));
        assert_eq!(Uniting::Same.unite::<&str>(&[]), Ok(Vec::new()));
    }

    #[test]
    fn cells_follow_their_columns() {
        let united = ["a", "b", "c"].map(Box::from);
        assert_eq!(Arrangement::of(&["c", "x", "a"], &united).apply(vec![3, 9, 1]), [1, 0, 3]);
    }
}
