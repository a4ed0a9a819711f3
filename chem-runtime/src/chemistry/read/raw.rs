//! Records of a file before their chemistry is interpreted.

use serde_json::Value;

use crate::artifact::Column;
use crate::chemistry::library::Structure;

/// The records of a file, and their columns besides SMILES and name.
#[derive(Debug, Default)]
pub(super) struct RawFile<'a> {
    pub(super) more: Vec<Column>,
    pub(super) records: Vec<RawRecord<'a>>,
}

/// A record and its location.
#[derive(Debug)]
pub(super) struct RawRecord<'a> {
    /// The number of its first line, from 1.
    pub(super) line: u64,
    pub(super) raw: &'a [u8],
    /// The parsed record, or the reason why it cannot be used.
    pub(super) content: Result<Content, String>,
}

/// The content of a record.
#[derive(Debug, PartialEq)]
pub(super) struct Content {
    pub(super) structure: Spelling,
    pub(super) name: Option<String>,
    /// One value for each column in [`RawFile::more`].
    pub(super) more: Vec<Value>,
}

/// The notation of a structure.
#[derive(Debug, PartialEq)]
pub(super) enum Spelling {
    Smiles(String),
    MolBlock(String),
}

impl Spelling {
    /// Returns the canonical SMILES. `flatten` drops the configuration of an atropisomer's axis.
    ///
    /// # Errors
    /// Returns the reason why the structure is refused.
    pub(super) fn canonical_smiles(&self, flatten: bool) -> Result<String, String> {
        match self {
            Self::Smiles(smiles) => Structure::from_smiles(smiles)?.canonical_smiles(),
            Self::MolBlock(block) if flatten => Structure::canonical_smiles_of_flattened(block),
            Self::MolBlock(block) => Structure::canonical_smiles_of_mol_block(block),
        }
    }
}

/// Splits a text into the SMILES at its beginning and the rest.
///
/// A CXSMILES extension (`|…|` after the SMILES) may add what the SMILES alone does not express, such as that a molecule is
/// racemic. Extensions are not supported, so a record with one is refused rather than misread.
pub(super) fn split_smiles(text: &str) -> Result<(&str, &str), String> {
    let (smiles, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    if rest.strip_prefix('|').is_some_and(|extension| extension.contains('|')) {
        return Err("has a CXSMILES extension, which would be lost; take it out if that is right".to_owned());
    }
    Ok((smiles, rest))
}
