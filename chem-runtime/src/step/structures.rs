//! How a linked library compares structures. The core links no chemistry, and a trace finds molecules through this.

/// A library that identifies structures.
pub struct Structures {
    /// Returns the canonical SMILES of a SMILES, or why it is not a molecule.
    pub canonical_smiles: fn(&str) -> Result<String, String>,
    /// Returns the standard InChIKey of a canonical SMILES; `None` if it has none.
    pub inchi_key: fn(&str) -> Option<String>,
}

inventory::collect!(Structures);

impl Structures {
    /// Returns the library that is linked, if there is one.
    pub fn linked() -> Option<&'static Self> {
        inventory::iter::<Structures>().next()
    }
}
