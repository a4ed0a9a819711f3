//! What a SMILES may have before anybody tries to understand it.
//!
//! Work on a molecule recurses along its bonds and, in the worst case, takes time that grows with the cube of its
//! size; a stack that overflows cannot be caught. These limits let through all that a medicinal chemist would call a
//! molecule (semaglutide has 291 atoms, insulin 405) and keep the rest from crashing the program or holding it up: what
//! they let through takes at most a few seconds on one core, however it was contrived.

use super::spelling::{Part, parts};

/// A SMILES has at most so many bytes.
pub const MAX_SMILES_BYTES: usize = 20_000;

/// A SMILES has at most so many atoms, counting the hydrogens that it writes out.
pub const MAX_ATOMS: usize = 1_000;

/// A SMILES closes at most so many rings.
pub const MAX_RING_CLOSURES: usize = 150;

/// An InChIKey is computed for at most so many heavy atoms: InChI takes minutes for a conjugated ring of 1,000.
pub const MAX_INCHI_KEY_ATOMS: u32 = 500;

/// Whether `smiles` keeps the limits, or else which one it breaks, in words.
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
    Ok(())
}

/// A mol block has at most so many bytes.
pub const MAX_MOL_BLOCK_BYTES: usize = 500_000;

/// The same for a mol block, V2000 or V3000: its bonds are counted as they stand there.
pub(super) fn check_mol_block(block: &str) -> Result<(), String> {
    if block.len() > MAX_MOL_BLOCK_BYTES {
        return Err(format!("the mol block has {} characters, and {MAX_MOL_BLOCK_BYTES} are allowed", block.len()));
    }
    let (atoms, bonds) = drawn(block);
    if atoms > MAX_ATOMS {
        return Err(format!("the mol block has {atoms} atoms, and {MAX_ATOMS} are allowed"));
    }
    let closures = ring_closures(atoms, &bonds);
    if closures > MAX_RING_CLOSURES {
        return Err(format!("the mol block closes {closures} rings, and {MAX_RING_CLOSURES} are allowed"));
    }
    Ok(())
}

/// How many atoms a mol block says it has, and its bonds. Of a text that is none, something.
fn drawn(block: &str) -> (usize, Vec<(usize, usize)>) {
    let number = |text: Option<&str>| text.and_then(|text| text.trim().parse::<usize>().ok());
    let mut lines = block.lines().skip(3);
    let counts = lines.next().unwrap_or_default();
    if counts.contains("V3000") {
        let words =
            |line: &str| line.strip_prefix("M  V30 ").map(|rest| rest.split_whitespace().map(str::to_owned).collect());
        let mut entries = lines.filter_map(words).skip_while(|words: &Vec<String>| words[..1] != ["COUNTS"]);
        let atoms = entries.next().and_then(|words| number(words.get(1).map(String::as_str)));
        let in_bonds = entries.skip_while(|words| words[..] != ["BEGIN", "BOND"]).skip(1);
        let bond = |words: Vec<String>| Some((words.get(2)?.parse().ok()?, words.get(3)?.parse().ok()?));
        return (atoms.unwrap_or(0), in_bonds.map_while(bond).collect());
    }
    let (atoms, bonds) = (number(counts.get(..3)).unwrap_or(0), number(counts.get(3..6)).unwrap_or(0));
    let bond = |line: &str| Some((number(line.get(..3))?, number(line.get(3..6))?));
    (atoms, lines.skip(atoms).take(bonds).filter_map(bond).collect())
}

/// How many bonds close a ring: those between atoms that the bonds before have joined already.
fn ring_closures(atoms: usize, bonds: &[(usize, usize)]) -> usize {
    // Atoms that are joined lead, each by the next, to one of them.
    let mut next: Vec<usize> = (0..=atoms).collect();
    let mut closures = 0;
    for (one, other) in bonds.iter().filter(|(one, other)| *one <= atoms && *other <= atoms) {
        let (one, other) = (last(&next, *one), last(&next, *other));
        closures += usize::from(one == other);
        next[one] = other;
    }
    closures
}

fn last(next: &[usize], mut atom: usize) -> usize {
    while next[atom] != atom {
        atom = next[atom];
    }
    atom
}

#[derive(Debug, PartialEq, Eq)]
struct Size {
    atoms: usize,
    ring_closures: usize,
}

impl Size {
    /// Counts what stands in a SMILES. For a text that is none, counts something.
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
    fn what_breaks_a_limit_is_told() {
        assert_eq!(check(&"C".repeat(MAX_ATOMS)), Ok(()));
        assert_eq!(check(&"C".repeat(1001)).unwrap_err(), "the SMILES has 1001 atoms, and 1000 are allowed");
        assert_eq!(check(&"C1CC1".repeat(150)), Ok(()));
        assert!(check(&"C1CC1".repeat(151)).unwrap_err().contains("151 rings"));
        assert!(check(&"=".repeat(20_001)).unwrap_err().contains("20001 characters"));
    }

    #[test]
    fn the_bonds_of_a_mol_block_are_counted_in_both_formats() {
        let triangle = [(1, 2), (2, 3), (1, 3), (4, 5)];
        let v2000: String = triangle.iter().map(|(one, other)| format!("{one:3}{other:3}  1  0\n")).collect();
        let v2000 = format!("t\n\n\n  5  4  0  0  0  0  0  0  0  0999 V2000\n{}{v2000}M  END\n", "    C\n".repeat(5));
        let v3000: String = triangle
            .iter()
            .enumerate()
            .map(|(at, (one, other))| format!("M  V30 {} 1 {one} {other}\n", at + 1))
            .collect();
        let v3000 = format!(
            "t\n\n\n  0  0  0     0  0            999 V3000\nM  V30 BEGIN CTAB\nM  V30 COUNTS 5 4 0 0 0\n\
             M  V30 BEGIN ATOM\nM  V30 1 C 0 0 0 0\nM  V30 END ATOM\nM  V30 BEGIN BOND\n{v3000}M  V30 END BOND\nM  END\n"
        );
        for block in [v2000, v3000] {
            assert_eq!(drawn(&block), (5, triangle.to_vec()), "{block}");
        }
        assert_eq!(ring_closures(5, &triangle), 1);
        assert_eq!(drawn(""), (0, Vec::new()));
    }

    #[test]
    fn a_mol_block_that_breaks_a_limit_is_told() {
        let block = |atoms, bonds: usize| format!("\n\n\n{atoms:3}{bonds:3}\n{}", "  1  2\n".repeat(bonds));
        assert_eq!(check_mol_block(&block(0, 0)), Ok(()));
        assert!(check_mol_block(&"x".repeat(MAX_MOL_BLOCK_BYTES + 1)).unwrap_err().contains("characters"));
        assert!(check_mol_block("\n\n\nV3000\nM  V30 COUNTS 1001 0\n").unwrap_err().contains("1001 atoms"));
        let parallel = format!("\n\n\n  0152\n{}", "  0  0\n".repeat(152));
        assert!(check_mol_block(&parallel).unwrap_err().contains("152 rings"));
    }
}
