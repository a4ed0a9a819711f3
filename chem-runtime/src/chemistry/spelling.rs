//! Scans a SMILES for atoms and ring closures without parsing it.

use std::collections::BTreeSet;

/// A part of a SMILES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// An atom, including hydrogens in brackets.
    Atom,
    /// The label of a ring that opens or closes; `None` if the label is not a number.
    Ring(Option<u32>),
}

/// Returns the parts of a SMILES in order. The parts of an invalid SMILES are arbitrary.
pub(super) fn parts(smiles: &str) -> impl Iterator<Item = Part> {
    let mut rest = smiles.as_bytes();
    std::iter::from_fn(move || {
        while let Some((&first, after)) = rest.split_first() {
            rest = after;
            match first {
                b'[' => {
                    (_, rest) = split_at(rest, b']');
                    return Some(Part::Atom);
                }
                b'%' => {
                    let label;
                    (label, rest) = match rest {
                        [b'(', label @ ..] => split_at(label, b')'),
                        _ => rest.split_at(rest.len().min(2)),
                    };
                    return Some(Part::Ring(number(label)));
                }
                b'0'..=b'9' => return Some(Part::Ring(number(&[first]))),
                // The second letters of Cl and Br.
                b'l' | b'r' => {}
                b'*' => return Some(Part::Atom),
                letter if letter.is_ascii_alphabetic() => return Some(Part::Atom),
                _ => {}
            }
        }
        None
    })
}

/// Returns the lowest label of a ring that is opened but not closed.
pub(super) fn open_ring(smiles: &str) -> Option<u32> {
    let mut open = BTreeSet::new();
    for part in parts(smiles) {
        if let Part::Ring(Some(label)) = part
            && !open.insert(label)
        {
            open.remove(&label);
        }
    }
    open.first().copied()
}

/// Returns whether a ring closure has the bond of unknown order, `~`.
pub(super) fn undefined_ring_closure(smiles: &str) -> bool {
    smiles.as_bytes().windows(2).any(|pair| matches!(pair, [b'~', b'0'..=b'9' | b'%']))
}

/// Splits `text` at the first `end`.
fn split_at(text: &[u8], end: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|byte| *byte == end) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[]),
    }
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_open_ring_is_found() {
        for (smiles, open) in [
            ("c1ccccc1", None),
            ("C1CC2CC3", Some(1)),
            ("C3CC2CC1CC1", Some(2)),
            ("C1CC1C1CC", Some(1)),
            ("C%12CC1%(123)", Some(1)),
            ("[13CH3]C%12CC%(12)", None),
            ("C%(123)C%(7", Some(7)),
            ("C%é1", Some(1)),
        ] {
            assert_eq!(open_ring(smiles), open, "{smiles}");
        }
    }
}
