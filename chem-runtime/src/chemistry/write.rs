//! `molecules.write`: molecules as a SMILES or SD file.

use std::io::Write;

use serde_json::json;

use super::library::Structure;
use super::molecules::Molecules;
use crate::prelude::*;
use crate::records::{column_places, extension, is_gzip_name, map_records};

/// Molecules are drawn so many at a time, so that the drawings of a library need not be held together.
const AT_A_TIME: usize = 4096;

/// Writes molecules to a SMILES or SD file.
///
/// A SMILES file (`.smi`, `.smiles`) has a line for each molecule: the canonical SMILES, a space and the name. An SD
/// file (`.sdf`, `.sd`) has a mol block for each, V2000 unless it has more than 999 atoms or bonds, laid out in the
/// plane; the first line of the block is the name, and the other columns are data under their names, but for those
/// whose value is missing. Line ends within a name become spaces. A dummy atom, `*`, is the atom `R` of a mol block.
///
/// The file appears whole or not at all, and takes the place of one that was there before. The signal `written` counts
/// the `molecules`.
///
/// # Example
/// ```yaml
/// flow: drugs-as-sdf
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: write
///     uses: molecules.write
///     with: { path: out/drugs.sdf, columns: [formula] }
/// ```
///
/// # Errors
/// - Neither the name of the file nor `format` says what to write, or the name ends in `.gz`.
/// - A column of `columns` is not there; the message names those that are. Or one is named twice.
/// - For an SD file: the chemistry library cannot draw a molecule; or a value has an empty line in it, or a line that
///   begins with `$$$$`, or a column's name has a `<`, a `>` or a line end, which would read back as something else.
/// - A name begins with `$$$$` or is `M  END` in an SD file, or begins with `|…|` in a SMILES file: it would be read as
///   the end of a record, or as a CXSMILES extension.
/// - The file or its directory cannot be written, or `path` is a directory.
#[step("molecules.write", version = 1, kind = Sink, check = can_write)]
pub fn write_molecules(
    molecules: Input<Molecules>,
    /// The file to write. Directories that are missing are made.
    #[param(example = "out/leads.sdf")]
    path: OutputFile,
    /// What to write, where the file's extension does not say it.
    #[param(one_of = ["smi", "sdf"])]
    format: Option<String>,
    /// The columns that become data of an SD file, in this order. Left out, all but `name`, `smiles` and `record`.
    #[param(example = "[molecular_weight, logp]")]
    columns: Option<Vec<ColumnName>>,
    context: &ExecutionContext<'_>,
) -> Result<FileWritten, StepError> {
    let sd = is_sd(path.as_str(), format.as_deref())?;
    let table = molecules.table();
    let columns = match &columns {
        Some(columns) => column_places(table, columns, "columns")?,
        None => (3..table.columns().len()).collect(),
    };
    let written = path.write(context.files(), |out| match sd {
        true => write_sd(context, &molecules, &columns, out),
        false => write_smiles(&molecules, out),
    })?;
    context.signal("written", &json!({ "molecules": molecules.len() }))?;
    Ok(written)
}

fn can_write(step: &WriteMolecules, _: &ColumnContext<'_>) -> Vec<Misfit> {
    let columns = step.columns.as_deref().unwrap_or_default();
    let format = match is_sd(step.path.as_str(), step.format.as_deref()) {
        Ok(false) if !columns.is_empty() => Some(Misfit {
            help: Some("leave it out, or write an SD file or, with `table.write`, a table".to_owned()),
            ..Misfit::new("columns", "`columns` names the data of an SD file, and a SMILES file has no place for them")
        }),
        Ok(_) => None,
        Err(misfit) => Some(misfit),
    };
    format.into_iter().chain(Misfit::twice("columns", columns)).collect()
}

fn is_sd(path: &str, format: Option<&str>) -> Result<bool, Misfit> {
    if is_gzip_name(path) {
        let message = format!("cannot write `{path}`: it would not be compressed; leave out `.gz`");
        return Err(Misfit::new("path", message));
    }
    let extension = extension(path);
    match format.or(extension.as_deref()) {
        Some("sdf" | "sd") => Ok(true),
        Some("smi" | "smiles") => Ok(false),
        _ => Err(Misfit::new(
            "path",
            format!(
                "the name of `{path}` does not say what to write: end it in `.smi` or `.sdf`, or write `format: smi`"
            ),
        )),
    }
}

fn write_smiles(molecules: &Molecules, out: &mut dyn Write) -> Result<(), StepError> {
    for (row, (smiles, name)) in molecules.smiles().iter().zip(molecules.names()).enumerate() {
        let smiles = smiles.as_deref().unwrap_or_default();
        match name.as_deref().map(one_line) {
            Some(name) if has_extension(&name) => return Err(misread(row, &name, "a CXSMILES extension")),
            Some(name) if !name.is_empty() => writeln!(out, "{smiles} {name}")?,
            _ => writeln!(out, "{smiles}")?,
        }
    }
    Ok(())
}

/// Whether a name behind a SMILES would be taken for a CXSMILES extension, `|…|`.
fn has_extension(name: &str) -> bool {
    name.strip_prefix('|').is_some_and(|rest| rest.contains('|'))
}

/// The name of the molecule in `row` would not be read as a name.
fn misread(row: usize, name: &str, what: &str) -> StepError {
    StepError::new(format!("the name `{name}` of molecule {} would be read as {what}; give it another", row + 1))
}

fn one_line(name: &str) -> String {
    name.split(['\n', '\r']).map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn write_sd(
    context: &ExecutionContext<'_>,
    molecules: &Molecules,
    columns: &[usize],
    out: &mut dyn Write,
) -> Result<(), StepError> {
    let table = molecules.table();
    let columns: Vec<(&str, &ColumnData)> =
        columns.iter().filter_map(|&at| Some((&*table.columns().get(at)?.name, table.data(at)?))).collect();
    if let Some((name, _)) = columns.iter().find(|(name, _)| name.contains(['<', '>', '\n', '\r'])) {
        return Err(StepError::new(format!("the column `{name}` cannot be data of an SD file; give it another name")));
    }
    for (part, smiles) in molecules.smiles().chunks(AT_A_TIME).enumerate() {
        let blocks = map_records(context, smiles, |smiles| {
            Structure::from_smiles(smiles.as_deref().unwrap_or_default())?.mol_block()
        })?;
        for (block, row) in blocks.into_iter().zip(part * AT_A_TIME..) {
            let name = molecules.names()[row].as_deref().map(one_line).unwrap_or_default();
            if name.starts_with("$$$$") || name == "M  END" {
                return Err(misread(row, &name, "the end of a record"));
            }
            let block = block.map_err(|reason| StepError::new(format!("molecule {}, `{name}`, {reason}", row + 1)))?;
            // The first line of a block is the title, which the library does not know.
            let rest = block.split_once('\n').map_or("", |(_, rest)| rest);
            write!(out, "{name}\n{rest}")?;
            for (column, data) in &columns {
                if let Some(value) = sd_value(data, row) {
                    let value = value.map_err(|reason| {
                        StepError::new(format!(
                            "`{column}` of molecule {} cannot stand in an SD file: {reason}",
                            row + 1
                        ))
                    })?;
                    write!(out, ">  <{column}>\n{value}\n\n")?;
                }
            }
            out.write_all(b"$$$$\n")?;
        }
    }
    Ok(())
}

/// The value in `row` as data, if it is there.
fn sd_value(data: &ColumnData, row: usize) -> Option<Result<String, &'static str>> {
    let text = match data.json(row) {
        serde_json::Value::Null => return None,
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    let mut lines = text.split(['\n', '\r']);
    Some(match lines.clone().any(str::is_empty) {
        true => Err("it has an empty line"),
        false if lines.any(|line| line.starts_with("$$$$")) => Err("it has a line that begins with `$$$$`"),
        false => Ok(text),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::artifact::Table;
    use crate::step::{CancelToken, Files, Inputs, Silent, StepId};

    #[test]
    fn a_name_that_would_not_be_read_as_one_is_refused() {
        let written = |name: &str, sd: bool| {
            let text = |text: &str| ColumnData::Text(vec![Some(text.into())]);
            let table = Table::new([
                (Column::new("name", ColumnType::Text), text(name)),
                (Column::new("smiles", ColumnType::Text), text("CCO")),
                (Column::new("record", ColumnType::Integer), ColumnData::Integer(vec![Some(1)])),
            ]);
            let molecules = Molecules::new(table.unwrap()).unwrap();
            let (id, inputs, files) = (StepId::new("it").unwrap(), Inputs::default(), Files::relative_to("."));
            let (artifacts, cancel) = (HashMap::new(), CancelToken::default());
            let context = ExecutionContext::new(&id, &inputs, &artifacts, &files, &cancel, &Silent);
            let mut out = Vec::new();
            match sd {
                true => write_sd(&context, &molecules, &[], &mut out),
                false => write_smiles(&molecules, &mut out),
            }
        };
        for (name, sd) in [("$$$$", true), ("$$$$ x", true), ("M  END", true), ("|1| a |2|", false), ("|&1:1|", false)]
        {
            let said = written(name, sd).unwrap_err().to_string();
            assert!(said.contains(name) && said.contains("molecule 1"), "{said}");
            written(name, !sd).unwrap();
        }
        written("|x", false).unwrap();
    }
}
