//! Whether a file has the columns that the parameters of `molecules.read` name: a CSV or TSV file as its first line tells,
//! a SMILES file none. And whether parameters are given that say nothing of a file in its format.

use super::delimited_columns::position;
use super::{ReadMolecules, format_of, separator};
use crate::records::{header_of, other_separator};
use crate::step::{ColumnContext, Misfit, PathPart, idle_share};

pub(super) fn columns_are_there(step: &ReadMolecules, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let file = step.path.as_str();
    let format = match format_of(file, step.format.clone()) {
        Ok(format) => format,
        Err(error) => return vec![Misfit::new("path", error.message())],
    };
    let mut misfits = saying_nothing(step, &format);
    misfits.extend(idle_share(&step.on_error, step.fail_above));
    if matches!(format.as_str(), "smi" | "sdf" | "mol") {
        return misfits;
    }
    let delimiter = separator(&format, &step.delimiter);
    let Some(header) = context.beginning(&step.path).and_then(|beginning| header_of(beginning, delimiter)) else {
        return misfits;
    };
    let there: Vec<&str> = header.iter().collect();
    let missing = |param, name: &str| match position(&header, name) {
        Some(_) => None,
        None => Some(match other_separator(&there, delimiter) {
            Some(help) => Misfit::no_column(param, name, file, &there).with_help(help),
            None => Misfit::no_column(param, name, file, &there),
        }),
    };
    let numbers = step.numbers.iter().enumerate();
    let numbers = numbers.filter_map(|(at, name)| Some(missing("numbers", name)?.at(PathPart::Index(at))));
    let smiles = missing("smiles_column", &step.smiles_column);
    let name = step.name_column.as_ref().and_then(|name| missing("name_column", name));
    misfits.extend(smiles.into_iter().chain(name).chain(numbers));
    misfits
}

/// The parameters that say nothing of a file in this format. One that is given as it is by default is as good as left
/// out.
fn saying_nothing(step: &ReadMolecules, format: &str) -> Vec<Misfit> {
    let smiles_column = step.smiles_column != "smiles";
    let delimiter = step.delimiter != ",";
    let column_of_none = "names a column, and a SMILES file has none";
    let (said, help) = match format {
        "smi" => (
            vec![
                ("smiles_column", smiles_column, column_of_none),
                ("name_column", step.name_column.is_some(), column_of_none),
                ("numbers", !step.numbers.is_empty(), column_of_none),
                (
                    "missing",
                    !step.missing.is_empty(),
                    "says which texts stand for a missing value in a column, and a SMILES file has none",
                ),
                ("delimiter", delimiter, "says what separates cells, and a SMILES file has none"),
            ],
            "leave it out, or write `format: csv` or `tsv` if the first line names columns",
        ),
        "sdf" | "mol" => (
            vec![
                ("smiles_column", smiles_column, "names a column of SMILES, and an SD file has mol blocks"),
                ("delimiter", delimiter, "says what separates cells, and an SD file has none"),
            ],
            "leave it out",
        ),
        "tsv" => (
            vec![("delimiter", delimiter, "says what separates the cells of a CSV file, and in a TSV file tabs do")],
            "leave it out, or write `format: csv`",
        ),
        _ => (Vec::new(), "leave it out"),
    };
    let flattens = step.atropisomers != "reject" && !matches!(format, "sdf" | "mol");
    let no_blocks = ("atropisomers", flattens, "says how mol blocks are read, and only SD files have some");
    let misfit = |param: &'static str, what: &str| Misfit {
        help: Some(help.to_owned()),
        ..Misfit::new(param, format!("`{param}` {what}"))
    };
    said.into_iter()
        .chain([no_blocks])
        .filter(|(_, given, _)| *given)
        .map(|(param, _, what)| misfit(param, what))
        .collect()
}
