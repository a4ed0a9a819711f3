//! A single molecule and its properties.

use super::{Molecules, PROMISED};
use crate::artifact::{Cells as _, Column, Values};
use crate::chemistry::library::Structure;

/// A molecule: a row of [`Molecules`].
///
/// ```
/// # use chem_runtime::artifact::{Column, ColumnType, Table, Values};
/// # use chem_runtime::chemistry::{Molecules, PropertyValue};
/// # let column = |name, ty| Column::new(name, ty);
/// # let molecules = Molecules::new(Table::new([
/// #     (column("name", ColumnType::Text), Values::texts(["ethanol"])),
/// #     (column("smiles", ColumnType::Text), Values::texts(["CCO"])),
/// #     (column("record", ColumnType::Integer), Values::integers([1])),
/// #     (column("logp", ColumnType::Float).with_provider("it@1"), Values::floats([-0.0014])),
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
    /// Returns the molecule in `row`, which must be in range.
    pub(super) fn in_row(of: &'a Molecules, row: usize) -> Self {
        Self { of, row }
    }

    /// Returns the canonical isomeric SMILES.
    pub fn smiles(&self) -> &'a str {
        self.of.smiles().cell(self.row).unwrap_or_default()
    }

    /// Returns the name, if the molecule has one.
    pub fn name(&self) -> Option<&'a str> {
        self.of.names().cell(self.row)
    }

    /// Returns the number of the record that the molecule was read from, from 1.
    pub fn record(&self) -> Option<i64> {
        self.of.table().integers("record").ok()?.cell(self.row)
    }

    /// Parses the structure. Requires the deep stack of [`map_records`](crate::records::map_records).
    ///
    /// # Errors
    /// Fails if the SMILES cannot be parsed, which happens only if no reading step wrote it.
    pub fn structure(&self) -> Result<Structure, String> {
        Structure::from_smiles(self.smiles())
    }

    /// Computes the standard InChIKey: see [`Structure::inchi_key`].
    pub fn inchi_key(&self) -> Option<String> {
        self.structure().ok()?.inchi_key()
    }

    /// Returns the property called `name`, or `None` if there is no such column.
    pub fn property(&self, name: &str) -> Option<MolecularProperty<'a>> {
        let (column, data) = self.of.table().column(name)?;
        Some(MolecularProperty { column, value: PropertyValue::of(data, self.row) })
    }

    /// Returns all properties besides name, SMILES and record, in the order of the columns.
    pub fn properties(&self) -> impl Iterator<Item = MolecularProperty<'a>> + use<'a> {
        let (table, row) = (self.of.table(), self.row);
        let more = table.columns().iter().enumerate().skip(PROMISED.len());
        more.filter_map(move |(index, column)| {
            Some(MolecularProperty { column, value: PropertyValue::of(table.data(index)?, row) })
        })
    }
}

/// A property of a molecule: its value, which may be missing, its unit, and what computed it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MolecularProperty<'a> {
    column: &'a Column,
    value: Option<PropertyValue<'a>>,
}

impl<'a> MolecularProperty<'a> {
    /// Returns the name of its column.
    pub fn name(&self) -> &'a str {
        &self.column.name
    }

    /// Returns the value, or `None` if it is missing. A float is finite and already rounded.
    pub fn value(&self) -> Option<PropertyValue<'a>> {
        self.value
    }

    /// Returns the unit; `None` for a dimensionless property and for text.
    pub fn unit(&self) -> Option<&'a str> {
        self.column.unit.as_deref()
    }

    /// Returns what computed it, as `name@version`; `None` for data that came from a file or a person.
    pub fn provider(&self) -> Option<&'a str> {
        self.column.provider.as_deref()
    }
}

/// The value of a property.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PropertyValue<'a> {
    /// Text.
    Text(&'a str),
    /// An integer.
    Integer(i64),
    /// A finite number.
    Float(f64),
    /// A boolean.
    Boolean(bool),
}

impl<'a> PropertyValue<'a> {
    fn of(data: &'a Values, row: usize) -> Option<Self> {
        match data {
            Values::Text(values) => values.cell(row).map(Self::Text),
            Values::Integer(values) => values.cell(row).map(Self::Integer),
            Values::Float(values) => values.cell(row).map(Self::Float),
            Values::Boolean(values) => values.cell(row).map(Self::Boolean),
        }
    }

    /// Returns the value as a float; `None` for text and booleans.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Text(_) | Self::Boolean(_) => None,
        }
    }
}
