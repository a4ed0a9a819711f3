//! Records as a file has them, before anybody looks at their chemistry.

use serde_json::Value;

use crate::artifact::Column;
use crate::chemistry::library::Structure;

/// The records of a file, and the columns that they have besides SMILES and name.
#[derive(Debug, Default)]
pub(super) struct RawFile<'a> {
    pub(super) more: Vec<Column>,
    pub(super) records: Vec<RawRecord<'a>>,
}

/// A record and where it stands.
#[derive(Debug)]
pub(super) struct RawRecord<'a> {
    pub(super) line: u64,
    pub(super) raw: &'a [u8],
    /// What it says, or why it cannot be used.
    pub(super) content: Result<Content, String>,
}

/// What a record says.
#[derive(Debug, PartialEq)]
pub(super) struct Content {
    pub(super) structure: Spelling,
    pub(super) name: Option<String>,
    /// One value for each of the file's other columns.
    pub(super) more: Vec<Value>,
}

/// How a record spells its structure.
#[derive(Debug, PartialEq)]
pub(super) enum Spelling {
    Smiles(String),
    MolBlock(String),
}

impl Spelling {
    /// The canonical SMILES; with `flatten`, of an atropisomer without the configuration of its axis.
    ///
    /// # Errors
    /// Says why there is no such molecule.
    pub(super) fn canonical_smiles(&self, flatten: bool) -> Result<String, String> {
        match self {
            Self::Smiles(smiles) => Structure::from_smiles(smiles)?.canonical_smiles(),
            Self::MolBlock(block) if flatten => Structure::canonical_smiles_of_flattened(block),
            Self::MolBlock(block) => Structure::canonical_smiles_of_mol_block(block),
        }
    }
}

/// The SMILES that a text begins with, and the rest.
///
/// A CXSMILES extension (`|…|` after the SMILES) may say what the SMILES does not, such as that a molecule is racemic.
/// It is not kept, so a record that has one is refused: half of what it says would be wrong.
pub(super) fn split_smiles(text: &str) -> Result<(&str, &str), String> {
    let (smiles, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    if rest.strip_prefix('|').is_some_and(|extension| extension.contains('|')) {
        return Err("has a CXSMILES extension, which would be lost; take it out if that is right".to_owned());
    }
    Ok((smiles, rest))
}
