//! Finds out the columns of texts that are read as a table, in a first pass over them.

use std::collections::{HashMap, HashSet};

use super::delimited_blocks::{Block, each_block};
use super::delimited_reader::other_separator;
use super::json_lines_reader::Object;
use super::qualified::{relation_column, with_relations};
use super::table_text::{Several, SourceText, TableFormat, TableText};
use super::typing::{Inference, type_name};
use super::uniting::{Arrangement, Uniting, check_new_column};
use crate::artifact::{Column, ColumnType};
#[cfg(feature = "excel")]
use crate::cancel;
use crate::cancel::while_running;
use crate::step::limits::{SPARSE_CELLS, TABLE_CELLS};
use crate::step::{StepError, listed};

/// The number of cells that a table from JSON Lines may have for each member of its objects, beyond [`SPARSE_CELLS`].
const CELLS_PER_MEMBER: u64 = 20;

/// What a first pass over texts finds out: the columns and the number of records.
pub(crate) struct Survey<'a> {
    pub(super) how: TableText<'a>,
    pub(super) texts: Vec<Surveyed<'a>>,
    /// How the texts become one table; `None` for a single text that is not one of several.
    pub(super) several: Option<Several<'a>>,
    /// For each column in the texts, whether it has numbers with relations.
    pub(super) qualified: Vec<bool>,
    /// The columns of the table.
    pub(super) columns: Vec<Column>,
    /// The number of records.
    pub(crate) records: u64,
}

/// A text whose columns are known.
pub(super) struct Surveyed<'a> {
    pub(super) source: SourceText<'a>,
    pub(super) names: Vec<String>,
    /// How its cells become those of the united table; `None` if they are.
    pub(super) arrangement: Option<Arrangement>,
}

/// What is known of the columns of a text.
#[derive(Default)]
struct Found {
    names: Vec<String>,
    /// The type of each column, as far as it was read.
    types: Vec<Inference>,
    /// The columns, of a file that declares them.
    typed: Vec<Column>,
    records: u64,
}

impl<'a> TableText<'a> {
    /// Finds out the columns of texts, which become one table. `several` is `None` for a single text that is not one of several.
    ///
    /// # Errors
    /// Fails if something is wrong with the columns, if those of the texts do not fit together, or if a text cannot be read.
    pub(crate) fn survey<'t>(
        self,
        sources: Vec<SourceText<'t>>,
        several: Option<Several<'t>>,
    ) -> Result<Survey<'t>, StepError>
    where
        'a: 't,
    {
        let mut all = Vec::new();
        for source in &sources {
            all.push(self.found_in(source)?);
        }
        let (found, texts) = match (several, all.as_slice()) {
            (Some(several), _) => self.united(all, sources, several.columns)?,
            (None, _) => {
                let found = all.pop().unwrap_or_default();
                let surveyed = |source| Surveyed { source, names: found.names.clone(), arrangement: None };
                let texts = sources.into_iter().map(surveyed).collect();
                (found, texts)
            }
        };
        self.expect_columns(&found.names)?;
        let mut columns = self.columns(&found)?;
        if let Some(name) = several.and_then(|several| several.file_column) {
            check_new_column(name, &columns.iter().map(|column| &column.name).collect::<Vec<_>>())?;
            columns.push(Column::new(name, ColumnType::Text));
        }
        let qualified: HashSet<&str> = self.qualified.iter().map(String::as_str).collect();
        let qualified = found.names.iter().map(|name| qualified.contains(name.as_str())).collect();
        Ok(Survey { how: self, texts, several, qualified, columns, records: found.records })
    }

    fn found_in(&self, source: &SourceText<'_>) -> Result<Found, StepError> {
        match self.format {
            TableFormat::Delimited(delimiter) => self.columns_of_delimited(source, delimiter),
            TableFormat::JsonLines => self.columns_of_objects(source),
            #[cfg(not(feature = "parquet"))]
            TableFormat::Parquet => Err(StepError::new("this program was built without the feature `parquet`")),
            #[cfg(feature = "parquet")]
            TableFormat::Parquet => {
                let (typed, records) = super::parquet_reader::parquet_schema(source.path, source.text)?;
                let names = typed.iter().map(|column| column.name.to_string()).collect();
                Ok(Found { names, types: Vec::new(), typed, records })
            }
            #[cfg(not(feature = "excel"))]
            TableFormat::Excel => Err(StepError::new("this program was built without the feature `excel`")),
            #[cfg(feature = "excel")]
            TableFormat::Excel => self.columns_of_sheet(source),
        }
    }

    /// Unites the columns of several texts. A text without records has no columns to unite, unless its format names them.
    fn united<'t>(
        &self,
        all: Vec<Found>,
        sources: Vec<SourceText<'t>>,
        columns: Uniting,
    ) -> Result<(Found, Vec<Surveyed<'t>>), StepError> {
        let with_columns = all.iter().zip(&sources).filter(|(found, _)| !found.names.is_empty());
        let (tables, paths): (Vec<Vec<&str>>, Vec<&str>) =
            with_columns.map(|(found, source)| (found.names.iter().map(String::as_str).collect(), source.path)).unzip();
        let names = columns.unite(&tables).map_err(|disunited| StepError::new(disunited.of_files(&paths)))?;
        let indices: HashMap<&str, usize> = names.iter().map(|name| &**name).zip(0..).collect();
        let mut types = vec![Inference::default(); names.len()];
        let mut typed: HashMap<String, (Column, &str)> = HashMap::new();
        let (mut records, mut texts) = (0, Vec::new());
        for (found, source) in all.into_iter().zip(sources) {
            records += found.records;
            for column in found.typed {
                match typed.get(&*column.name) {
                    _ if self.declares(&column.name) || !indices.contains_key(&*column.name) => {}
                    None => drop(typed.insert(column.name.to_string(), (column, source.path))),
                    Some((other, _)) if *other == column => {}
                    Some((other, path)) => return Err(differently_typed(&column, source.path, other, path)),
                }
            }
            for (name, inference) in found.names.iter().zip(found.types) {
                if let Some(index) = indices.get(name.as_str()) {
                    types[*index].add_all(inference);
                }
            }
            let arrangement = Some(Arrangement::of(&found.names, &names));
            texts.push(Surveyed { source, names: found.names, arrangement });
        }
        let typed = names.iter().filter_map(|name| Some(typed.remove(&**name)?.0)).collect();
        Ok((Found { names: names.into_iter().map(Into::into).collect(), types, typed, records }, texts))
    }

    /// Returns whether a parameter declares the type of the column `name`.
    fn declares(&self, name: &str) -> bool {
        self.types.contains_key(name) || self.qualified.iter().any(|qualified| qualified == name)
    }

    /// Checks that the columns which parameters name are there.
    fn expect_columns(&self, names: &[String]) -> Result<(), StepError> {
        let known: HashSet<&str> = names.iter().map(String::as_str).collect();
        let declared = self.types.iter().map(|(name, declared)| (name, declared.by));
        let mut wanted = declared.chain(self.qualified.iter().map(|name| (name, "qualified")));
        let Some((name, by)) = wanted.find(|(name, _)| !known.contains(name.as_str())) else { return Ok(()) };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = format!("`{}` has no column `{name}`, which `{by}` names", self.name);
        let other = match self.format {
            TableFormat::Delimited(delimiter) => other_separator(&names, delimiter),
            _ => None,
        };
        Err(StepError::new(match (other, names.as_slice()) {
            (Some(other), names) => format!("{message}; its columns are {}, and {other}", listed(names)),
            (None, []) => format!("{message}; it has no columns"),
            (None, names) => format!("{message}; its columns are {}", listed(names)),
        }))
    }

    /// Returns the columns of the table: those of the text, and one of relations behind each qualified one.
    fn columns(&self, found: &Found) -> Result<Vec<Column>, StepError> {
        let qualified: HashSet<&str> = self.qualified.iter().map(String::as_str).collect();
        with_relations(found.names.iter().cloned(), |_, name| qualified.contains(name)).map_err(|name| {
            StepError::new(format!("two columns of `{}` would be called `{name}`; rename one", self.name))
        })?;
        let mut columns = Vec::new();
        let typed: HashMap<&str, &Column> = found.typed.iter().map(|column| (&*column.name, column)).collect();
        for (index, name) in found.names.iter().enumerate() {
            columns.push(match (self.types.get(name), typed.get(name.as_str())) {
                (Some(declared), _) => Column::new(name, declared.ty),
                (None, _) if qualified.contains(name.as_str()) => Column::new(name, ColumnType::Float),
                (None, Some(typed)) => (*typed).clone(),
                (None, None) => Column::new(name, found.types.get(index).copied().unwrap_or_default().ty()),
            });
            if qualified.contains(name.as_str()) {
                columns.push(Column::new(&relation_column(name), ColumnType::Text));
            }
        }
        Ok(columns)
    }

    fn columns_of_delimited(&self, source: &SourceText<'_>, delimiter: u8) -> Result<Found, StepError> {
        let (mut found, notation) = (Found::default(), self.notation());
        let work = |block: &mut Block<'_>| {
            let (mut types, mut records) = (vec![Inference::default(); block.header.names().len()], 0);
            block.each_record(|_, _, cells| {
                records += 1;
                // A record that cannot be used does not affect the types.
                let Ok(cells) = cells else { return Ok(()) };
                for (cell, inference) in while_running(cells.iter().zip(&mut types)) {
                    if !inference.is_decided() && !self.is_missing(cell) {
                        inference.add_text(cell, notation);
                    }
                }
                Ok(())
            })?;
            Ok((types, records))
        };
        let header = each_block(source.path, source.text, self.layout(delimiter), work, |(types, records)| {
            found.types.resize(types.len(), Inference::default());
            found.types.iter_mut().zip(types).for_each(|(inference, more)| inference.add_all(more));
            found.records += records;
            Ok(())
        })?;
        found.names = header.iter().flat_map(|header| header.names()).map(str::to_owned).collect();
        Ok(found)
    }

    #[cfg(feature = "excel")]
    fn columns_of_sheet(&self, source: &SourceText<'_>) -> Result<Found, StepError> {
        let (sheet, notation) = (self.sheet(source)?, self.notation());
        let names: Vec<String> = sheet.names().map(str::to_owned).collect();
        let mut found = Found { types: vec![Inference::default(); names.len()], names, ..Found::default() };
        for row in sheet.rows(self.cells.missing) {
            cancel::check()?;
            found.records += 1;
            // A record that cannot be used does not affect the types.
            for (cell, inference) in row.cells.iter().flatten().zip(&mut found.types) {
                inference.add(cell, notation);
            }
        }
        Ok(found)
    }

    /// Finds out the columns of JSON Lines, in the order of their first appearance. A member that an object lacks is a missing
    /// value.
    fn columns_of_objects(&self, source: &SourceText<'_>) -> Result<Found, StepError> {
        let (mut found, mut indices, mut members) = (Found::default(), HashMap::new(), 0_u64);
        let notation = self.notation();
        self.each_object(source, |line| {
            found.records += 1;
            let Ok(Object(object)) = line.object else { return Ok(()) };
            for (name, value) in while_running(object) {
                members += 1;
                let index = match indices.get(&name) {
                    Some(index) => *index,
                    None => {
                        let index = found.names.len();
                        indices.insert(name.clone(), index);
                        found.names.push(name);
                        found.types.push(Inference::default());
                        index
                    }
                };
                found.types[index].add(&value, notation);
            }
            Ok(())
        })?;
        self.expect_dense(source.path, &found, members)?;
        Ok(found)
    }

    /// Objects with different members make the table grow quadratically.
    fn expect_dense(&self, path: &str, found: &Found, members: u64) -> Result<(), StepError> {
        let cells = (found.names.len() as u64).saturating_mul(found.records);
        let most = members.saturating_mul(CELLS_PER_MEMBER).saturating_add(SPARSE_CELLS.get());
        let limit =
            if cells > TABLE_CELLS.get() { Some(&TABLE_CELLS) } else { (cells > most).then_some(&SPARSE_CELLS) };
        let Some(limit) = limit else { return Ok(()) };
        Err(StepError::new(format!(
            "`{}` has {} columns in {} records: {cells} cells for {members} values; {}; give all objects the same members",
            path,
            found.names.len(),
            found.records,
            limit.advice()
        )))
    }
}

impl Survey<'_> {
    /// Returns the columns of the table.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns whether the last column has the name of each row's file.
    pub(super) fn has_file_column(&self) -> bool {
        self.several.is_some_and(|several| several.file_column.is_some())
    }
}

/// Describes a column that two files declare differently.
fn differently_typed(column: &Column, path: &str, other: &Column, of: &str) -> StepError {
    let kind = |column: &Column| match &column.unit {
        Some(unit) => format!("{} in `{unit}`", type_name(column.ty)),
        None => type_name(column.ty).to_owned(),
    };
    StepError::new(format!(
        "the column `{}` is {} in `{path}` and {} in `{of}`; declare its type in `types`",
        column.name,
        kind(column),
        kind(other)
    ))
}
