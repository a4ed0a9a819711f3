//! Limits on a SMILES or a mol block, checked before the library parses it.
//!
//! The library recurses along bonds and, in the worst case, takes time cubic in the number of atoms; a stack overflow
//! cannot be caught. These limits admit everything that a medicinal chemist would call a molecule (semaglutide has 291
//! atoms, insulin 405), and prevent hostile input from crashing or stalling the program: whatever they admit takes at most
//! a few seconds on one core.

mod drawn;

pub(super) use self::drawn::{Drawn, SYMBOL};
use super::spelling::{Part, parts, undefined_ring_closure};

/// The maximum length of a SMILES, in bytes.
pub const MAX_SMILES_BYTES: usize = 20_000;

/// The maximum number of atoms in a SMILES, including hydrogens that are written as atoms.
pub const MAX_ATOMS: usize = 1_000;

/// The maximum number of ring closures in a SMILES.
pub const MAX_RING_CLOSURES: usize = 150;

/// The maximum number of heavy atoms for an InChIKey: InChI takes minutes for a conjugated ring of 1,000.
pub const MAX_INCHI_KEY_ATOMS: u32 = 500;

/// The maximum number of atoms in a picture. Drawing takes time cubic in the number of atoms, half a second for this many.
pub const MAX_DRAWN_ATOMS: usize = 300;

/// Checks `smiles` against the limits.
///
/// # Errors
/// Names the limit that it exceeds.
pub(super) fn check(smiles: &str) -> Result<(), String> {
    if smiles.len() > MAX_SMILES_BYTES {
        return Err(format!("the SMILES has {} characters, and {MAX_SMILES_BYTES} are allowed", smiles.len()));
    }
    let Size { atoms, ring_closures } = Size::of(smiles);
    if atoms > MAX_ATOMS {
        return Err(format!("the SMILES has {atoms} atoms, and {MAX_ATOMS} are allowed"));
    }
    if ring_closures > MAX_RING_CLOSURES {
        return Err(format!("the SMILES closes {ring_closures} rings, and {MAX_RING_CLOSURES} are allowed"));
    }
    if undefined_ring_closure(smiles) {
        return Err("the SMILES closes a ring with `~`, which would be read as a single bond".to_owned());
    }
    Ok(())
}

/// The maximum length of a mol block, in bytes.
pub const MAX_MOL_BLOCK_BYTES: usize = 500_000;

/// Checks a mol block, V2000 or V3000, against the limits, and returns what it draws. Counts the atoms and bonds that the
/// block lists, not those that it declares.
///
/// # Errors
/// Names the limit that it exceeds, or the reason why its atoms and bonds cannot be counted.
pub(super) fn check_mol_block(block: &str) -> Result<Drawn, String> {
    if block.len() > MAX_MOL_BLOCK_BYTES {
        return Err(format!("the mol block has {} characters, and {MAX_MOL_BLOCK_BYTES} are allowed", block.len()));
    }
    let drawn = Drawn::of(block)?;
    if drawn.atoms > MAX_ATOMS {
        return Err(format!("the mol block has {} atoms, and {MAX_ATOMS} are allowed", drawn.atoms));
    }
    let closures = drawn.ring_closures();
    if closures > MAX_RING_CLOSURES {
        return Err(format!("the mol block closes {closures} rings, and {MAX_RING_CLOSURES} are allowed"));
    }
    Ok(drawn)
}

#[derive(Debug, PartialEq, Eq)]
struct Size {
    atoms: usize,
    ring_closures: usize,
}

impl Size {
    /// Counts the atoms and ring closures of a SMILES. The counts of an invalid SMILES are arbitrary.
    fn of(smiles: &str) -> Self {
        let (mut atoms, mut ring_ends) = (0, 0);
        for part in parts(smiles) {
            match part {
                Part::Atom => atoms += 1,
                Part::Ring(_) => ring_ends += 1,
            }
        }
        Self { atoms, ring_closures: ring_ends / 2 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atoms_and_rings_are_counted() {
        for (smiles, atoms, ring_closures) in [
            ("", 0, 0),
            ("CCO", 3, 0),
            ("ClCCBr", 4, 0),
            ("c1ccccc1", 6, 1),
            ("[Na+].[Cl-]", 2, 0),
            ("C%12CC%12C%(123)CC%(123)", 6, 2),
            ("[13CH3:12]C(=O)[O-]", 4, 0),
            ("*[*]", 2, 0),
            ("[H]O[H]", 3, 0),
            ("C%", 1, 0),
            ("[C", 1, 0),
        ] {
            assert_eq!(Size::of(smiles), Size { atoms, ring_closures }, "{smiles}");
        }
    }

    #[test]
    fn a_smiles_beyond_a_limit_is_refused() {
        assert_eq!(check(&"C".repeat(MAX_ATOMS)), Ok(()));
        assert_eq!(check(&"C".repeat(1001)).unwrap_err(), "the SMILES has 1001 atoms, and 1000 are allowed");
        assert_eq!(check(&"C1CC1".repeat(150)), Ok(()));
        assert!(check(&"C1CC1".repeat(151)).unwrap_err().contains("151 rings"));
        assert!(check(&"=".repeat(20_001)).unwrap_err().contains("20001 characters"));
    }

    #[test]
    fn a_mol_block_beyond_a_limit_is_refused() {
        let block = |atoms: usize, bonds: usize| {
            format!("\n\n\n{atoms:3}{bonds:3}\n{}{}", "    C\n".repeat(atoms), "  1  2\n".repeat(bonds))
        };
        assert!(check_mol_block(&block(0, 0)).is_ok());
        assert!(check_mol_block(&block(2, MAX_RING_CLOSURES + 1)).is_ok());
        assert!(check_mol_block(&block(2, 152)).unwrap_err().contains("151 rings"));
        assert!(check_mol_block(&"x".repeat(MAX_MOL_BLOCK_BYTES + 1)).unwrap_err().contains("characters"));
        let atoms = "M  V30 7 C 0 0 0 0\n".repeat(MAX_ATOMS + 1);
        let large = format!(
            "\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\nM  V30 counts 1001 0\n\
             M  V30 BEGIN ATOM\n{atoms}M  V30 END ATOM\nM  V30 END CTAB\n"
        );
        assert!(check_mol_block(&large).unwrap_err().contains("1001 atoms"));
    }
}
