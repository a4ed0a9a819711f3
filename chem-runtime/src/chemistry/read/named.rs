//! Whether a file has the columns that the parameters of `molecules.read` name: a CSV or TSV file as its first line tells,
//! a SMILES file none.

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
    match format.as_str() {
        "smi" => return columns_of_none(step),
        "sdf" => return Vec::new(),
        _ => {}
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

/// What names a column, where no line of the file does.
fn columns_of_none(step: &ReadMolecules) -> Vec<Misfit> {
    let named = [("name_column", step.name_column.is_some()), ("numbers", !step.numbers.is_empty())];
    let misfit = |param| Misfit {
        help: Some("leave it out, or write `format: csv` or `tsv` if the first line names columns".to_owned()),
        ..Misfit::new(param, format!("`{param}` names a column, and a SMILES file has none"))
    };
    named.into_iter().filter(|(_, given)| *given).map(|(param, _)| misfit(param)).collect()
}
