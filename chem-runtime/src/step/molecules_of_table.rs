//! How a linked library turns a table into molecules. The core links no chemistry, and a program's answer becomes molecules
//! through this.

use super::context::ExecutionContext;
use super::definition::StepOutput;
use super::error::StepError;
use super::misfit::Misfit;
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

    /// Reports, at the parameter `param`, that a program whose rows are of the kind `kind` cannot compute the column `smiles`:
    /// molecules that come in are molecules that come out, with the structures that the library has read.
    pub(crate) fn replaced<'c>(
        kind: &str,
        computed: impl IntoIterator<Item = &'c str>,
        param: &'static str,
    ) -> Option<Misfit> {
        let is_molecules = Self::linked().and_then(|linked| linked.outputs.first()).is_some_and(|it| it.kind == kind);
        let replaces = is_molecules && computed.into_iter().any(|name| name == "smiles");
        replaces.then(|| {
            Misfit::new(param, "the column `smiles` holds the structures of the molecules, and is not replaced by row")
                .with_help(
                    "compute a column of another name, and read it with `molecules.from_table`, whose parameter `smiles` \
                     names the column",
                )
        })
    }
}
