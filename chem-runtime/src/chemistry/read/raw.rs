//! Records of a file before their chemistry is interpreted.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::Value;

use super::accept::{Accept, CxText, Parts, Policy};
use crate::artifact::ColumnType;
use crate::chemistry::library::{Dropped, Structure};
use crate::records::{Inference, RecordText, with_relations};
use crate::step::StepError;

/// A text of records, and the name of its file for messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a RecordText<'a>,
}

/// What a first pass over a text finds out.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The columns besides SMILES and name.
    pub(super) more: Vec<UntypedColumn>,
    /// The data fields of an SD file that become these columns.
    pub(super) fields: Vec<String>,
    /// The names of columns in the parameters for types that the text has.
    pub(super) named: HashSet<String>,
    pub(super) records: u64,
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UntypedColumn {
    /// The name in the output.
    pub(super) name: String,
    /// The declared type; other types are inferred.
    pub(super) declared: Option<ColumnType>,
    /// Whether its values are numbers with relations, such as `>10`.
    pub(super) qualified: bool,
    /// What its values are.
    pub(super) kind: Inference,
}

/// A record and its location.
#[derive(Debug)]
pub(super) struct RawRecord<'a> {
    /// The number of its first line, or of its row in a sheet, from 1.
    pub(super) line: u64,
    pub(super) raw: Cow<'a, [u8]>,
    /// The parsed record, or the reason why it cannot be used.
    pub(super) content: Result<Content, String>,
}

/// The content of a record.
#[derive(Debug, PartialEq)]
pub(super) struct Content {
    pub(super) structure: Spelling,
    pub(super) name: Option<String>,
    /// One value for each column of the file besides SMILES and name.
    pub(super) more: Vec<Value>,
    /// Whether data under one name were merged, as `duplicate_data` says.
    pub(super) merged: bool,
}

/// Returns `more` with a column of relations behind each qualified column.
pub(super) fn columns(file: &str, more: Vec<UntypedColumn>) -> Result<Vec<UntypedColumn>, StepError> {
    let names = more.iter().map(|column| column.name.clone());
    let names = with_relations(names, |index, _| more[index].qualified)
        .map_err(|name| StepError::new(format!("two columns of `{file}` would be called `{name}`; rename one")))?;
    let mut names = names.into_iter();
    let mut all = Vec::with_capacity(names.len());
    for column in more {
        let UntypedColumn { qualified, kind, .. } = column;
        let declared = column.declared.or(qualified.then_some(ColumnType::Float));
        all.extend(names.next().map(|name| UntypedColumn { name, declared, qualified, kind }));
        if qualified {
            let declared = Some(ColumnType::Text);
            all.extend(names.next().map(|name| UntypedColumn { name, declared, qualified: false, kind }));
        }
    }
    Ok(all)
}

/// The notation of a structure.
#[derive(Debug, PartialEq)]
pub(super) enum Spelling {
    Smiles(String),
    /// A SMILES with an extension that the parameters accept, without the bars around it.
    CxSmiles {
        smiles: String,
        extension: String,
        parts: Parts,
    },
    Inchi(String),
    MolBlock(String),
}

/// A structure as the molecules hold it.
#[derive(Debug, PartialEq)]
pub(super) struct Canonical {
    pub(super) smiles: String,
    /// The CXSMILES with the stereo groups, if they are kept.
    pub(super) grouped: Option<String>,
    /// The SMILES and its extension as they are written in the file, if they are kept.
    pub(super) cxsmiles: Option<String>,
    /// The mol block as it is in the file, if it is kept.
    pub(super) block: Option<String>,
    /// The parameters that accepted the loss of information.
    pub(super) ignored: Vec<&'static str>,
}

impl From<String> for Canonical {
    fn from(smiles: String) -> Self {
        Self { smiles, grouped: None, cxsmiles: None, block: None, ignored: Vec::new() }
    }
}

impl Spelling {
    /// Returns the structure in `text`. `accept` is `None` for a step that has no parameters for extensions.
    ///
    /// # Errors
    /// Returns the reason for refusing the extension of a CXSMILES.
    pub(super) fn of(text: &CxText<'_>, accept: Option<Accept>) -> Result<Self, String> {
        let smiles = text.smiles.to_owned();
        Ok(match text.accepted(accept)? {
            None => Self::Smiles(smiles),
            Some((extension, parts)) => Self::CxSmiles { smiles, extension: extension.to_owned(), parts },
        })
    }

    /// Returns the canonical SMILES, for a step that accepts no loss.
    ///
    /// # Errors
    /// Returns the reason why the structure is refused.
    pub(super) fn canonical_smiles(&self) -> Result<String, String> {
        self.read(Accept::default()).map(|read| read.smiles)
    }

    /// Returns the canonical SMILES, and what is kept beside it.
    ///
    /// # Errors
    /// Returns the reason why the structure is refused.
    pub(super) fn read(&self, accept: Accept) -> Result<Canonical, String> {
        match self {
            Self::Smiles(smiles) => Ok(Structure::from_smiles(smiles)?.canonical_smiles()?.into()),
            Self::CxSmiles { smiles, extension, parts } => {
                let mut read = Canonical::from(Structure::from_smiles(smiles)?.canonical_smiles()?);
                if parts.groups && accept.stereo_groups == Policy::Keep {
                    read.grouped = Some(Structure::grouped_smiles(&format!("{smiles} |{extension}|"))?);
                } else if parts.groups {
                    read.ignored.push("stereo_groups");
                }
                if parts.others && accept.cxsmiles == Policy::Keep {
                    read.cxsmiles = Some(format!("{smiles} |{extension}|"));
                } else if parts.others {
                    read.ignored.push("cxsmiles");
                }
                Ok(read)
            }
            Self::Inchi(inchi) => Ok(Structure::from_inchi(inchi)?.canonical_smiles()?.into()),
            Self::MolBlock(block) => {
                let drop = Dropped { axes: accept.flatten, groups: accept.stereo_groups != Policy::Refuse };
                let found = Structure::read_mol_block(block, drop)?;
                let mut read = Canonical::from(found.smiles);
                match accept.stereo_groups {
                    Policy::Keep => read.grouped = found.grouped,
                    _ if found.grouped.is_some() => read.ignored.push("stereo_groups"),
                    _ => {}
                }
                match accept.coordinates {
                    Policy::Keep => read.block = Some(block.clone()),
                    Policy::Ignore if found.is_3d => read.ignored.push("coordinates"),
                    Policy::Refuse if found.is_3d => {
                        return Err("has 3D coordinates, which would be lost; `coordinates: ignore` reads it without \
                                    them, and `coordinates: keep` keeps its mol block in a column"
                            .to_owned());
                    }
                    Policy::Ignore | Policy::Refuse => {}
                }
                Ok(read)
            }
        }
    }
}
