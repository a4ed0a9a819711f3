//! The columns that a parameter names.

use std::ops::Range;

use super::PathPart;

/// A reference to a column in a parameter's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnReference {
    /// The name of the column.
    pub name: String,
    /// The location of the reference in the parameter's value.
    pub path: Vec<PathPart>,
    /// The range in the text there, in bytes; `None` for all of it.
    pub at: Option<Range<usize>>,
}

impl ColumnReference {
    /// Creates a reference to the column `name` that is the whole value.
    pub fn to(name: &str) -> Self {
        Self { name: name.to_owned(), path: Vec::new(), at: None }
    }

    /// Prepends `part` to the path, for a value that contains the reference.
    pub fn within(mut self, part: PathPart) -> Self {
        self.path.insert(0, part);
        self
    }
}
