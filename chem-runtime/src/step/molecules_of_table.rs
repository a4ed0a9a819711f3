//! How a linked library turns a table into molecules. The core links no chemistry, and a program's answer becomes molecules
//! through this.

use super::context::ExecutionContext;
use super::definition::StepOutput;
use super::error::StepError;
use super::port::OutputSpec;
use crate::artifact::Table;

/// A library that reads the rows of a table as molecules.
pub struct MoleculesOfTable {
    /// The outputs: the molecules, and the rows that are none.
    pub outputs: &'static [OutputSpec],
    /// Makes the outputs of a table with a column `smiles`.
    pub make: fn(Table, &ExecutionContext<'_>) -> Result<Vec<StepOutput>, StepError>,
}

inventory::collect!(MoleculesOfTable);

impl MoleculesOfTable {
    /// Returns the library that is linked, if there is one.
    pub fn linked() -> Option<&'static Self> {
        inventory::iter::<MoleculesOfTable>().next()
    }
}
