//! Structures from canonical SMILES, by a shorter way where that gives the same.
//!
//! What a canonical SMILES says of a molecule is what was found when it was written: which atoms are aromatic, which order
//! each bond has, where the charges and the hydrogens are. To read just that is to have the molecule again, but for what a
//! SMILES does not say: that a dummy, a triple bond, or a bond of another kind belongs to an aromatic ring, which orbitals
//! an unpaired electron or a metal's bonds take, and which hydrogens stay atoms. A molecule that has any of these goes
//! the long way.

use cosmolkit::{Atom, Bond, BondOrder, Molecule, SanitizeOperations, SanitizeParams, SmilesParseParams};

use super::{Structure, guarded, limits};

impl Structure {
    /// The structure of a SMILES that [`canonical_smiles`](Self::canonical_smiles) wrote, without its stereochemistry: for
    /// properties other than the InChIKey, for fingerprints, patterns and scaffolds, which all are what they are for
    /// [`from_smiles`](Self::from_smiles). It takes half the time or less, since what was settled when the SMILES was
    /// written is not settled again. Of another SMILES it makes a molecule that is not perceived in full.
    ///
    /// # Errors
    /// Those of `from_smiles`.
    pub fn from_canonical(smiles: &str) -> Result<Self, String> {
        limits::check(smiles)?;
        match guarded(|| as_written(smiles)).flatten().filter(is_settled) {
            Some(molecule) => Ok(Self(molecule)),
            // Which says why, or does better.
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

/// Whether the SMILES said all of the molecule that anything is computed from.
fn is_settled(molecule: &Molecule) -> bool {
    let topology = molecule.topology();
    let neighbours = |at: usize| topology.adjacency.neighbors_of(at).len();
    topology.atoms.iter().enumerate().all(|(at, atom)| is_ordinary(atom, neighbours(at)))
        && topology.bonds.iter().all(|bond| is_of_plain_order(bond, neighbours))
}

/// Whether an atom is one of the elements that organic molecules are made of, or a monatomic ion, without unpaired
/// electrons.
fn is_ordinary(atom: &Atom, neighbours: usize) -> bool {
    atom.radical_electrons() == 0
        && match atom.atomic_number() {
            0 | 1 => false,
            6 | 7 | 8 | 16 => true,
            5 | 9 | 14 | 15 | 17 | 34 | 35 | 53 => !atom.is_aromatic(),
            _ => neighbours == 0,
        }
}

/// Whether a bond is single, double or aromatic, or a triple bond that no ring goes through.
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

    /// What stands in a table of molecules may be odd. Ordinary molecules are compared with RDKit's values elsewhere.
    #[test]
    fn odd_molecules_are_what_they_are_by_the_long_way() {
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
    fn what_is_no_molecule_is_refused_as_it_always_is() {
        for smiles in ["C(", "C1CC", "CN(C)(C)(C)C", &"C".repeat(1_001)] {
            assert_eq!(Structure::from_canonical(smiles).err(), Structure::from_smiles(smiles).err(), "{smiles}");
            assert!(Structure::from_canonical(smiles).is_err(), "{smiles}");
        }
    }
}
