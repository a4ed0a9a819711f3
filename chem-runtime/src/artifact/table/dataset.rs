//! A table with its kind, for steps that select and sort rows of any kind.

use std::sync::Arc;

use super::{Column, Table, Values};
use crate::artifact::{Artifact, ArtifactError, ArtifactSource, ArtifactValue, Handed, Packed};

/// A table that keeps its kind: sorted molecules are still molecules.
///
/// A table kind such as `molecules` constrains its first columns and each row separately. Selecting, repeating and sorting
/// rows and appending columns preserve these constraints; the result of any other operation is a plain [`Table`]. An output
/// of this type has the kind of its step's first input.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    kind: Arc<str>,
    table: Arc<Table>,
}

impl Dataset {
    /// Wraps `table`, which must satisfy the constraints of `kind`.
    pub fn new(kind: &str, table: impl Into<Arc<Table>>) -> Self {
        Self { kind: kind.into(), table: table.into() }
    }

    /// Returns the kind of the artifact.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns the underlying table.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Selects the rows with these indices, in this order.
    pub fn gather(&self, rows: &[usize]) -> Self {
        Self { kind: self.kind.clone(), table: Arc::new(self.table.gather(rows)) }
    }

    /// Appends columns.
    ///
    /// # Errors
    /// Fails if a column already exists or does not have one value per row.
    pub fn with_columns(&self, columns: impl IntoIterator<Item = (Column, Values)>) -> Result<Self, super::TableError> {
        let mut table = self.table.as_ref().clone();
        table.extend(columns)?;
        Ok(Self { kind: self.kind.clone(), table: Arc::new(table) })
    }
}

impl ArtifactValue for Dataset {
    const KIND: &'static str = Table::KIND;
    const KIND_OF_INPUT: bool = true;

    fn pack(&self) -> Result<Packed, ArtifactError> {
        self.table.pack_as(&self.kind)
    }

    fn unpack(artifact: &Artifact, source: &dyn ArtifactSource) -> Result<Self, ArtifactError> {
        Ok(Self::new(artifact.kind(), Table::unpack(artifact, source)?))
    }

    fn take(handed: &Handed) -> Option<Arc<Self>> {
        match handed.clone().downcast::<Self>() {
            Ok(dataset) => Some(dataset),
            Err(other) => Some(Arc::new(Self::new(Table::KIND, other.downcast::<Table>().ok()?))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::artifact::ColumnType;

    fn numbers(values: &[i64]) -> (Column, Values) {
        (Column::new("n", ColumnType::Integer), Values::integers(values.iter().copied()))
    }

    #[test]
    fn the_kind_survives_every_way_from_step_to_step() {
        let of_kind = Arc::new(Dataset::new("numbers", Table::new([numbers(&[3, 1, 2])]).unwrap()));
        let chosen = Arc::new(of_kind.gather(&[1, 2]));
        let packed = chosen.pack().unwrap();
        assert_eq!(packed.root.kind(), "numbers");
        let shelf: HashMap<_, _> = packed.parts.iter().map(|part| (part.hash(), part.clone())).collect();
        assert_eq!(Dataset::unpack(&packed.root, &shelf).unwrap(), *chosen);
        let handed = chosen.clone().hand_on();
        assert_eq!(Dataset::take(&handed).unwrap(), chosen);
        assert!(Arc::ptr_eq(&Table::take(&handed).unwrap(), chosen.table()));
        let plain: Handed = Arc::new(Table::default());
        assert_eq!(Dataset::take(&plain).unwrap().kind(), "table");
    }

    #[test]
    fn columns_come_behind_and_replace_none() {
        let dataset = Dataset::new("numbers", Table::new([numbers(&[1])]).unwrap());
        assert!(dataset.with_columns([numbers(&[2])]).is_err());
        let more = (Column::new("m", ColumnType::Integer), Values::integers([None]));
        assert_eq!(dataset.with_columns([more]).unwrap().table().columns()[1].name, "m".into());
    }
}
