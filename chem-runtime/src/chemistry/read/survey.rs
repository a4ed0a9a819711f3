//! Finds out the columns of molecules, in a first pass over the texts that they are read from.

use std::collections::{HashMap, HashSet};

use super::accept::{Accept, Policy};
use super::delimited_columns::ColumnTypes;
use super::formats::Format;
use super::raw::{Found, Source, UntypedColumn, columns as all_columns};
use crate::artifact::{Column, ColumnType};
use crate::chemistry::library::PROVIDER;
use crate::chemistry::molecules::PROMISED;
use crate::records::{Arrangement, FileText, Notation, RecordText, Several, check_new_column};
use crate::step::StepError;
use crate::step::limits::TABLE_CELLS;

/// How texts are read as molecules.
#[derive(Debug, Clone, Copy)]
pub(super) struct How<'a> {
    /// The name of the texts in messages.
    pub(super) name: &'a str,
    pub(super) format: Format<'a>,
    pub(super) types: ColumnTypes<'a>,
    pub(super) notation: Notation,
    pub(super) accept: Accept,
    /// How the texts become one; `None` for a single text that is not one of several.
    pub(super) several: Option<Several<'a>>,
    /// Whether a record that cannot be used is an error rather than a reject.
    pub(super) strict: bool,
}

/// What a first pass over texts finds out: the columns and the number of records.
pub(super) struct Survey<'a> {
    pub(super) how: How<'a>,
    pub(super) texts: Vec<Surveyed<'a>>,
    /// For each column of the texts besides SMILES and name, whether it has numbers with relations.
    pub(super) qualified: Vec<bool>,
    /// The columns of the molecules.
    pub(super) columns: Vec<Column>,
    /// The columns that hold what a SMILES cannot represent.
    pub(super) kept: Vec<&'static str>,
    /// The number of records.
    pub(super) records: u64,
}

/// A text whose columns are known.
pub(super) struct Surveyed<'a> {
    pub(super) source: Source<'a>,
    /// The name of the file in the data.
    pub(super) name: &'a str,
    /// The data fields of an SD file that become columns.
    pub(super) fields: Vec<String>,
    /// How its cells become those of the united table; `None` if they are.
    pub(super) arrangement: Option<Arrangement>,
    pub(super) records: u64,
}

impl<'a> How<'a> {
    /// Finds out the columns of texts, which become one table.
    ///
    /// # Errors
    /// Fails if something is wrong with the columns, if those of the texts do not fit together, or if a text cannot be read.
    pub(super) fn survey<'t>(self, texts: &'t [FileText<RecordText<'t>>]) -> Result<Survey<'t>, StepError>
    where
        'a: 't,
    {
        let (mut all, mut surveyed) = (Vec::new(), Vec::new());
        for FileText { path, name, text } in texts {
            let source = Source { name: path, text };
            let found = self.format.survey(source, self.notation)?;
            let (fields, records) = (found.fields.clone(), found.records);
            surveyed.push(Surveyed { source, name, fields, arrangement: None, records });
            all.push(found);
        }
        let more = match self.several {
            Some(several) => self.unite(several, all, &mut surveyed)?,
            None => all.pop().map(|found| found.more).unwrap_or_default(),
        };
        let qualified = more.iter().map(|column| column.qualified).collect();
        let kept = kept_columns(self.accept);
        let [name, smiles, record] = PROMISED.map(|(name, ty)| Column::new(name, ty));
        let mut columns = vec![name, smiles.with_provider(PROVIDER), record.as_location()];
        columns.extend(all_columns(self.name, more)?.into_iter().map(
            |UntypedColumn { name, declared, kind, .. }| Column::new(&name, declared.unwrap_or_else(|| kind.ty())),
        ));
        columns.extend(kept.iter().map(|name| Column::new(name, ColumnType::Text)));
        if let Some(name) = self.several.and_then(|several| several.file_column) {
            check_new_column(name, &columns.iter().map(|column| &column.name).collect::<Vec<_>>())?;
            columns.push(Column::new(name, ColumnType::Text));
        }
        if let Some(name) = twice(&columns) {
            let file = self.name;
            return Err(StepError::new(format!("two columns of `{file}` would be called `{name}`; rename one")));
        }
        let records = surveyed.iter().map(|text| text.records).sum();
        Ok(Survey { how: self, texts: surveyed, qualified, columns, kept, records })
    }

    /// Unites the columns of several texts by name. A text without columns and records has nothing to unite.
    fn unite(
        &self,
        several: Several<'_>,
        all: Vec<Found>,
        texts: &mut [Surveyed<'_>],
    ) -> Result<Vec<UntypedColumn>, StepError> {
        let lacking = |name: &str| all.iter().all(|found| !found.named.contains(name));
        if let Some((param, name)) = self.types.names().find(|(_, name)| lacking(name)) {
            return Err(StepError::new(format!("none of the files has a column `{name}`, which `{param}` names")));
        }
        let names = |found: &Found| found.more.iter().map(|column| column.name.clone()).collect::<Vec<String>>();
        let filled = all.iter().zip(&*texts).filter(|(found, _)| !found.more.is_empty() || found.records > 0);
        let (tables, paths): (Vec<Vec<String>>, Vec<&str>) =
            filled.map(|(found, text)| (names(found), text.source.name)).unzip();
        let united = several.columns.unite_further(&tables);
        let united = united.map_err(|disunited| StepError::new(disunited.of_files(&paths)))?;
        let count: u64 = all.iter().map(|found| found.records).sum();
        if count.saturating_mul(united.len() as u64) > TABLE_CELLS.get() {
            let advice = TABLE_CELLS.advice();
            return Err(StepError::new(format!(
                "the files have {} columns in {count} records; {advice}",
                united.len()
            )));
        }
        let mut of_name: HashMap<String, UntypedColumn> = HashMap::new();
        for (found, text) in all.into_iter().zip(texts) {
            text.arrangement = Some(Arrangement::of(&names(&found), &united));
            for column in found.more {
                let kind = column.kind;
                // The first file with a column decides what is declared of it.
                of_name.entry(column.name.clone()).and_modify(|known| known.kind.add_all(kind)).or_insert(column);
            }
        }
        Ok(united.iter().filter_map(|name| of_name.remove(&**name)).collect())
    }
}

/// Returns the columns that hold what a SMILES cannot represent.
pub(super) fn kept_columns(accept: Accept) -> Vec<&'static str> {
    let policies =
        [("stereo_groups", accept.stereo_groups), ("cxsmiles", accept.cxsmiles), ("mol_block", accept.coordinates)];
    policies.into_iter().filter(|(_, policy)| *policy == Policy::Keep).map(|(name, _)| name).collect()
}

/// Returns the name of a column that another one before has.
fn twice(columns: &[Column]) -> Option<&str> {
    let mut known = HashSet::new();
    columns.iter().map(|column| &*column.name).find(|name| !known.insert(*name))
}
