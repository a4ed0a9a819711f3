//! One molecule of many, and what is known of it.

use super::library::Structure;
use super::molecules::{Molecules, PROMISED};
use crate::artifact::{Column, ColumnData};

/// A molecule: a row of [`Molecules`].
///
/// ```
/// # use chem_runtime::artifact::{Column, ColumnData, ColumnType, Table};
/// # use chem_runtime::chemistry::{Molecules, PropertyValue};
/// # let column = |name, ty| Column::new(name, ty);
/// # let molecules = Molecules::new(Table::new([
/// #     (column("name", ColumnType::Text), ColumnData::Text(vec![Some("ethanol".into())])),
/// #     (column("smiles", ColumnType::Text), ColumnData::Text(vec![Some("CCO".into())])),
/// #     (column("record", ColumnType::Integer), ColumnData::Integer(vec![Some(1)])),
/// #     (column("logp", ColumnType::Float).with_provider("it@1"), ColumnData::Float(vec![Some(-0.0014)])),
/// # ])?)?;
/// for molecule in molecules.iter() {
///     assert_eq!((molecule.name(), molecule.smiles()), (Some("ethanol"), "CCO"));
///     let logp = molecule.property("logp").unwrap();
///     assert_eq!((logp.provider(), logp.value()), (Some("it@1"), Some(PropertyValue::Float(-0.0014))));
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Molecule<'a> {
    of: &'a Molecules,
    row: usize,
}

impl<'a> Molecule<'a> {
    /// The molecule in `row`, which is there.
    pub(super) fn in_row(of: &'a Molecules, row: usize) -> Self {
        Self { of, row }
    }

    /// Its canonical isomeric SMILES.
    pub fn smiles(&self) -> &'a str {
        self.of.smiles().get(self.row).and_then(Option::as_deref).unwrap_or_default()
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&'a str> {
        self.of.names().get(self.row).and_then(Option::as_deref)
    }

    /// The number of the record that it was read from, from 1.
    pub fn record(&self) -> Option<i64> {
        match self.of.table().data(2) {
            Some(ColumnData::Integer(records)) => records.get(self.row).copied().flatten(),
            _ => None,
        }
    }

    /// Its structure. Wants the deep stack of [`map_records`](crate::records::map_records).
    ///
    /// # Errors
    /// Says why there is none, if the SMILES came from elsewhere than the steps that read molecules.
    pub fn structure(&self) -> Result<Structure, String> {
        Structure::from_smiles(self.smiles())
    }

    /// Its standard InChIKey, computed here: see [`Structure::inchi_key`].
    pub fn inchi_key(&self) -> Option<String> {
        self.structure().ok()?.inchi_key()
    }

    /// What is known of it under `name`; none if there is no such column.
    pub fn property(&self, name: &str) -> Option<MolecularProperty<'a>> {
        let (column, data) = self.of.table().column(name)?;
        Some(MolecularProperty { column, value: PropertyValue::of(data, self.row) })
    }

    /// All that is known of it besides its name, SMILES and record.
    pub fn properties(&self) -> impl Iterator<Item = MolecularProperty<'a>> + use<'a> {
        let (table, row) = (self.of.table(), self.row);
        let more = table.columns().iter().enumerate().skip(PROMISED.len());
        more.filter_map(move |(place, column)| {
            Some(MolecularProperty { column, value: PropertyValue::of(table.data(place)?, row) })
        })
    }
}

/// Something known of a molecule: a value or none, its unit, and what computed it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MolecularProperty<'a> {
    column: &'a Column,
    value: Option<PropertyValue<'a>>,
}

impl<'a> MolecularProperty<'a> {
    /// Its name.
    pub fn name(&self) -> &'a str {
        &self.column.name
    }

    /// Its value; none if it is missing. A float is finite, and was rounded when it became a record.
    pub fn value(&self) -> Option<PropertyValue<'a>> {
        self.value
    }

    /// The unit of its value.
    pub fn unit(&self) -> Option<&'a str> {
        self.column.unit.as_deref()
    }

    /// What computed it, as `name@version`; none for what a file or a person said.
    pub fn provider(&self) -> Option<&'a str> {
        self.column.provider.as_deref()
    }
}

/// The value of a property.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PropertyValue<'a> {
    /// Text.
    Text(&'a str),
    /// A whole number.
    Integer(i64),
    /// A finite number.
    Float(f64),
    /// A truth value.
    Boolean(bool),
}

impl<'a> PropertyValue<'a> {
    fn of(data: &'a ColumnData, row: usize) -> Option<Self> {
        match data {
            ColumnData::Text(values) => values.get(row)?.as_deref().map(Self::Text),
            ColumnData::Integer(values) => values.get(row)?.map(Self::Integer),
            ColumnData::Float(values) => values.get(row)?.map(Self::Float),
            ColumnData::Boolean(values) => values.get(row)?.map(Self::Boolean),
        }
    }

    /// The value as a number, if it is one.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Text(_) | Self::Boolean(_) => None,
        }
    }
}
