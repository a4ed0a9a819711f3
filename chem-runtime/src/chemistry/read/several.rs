//! Reads several files of molecules as one.

use std::collections::HashMap;

use super::delimited_columns::ColumnTypes;
use super::raw::{Untyped, UntypedColumn};
use crate::cancel;
use crate::records::{Arrangement, FileText, Uniting};
use crate::step::StepError;
use crate::step::limits::TABLE_CELLS;

/// The files that the records of a table come from, in order.
pub(super) struct Origins<'a> {
    pub(super) files: Vec<Origin<'a>>,
    /// Whether the parameters name several files, or may do so.
    pub(super) are_several: bool,
    /// The name of a new column with the name of each record's file.
    pub(super) file_column: Option<&'a str>,
}

/// A file that records come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    /// The path, for messages.
    pub(super) path: &'a str,
    /// The name in the data.
    pub(super) name: &'a str,
    /// The number of records.
    pub(super) records: usize,
}

impl<'a> Origins<'a> {
    /// Returns the origins of `count` records that are not from several files.
    pub(super) fn one(path: &'a str, records: usize) -> Self {
        Self { files: vec![Origin { path, name: path, records }], are_several: false, file_column: None }
    }

    /// Returns the origins of the records that were read from each of `texts`.
    pub(super) fn of(texts: &'a [FileText<Vec<u8>>], read: &[Untyped<'_>]) -> Vec<Origin<'a>> {
        let origin = |(file, read): (&'a FileText<Vec<u8>>, &Untyped<'_>)| Origin {
            path: &file.path,
            name: &file.name,
            records: read.records.len(),
        };
        texts.iter().zip(read).map(origin).collect()
    }

    /// Returns the file of each record, and its number there.
    pub(super) fn records(&self) -> impl Iterator<Item = (Origin<'a>, u64)> {
        self.files.iter().flat_map(|file| std::iter::repeat_n(*file, file.records).zip(1..))
    }
}

/// Unites the columns of files at `paths` by name, and puts their records below each other. A file without columns and records
/// has nothing to unite.
///
/// # Errors
/// Fails if the columns do not fit together, or if none of the files has a column that `types` names.
pub(super) fn unite<'t>(
    files: Vec<Untyped<'t>>,
    paths: &[&str],
    columns: Uniting,
    types: ColumnTypes<'_>,
) -> Result<Untyped<'t>, StepError> {
    let missing = types.names().find(|(_, name)| files.iter().all(|file| !file.found.contains(*name)));
    if let Some((param, name)) = missing {
        return Err(StepError::new(format!("none of the files has a column `{name}`, which `{param}` names")));
    }
    let names = |file: &Untyped<'_>| file.more.iter().map(|column| column.name.clone()).collect::<Vec<String>>();
    let filled = files.iter().zip(paths).filter(|(file, _)| !file.more.is_empty() || !file.records.is_empty());
    let (tables, filled): (Vec<Vec<String>>, Vec<&str>) = filled.map(|(file, path)| (names(file), *path)).unzip();
    let united = columns.unite_further(&tables).map_err(|disunited| StepError::new(disunited.of_files(&filled)))?;
    let count: usize = files.iter().map(|file| file.records.len()).sum();
    if (count as u64).saturating_mul(united.len() as u64) > TABLE_CELLS.get() {
        let advice = TABLE_CELLS.advice();
        return Err(StepError::new(format!("the files have {} columns in {count} records; {advice}", united.len())));
    }
    let (mut all, mut of_name): (_, HashMap<String, UntypedColumn>) = (Untyped::default(), HashMap::new());
    for file in files {
        let arrangement = Arrangement::of(&names(&file), &united);
        for mut record in file.records {
            cancel::check()?;
            if let Ok(content) = &mut record.content {
                content.more = arrangement.apply(std::mem::take(&mut content.more));
            }
            all.records.push(record);
        }
        for column in file.more {
            of_name.entry(column.name.clone()).or_insert(column);
        }
    }
    all.more = united.iter().filter_map(|name| of_name.remove(&**name)).collect();
    Ok(all)
}
