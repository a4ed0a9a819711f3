//! Declares which columns of its input a row step reads.

use std::collections::BTreeSet;

use super::param::ColumnReference;

/// The columns that a row step type reads, as `#[step(…, rows)]` declares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsSpec {
    /// These columns, and those that the parameters of a step name.
    Columns(&'static [&'static str]),
    /// All columns.
    All,
}

impl RowsSpec {
    /// Returns the columns that a step reads whose parameters name the columns `named`.
    pub fn with_named(self, named: &[(&'static str, ColumnReference)]) -> RowColumns {
        match self {
            Self::Columns(fixed) => {
                let fixed = fixed.iter().map(|name| (*name).to_owned());
                RowColumns::Named(fixed.chain(named.iter().map(|(_, column)| column.name.clone())).collect())
            }
            Self::All => RowColumns::All,
        }
    }
}

/// The columns that a row step reads, which depend on its parameters. What comes out for a row depends on the row's
/// values in these columns, and on nothing else of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowColumns {
    /// All columns.
    All,
    /// The columns with these names, as far as the input has them.
    Named(BTreeSet<String>),
}

impl RowColumns {
    /// Returns whether the step reads the column called `name`.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(name),
        }
    }
}
