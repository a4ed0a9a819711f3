//! What a SMILES may have before anybody tries to understand it.
//!
//! Work on a molecule recurses along its bonds and, in the worst case, takes time that grows with the cube of its
//! size; a stack that overflows cannot be caught. These limits let through all that a medicinal chemist would call a
//! molecule (semaglutide has 291 atoms, insulin 405) and keep the rest from crashing the program or holding it up: what
//! they let through takes at most a few seconds on one core, however it was contrived.

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

#[derive(Debug, PartialEq, Eq)]
struct Size {
    atoms: usize,
    ring_closures: usize,
}

impl Size {
    /// Counts what stands in a SMILES. For a text that is none, counts something.
    fn of(smiles: &str) -> Self {
        let (mut atoms, mut ring_ends) = (0, 0);
        let mut rest = smiles.as_bytes();
        while let Some((&first, after)) = rest.split_first() {
            rest = after;
            match first {
                b'[' => {
                    atoms += 1;
                    rest = past(rest, b']');
                }
                b'%' => {
                    ring_ends += 1;
                    rest = match rest {
                        [b'(', label @ ..] => past(label, b')'),
                        [_, _, after @ ..] => after,
                        _ => &[],
                    };
                }
                b'0'..=b'9' => ring_ends += 1,
                // The second letters of Cl and Br.
                b'l' | b'r' => {}
                b'*' => atoms += 1,
                letter if letter.is_ascii_alphabetic() => atoms += 1,
                _ => {}
            }
        }
        Self { atoms, ring_closures: ring_ends / 2 }
    }
}

/// What follows the first `end` in `text`.
fn past(text: &[u8], end: u8) -> &[u8] {
    text.iter().position(|byte| *byte == end).map_or(&[], |at| &text[at + 1..])
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
}
