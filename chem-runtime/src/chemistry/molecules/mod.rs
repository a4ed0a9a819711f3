//! The artifact kind `molecules`: a table with guaranteed columns, whose rows are read as [`Molecule`]s.

mod molecule;

use std::sync::Arc;

use arrow_array::LargeStringArray;
pub use molecule::{MolecularProperty, Molecule, PropertyValue};

use crate::artifact::{
    Artifact, ArtifactError, ArtifactSource, ArtifactValue, Column, ColumnType, Dataset, Handed, Packed, Table,
    TableError, Values,
};
use crate::fingerprint::ArtifactHash;
use crate::step::{RowKind, StepError};

/// The columns with which every table of molecules begins.
pub(super) const PROMISED: [(&str, ColumnType); 3] =
    [("name", ColumnType::Text), ("smiles", ColumnType::Text), ("record", ColumnType::Integer)];

/// A family of molecules: ordered, immutable, and hashed as an artifact. In memory, a table whose rows are [`Molecule`]s.
///
/// Its first columns are `name` (text, may be missing), `smiles` (the canonical isomeric SMILES, never missing) and
/// `record` (the number of the record in the file that the molecule was read from, from 1). Steps add further columns
/// after these. A step that takes a [`Table`] also accepts molecules, and receives the same table without a copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Molecules {
    table: Arc<Table>,
    names: LargeStringArray,
    smiles: LargeStringArray,
}

/// The chemist's name for [`Molecules`].
pub type MoleculeFamily = Molecules;

/// Error for a table that cannot be used as molecules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMolecules {
    /// A guaranteed column is missing or not in its position.
    #[error("a table of molecules begins with the columns `name`, `smiles` and `record`; this one has no `{0}` there")]
    Column(&'static str),
    /// A row has no SMILES.
    #[error("row {0} of the molecules has no SMILES")]
    Smiles(usize),
}

impl Molecules {
    /// Wraps `table`. The caller guarantees that the SMILES are canonical, as
    /// [`Structure::canonical_smiles`](crate::chemistry::Structure::canonical_smiles) writes them: the steps rely on it.
    ///
    /// # Errors
    /// Fails if the first columns are not those of molecules, or if a SMILES is missing.
    pub fn new(table: impl Into<Arc<Table>>) -> Result<Self, NotMolecules> {
        let table = table.into();
        for (index, (name, ty)) in PROMISED.into_iter().enumerate() {
            let fits = table.columns().get(index).is_some_and(|column| &*column.name == name && column.ty == ty);
            if !fits {
                return Err(NotMolecules::Column(name));
            }
        }
        let texts = |index, name| match table.data(index) {
            Some(Values::Text(texts)) => Ok(texts.clone()),
            _ => Err(NotMolecules::Column(name)),
        };
        let (names, smiles) = (texts(0, "name")?, texts(1, "smiles")?);
        match smiles.iter().position(|smiles| smiles.is_none()) {
            Some(row) => Err(NotMolecules::Smiles(row + 1)),
            None => Ok(Self { table, names, smiles }),
        }
    }

    /// Returns the underlying table.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Returns the molecules in the order of the rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Molecule<'_>> {
        (0..self.len()).map(|row| Molecule::in_row(self, row))
    }

    /// Returns the hash of the artifact, which covers every molecule, their order and all their properties.
    pub fn hash(&self) -> Result<ArtifactHash, ArtifactError> {
        Ok(self.pack()?.root.hash())
    }

    /// Appends columns.
    ///
    /// # Errors
    /// Fails if a column already exists or does not have one value for each molecule.
    pub fn with_columns(&self, columns: impl IntoIterator<Item = (Column, Values)>) -> Result<Self, TableError> {
        let table = Dataset::new(Self::KIND, self.table.clone()).with_columns(columns)?.table().clone();
        Ok(Self { table, ..self.clone() })
    }

    /// Returns the number of molecules.
    pub fn len(&self) -> usize {
        self.table.rows()
    }

    /// Returns whether there are no molecules.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the name of each molecule.
    pub fn names(&self) -> &LargeStringArray {
        &self.names
    }

    /// Returns the canonical SMILES of each molecule; none is missing.
    pub fn smiles(&self) -> &LargeStringArray {
        &self.smiles
    }
}

impl ArtifactValue for Molecules {
    const KIND: &'static str = "molecules";
    const READS_AS: &'static [&'static str] = &["table"];

    fn pack(&self) -> Result<Packed, ArtifactError> {
        self.table.pack_as(Self::KIND)
    }

    fn unpack(artifact: &Artifact, source: &dyn ArtifactSource) -> Result<Self, ArtifactError> {
        Self::new(Table::unpack(artifact, source)?).map_err(|error| artifact.malformed(error))
    }

    fn hand_on(self: Arc<Self>) -> Handed {
        Arc::new(Dataset::new(Self::KIND, self.table.clone()))
    }

    fn take(handed: &Handed) -> Option<Arc<Self>> {
        Self::new(Table::take(handed)?).ok().map(Arc::new)
    }
}

impl RowKind for Molecules {
    fn into_rows(self: Arc<Self>) -> (Arc<str>, Arc<Table>) {
        (Self::KIND.into(), self.table.clone())
    }

    fn of_rows(_: &str, table: Arc<Table>) -> Result<Self, StepError> {
        Ok(Self::new(table)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(smiles: Option<&str>) -> Table {
        Table::new([
            (Column::new("name", ColumnType::Text), Values::texts([None::<&str>])),
            (Column::new("smiles", ColumnType::Text), Values::texts([smiles])),
            (Column::new("record", ColumnType::Integer), Values::integers([1])),
        ])
        .unwrap()
    }

    #[test]
    fn handing_on_shares_the_table() {
        let molecules = Arc::new(Molecules::new(table(Some("C"))).unwrap());
        let handed = molecules.clone().hand_on();
        let as_table = Table::take(&handed).unwrap();
        assert!(Arc::ptr_eq(&as_table, molecules.table()));
        assert!(Arc::ptr_eq(Molecules::take(&handed).unwrap().table(), molecules.table()));
    }

    #[test]
    fn tables_without_the_guaranteed_columns_are_refused() {
        assert_eq!(Molecules::new(table(None)).unwrap_err(), NotMolecules::Smiles(1));
        assert_eq!(Molecules::new(Table::default()).unwrap_err(), NotMolecules::Column("name"));
        let handed: Handed = Arc::new(Table::default());
        assert!(Molecules::take(&handed).is_none());
    }
}
