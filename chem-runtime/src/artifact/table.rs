//! Tables of records: what most steps take and give.
//!
//! In memory a table is a list of typed columns. As an artifact it is a small root (the columns, the number of rows,
//! the hashes of the chunks) over chunks of some thousand rows that are artifacts of their own. The chunks' boundaries
//! follow the content (see `chunk.rs`): two tables that differ in one row share all chunks but one or two.

use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Artifact, ArtifactError, ArtifactSource, ArtifactValue, Packed, chunk};
use crate::fingerprint::{
    ArtifactHash, CanonicalError, canonical_json, check_length, write_canonical_f64, write_canonical_str,
};

/// The kind of a chunk: an array of rows, each an array of values in the order of the columns.
const ROWS: &str = "rows";

/// What the values of a column are. Any of them may be missing, which is JSON's `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A finite number.
    Float,
    /// True or false.
    Boolean,
}

/// A column's name, type, unit and origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// The name by which expressions and parameters speak of it.
    pub name: Arc<str>,
    /// What its values are.
    #[serde(rename = "type")]
    pub ty: ColumnType,
    /// The unit of its values, such as `g/mol`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What computed it, as `name@version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

impl Column {
    /// A column without unit and provider.
    pub fn new(name: &str, ty: ColumnType) -> Self {
        Self { name: name.into(), ty, unit: None, provider: None }
    }

    /// The same column with a unit.
    pub fn with_unit(mut self, unit: &str) -> Self {
        self.unit = Some(unit.to_owned());
        self
    }

    /// The same column with the name of what computed it.
    pub fn with_provider(mut self, provider: &str) -> Self {
        self.provider = Some(provider.to_owned());
        self
    }
}

/// The values of one column, one for each row; `None` is a missing value.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnData {
    /// Text.
    Text(Vec<Option<Box<str>>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Finite numbers.
    Float(Vec<Option<f64>>),
    /// Truth values.
    Boolean(Vec<Option<bool>>),
}

impl ColumnData {
    /// No values, of type `ty`.
    pub fn empty(ty: ColumnType) -> Self {
        match ty {
            ColumnType::Text => Self::Text(Vec::new()),
            ColumnType::Integer => Self::Integer(Vec::new()),
            ColumnType::Float => Self::Float(Vec::new()),
            ColumnType::Boolean => Self::Boolean(Vec::new()),
        }
    }

    /// What the values are.
    pub fn ty(&self) -> ColumnType {
        match self {
            Self::Text(_) => ColumnType::Text,
            Self::Integer(_) => ColumnType::Integer,
            Self::Float(_) => ColumnType::Float,
            Self::Boolean(_) => ColumnType::Boolean,
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Boolean(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value in `row` as JSON; `null` where it is missing or the row does not exist.
    pub fn json(&self, row: usize) -> Value {
        match self {
            Self::Text(values) => values.get(row).and_then(Option::as_deref).map(Value::from),
            Self::Integer(values) => values.get(row).copied().flatten().map(Value::from),
            Self::Float(values) => values.get(row).copied().flatten().map(Value::from),
            Self::Boolean(values) => values.get(row).copied().flatten().map(Value::from),
        }
        .unwrap_or(Value::Null)
    }

    /// The values in `rows`, in that order.
    fn gather(&self, rows: &[usize]) -> Self {
        fn pick<T: Clone>(values: &[Option<T>], rows: &[usize]) -> Vec<Option<T>> {
            rows.iter().map(|&row| values.get(row).cloned().flatten()).collect()
        }
        match self {
            Self::Text(values) => Self::Text(pick(values, rows)),
            Self::Integer(values) => Self::Integer(pick(values, rows)),
            Self::Float(values) => Self::Float(pick(values, rows)),
            Self::Boolean(values) => Self::Boolean(pick(values, rows)),
        }
    }

    fn push_json(&mut self, value: Value) -> Result<(), Value> {
        match (self, value) {
            (Self::Text(values), Value::Null) => values.push(None),
            (Self::Text(values), Value::String(text)) => values.push(Some(text.into())),
            (Self::Integer(values), Value::Null) => values.push(None),
            (Self::Integer(values), Value::Number(number)) if number.is_i64() => values.push(number.as_i64()),
            (Self::Float(values), Value::Null) => values.push(None),
            (Self::Float(values), Value::Number(number)) => values.push(number.as_f64()),
            (Self::Boolean(values), Value::Null) => values.push(None),
            (Self::Boolean(values), Value::Bool(truth)) => values.push(Some(truth)),
            (_, value) => return Err(value),
        }
        Ok(())
    }

    fn write(&self, row: usize, out: &mut String) -> bool {
        use std::fmt::Write as _;
        match self {
            Self::Text(values) => match &values[row] {
                Some(text) => return write_canonical_str(out, text),
                None => out.push_str("null"),
            },
            Self::Integer(values) => match values[row] {
                // Writing to a String cannot fail.
                Some(value) => drop(write!(out, "{value}")),
                None => out.push_str("null"),
            },
            Self::Float(values) => match values[row] {
                Some(value) => return write_canonical_f64(out, value),
                None => out.push_str("null"),
            },
            Self::Boolean(values) => out.push_str(match values[row] {
                Some(true) => "true",
                Some(false) => "false",
                None => "null",
            }),
        }
        true
    }
}

/// Why columns do not make a table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Two columns have one name.
    #[error("the table has two columns named `{0}`")]
    DuplicateColumn(String),
    /// A column has another number of values than the first.
    #[error("column `{column}` has {found} values where the table has {expected} rows")]
    UnevenColumn {
        /// Its name.
        column: String,
        /// The number of rows of the table.
        expected: usize,
        /// The number of values of the column.
        found: usize,
    },
    /// A column's values are not of its type.
    #[error("column `{column}` is declared {declared:?} and holds {found:?}")]
    WrongType {
        /// Its name.
        column: String,
        /// What it should hold.
        declared: ColumnType,
        /// What it holds.
        found: ColumnType,
    },
}

/// An ordered set of records with typed columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    columns: Vec<Column>,
    data: Vec<Arc<ColumnData>>,
    rows: usize,
}

impl Table {
    /// A table of `columns`, each with its values.
    pub fn new(columns: impl IntoIterator<Item = (Column, ColumnData)>) -> Result<Self, TableError> {
        let mut table = Self::default();
        for (column, data) in columns {
            if table.columns.is_empty() {
                table.rows = data.len();
            }
            table.push(column, Arc::new(data))?;
        }
        Ok(table)
    }

    /// The same table with one more column, or with the column of that name replaced.
    pub fn with_column(&self, column: Column, data: ColumnData) -> Result<Self, TableError> {
        let mut table = self.clone();
        if table.columns.is_empty() {
            table.rows = data.len();
        }
        match table.position(&column.name) {
            Some(at) => {
                table.check(&column, &data)?;
                table.columns[at] = column;
                table.data[at] = Arc::new(data);
            }
            None => table.push(column, Arc::new(data))?,
        }
        Ok(table)
    }

    /// The rows with these numbers, in this order.
    pub fn gather(&self, rows: &[usize]) -> Self {
        Self {
            columns: self.columns.clone(),
            data: self.data.par_iter().map(|data| Arc::new(data.gather(rows))).collect(),
            rows: rows.len(),
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns, in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The values of the column at `index`.
    pub fn data(&self, index: usize) -> Option<&ColumnData> {
        self.data.get(index).map(Arc::as_ref)
    }

    /// The column called `name`, with its values.
    pub fn column(&self, name: &str) -> Option<(&Column, &ColumnData)> {
        let at = self.position(name)?;
        Some((&self.columns[at], &self.data[at]))
    }

    /// Row `row` as JSON values in the order of the columns.
    pub fn row(&self, row: usize) -> Vec<Value> {
        self.data.iter().map(|data| data.json(row)).collect()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| &*column.name == name)
    }

    fn push(&mut self, column: Column, data: Arc<ColumnData>) -> Result<(), TableError> {
        if self.position(&column.name).is_some() {
            return Err(TableError::DuplicateColumn(column.name.to_string()));
        }
        self.check(&column, &data)?;
        self.columns.push(column);
        self.data.push(data);
        Ok(())
    }

    fn check(&self, column: &Column, data: &ColumnData) -> Result<(), TableError> {
        let column_name = || column.name.to_string();
        if data.ty() != column.ty {
            return Err(TableError::WrongType { column: column_name(), declared: column.ty, found: data.ty() });
        }
        if data.len() != self.rows {
            return Err(TableError::UnevenColumn { column: column_name(), expected: self.rows, found: data.len() });
        }
        Ok(())
    }

    /// The text of each chunk, with its number of rows.
    fn chunk_texts(&self) -> Result<Vec<(usize, String)>, CanonicalError> {
        let mut chunks = Vec::new();
        let (mut text, mut rows) = (String::from("["), 0);
        for row in 0..self.rows {
            if rows > 0 {
                text.push(',');
            }
            let start = text.len();
            self.write_row(row, &mut text)?;
            rows += 1;
            if chunk::ends_after(rows, text.len(), &text.as_bytes()[start..]) {
                text.push(']');
                check_length(&text)?;
                let capacity = text.len();
                chunks.push((rows, std::mem::replace(&mut text, String::with_capacity(capacity))));
                text.push('[');
                rows = 0;
            }
        }
        if rows > 0 {
            text.push(']');
            check_length(&text)?;
            chunks.push((rows, text));
        }
        Ok(chunks)
    }

    fn write_row(&self, row: usize, out: &mut String) -> Result<(), CanonicalError> {
        for (index, data) in self.data.iter().enumerate() {
            out.push(if index == 0 { '[' } else { ',' });
            if !data.write(row, out) {
                let path = format!("$.rows[{row}].{}", self.columns[index].name);
                return Err(match data.as_ref() {
                    ColumnData::Float(values) => {
                        CanonicalError::NonFinite { path, value: values[row].unwrap_or(f64::NAN).to_string() }
                    }
                    _ => CanonicalError::NulCharacter { path },
                });
            }
        }
        out.push_str(if self.data.is_empty() { "[]" } else { "]" });
        Ok(())
    }
}

/// A table's payload: what its root artifact holds.
#[derive(Debug, Serialize, Deserialize)]
struct Root {
    columns: Vec<Column>,
    rows: usize,
    chunks: Vec<ChunkRef>,
}

#[derive(Debug, Serialize, Deserialize)]
struct ChunkRef {
    hash: ArtifactHash,
    rows: usize,
}

impl Table {
    /// Packs the table as an artifact of `kind`, for the types that are tables with a promise.
    pub fn pack_as(&self, kind: &str) -> Result<Packed, ArtifactError> {
        let texts = self.chunk_texts()?;
        let sizes: Vec<usize> = texts.iter().map(|(rows, _)| *rows).collect();
        let parts: Vec<Artifact> =
            texts.into_par_iter().map(|(_, text)| Artifact::from_canonical(ROWS, text)).collect();
        let chunks = parts.iter().zip(sizes).map(|(part, rows)| ChunkRef { hash: part.hash(), rows }).collect();
        let root = Root { columns: self.columns.clone(), rows: self.rows, chunks };
        let payload =
            serde_json::to_value(&root).map_err(|error| CanonicalError::NotJson { reason: error.to_string() })?;
        Ok(Packed { root: Artifact::from_canonical(kind, canonical_json(&payload)?), parts })
    }

    /// The hashes of the chunks that a table's root artifact refers to, with their numbers of rows.
    pub fn chunks_of(root: &Artifact) -> Result<Vec<(ArtifactHash, usize)>, ArtifactError> {
        let root: Root = serde_json::from_str(root.payload_text()).map_err(|error| root.malformed(error))?;
        Ok(root.chunks.into_iter().map(|chunk| (chunk.hash, chunk.rows)).collect())
    }
}

impl ArtifactValue for Table {
    const KIND: &'static str = "table";

    fn pack(&self) -> Result<Packed, ArtifactError> {
        self.pack_as(Self::KIND)
    }

    fn unpack(artifact: &Artifact, source: &dyn ArtifactSource) -> Result<Self, ArtifactError> {
        let root: Root = serde_json::from_str(artifact.payload_text()).map_err(|error| artifact.malformed(error))?;
        let mut builder = TableBuilder::new(root.columns);
        for chunk in root.chunks {
            let part = source.artifact(chunk.hash)?;
            let rows: Vec<Vec<Value>> =
                serde_json::from_str(part.payload_text()).map_err(|error| part.malformed(error))?;
            for row in rows {
                builder.push(row).map_err(|reason| part.malformed(reason))?;
            }
        }
        let table = builder.finish()?;
        if table.rows != root.rows {
            return Err(artifact.malformed(format!("it has {} rows and announces {}", table.rows, root.rows)));
        }
        Ok(table)
    }
}

/// Builds a table row by row from JSON values.
#[derive(Debug)]
pub struct TableBuilder {
    columns: Vec<Column>,
    data: Vec<ColumnData>,
    rows: usize,
}

impl TableBuilder {
    /// A table of these columns and no rows yet.
    pub fn new(columns: Vec<Column>) -> Self {
        let data = columns.iter().map(|column| ColumnData::empty(column.ty)).collect();
        Self { columns, data, rows: 0 }
    }

    /// Adds a row: one value for each column.
    ///
    /// # Errors
    /// Says in words which value does not fit; the row is then not added.
    pub fn push(&mut self, row: Vec<Value>) -> Result<(), String> {
        if row.len() != self.columns.len() {
            return Err(format!("row {} has {} values for {} columns", self.rows, row.len(), self.columns.len()));
        }
        for (index, value) in row.into_iter().enumerate() {
            if let Err(value) = self.data[index].push_json(value) {
                let (column, rows) = (&self.columns[index], self.rows);
                for data in &mut self.data[..index] {
                    *data = data.gather(&(0..rows).collect::<Vec<_>>());
                }
                return Err(format!("row {rows} has {value} in column `{}`, which is {:?}", column.name, column.ty));
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// The table.
    pub fn finish(self) -> Result<Table, TableError> {
        let mut table = Table { rows: self.rows, ..Table::default() };
        for (column, data) in self.columns.into_iter().zip(self.data) {
            table.push(column, Arc::new(data))?;
        }
        Ok(table)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::fingerprint::MAX_LENGTH;

    struct Shelf(HashMap<ArtifactHash, Artifact>);

    impl ArtifactSource for Shelf {
        fn artifact(&self, hash: ArtifactHash) -> Result<Artifact, ArtifactError> {
            self.0.get(&hash).cloned().ok_or(ArtifactError::Missing { hash })
        }
    }

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
        let shelf = Shelf(packed.parts.iter().map(|part| (part.hash(), part.clone())).collect());
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
    fn nan_is_refused_and_missing_is_missing() {
        let column = Column::new("mass", ColumnType::Float);
        let table = Table::new([(column.clone(), ColumnData::Float(vec![Some(1.0), Some(f64::NAN)]))]).unwrap();
        let error = table.pack().unwrap_err();
        assert!(error.to_string().contains("`$.rows[1].mass`"), "{error}");
        let table = Table::new([(column, ColumnData::Float(vec![None]))]).unwrap();
        assert_eq!(table.pack().unwrap().parts[0].payload_text(), "[[null]]");
    }

    #[test]
    fn a_row_that_does_not_fit_is_not_added_in_part() {
        let mut builder =
            TableBuilder::new(vec![Column::new("a", ColumnType::Integer), Column::new("b", ColumnType::Boolean)]);
        builder.push(vec![1.into(), true.into()]).unwrap();
        assert!(builder.push(vec![2.into(), "yes".into()]).is_err());
        assert!(builder.push(vec![2.into()]).is_err());
        let table = builder.finish().unwrap();
        assert_eq!((table.rows(), table.row(0)), (1, vec![1.into(), true.into()]));
    }

    #[test]
    fn columns_must_fit_together() {
        let column = |name| Column::new(name, ColumnType::Integer);
        let one = || ColumnData::Integer(vec![Some(1)]);
        assert!(matches!(
            Table::new([(column("a"), one()), (column("a"), one())]),
            Err(TableError::DuplicateColumn(_))
        ));
        let two = ColumnData::Integer(vec![None, None]);
        assert!(matches!(Table::new([(column("a"), one()), (column("b"), two)]), Err(TableError::UnevenColumn { .. })));
        let text = ColumnData::Text(vec![None]);
        assert!(matches!(Table::new([(column("a"), text)]), Err(TableError::WrongType { .. })));
    }
}
