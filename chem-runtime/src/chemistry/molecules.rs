//! Molecules as they go from step to step: a table with a promise.

use std::sync::Arc;

use crate::artifact::{
    Artifact, ArtifactError, ArtifactSource, ArtifactValue, Column, ColumnData, ColumnType, Dataset, Handed, Packed,
    Table, TableError,
};

use super::molecule::Molecule;
use crate::fingerprint::ArtifactHash;

/// The columns that every table of molecules begins with.
pub(super) const PROMISED: [(&str, ColumnType); 3] =
    [("name", ColumnType::Text), ("smiles", ColumnType::Text), ("record", ColumnType::Integer)];

/// A family of molecules: ordered, frozen, and hashed as an artifact. In memory a table whose rows are [`Molecule`]s.
///
/// Its first columns are `name` (text, may be missing), `smiles` (the canonical isomeric SMILES, never missing) and
/// `record` (the number of the record in the file that the molecule was read from, from 1). Others follow as steps add
/// them. A step that takes a [`Table`] takes molecules too, and is handed the same table, not a copy.
#[derive(Debug, Clone, PartialEq)]
pub struct Molecules(Arc<Table>);

/// The name by which chemists call [`Molecules`].
pub type MoleculeFamily = Molecules;

/// A table that is not one of molecules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMolecules {
    /// A promised column is not at its place.
    #[error("a table of molecules begins with the columns `name`, `smiles` and `record`; this one has no `{0}` there")]
    Column(&'static str),
    /// A row has no SMILES.
    #[error("row {0} of the molecules has no SMILES")]
    Smiles(usize),
}

impl Molecules {
    /// `table` as molecules, if it has what they promise. The SMILES are taken to be canonical, as
    /// [`Structure::canonical_smiles`](super::Structure::canonical_smiles) writes them: the steps rely on it.
    pub fn new(table: impl Into<Arc<Table>>) -> Result<Self, NotMolecules> {
        let table = table.into();
        for (index, (name, ty)) in PROMISED.into_iter().enumerate() {
            let fits = table.columns().get(index).is_some_and(|column| &*column.name == name && column.ty == ty);
            if !fits {
                return Err(NotMolecules::Column(name));
            }
        }
        let molecules = Self(table);
        match molecules.smiles().iter().position(Option::is_none) {
            Some(row) => Err(NotMolecules::Smiles(row + 1)),
            None => Ok(molecules),
        }
    }

    /// The table.
    pub fn table(&self) -> &Arc<Table> {
        &self.0
    }

    /// The molecules, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Molecule<'_>> {
        (0..self.len()).map(|row| Molecule::in_row(self, row))
    }

    /// The hash of the artifact that the molecules are: it covers every molecule, their order, and all that is known of
    /// them.
    pub fn hash(&self) -> Result<ArtifactHash, ArtifactError> {
        Ok(self.pack()?.root.hash())
    }

    /// The same molecules with more columns behind the others.
    ///
    /// # Errors
    /// Names the column that is there already or that has too few or too many values.
    pub fn with_columns(&self, columns: impl IntoIterator<Item = (Column, ColumnData)>) -> Result<Self, TableError> {
        Ok(Self(Dataset::new(Self::KIND, self.0.clone()).with_columns(columns)?.table().clone()))
    }

    /// How many molecules there are.
    pub fn len(&self) -> usize {
        self.0.rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of each molecule.
    pub fn names(&self) -> &[Option<Box<str>>] {
        match self.0.data(0) {
            Some(ColumnData::Text(names)) => names,
            _ => &[],
        }
    }

    /// The canonical SMILES of each molecule; none of them is missing.
    pub fn smiles(&self) -> &[Option<Box<str>>] {
        match self.0.data(1) {
            Some(ColumnData::Text(smiles)) => smiles,
            _ => &[],
        }
    }
}

impl ArtifactValue for Molecules {
    const KIND: &'static str = "molecules";
    const READS_AS: &'static [&'static str] = &["table"];

    fn pack(&self) -> Result<Packed, ArtifactError> {
        self.0.pack_as(Self::KIND)
    }

    fn unpack(artifact: &Artifact, source: &dyn ArtifactSource) -> Result<Self, ArtifactError> {
        Self::new(Table::unpack(artifact, source)?).map_err(|error| artifact.malformed(error))
    }

    fn hand_on(self: Arc<Self>) -> Handed {
        Arc::new(Dataset::new(Self::KIND, self.0.clone()))
    }

    fn take(handed: &Handed) -> Option<Arc<Self>> {
        Self::new(Table::take(handed)?).ok().map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(smiles: Option<&str>) -> Table {
        Table::new([
            (Column::new("name", ColumnType::Text), ColumnData::Text(vec![None])),
            (Column::new("smiles", ColumnType::Text), ColumnData::Text(vec![smiles.map(Into::into)])),
            (Column::new("record", ColumnType::Integer), ColumnData::Integer(vec![Some(1)])),
        ])
        .unwrap()
    }

    #[test]
    fn what_is_handed_on_is_the_same_table() {
        let molecules = Arc::new(Molecules::new(table(Some("C"))).unwrap());
        let handed = molecules.clone().hand_on();
        let as_table = Table::take(&handed).unwrap();
        assert!(Arc::ptr_eq(&as_table, molecules.table()));
        assert!(Arc::ptr_eq(Molecules::take(&handed).unwrap().table(), molecules.table()));
    }

    #[test]
    fn the_promise_is_kept() {
        assert_eq!(Molecules::new(table(None)).unwrap_err(), NotMolecules::Smiles(1));
        assert_eq!(Molecules::new(Table::default()).unwrap_err(), NotMolecules::Column("name"));
        let handed: Handed = Arc::new(Table::default());
        assert!(Molecules::take(&handed).is_none());
    }
}
