//! SMARTS patterns, and whether a structure has one.

use cosmolkit::{QueryGraph, SmartsParseError, parse_smarts};

use super::{Structure, guarded};

/// A SMARTS has at most so many bytes.
pub const MAX_SMARTS_BYTES: usize = 5_000;

/// Brackets and parentheses of a SMARTS stand in each other at most so deep.
pub const MAX_SMARTS_DEPTH: usize = 50;

/// A SMARTS pattern that is known to parse.
#[derive(Debug)]
pub struct Pattern(QueryGraph);

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotAPattern {
    /// What is wrong.
    pub message: String,
    /// The byte where, if that is known.
    pub at: Option<usize>,
}

impl Pattern {
    /// The pattern that `smarts` spells. Wants a deep stack.
    ///
    /// # Errors
    /// Says what is wrong with it: it does not parse, or it breaks a limit.
    pub fn from_smarts(smarts: &str) -> Result<Self, NotAPattern> {
        let not = |message: String| NotAPattern { message, at: None };
        if smarts.trim().is_empty() {
            return Err(not("the SMARTS is empty".to_owned()));
        }
        if smarts.len() > MAX_SMARTS_BYTES {
            let length = smarts.len();
            return Err(not(format!("the SMARTS has {length} characters, and {MAX_SMARTS_BYTES} are allowed")));
        }
        // What follows a space would be taken for an extension that changes what the pattern means.
        if let Some(at) = smarts.find(|character: char| character.is_whitespace() || character == '\0') {
            return Err(NotAPattern { message: "a SMARTS has no spaces in it".to_owned(), at: Some(at) });
        }
        if depth(smarts) > MAX_SMARTS_DEPTH {
            return Err(not(format!("the SMARTS is nested more than {MAX_SMARTS_DEPTH} levels deep")));
        }
        match guarded(|| parse_smarts(smarts)) {
            Some(Ok(query)) if query.num_atoms() == 0 => Err(not("the SMARTS has no atoms".to_owned())),
            Some(Ok(query)) => Ok(Self(query)),
            Some(Err(error)) => Err(NotAPattern {
                message: format!("not a SMARTS: {error}"),
                at: position(&error).filter(|at| smarts.is_char_boundary(*at) && *at < smarts.len()),
            }),
            None => Err(not("the chemistry library failed on this SMARTS".to_owned())),
        }
    }
}

impl Pattern {
    /// The pattern as the library has it.
    pub(super) fn query(&self) -> &QueryGraph {
        &self.0
    }
}

impl Structure {
    /// Whether the pattern occurs in the structure, stereochemistry left out of account; none if the library cannot
    /// tell.
    pub fn has(&self, pattern: &Pattern) -> Option<bool> {
        guarded(|| self.0.has_substruct_match(&pattern.0).ok())?
    }
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

    #[test]
    fn patterns_are_found() {
        let aspirin = Structure::from_smiles("CC(=O)Oc1ccccc1C(=O)O").unwrap();
        for (smarts, there) in [
            ("C(=O)[OH]", true),
            ("c1ccccc1", true),
            ("[#7]", false),
            ("[$(C(=O)O)]c", true),
            ("[CX3](=O)[OX2H1]", true),
            ("[#6]=S", false),
        ] {
            assert_eq!(aspirin.has(&Pattern::from_smarts(smarts).unwrap()), Some(there), "{smarts}");
        }
    }

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
}
