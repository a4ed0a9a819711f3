//! Compares the outputs of a repeated step with the recorded ones, and finds the first difference.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use super::{Fault, Location, Tolerances};
use crate::artifact::{Artifact, ArtifactError, ArtifactSource, TableRoot};
use crate::event::OutputRef;
use crate::fingerprint::ArtifactHash;
use crate::step::StepOutput;
use crate::store::{EventStore, PersistenceError, StoredArtifacts};
use crate::workbench::tables::{Row, column_name, first_difference};

/// The result of a comparison.
pub(super) enum Compared {
    /// The outputs are equal within the tolerances.
    Same {
        /// The maximum deviation of each column that deviates.
        within: BTreeMap<String, f64>,
    },
    Differs(Fault),
    /// The recorded outputs cannot be read.
    Unreadable(String),
}

/// Compares all outputs of a step.
pub(super) fn outputs(
    store: &Arc<dyn EventStore>,
    was: &[OutputRef],
    is: &[StepOutput],
    tolerances: &Tolerances,
) -> Result<Compared, PersistenceError> {
    let before: Vec<String> = was.iter().map(|output| output.name.clone()).collect();
    let after: Vec<String> = is.iter().map(|output| output.name.to_owned()).collect();
    if before != after {
        return Ok(Compared::Differs(Fault::Outputs { was: before, is: after }));
    }
    let mut within = BTreeMap::new();
    for (was, is) in was.iter().zip(is) {
        let now = is.packed.root.hash();
        if was.hash == now {
            continue;
        }
        let stored = StoredArtifacts(store.as_ref());
        let found = stored.artifact(was.hash).and_then(|root| artifact(&stored, &root, is, tolerances, &mut within));
        let location = match found {
            Ok(None) => continue,
            Ok(Some(location)) => location,
            Err(error) => {
                let error = PersistenceError::behind(error)?;
                return Ok(Compared::Unreadable(format!("its recorded output cannot be read: {error}")));
            }
        };
        let fault = Fault::Artifact { output: was.name.clone(), was: was.hash, is: now, location };
        return Ok(Compared::Differs(fault));
    }
    Ok(Compared::Same { within })
}

/// The chunks of a repeated step's output.
struct Fresh<'a>(HashMap<ArtifactHash, &'a Artifact>);

impl ArtifactSource for Fresh<'_> {
    fn artifact(&self, hash: ArtifactHash) -> Result<Artifact, ArtifactError> {
        self.0.get(&hash).map(|artifact| (*artifact).clone()).ok_or(ArtifactError::Missing { hash })
    }
}

/// Returns the first difference between two artifacts with different hashes; `None` if all differences are within the
/// tolerances.
fn artifact(
    stored: &dyn ArtifactSource,
    was: &Artifact,
    is: &StepOutput,
    tolerances: &Tolerances,
    within: &mut BTreeMap<String, f64>,
) -> Result<Option<Location>, ArtifactError> {
    let whole = |field: &str, was: Value, is: Value| Some(Location { record: None, field: field.to_owned(), was, is });
    let now = &is.packed.root;
    if was.kind() != now.kind() {
        return Ok(whole("kind", was.kind().into(), now.kind().into()));
    }
    let (Ok(before), Ok(after)) = (TableRoot::of(was), TableRoot::of(now)) else {
        let found = first_difference(&was.payload()?, &now.payload()?);
        return Ok(found.and_then(|(field, was, is)| whole(&field, was, is)));
    };
    if before.columns != after.columns {
        let columns = |root: &TableRoot| serde_json::to_value(&root.columns).unwrap_or_default();
        let found = first_difference(&columns(&before), &columns(&after));
        return Ok(found.and_then(|(path, was, is)| whole(&path.replacen('$', "columns", 1), was, is)));
    }
    let fresh = Fresh(is.packed.parts.iter().map(|part| (part.hash(), part)).collect());
    let (mut old, mut new) = (Reader::new(&before, stored), Reader::new(&after, &fresh));
    let mut record = 0;
    loop {
        // Skip equal chunks without reading them.
        while let Some(rows) = old.skip_equal_chunk(&mut new) {
            record += rows;
        }
        let (was, is) = match (old.next()?, new.next()?) {
            (Some(was), Some(is)) => (was, is),
            (None, None) => return Ok(None),
            _ => return Ok(whole("records", before.rows.into(), after.rows.into())),
        };
        for (index, (was, is)) in was.into_iter().zip(is).enumerate() {
            if was == is {
                continue;
            }
            let field = column_name(&before, index);
            match off_by(&was, &is).zip(tolerances.get(&field)) {
                Some((off, tolerance)) if off <= *tolerance => {
                    let most = within.entry(field).or_insert(off);
                    *most = most.max(off);
                }
                _ => return Ok(Some(Location { record: Some(record), field, was, is })),
            }
        }
        record += 1;
    }
}

/// Returns the absolute difference of two numbers.
fn off_by(was: &Value, is: &Value) -> Option<f64> {
    Some((was.as_f64()? - is.as_f64()?).abs())
}

/// Reads a table row by row.
struct Reader<'a> {
    root: &'a TableRoot,
    source: &'a dyn ArtifactSource,
    chunk: usize,
    rows: std::vec::IntoIter<Row>,
}

impl<'a> Reader<'a> {
    fn new(root: &'a TableRoot, source: &'a dyn ArtifactSource) -> Self {
        Self { root, source, chunk: 0, rows: Vec::new().into_iter() }
    }

    /// If both readers are about to read the same chunk, skips it and returns its number of rows.
    fn skip_equal_chunk(&mut self, other: &mut Self) -> Option<usize> {
        if self.rows.len() > 0 || other.rows.len() > 0 {
            return None;
        }
        let (mine, theirs) = (self.root.chunks.get(self.chunk)?, other.root.chunks.get(other.chunk)?);
        if mine != theirs {
            return None;
        }
        self.chunk += 1;
        other.chunk += 1;
        Some(mine.rows)
    }

    fn next(&mut self) -> Result<Option<Row>, ArtifactError> {
        loop {
            if let Some(row) = self.rows.next() {
                return Ok(Some(row));
            }
            let Some(chunk) = self.root.chunks.get(self.chunk) else {
                return Ok(None);
            };
            self.rows = self.root.read(chunk, self.source)?.into_iter();
            self.chunk += 1;
        }
    }
}
