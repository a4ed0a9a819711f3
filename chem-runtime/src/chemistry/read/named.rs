//! Checks the parameters of `molecules.read` against the file: whether the columns that they name exist in the header of a
//! CSV or TSV file, and whether they apply to its format at all.

use super::delimited_columns::HeaderNames;
use super::{ReadMolecules, format_of_all, separator};
use crate::chemistry::molecules::PROMISED;
use crate::records::{check_new_column, idle_of_single, misfit_of_names, misfits_of_qualified, other_separator};
use crate::step::{ColumnContext, Misfit, PathPart, idle_share};

pub(super) fn columns_are_there(step: &ReadMolecules, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let found = match context.found("path", &step.path) {
        Ok(Some(found)) => found,
        // The extension of a pattern or of a file that does not exist yet may determine the format too.
        Ok(None) => step.path.as_written(),
        Err(misfit) => return vec![misfit],
    };
    let format = match format_of_all(&found, step.format.as_deref()) {
        Ok(format) => format,
        Err(misfit) => return vec![misfit],
    };
    let mut misfits = inapplicable(step, &format);
    misfits.extend(idle_of_single(&step.path, step.file_column.is_some(), step.columns.is_some()));
    misfits.extend(misfits_of_qualified(step.qualified.as_deref().unwrap_or_default(), &step.types));
    let twice = step.numbers.iter().enumerate().filter(|(_, name)| step.types.contains_key(*name));
    misfits.extend(twice.map(|(at, name)| {
        let message = format!("`numbers` and `types` both declare the type of `{name}`");
        Misfit::new("numbers", message).at(PathPart::Index(at)).with_help("omit the column in `numbers`")
    }));
    if step.inchi_column.is_some() && step.smiles_column != "smiles" {
        let misfit =
            Misfit::new("inchi_column", "`inchi_column` and `smiles_column` both name the column of the structures");
        misfits.push(misfit.with_help("omit one of them"));
    }
    misfits.extend(misfit_of_names(step.header, step.column_names.as_deref()));
    misfits.extend(idle_share(&step.on_error, step.fail_above));
    if matches!(format.as_str(), "smi" | "sdf" | "mol") {
        return misfits;
    }
    let delimiter = separator(&format, &step.delimiter);
    let headers = match step.header_names(&format, &found, context) {
        Ok(Some(headers)) => headers,
        Ok(None) => return misfits,
        Err(misfit) => {
            misfits.push(misfit);
            return misfits;
        }
    };
    let headers = headers.iter().zip(&found).map(|(header, named)| (HeaderNames::of(header), header, named));
    let headers: Vec<(HeaderNames<'_>, _, _)> = headers.collect();
    // Reports the first file without the column; `in_all` if every file must have it.
    let lacking = |param, name: &str, in_all: bool| {
        let mut without = headers.iter().filter(|(names, ..)| names.index_of(name).is_none());
        let (_, header, named) = without.next()?;
        if !in_all && without.count() + 1 < headers.len() {
            return None;
        }
        let there: Vec<&str> = header.iter().collect();
        let misfit = Misfit::no_column(param, name, named.file.as_str(), &there);
        Some(match other_separator(&there, delimiter) {
            Some(help) => misfit.with_help(help),
            None => misfit,
        })
    };
    let missing = |param, name: &str| lacking(param, name, false);
    let listed = |param, named: &[String]| -> Vec<Misfit> {
        let named = named.iter().enumerate();
        named.filter_map(|(at, name)| Some(missing(param, name)?.at(PathPart::Index(at)))).collect()
    };
    let numbers = listed("numbers", &step.numbers);
    let qualified = listed("qualified", step.qualified.as_deref().unwrap_or_default());
    let types = step.types.keys();
    let types = types.filter_map(|name| Some(missing("types", name)?.at(PathPart::Key(name.clone()))));
    let structure = match &step.inchi_column {
        Some(inchi) => lacking("inchi_column", inchi, true),
        None => lacking("smiles_column", &step.smiles_column, true),
    };
    let name = step.name_column.as_ref().and_then(|name| lacking("name_column", name, true));
    misfits.extend(structure.into_iter().chain(name).chain(types).chain(numbers).chain(qualified));
    match step.more_columns(&format, &found, context) {
        Err(misfit) => misfits.push(misfit),
        Ok(Some(columns)) => {
            let columns: Vec<Box<str>> = PROMISED.iter().map(|(name, _)| Box::from(*name)).chain(columns).collect();
            misfits.extend(step.file_column.as_deref().and_then(|name| check_new_column(name, &columns).err()));
        }
        Ok(None) => {}
    }
    misfits
}

/// Reports the parameters that do not apply to a file in this format. A default value counts as omitted.
fn inapplicable(step: &ReadMolecules, format: &str) -> Vec<Misfit> {
    let smiles_column = step.smiles_column != "smiles";
    let delimiter = step.delimiter != ",";
    let column_of_none = "names a column, but a SMILES file has no columns";
    let no_header = "applies to CSV and TSV files, whose first line may name the columns";
    let (params, help) = match format {
        "smi" => (
            vec![
                ("smiles_column", smiles_column, column_of_none),
                ("inchi_column", step.inchi_column.is_some(), column_of_none),
                ("name_column", step.name_column.is_some(), column_of_none),
                ("types", !step.types.is_empty(), column_of_none),
                ("numbers", !step.numbers.is_empty(), column_of_none),
                ("qualified", step.qualified.is_some(), column_of_none),
                (
                    "missing",
                    !step.missing.is_empty(),
                    "lists texts for missing values in columns, but a SMILES file has no columns",
                ),
                ("delimiter", delimiter, "is the separator of cells, but a SMILES file has no cells"),
                ("decimal", step.decimal.is_some(), "applies to numbers in columns, but a SMILES file has no columns"),
                ("header", step.header.is_some(), no_header),
            ],
            "omit it, or write `format: csv` or `tsv` if the first line names columns",
        ),
        "sdf" | "mol" => (
            vec![
                ("smiles_column", smiles_column, "names a column of SMILES, but an SD file has mol blocks"),
                (
                    "inchi_column",
                    step.inchi_column.is_some(),
                    "names a column of InChIs, but an SD file has mol blocks",
                ),
                ("delimiter", delimiter, "is the separator of cells, but an SD file has no cells"),
                ("header", step.header.is_some(), no_header),
            ],
            "omit it",
        ),
        "xlsx" => (
            vec![
                ("delimiter", delimiter, "is the separator of cells in text, but a workbook has cells"),
                ("encoding", step.encoding.is_some(), "applies to text, but a workbook has its own encoding"),
                ("decimal", step.decimal.is_some(), "applies to text, but a workbook has typed values"),
            ],
            "omit it",
        ),
        "tsv" => (
            vec![("delimiter", delimiter, "is the separator of a CSV file, but a TSV file is separated by tabs")],
            "omit it, or write `format: csv`",
        ),
        _ => (Vec::new(), "omit it"),
    };
    let flattens = step.atropisomers != "reject" && !matches!(format, "sdf" | "mol");
    let is_sd = matches!(format, "sdf" | "mol");
    let no_extensions =
        ("cxsmiles", step.cxsmiles.is_some() && is_sd, "applies to SMILES, but an SD file has mol blocks");
    let no_data = ("duplicate_data", step.duplicate_data.is_some() && !is_sd, "applies to the data fields of SD files");
    let no_coordinates =
        ("coordinates", step.coordinates.is_some() && !is_sd, "applies to mol blocks, which only SD files contain");
    let no_sheets = "applies to Excel workbooks, but the file has another format";
    let no_sheet = ("sheet", step.sheet.is_some() && format != "xlsx", no_sheets);
    let no_merged = ("merged_cells", step.merged_cells.is_some() && format != "xlsx", no_sheets);
    let no_blocks = ("atropisomers", flattens, "applies to mol blocks, which only SD files contain");
    let misfit = |param: &'static str, what: &str| Misfit {
        help: Some(help.to_owned()),
        ..Misfit::new(param, format!("`{param}` {what}"))
    };
    params
        .into_iter()
        .chain([no_blocks, no_coordinates, no_extensions, no_data, no_sheet, no_merged])
        .filter(|(_, is_set, _)| *is_set)
        .map(|(param, _, what)| misfit(param, what))
        .collect()
}
