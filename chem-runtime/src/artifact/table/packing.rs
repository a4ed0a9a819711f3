//! Converts tables to artifacts and back.
//!
//! The content defines the boundaries of chunks (see `chunk`): two tables that differ in one row share all but one or two
//! chunks. Where rows are in their source is not part of their content (see `location`).

use std::sync::Arc;

use super::packer::{Packer, RowTexts};
use super::{Table, TableBuilder, TableRoot};
use crate::artifact::{Artifact, ArtifactError, ArtifactSource, ArtifactValue, Dataset, Handed, Packed};
use crate::cancel;

/// The number of rows whose text is in memory beside that of the chunks.
const PIECE: usize = 1024;

impl Table {
    /// Converts the table to an artifact of `kind`, for types that are tables with further constraints.
    pub fn pack_as(&self, kind: &str) -> Result<Packed, ArtifactError> {
        // The texts of all pieces share one buffer, whose memory the system then provides once.
        let (mut packer, mut texts) = (Packer::default(), RowTexts::default());
        for start in (0..self.rows).step_by(PIECE) {
            self.write_row_texts(start..self.rows.min(start + PIECE), 0, &mut texts)?;
            packer.push(&texts)?;
        }
        let (root, parts) = packer.finish(kind, &self.columns)?;
        Ok(Packed { root, parts })
    }
}

impl ArtifactValue for Table {
    const KIND: &'static str = "table";

    fn pack(&self) -> Result<Packed, ArtifactError> {
        self.pack_as(Self::KIND)
    }

    fn unpack(artifact: &Artifact, source: &dyn ArtifactSource) -> Result<Self, ArtifactError> {
        let root = TableRoot::of(artifact)?;
        let mut table = TableBuilder::new(root.columns.clone());
        for chunk in &root.chunks {
            table.append(&root.read_chunk(chunk, source)?).map_err(|_| artifact.malformed("its chunks differ"))?;
            cancel::check()?;
        }
        let table = table.finish()?;
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
    use crate::artifact::{Column, ColumnType, Values};
    use crate::fingerprint::{CanonicalError, MAX_LENGTH};

    fn numbered(names: impl Iterator<Item = usize>) -> Table {
        let names: Vec<usize> = names.collect();
        Table::new([
            (Column::new("name", ColumnType::Text), Values::texts(names.iter().map(|n| format!("m{n}")))),
            (
                Column::new("mass", ColumnType::Float).with_unit("g/mol"),
                Values::floats(names.iter().map(|&n| (n % 7 != 0).then_some(n as f64 / 8.0))),
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
            Table::new([(column, Values::texts(vec!["x".repeat(length); rows]))]).unwrap()
        };
        let packed = texts(1 << 20, 10).pack().unwrap();
        assert_eq!(packed.parts.len(), 3);
        assert!(packed.parts.iter().all(|part| part.payload_text().len() <= 5 << 20));
        let error = texts(MAX_LENGTH, 1).pack().unwrap_err();
        assert!(matches!(error, ArtifactError::Canonical(CanonicalError::TooLong { .. })), "{error:?}");
    }

    #[test]
    fn packing_stops_within_a_row() {
        let one = |column: usize| (Column::new(&format!("c{column}"), ColumnType::Text), Values::texts(["text"]));
        let wide = Table::new((0..100_000).map(one)).unwrap();
        assert!(cancel::checks_during(|| wide.row_texts(0..1, 0).unwrap()) > 20);
    }

    #[test]
    fn nan_is_refused_and_missing_is_missing() {
        let column = Column::new("mass", ColumnType::Float);
        let table = Table::new([(column.clone(), Values::floats([1.0, f64::NAN]))]).unwrap();
        let error = table.pack().unwrap_err();
        assert!(error.to_string().contains("`$.rows[1].mass`"), "{error}");
        let table = Table::new([(column, Values::floats([None]))]).unwrap();
        assert_eq!(table.pack().unwrap().parts[0].payload_text(), "[[null]]");
    }
}
