//! A SMILES with other charges and hydrogens on some of its atoms.

use std::collections::BTreeMap;

/// What an atom is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loaded {
    pub(super) charge: i32,
    pub(super) hydrogens: i32,
}

/// `smiles`, which has `atoms` atoms, with what `changes` says of the atoms at these places. All of them have to stand in
/// brackets, as charged atoms do. `None` if it is not a SMILES of that many atoms.
pub(super) fn respelled(smiles: &str, atoms: usize, changes: &BTreeMap<usize, Loaded>) -> Option<String> {
    let mut out = String::with_capacity(smiles.len() + 8);
    let (mut rest, mut place, mut changed) = (smiles, 0, 0);
    while let Some(first) = rest.chars().next() {
        let (token, is_atom) = match first {
            '[' => (rest.split_inclusive(']').next()?, true),
            '%' if rest.starts_with("%(") => (rest.split_inclusive(')').next()?, false),
            '%' => (rest.get(..3)?, false),
            _ if rest.starts_with("Cl") || rest.starts_with("Br") => (&rest[..2], true),
            other => (&rest[..other.len_utf8()], other.is_ascii_alphabetic() || other == '*'),
        };
        rest = &rest[token.len()..];
        match changes.get(&place).filter(|_| is_atom) {
            Some(loaded) => {
                out.push_str(&Bracket::read(token)?.with(*loaded));
                changed += 1;
            }
            None => out.push_str(token),
        }
        place += usize::from(is_atom);
    }
    (place == atoms && changed == changes.len()).then_some(out)
}

/// An atom in brackets, without its hydrogens and its charge.
struct Bracket<'a> {
    /// Isotope, symbol and chirality.
    head: &'a str,
    /// The number by which a reaction maps it, with its colon.
    map: &'a str,
}

impl<'a> Bracket<'a> {
    fn read(token: &'a str) -> Option<Self> {
        let inner = token.strip_prefix('[')?.strip_suffix(']')?;
        let after_isotope = inner.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let after_symbol = &after_isotope[symbol_length(after_isotope)?..];
        let after_chirality = past_chirality(after_symbol);
        let map = after_chirality.find(':').map_or("", |at| &after_chirality[at..]);
        Some(Self { head: &inner[..inner.len() - after_chirality.len()], map })
    }

    fn with(&self, loaded: Loaded) -> String {
        let hydrogens = match loaded.hydrogens {
            0 => String::new(),
            1 => "H".to_owned(),
            several => format!("H{several}"),
        };
        let charge = match loaded.charge {
            0 => String::new(),
            1 => "+".to_owned(),
            -1 => "-".to_owned(),
            several => format!("{several:+}"),
        };
        format!("[{}{hydrogens}{charge}{}]", self.head, self.map)
    }
}

fn symbol_length(text: &str) -> Option<usize> {
    let mut letters = text.chars();
    let (first, second) = (letters.next()?, letters.next());
    let two = match first {
        _ if first.is_ascii_uppercase() => second.is_some_and(|second| second.is_ascii_lowercase()),
        // Aromatic elements of two letters.
        'a' | 's' | 't' => ["as", "se", "si", "te"].iter().any(|symbol| text.starts_with(symbol)),
        _ => false,
    };
    Some(if two { 2 } else { first.len_utf8() })
}

/// What follows `@`, `@@` or a class such as `@SP1`.
fn past_chirality(text: &str) -> &str {
    let after = text.trim_start_matches('@');
    let classed =
        after.len() < text.len() && ["TH", "AL", "SP", "TB", "OH"].iter().any(|class| after.starts_with(class));
    // `[O@OH]` is no class: one has a number.
    match after.get(2..) {
        Some(number) if classed && number.starts_with(|digit: char| digit.is_ascii_digit()) => {
            number.trim_start_matches(|digit: char| digit.is_ascii_digit())
        }
        _ => after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_spelled_anew() {
        let one = |place, charge, hydrogens| BTreeMap::from([(place, Loaded { charge, hydrogens })]);
        for (smiles, atoms, changes, expected) in [
            ("CC(=O)[O-]", 4, one(3, 0, 1), "CC(=O)[OH]"),
            ("Cl[NH3+]", 2, one(1, 0, 2), "Cl[NH2]"),
            ("C%12[13C@@H-]%12C", 3, one(1, 0, 2), "C%12[13C@@H2]%12C"),
            ("[nH+]1c[se+:3]c1", 4, one(2, -2, 0), "[nH+]1c[se-2:3]c1"),
            ("[Pt@SP1H+2]", 1, one(0, 1, 3), "[Pt@SP1H3+]"),
            ("[H+].[Hg+2]", 2, one(0, 0, 0), "[H].[Hg+2]"),
        ] {
            assert_eq!(respelled(smiles, atoms, &changes).as_deref(), Some(expected), "{smiles}");
        }
    }

    #[test]
    fn what_does_not_fit_is_not_spelled() {
        let change = BTreeMap::from([(0, Loaded { charge: 0, hydrogens: 1 })]);
        for (smiles, atoms) in [("CC", 2), ("[O-]C", 3), ("[O-", 1), ("", 0), ("%", 1)] {
            assert_eq!(respelled(smiles, atoms, &change), None, "{smiles}");
        }
    }
}
