//! SMARTS patterns: what they may be, and how they are read. Whether a structure has one is said in `matching`.

use std::borrow::Cow;
use std::ops::Range;

use cosmolkit::{QueryGraph, SmartsParseError, SmartsParseParams, parse_smarts_with_params};

use super::guarded;
use super::hydrogens::ordinary_hydrogen;

/// A SMARTS has at most so many bytes.
pub const MAX_SMARTS_BYTES: usize = 5_000;

/// Brackets and parentheses of a SMARTS stand in each other at most so deep.
pub const MAX_SMARTS_DEPTH: usize = 50;

/// A SMARTS pattern that is known to parse.
#[derive(Debug)]
pub struct Pattern(QueryGraph);

/// Why a text is no pattern, or no usable one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotAPattern {
    /// What is wrong.
    pub message: String,
    /// The bytes where, if that is known.
    pub at: Option<Range<usize>>,
    /// What to write instead.
    pub help: Option<&'static str>,
}

impl NotAPattern {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), at: None, help: None }
    }
}

impl Pattern {
    /// The pattern that `smarts` spells. Wants a deep stack.
    ///
    /// # Errors
    /// Says what is wrong with it: it does not parse, or it breaks a limit.
    pub fn from_smarts(smarts: &str) -> Result<Self, NotAPattern> {
        Self::read(smarts, false)
    }

    /// The pattern that `smarts` spells, to look for in molecules whose hydrogens are counts of their neighbours. With
    /// `merge_hydrogens` its hydrogen atoms become such counts, as by RDKit's `MergeQueryHs`: `C[#1]` is `[C;!H0]`.
    /// `Some(false)` leaves them atoms, which ordinary hydrogens never match. Wants a deep stack.
    ///
    /// # Errors
    /// Those of [`from_smarts`](Self::from_smarts), and unless `merge_hydrogens` is `Some(false)`, that the pattern asks
    /// for a hydrogen atom that no molecule has.
    pub fn for_molecules(smarts: &str, merge_hydrogens: Option<bool>) -> Result<Self, NotAPattern> {
        let pattern = Self::read(smarts, merge_hydrogens == Some(true))?;
        match (ordinary_hydrogen(&pattern.0), merge_hydrogens) {
            (None, _) | (_, Some(false)) => Ok(pattern),
            (Some(atom), None) => Err(NotAPattern {
                message: "the pattern asks for a hydrogen atom, and molecules have hydrogens as counts of their \
                          neighbours: it would match nothing"
                    .to_owned(),
                at: atom_span(smarts, atom),
                help: Some(
                    "write `merge_hydrogens: true` to have `C[#1]` mean `[C;!H0]`, or `merge_hydrogens: false` to find \
                     only the hydrogens that stay atoms, such as deuterium",
                ),
            }),
            (Some(_), Some(true)) => Err(NotAPattern {
                help: Some(
                    "write `*[#1]` for an atom that has one, or leave `merge_hydrogens` out for `[2H]` and `[H+]`",
                ),
                ..NotAPattern::new(
                    "the pattern asks for a hydrogen atom that has no neighbour to be counted with: it would match nothing",
                )
            }),
        }
    }

    fn read(smarts: &str, merge_hs: bool) -> Result<Self, NotAPattern> {
        if smarts.trim().is_empty() {
            return Err(NotAPattern::new("the SMARTS is empty"));
        }
        if smarts.len() > MAX_SMARTS_BYTES {
            let length = smarts.len();
            let message = format!("the SMARTS has {length} characters, and {MAX_SMARTS_BYTES} are allowed");
            return Err(NotAPattern::new(message));
        }
        // What follows a space would be taken for an extension that changes what the pattern means.
        if let Some(at) = smarts.find(|character: char| character.is_whitespace() || character == '\0') {
            return Err(NotAPattern { at: Some(at..at + 1), ..NotAPattern::new("a SMARTS has no spaces in it") });
        }
        if depth(smarts) > MAX_SMARTS_DEPTH {
            let message = format!("the SMARTS is nested more than {MAX_SMARTS_DEPTH} levels deep");
            return Err(NotAPattern::new(message));
        }
        let params = SmartsParseParams { merge_hs, ..SmartsParseParams::default() };
        let spelled_out = without_nihonium(smarts);
        match guarded(|| parse_smarts_with_params(&spelled_out, &params)) {
            Some(Ok(query)) if query.num_atoms() == 0 => Err(NotAPattern::new("the SMARTS has no atoms")),
            Some(Ok(query)) => Ok(Self(query)),
            Some(Err(error)) => {
                // Places in another text would mislead.
                let position = position(&error).filter(|_| spelled_out == smarts);
                let at = position.and_then(|at| Some(at..at + smarts.get(at..)?.chars().next()?.len_utf8()));
                Err(NotAPattern { at, ..NotAPattern::new(format!("not a SMARTS: {error}")) })
            }
            None => Err(NotAPattern::new("the chemistry library failed on this SMARTS")),
        }
    }

    /// The pattern as the library has it.
    pub(super) fn query(&self) -> &QueryGraph {
        &self.0
    }
}

/// `smarts` with `[Nh]` written as `[N&h]`. RDKit reads an aliphatic nitrogen with implicit hydrogens, as everybody who
/// writes it means, and the library element 113. Of all symbols only this one is read in two ways; `[#113]` is left.
fn without_nihonium(smarts: &str) -> Cow<'_, str> {
    if !smarts.contains("Nh") {
        return Cow::Borrowed(smarts);
    }
    let (mut text, mut brackets, mut before) = (String::with_capacity(smarts.len() + 8), 0_usize, ' ');
    for character in smarts.chars() {
        match character {
            '[' => brackets += 1,
            ']' => brackets = brackets.saturating_sub(1),
            'h' if before == 'N' && brackets > 0 => text.push('&'),
            _ => {}
        }
        text.push(character);
        before = character;
    }
    Cow::Owned(text)
}

/// Where the atom of this index is spelled, recursive patterns and all.
fn atom_span(smarts: &str, index: usize) -> Option<Range<usize>> {
    let bytes = smarts.as_bytes();
    let (mut atoms, mut at) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        let end = match byte {
            b'[' => at + bracket_length(&bytes[at..])?,
            b'C' if bytes.get(at + 1) == Some(&b'l') => at + 2,
            b'B' if bytes.get(at + 1) == Some(&b'r') => at + 2,
            b'*' => at + 1,
            letter if letter.is_ascii_alphabetic() => at + 1,
            _ => {
                at += 1;
                continue;
            }
        };
        if atoms == index {
            return Some(at..end);
        }
        (atoms, at) = (atoms + 1, end);
    }
    None
}

/// The length of the bracket that `text` begins with.
fn bracket_length(text: &[u8]) -> Option<usize> {
    let mut open = 0_usize;
    let closes = |byte: &u8| {
        match byte {
            b'[' => open += 1,
            b']' => open = open.saturating_sub(1),
            _ => {}
        }
        open == 0
    };
    text.iter().position(closes).map(|last| last + 1)
}

/// How deep brackets and parentheses stand in each other.
fn depth(smarts: &str) -> usize {
    let (mut now, mut deepest) = (0_usize, 0);
    for byte in smarts.bytes() {
        match byte {
            b'(' | b'[' => now += 1,
            b')' | b']' => now = now.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}

fn position(error: &SmartsParseError) -> Option<usize> {
    match error {
        SmartsParseError::UnclosedBracket(at) | SmartsParseError::UnclosedParenthesis(at) => Some(*at),
        SmartsParseError::UnexpectedCharacter { position, .. }
        | SmartsParseError::InvalidAtomPrimitive { position, .. } => Some(*position),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chemistry::Structure;

    #[test]
    fn what_is_no_pattern_says_why() {
        for (smarts, why) in [
            ("", "empty"),
            (" ", "empty"),
            ("C C", "spaces"),
            ("[C", "not a SMARTS"),
            ("C1CC", "not a SMARTS"),
            ("[Qq]", "not a SMARTS"),
            ("C(", "not a SMARTS"),
            ("é", "not a SMARTS"),
            (&"C".repeat(5_001), "5001 characters"),
            (&"[$(".repeat(30), "nested"),
        ] {
            let said = Pattern::from_smarts(smarts).unwrap_err().to_string();
            assert!(said.contains(why), "{smarts}: {said}");
        }
    }
    #[test]
    fn an_ordinary_hydrogen_as_an_atom_is_pointed_at_unless_a_parameter_says_what_it_means() {
        for (smarts, atom) in [
            ("C[#1]", "[#1]"),
            ("[H]C", "[H]"),
            ("[#1]", "[#1]"),
            ("C.[#1]", "[#1]"),
            ("Cl[$(C[#1])]", "[$(C[#1])]"),
            ("[C;!$(C[#1])]", "[C;!$(C[#1])]"),
            ("[C,$(N[#1])]", "[C,$(N[#1])]"),
            ("[$([#1])]Br", "[$([#1])]"),
            ("BrN([#1;D1])*", "[#1;D1]"),
            ("[#1,H]C", ""),
            ("[*;#1]C", "[*;#1]"),
        ] {
            let found = Pattern::for_molecules(smarts, None);
            match found {
                Err(error) => assert_eq!(&smarts[error.at.clone().unwrap()], atom, "{smarts}: {error}"),
                Ok(_) => assert_eq!(atom, "", "{smarts}"),
            }
            assert!(Pattern::for_molecules(smarts, Some(false)).is_ok(), "{smarts}");
        }
        for smarts in [
            "[!#1]C",
            "[#1,#6]C",
            "[2H]C",
            "[2#1]C",
            "[H+]",
            "[#1+]",
            "[H-][Na]",
            "[H][H]",
            "[#1][#0]",
            "C[#1]C",
            "[CH3]",
            "[H1]",
            "[nH]",
            "[$([#1]),$(C)]N",
            "[!$([#1])]N",
            "[#1;D0]",
            "[2H,3H]C",
            "[#1,2H]C",
        ] {
            assert!(Pattern::for_molecules(smarts, None).is_ok(), "{smarts}");
        }
    }

    #[test]
    fn a_hydrogen_that_nothing_counts_is_refused_when_merging_too() {
        for smarts in ["[#1]", "[$([#1])]Br"] {
            let said = Pattern::for_molecules(smarts, Some(true)).unwrap_err();
            assert!(said.message.contains("no neighbour") && said.help.is_some(), "{said}");
        }
    }

    #[test]
    fn merged_hydrogens_are_counts() {
        let ethanol = Structure::from_smiles("CCO").unwrap();
        for (smarts, there) in [
            ("O[#1]", true),
            ("O([#1])[#1]", false),
            ("C([#1])([#1])[#1]", true),
            ("[C;!$(C[#1])]", false),
            ("[#6]-[$([#8]-[#1])]", true),
            ("C[2H]", false),
        ] {
            let pattern = Pattern::for_molecules(smarts, Some(true)).unwrap();
            assert_eq!(ethanol.has(&pattern), Ok(there), "{smarts}");
        }
    }

    #[test]
    fn a_ring_of_a_pattern_is_closed_by_the_bond_that_rdkit_takes() {
        let molecules = ["C1CCCC1", "C1=CCCC1", "c1ccccc1", "C1CCCC~C1"].map(|it| Structure::from_smiles(it).unwrap());
        for (smarts, there) in [
            ("C~1CCCC1", [true, true, false, false]),
            ("C1CCCC~1", [true, true, false, false]),
            ("C~1CCCC~1", [true, true, false, false]),
            ("C~1CCCC-1", [true, true, false, false]),
            ("C-1CCCC~1", [true, false, false, false]),
            ("C~1CCCC=1", [true, true, false, false]),
            ("C=1CCCC~1", [false, true, false, false]),
            ("C%10CCCC~%10", [true, true, false, false]),
            ("c~1ccccc1", [false, false, true, false]),
            ("C~1CCCCC1", [false, false, false, true]),
            ("[#6]1~[#6]~[#6]~[#6]~[#6]~[#6]~1", [false, false, true, true]),
            ("C!@1CCCC!@1", [false, false, false, false]),
            ("C@1CCCC@1", [true, true, false, false]),
        ] {
            let pattern = Pattern::from_smarts(smarts).unwrap();
            let found: Vec<bool> = molecules.iter().map(|molecule| molecule.has(&pattern).unwrap()).collect();
            assert_eq!(found, there, "{smarts}");
        }
    }

    #[test]
    fn nitrogen_with_implicit_hydrogens_is_not_nihonium() {
        let has = |smiles: &str, smarts: &str| {
            Structure::from_smiles(smiles).unwrap().has(&Pattern::from_smarts(smarts).unwrap()).unwrap()
        };
        for (smarts, amine, pyrrole) in [
            ("[Nh]", true, false),
            ("[Nh2]", true, false),
            ("[!Nh]", true, true),
            ("[$(C[Nh2])]", true, false),
            ("[n;h,Nh1]", false, true),
            ("[#113]", false, false),
        ] {
            assert_eq!((has("CN", smarts), has("c1cc[nH]c1", smarts)), (amine, pyrrole), "{smarts}");
        }
        assert!(has("[Nh]", "[#113]"));
    }
}
