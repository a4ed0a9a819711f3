//! Steps over molecules: reading, describing, comparing and selecting them.
//!
//! The `cosmolkit` library does the chemistry; only the module `library` calls it. The engine and everything below it do
//! not depend on this module.

mod alerts;
mod butina;
mod cluster;
mod deduplicate;
mod describe;
mod diverse;
mod filter;
mod fingerprint;
mod fingerprints;
mod fragments;
mod library;
mod limits;
mod metric;
mod molecules;
mod params;
mod prefer;
mod property;
mod read;
mod report;
mod rules;
mod sa_score;
mod sample;
mod scaffold;
mod similar;
mod spelling;
mod standardize;
mod substructure;
mod write;

pub use alerts::{AlertCatalogue, MarkAlerts, mark_alerts};
pub use cluster::{ClusterMolecules, cluster_molecules};
pub use deduplicate::{DeduplicateMolecules, deduplicate_molecules};
pub use describe::{DescribeMolecules, describe_molecules};
pub use diverse::{PickDiverse, pick_diverse};
pub use filter::{FilterMolecules, filter_molecules};
pub use fingerprint::{ComputeFingerprints, compute_fingerprints};
pub use library::{
    Fingerprint, FingerprintKind, MAX_MATCH_STEPS, MAX_SMARTS_BYTES, MAX_SMARTS_DEPTH, MolBlock, NotAPattern, Pattern,
    Structure, Unmatched,
};
pub use limits::{
    MAX_ATOMS, MAX_DRAWN_ATOMS, MAX_INCHI_KEY_ATOMS, MAX_MOL_BLOCK_BYTES, MAX_RING_CLOSURES, MAX_SMILES_BYTES,
};
pub use molecules::{MolecularProperty, Molecule, MoleculeFamily, Molecules, NotMolecules, PropertyValue};
pub use params::{FingerprintSize, Smarts, Smiles};
pub use prefer::{PreferProperties, prefer_properties};
pub use property::{DECIMALS, Property, rounded};
pub use read::{
    InlineMolecule, InlineMolecules, MoleculesFromTable, ReadMolecules, inline_molecules, molecules_from_table,
    read_molecules,
};
pub use report::{WriteReport, write_report};
pub use rules::{JudgeMolecules, Rule, judge_molecules};
pub use sample::{SampleMolecules, sample_molecules};
pub use scaffold::{FindScaffolds, find_scaffolds};
pub use similar::{RankBySimilarity, rank_by_similarity};
pub use standardize::{MAX_TAUTOMER_ATOMS, StandardizeMolecules, standardize_molecules};
pub use substructure::{SelectBySubstructure, select_by_substructure};
pub use write::{WriteMolecules, write_molecules};
