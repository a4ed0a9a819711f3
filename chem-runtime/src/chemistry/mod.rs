//! Molecules: reading, describing and choosing them.
//!
//! The chemistry itself is the `cosmolkit` library's, which `library` alone touches. The engine, the stores and all
//! below them know nothing of this wing.

mod describe;
mod filter;
mod library;
mod limits;
mod molecules;
mod property;
mod read;

pub use describe::{DescribeMolecules, describe_molecules};
pub use filter::{FilterMolecules, filter_molecules};
pub use library::{PROVIDER, Structure};
pub use limits::{MAX_ATOMS, MAX_INCHI_KEY_ATOMS, MAX_RING_CLOSURES, MAX_SMILES_BYTES};
pub use molecules::{Molecules, NotMolecules};
pub use property::{DECIMALS, Property, rounded};
pub use read::{InlineMolecule, InlineMolecules, ReadMolecules, inline_molecules, read_molecules};
