//! Whether a CSV or TSV file has the columns that the parameters of `molecules.read` name, as its first line tells.

use super::delimited_columns::position;
use super::{ReadMolecules, format_of, separator};
use crate::records::header_of;
use crate::step::{ColumnContext, Misfit, PathPart};

pub(super) fn columns_are_there(step: &ReadMolecules, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let file = step.path.as_str();
    let format = match format_of(file, step.format.clone()) {
        Ok(format) => format,
        Err(error) => return vec![Misfit::new("path", error.message())],
    };
    if !matches!(format.as_str(), "csv" | "tsv") {
        return Vec::new();
    }
    let delimiter = separator(&format, &step.delimiter);
    let Some(header) = context.beginning(&step.path).and_then(|beginning| header_of(beginning, delimiter)) else {
        return Vec::new();
    };
    let there: Vec<&str> = header.iter().collect();
    let missing = |param, name: &str| match position(&header, name) {
        Some(_) => None,
        None => Some(Misfit::no_column(param, name, file, &there)),
    };
    let numbers = step.numbers.iter().enumerate();
    let numbers = numbers.filter_map(|(at, name)| Some(missing("numbers", name)?.at(PathPart::Index(at))));
    let smiles = missing("smiles_column", &step.smiles_column);
    let name = step.name_column.as_ref().and_then(|name| missing("name_column", name));
    smiles.into_iter().chain(name).chain(numbers).collect()
}
