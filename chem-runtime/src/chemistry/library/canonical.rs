//! Parses canonical SMILES by a faster path where that gives the same result.
//!
//! A canonical SMILES records what was perceived when it was written: the aromatic atoms, the bond orders, the charges and
//! the hydrogens. Parsing it without perceiving these again restores the molecule, except for what a SMILES does not
//! record: that a dummy atom, a triple bond or an unusual bond belongs to an aromatic ring, the orbitals of an unpaired
//! electron or of a metal's bonds, and which hydrogens remain atoms. A molecule with any of these takes the full path.

use cosmolkit::{Atom, Bond, BondOrder, Molecule, SanitizeOperations, SanitizeParams, SmilesParseParams};

use super::{Structure, guarded, limits};

impl Structure {
    /// Parses a SMILES that [`canonical_smiles`](Self::canonical_smiles) wrote, without its stereochemistry. Properties other
    /// than the InChIKey, fingerprints, pattern matches and scaffolds equal those of [`from_smiles`](Self::from_smiles). It
    /// takes at most half the time. Any other SMILES gives a molecule that is not fully perceived.
    ///
    /// # Errors
    /// Fails like `from_smiles`.
    pub fn from_canonical(smiles: &str) -> Result<Self, String> {
        limits::check(smiles)?;
        match guarded(|| as_written(smiles)).flatten().filter(is_settled) {
            Some(molecule) => Ok(Self(molecule)),
            // The full path either succeeds or reports the reason.
            None => Self::from_smiles(smiles),
        }
    }
}

fn as_written(smiles: &str) -> Option<Molecule> {
    let as_written = SmilesParseParams { sanitize: false, remove_hs: false, ..SmilesParseParams::default() };
    let mut molecule = Molecule::from_smiles_with_params(smiles, &as_written).ok()?;
    let operations = SanitizeOperations::PROPERTIES
        | SanitizeOperations::SYMM_RINGS
        | SanitizeOperations::FIND_RADICALS
        | SanitizeOperations::SET_CONJUGATION
        | SanitizeOperations::SET_HYBRIDIZATION;
    molecule.sanitize_with_params_(&SanitizeParams { operations }).ok()?;
    Some(molecule)
}

/// Returns whether the SMILES records everything that computed values depend on.
fn is_settled(molecule: &Molecule) -> bool {
    let topology = molecule.topology();
    let neighbours = |at: usize| topology.adjacency.neighbors_of(at).len();
    topology.atoms.iter().enumerate().all(|(at, atom)| is_ordinary(atom, neighbours(at)))
        && topology.bonds.iter().all(|bond| is_of_plain_order(bond, neighbours))
}

/// Returns whether an atom has no unpaired electrons and is of an element common in organic molecules, or a monatomic ion.
fn is_ordinary(atom: &Atom, neighbours: usize) -> bool {
    atom.radical_electrons() == 0
        && match atom.atomic_number() {
            0 | 1 => false,
            6 | 7 | 8 | 16 => true,
            5 | 9 | 14 | 15 | 17 | 34 | 35 | 53 => !atom.is_aromatic(),
            _ => neighbours == 0,
        }
}

/// Returns whether a bond is single, double or aromatic, or a triple bond outside rings.
fn is_of_plain_order(bond: &Bond, neighbours: impl Fn(usize) -> usize) -> bool {
    match bond.order() {
        BondOrder::Single | BondOrder::Double | BondOrder::Aromatic => true,
        BondOrder::Triple => neighbours(bond.begin().index()) < 2 || neighbours(bond.end().index()) < 2,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chemistry::{FingerprintKind, Property};

    /// Covers unusual molecules. Ordinary ones are compared with RDKit's values elsewhere.
    #[test]
    fn both_paths_agree_on_unusual_molecules() {
        for smiles in [
            "[H][H]",
            "[2H]OC([2H])([2H])[2H]",
            "[H+].[Cl-]",
            "[CH3]",
            "[O][O]",
            "[O-][N+](=O)c1ccccc1",
            "*c1ccccc1",
            "CC[Hg]CC",
            "N->[Pt](<-N)(Cl)Cl",
            "C[Si](C)(C)F",
            "F[P-](F)(F)(F)(F)F",
            "B1C=CC=CC1",
            "O=c1cc[nH]c(=O)[nH]1",
            "c1ccc2cccc-2cc1",
            "C1=CC=CC=CC=C1",
            "[Fe+2].c1cc[cH-]c1.c1cc[cH-]c1",
            "O=[N+]([O-])/C=C/c1ccc[se]1",
            "C[S@](=O)CC[C@H](N)C(=O)O",
            "[O-][Cl+3]([O-])([O-])O",
            "C#[N+][O-]",
            "[Na]Cl",
            "O=S(=O)=O",
            "[C-]#[O+]",
            "c1ccc2c(c1)[nH]c1ccccc12",
            "C[n+]1ccccc1",
            "[235U]",
            "[13CH4]",
            "O=C1C=CC(=O)C=C1",
            "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
        ] {
            let canonical = Structure::from_smiles(smiles).and_then(|structure| structure.canonical_smiles()).unwrap();
            let (long, short) =
                (Structure::from_smiles(&canonical).unwrap(), Structure::from_canonical(&canonical).unwrap());
            for property in Property::all().iter().filter(|property| !property.needs_stereo) {
                assert_eq!(property.of(&short), property.of(&long), "{} of {canonical}", property.name);
            }
            for kind in [FingerprintKind::Ecfp4, FingerprintKind::Maccs] {
                assert_eq!(short.fingerprint(kind), long.fingerprint(kind), "{kind:?} of {canonical}");
            }
            assert_eq!(short.scaffold(), long.scaffold(), "scaffold of {canonical}");
        }
    }

    #[test]
    fn both_paths_refuse_invalid_smiles_alike() {
        for smiles in ["C(", "C1CC", "CN(C)(C)(C)C", &"C".repeat(1_001)] {
            assert_eq!(Structure::from_canonical(smiles).err(), Structure::from_smiles(smiles).err(), "{smiles}");
            assert!(Structure::from_canonical(smiles).is_err(), "{smiles}");
        }
    }
}
