//! Converts tables to artifacts and back.
//!
//! The content defines the boundaries of chunks (see `chunk`): two tables that differ in one row share all but one or two
//! chunks. Where rows are in their source is not part of their content (see `location`).

use std::sync::Arc;

use rayon::prelude::*;

use super::location::{self, Location};
use super::{ChunkRef, ColumnData, Table, TableBuilder, TableRoot};
use crate::artifact::{Artifact, ArtifactError, ArtifactSource, ArtifactValue, Dataset, Handed, Packed, chunk};
use crate::cancel;
use crate::fingerprint::{CanonicalError, canonical_text, check_length};

/// The kind of a chunk: an array of rows, each an array of values in the order of the columns.
const ROWS: &str = "rows";

impl Table {
    /// Converts the table to an artifact of `kind`, for types that are tables with further constraints.
    pub fn pack_as(&self, kind: &str) -> Result<Packed, ArtifactError> {
        let texts = self.chunk_texts()?;
        let (chunks, parts) = texts.into_par_iter().map(ChunkText::into_parts).unzip();
        let root = TableRoot { columns: self.columns.clone(), rows: self.rows, chunks };
        Ok(Packed { root: Artifact::from_canonical(kind, canonical_text(&root)?.text), parts })
    }

    /// Returns the chunks in order.
    fn chunk_texts(&self) -> Result<Vec<ChunkText>, ArtifactError> {
        let mut chunks = Vec::new();
        let (mut text, mut rows) = (String::from("["), 0);
        // The length of the values that locate rows, which do not count as content.
        let (mut locations, mut length) = (Location::of(&self.columns), 0);
        for row in 0..self.rows {
            if rows > 0 {
                text.push(',');
            }
            let start = text.len();
            self.write_content(row, &mut text)?;
            rows += 1;
            let ends = chunk::ends_after(rows, text.len() - length, &text.as_bytes()[start..]);
            let content = text.len();
            location::write(&mut locations, self.locations(row), &mut text);
            length += text.len() - content;
            if ends {
                text.push(']');
                let capacity = text.len();
                let whole = std::mem::replace(&mut text, String::with_capacity(capacity));
                chunks.push(ChunkText::new(whole, rows, &mut locations)?);
                text.push('[');
                (rows, length) = (0, 0);
            }
        }
        if rows > 0 {
            text.push(']');
            chunks.push(ChunkText::new(text, rows, &mut locations)?);
        }
        Ok(chunks)
    }

    /// Returns the values that locate a row.
    fn locations(&self, row: usize) -> impl Iterator<Item = Option<i64>> {
        let columns = self.columns.iter().zip(&self.data);
        columns.filter(|(column, _)| column.locates_rows()).map(move |(_, data)| location::value(data, row))
    }

    /// Appends the values of a row that do not locate it.
    fn write_content(&self, row: usize, out: &mut String) -> Result<(), ArtifactError> {
        out.push('[');
        for (index, data) in self.data.iter().enumerate() {
            cancel::check_cell(index)?;
            if self.columns[index].locates_rows() {
                continue;
            }
            if !out.ends_with('[') {
                out.push(',');
            }
            if !data.write(row, out) {
                let path = format!("$.rows[{row}].{}", self.columns[index].name);
                return Err(match data.as_ref() {
                    ColumnData::Float(values) => {
                        CanonicalError::NonFinite { path, value: values[row].unwrap_or(f64::NAN).to_string() }
                    }
                    _ => CanonicalError::NulCharacter { path },
                }
                .into());
            }
        }
        out.push(']');
        Ok(())
    }
}

/// A chunk before it is hashed.
struct ChunkText {
    text: String,
    rows: usize,
    starts: Vec<Option<i64>>,
}

impl ChunkText {
    fn new(text: String, rows: usize, locations: &mut [Location]) -> Result<Self, ArtifactError> {
        check_length(&text)?;
        Ok(Self { text, rows, starts: locations.iter_mut().map(Location::restart).collect() })
    }

    fn into_parts(self) -> (ChunkRef, Artifact) {
        let part = Artifact::from_canonical(ROWS, self.text);
        (ChunkRef { hash: part.hash(), rows: self.rows, starts: self.starts }, part)
    }
}

impl ArtifactValue for Table {
    const KIND: &'static str = "table";

    fn pack(&self) -> Result<Packed, ArtifactError> {
        self.pack_as(Self::KIND)
    }

    fn unpack(artifact: &Artifact, source: &dyn ArtifactSource) -> Result<Self, ArtifactError> {
        let root = TableRoot::of(artifact)?;
        let mut builder = TableBuilder::new(root.columns.clone());
        for chunk in &root.chunks {
            let rows = root.read(chunk, source)?;
            cancel::check()?;
            for row in rows {
                builder.push(row).map_err(|reason| ArtifactError::Malformed {
                    hash: chunk.hash,
                    kind: ROWS.to_owned(),
                    reason: reason.to_string(),
                })?;
            }
        }
        let table = builder.finish()?;
        if table.rows != root.rows {
            return Err(artifact.malformed(format!("it has {} rows but declares {}", table.rows, root.rows)));
        }
        Ok(table)
    }

    fn take(handed: &Handed) -> Option<Arc<Self>> {
        match handed.clone().downcast::<Self>() {
            Ok(table) => Some(table),
            Err(other) => Some(other.downcast::<Dataset>().ok()?.table().clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::artifact::{Column, ColumnType};
    use crate::fingerprint::MAX_LENGTH;

    fn numbered(names: impl Iterator<Item = usize>) -> Table {
        let names: Vec<usize> = names.collect();
        Table::new([
            (
                Column::new("name", ColumnType::Text),
                ColumnData::Text(names.iter().map(|n| Some(format!("m{n}").into())).collect()),
            ),
            (
                Column::new("mass", ColumnType::Float).with_unit("g/mol"),
                ColumnData::Float(names.iter().map(|&n| (n % 7 != 0).then_some(n as f64 / 8.0)).collect()),
            ),
        ])
        .unwrap()
    }

    #[test]
    fn a_table_comes_back_from_its_artifacts() {
        let table = numbered(0..5000);
        let packed = table.pack().unwrap();
        assert!(packed.parts.len() > 1);
        let shelf: HashMap<_, _> = packed.parts.iter().map(|part| (part.hash(), part.clone())).collect();
        assert_eq!(Table::unpack(&packed.root, &shelf).unwrap(), table);
    }

    #[test]
    fn one_row_put_into_the_middle_changes_a_handful_of_chunks() {
        let before = numbered(0..100_000).pack().unwrap();
        let after = numbered((0..50_000).chain([1_000_000]).chain(50_000..100_000)).pack().unwrap();
        let known: HashSet<_> = before.parts.iter().map(Artifact::hash).collect();
        let new = after.parts.iter().filter(|part| !known.contains(&part.hash())).count();
        assert!(known.len() > 40, "{} chunks", known.len());
        assert!((1..=4).contains(&new), "{new} chunks are new");
    }

    #[test]
    fn rows_with_much_in_them_make_more_chunks_and_one_row_has_a_limit() {
        let texts = |length: usize, rows| {
            let column = Column::new("block", ColumnType::Text);
            Table::new([(column, ColumnData::Text(vec![Some("x".repeat(length).into()); rows]))]).unwrap()
        };
        let packed = texts(1 << 20, 10).pack().unwrap();
        assert_eq!(packed.parts.len(), 3);
        assert!(packed.parts.iter().all(|part| part.payload_text().len() <= 5 << 20));
        let error = texts(MAX_LENGTH, 1).pack().unwrap_err();
        assert!(matches!(error, ArtifactError::Canonical(CanonicalError::TooLong { .. })), "{error:?}");
    }

    #[test]
    fn packing_stops_within_a_row() {
        let one = |column: usize| {
            (Column::new(&format!("c{column}"), ColumnType::Text), ColumnData::Text(vec![Some("text".into())]))
        };
        let wide = Table::new((0..100_000).map(one)).unwrap();
        assert!(cancel::checks_during(|| wide.chunk_texts().unwrap()) > 20);
    }

    #[test]
    fn nan_is_refused_and_missing_is_missing() {
        let column = Column::new("mass", ColumnType::Float);
        let table = Table::new([(column.clone(), ColumnData::Float(vec![Some(1.0), Some(f64::NAN)]))]).unwrap();
        let error = table.pack().unwrap_err();
        assert!(error.to_string().contains("`$.rows[1].mass`"), "{error}");
        let table = Table::new([(column, ColumnData::Float(vec![None]))]).unwrap();
        assert_eq!(table.pack().unwrap().parts[0].payload_text(), "[[null]]");
    }
}
