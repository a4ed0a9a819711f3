//! Parses SMARTS patterns and checks their limits. `matching` searches for them.

use std::borrow::Cow;
use std::ops::Range;

use cosmolkit::{QueryGraph, SmartsParseError, SmartsParseParams, parse_smarts_with_params};

use super::guarded;
use super::hydrogens::ordinary_hydrogen;
use super::needs::Atoms;

/// The maximum length of a SMARTS, in bytes.
pub const MAX_SMARTS_BYTES: usize = 5_000;

/// The maximum nesting of brackets and parentheses in a SMARTS.
pub const MAX_SMARTS_DEPTH: usize = 50;

/// A parsed SMARTS pattern.
#[derive(Debug)]
pub struct Pattern {
    query: QueryGraph,
    needed: Atoms,
    parts: Vec<Part>,
}

/// One of the components of a pattern such as `C.C.N`, which may occur anywhere in a molecule but not overlap.
#[derive(Debug)]
pub(super) struct Part {
    /// The component.
    pub(super) query: QueryGraph,
    /// How often it is in the pattern.
    pub(super) copies: usize,
}

/// Why a text cannot be used as a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotAPattern {
    /// What is wrong with the pattern.
    pub message: String,
    /// The bytes that are wrong, if known.
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
    /// Parses `smarts`. Requires a deep stack.
    ///
    /// # Errors
    /// Fails if the pattern does not parse or exceeds a limit.
    pub fn from_smarts(smarts: &str) -> Result<Self, NotAPattern> {
        Self::read(smarts, false)
    }

    /// Parses `smarts` for molecules with implicit hydrogens, which are counts on their neighbours. `Some(true)` turns the
    /// hydrogen atoms of the pattern into such counts, like RDKit's `MergeQueryHs`: `C[#1]` becomes `[C;!H0]`.
    /// `Some(false)` leaves them as atoms, which implicit hydrogens never match. Requires a deep stack.
    ///
    /// # Errors
    /// Fails like [`from_smarts`](Self::from_smarts). Unless `merge_hydrogens` is `Some(false)`, also fails if the pattern
    /// requires a hydrogen atom that no molecule has.
    pub fn for_molecules(smarts: &str, merge_hydrogens: Option<bool>) -> Result<Self, NotAPattern> {
        let pattern = Self::read(smarts, merge_hydrogens == Some(true))?;
        match (ordinary_hydrogen(&pattern.query), merge_hydrogens) {
            (None, _) | (_, Some(false)) => Ok(pattern),
            (Some(atom), None) => Err(NotAPattern {
                message: "the pattern requires a hydrogen atom, but molecules have implicit hydrogens: it would match \
                          nothing"
                    .to_owned(),
                at: atom_span(smarts, atom),
                help: Some(
                    "write `merge_hydrogens: true` to interpret `C[#1]` as `[C;!H0]`, or `merge_hydrogens: false` to find \
                     only explicit hydrogens, such as deuterium",
                ),
            }),
            (Some(_), Some(true)) => Err(NotAPattern {
                help: Some(
                    "write `*[#1]` for an atom with a hydrogen, or omit `merge_hydrogens` to find `[2H]` and `[H+]`",
                ),
                ..NotAPattern::new(
                    "the pattern requires a hydrogen atom that has no neighbour to merge it with: it would match nothing",
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
            let message = format!("the SMARTS has {length} characters; at most {MAX_SMARTS_BYTES} are allowed");
            return Err(NotAPattern::new(message));
        }
        // The library would interpret text after a space as an extension that changes the meaning of the pattern.
        if let Some(at) = smarts.find(|character: char| character.is_whitespace() || character == '\0') {
            return Err(NotAPattern { at: Some(at..at + 1), ..NotAPattern::new("a SMARTS contains no spaces") });
        }
        if depth(smarts) > MAX_SMARTS_DEPTH {
            let message = format!("the SMARTS is nested more than {MAX_SMARTS_DEPTH} levels deep");
            return Err(NotAPattern::new(message));
        }
        let params = SmartsParseParams { merge_hs, ..SmartsParseParams::default() };
        let spelled_out = without_nihonium(smarts);
        match guarded(|| parse_smarts_with_params(&spelled_out, &params)) {
            Some(Ok(query)) if query.num_atoms() == 0 => Err(NotAPattern::new("the SMARTS has no atoms")),
            Some(Ok(query)) => {
                let (needed, parts) = (Atoms::needed_by(&query), parts(&spelled_out, &query, &params));
                Ok(Self { query, needed, parts })
            }
            Some(Err(error)) => {
                // A position in the rewritten text would be misleading.
                let position = position(&error).filter(|_| spelled_out == smarts);
                let at = position.and_then(|at| Some(at..at + smarts.get(at..)?.chars().next()?.len_utf8()));
                Err(NotAPattern { at, ..NotAPattern::new(format!("not a SMARTS: {error}")) })
            }
            None => Err(NotAPattern::new("the chemistry library failed on this SMARTS")),
        }
    }

    /// Returns the pattern in the library's representation.
    pub(super) fn query(&self) -> &QueryGraph {
        &self.query
    }

    /// Returns the atoms that every match contains.
    pub(super) fn needed(&self) -> &Atoms {
        &self.needed
    }

    /// Returns the components of the pattern; none if there is one component, or if they do not parse separately.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

/// Parses the components of `smarts`, which as a whole is `query`.
fn parts(smarts: &str, query: &QueryGraph, params: &SmartsParseParams) -> Vec<Part> {
    let mut open = 0_usize;
    let texts = smarts.split(|character| {
        match character {
            '(' | '[' => open += 1,
            ')' | ']' => open = open.saturating_sub(1),
            _ => {}
        }
        character == '.' && open == 0
    });
    let mut copies: Vec<(&str, usize)> = Vec::new();
    for text in texts {
        match copies.iter_mut().find(|(known, _)| *known == text) {
            Some((_, copies)) => *copies += 1,
            None => copies.push((text, 1)),
        }
    }
    if copies.iter().map(|(_, copies)| copies).sum::<usize>() < 2 {
        return Vec::new();
    }
    // A ring bond between components, as in `C1.C1`, leaves them unparsable.
    let parse = |(text, copies): (&str, usize)| {
        let query = guarded(|| parse_smarts_with_params(text, params).ok()).flatten()?;
        Some(Part { query, copies })
    };
    let parts: Vec<Part> = copies.into_iter().map(parse).collect::<Option<_>>().unwrap_or_default();
    let atoms: usize = parts.iter().map(|part| part.copies * part.query.num_atoms()).sum();
    if atoms == query.num_atoms() { parts } else { Vec::new() }
}

/// Rewrites `[Nh]` as `[N&h]`. RDKit parses `[Nh]` as an aliphatic nitrogen with implicit hydrogens, which is what authors
/// mean, but the library parses it as element 113. No other symbol is ambiguous; `[#113]` still means nihonium.
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

/// Returns the bytes of the atom with this index, including its recursive patterns.
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

/// Returns the length of the bracket expression at the start of `text`.
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

/// Returns the nesting depth of brackets and parentheses.
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
    fn invalid_patterns_are_refused_with_a_reason() {
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
            let reason = Pattern::from_smarts(smarts).unwrap_err().to_string();
            assert!(reason.contains(why), "{smarts}: {reason}");
        }
    }

    #[test]
    fn an_ordinary_hydrogen_atom_is_refused_unless_a_parameter_defines_its_meaning() {
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
    fn a_hydrogen_without_a_neighbour_is_refused_when_merging_too() {
        for smarts in ["[#1]", "[$([#1])]Br"] {
            let error = Pattern::for_molecules(smarts, Some(true)).unwrap_err();
            assert!(error.message.contains("no neighbour") && error.help.is_some(), "{error}");
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
    fn the_components_of_a_pattern_are_counted() {
        for (smarts, parts) in [
            ("C", vec![]),
            ("C.C.N", vec![2, 1]),
            ("CO.CO.CO", vec![3]),
            ("C1.C1", vec![]),
            ("[$(C.C)].[$(C.C)]", vec![2]),
        ] {
            let pattern = Pattern::from_smarts(smarts).unwrap();
            assert_eq!(pattern.parts().iter().map(|part| part.copies).collect::<Vec<_>>(), parts, "{smarts}");
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
