//! `molecules.write`: writes molecules to a SMILES or SD file.

mod sd;

use std::io::Write;

use serde_json::json;

use super::library::MolBlock;
use super::molecules::Molecules;
use crate::artifact::TablePiece;
use crate::cancel;
use crate::prelude::*;
use crate::records::{Rejects, column_indices, compression, extension, try_map_records};
use crate::step::{Reasons, idle_share};

/// The number of molecules drawn before their text is written, which bounds memory.
const AT_A_TIME: usize = 4096;

/// Writes molecules to a SMILES or SD file, and verifies that they can be read back unchanged.
///
/// A SMILES file (`.smi`, `.smiles`) has one line per molecule: the canonical SMILES, a space and the name. An SD file
/// (`.sdf`, `.sd`) has a mol block per molecule with two-dimensional coordinates, V2000 unless it has more than 999 atoms
/// or bonds; the first line of the block is the name, and the other columns become data fields, except where their value
/// is missing. With `coordinates`, a molecule gets the mol block that the column has for it, such as one that
/// `molecules.read` kept, with its hydrogens, coordinates and stereo groups. It is drawn if the value is missing, or is the
/// mol block of another molecule, as after `molecules.standardize`. In a drawing, a dummy atom, `*`, becomes the atom `R`,
/// and a double bond without a configuration is crossed if its layout would imply one.
///
/// Each molecule of an SD file is parsed again after writing. A molecule that the file cannot represent goes to the output
/// `rejects`, with its record, SMILES, name and the reason: it cannot be drawn; it would read back as another molecule,
/// such as one with a non-tetrahedral stereocentre (`@SP`, `@TB`, `@OH`), a stereocentre at a phosphorus with a hydrogen
/// (`[P@H]`), or a quadruple bond; its name contains a line end or has white space around it; a value contains an empty
/// line or a carriage return, is an empty text, or has a line that begins with `$$$$` or would begin a field. So does a
/// molecule whose name begins with `$$$$` or is `M  END`, and in a SMILES file one whose name begins with `|…|`, which
/// would be parsed as a CXSMILES extension.
///
/// The file is replaced atomically. The signal `written` counts the `molecules` in the file, those `rejected`, and those
/// `changed`, which `on_error: write` permits; with `coordinates`, it also counts those `drawn`.
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
/// - Neither the extension of the file nor `format` determines the format, or the name ends in `.gz`.
/// - A column of `columns` does not exist, in which case the message lists the columns, or is named twice.
/// - SD files only: the name of a column would not read back unchanged, such as one with a `<`, a `>` or a line end.
/// - With `on_error: fail`, a molecule that the file cannot represent; the message gives its number and the reason.
/// - More than the share `fail_above` of the molecules would be rejected; the message gives the numbers and the most common
///   reason, and no file is written. Or `fail_above` is set together with `on_error: fail`.
/// - The file or its directory cannot be written, or `path` is a directory.
#[step("molecules.write", version = 3, kind = Sink, check = can_write)]
pub fn write_molecules(
    molecules: Input<Stream<Molecules>>,
    /// The file to write. Missing directories are created.
    #[param(example = "out/leads.sdf")]
    path: OutputFile,
    /// The format, if the extension of the file does not determine it.
    #[param(one_of = ["smi", "sdf"])]
    format: Option<String>,
    /// The columns to write as data fields of an SD file, in this order. Defaults to all but `name`, `smiles` and `record`.
    #[param(example = "[molecular_weight, logp]")]
    columns: Option<Vec<ColumnName>>,
    /// The column with mol blocks to write in place of two-dimensional drawings.
    #[param(example = "mol_block")]
    coordinates: Option<ColumnName>,
    /// What to do with a molecule that the file cannot represent: put it into `rejects` (`reject`), fail the step (`fail`),
    /// or write it if possible, although it then reads back as another molecule (`write`).
    #[param(default = "reject", one_of = ["reject", "fail", "write"])]
    on_error: String,
    /// The share of rejected molecules, from 0 to 1, above which the step fails; an equal share does not fail it. Defaults
    /// to no limit.
    #[param(min = 0.0, max = 1.0, example = "0.05")]
    fail_above: Option<f64>,
    context: &ExecutionContext<'_>,
) -> Result<WithRejects<FileWritten>, StepError> {
    let sd = is_sd(path.as_str(), format.as_deref())?;
    let head = molecules.head()?;
    let blocks = match &coordinates {
        Some(column) => Some(block_column(&head, column)?),
        None => None,
    };
    let columns = match &columns {
        Some(columns) => column_indices(&head, columns, "columns")?,
        None => (3..head.columns().len()).filter(|index| Some(*index) != blocks).collect(),
    };
    if sd {
        sd::check_columns(&chosen(&head, &columns))?;
    }
    let mut rejects = Table::default();
    let mut outcome = Outcome { on_error: &on_error, molecules: 0, changed: 0, drawn: 0, rejects: Rejects::default() };
    let kept = path.write(context.files(), |out| {
        for piece in molecules.pieces(context) {
            let TablePiece { table, rows: part, first } = piece?;
            let piece = Molecules::new(table)?;
            let columns = chosen(piece.table(), &columns);
            for part in rows(&piece, first, blocks).get(part).unwrap_or_default().chunks(AT_A_TIME) {
                let written = try_map_records(context, part, |row| {
                    if !sd {
                        return Ok(smiles_line(row));
                    }
                    let kept = row.block.and_then(|text| MolBlock::of(row.smiles, text));
                    let drawn = kept.is_none();
                    let block = match kept {
                        Some(block) => Ok(block),
                        None => sd::block(row.smiles)?,
                    };
                    let written = block.and_then(|block| sd::record(row, block, &columns));
                    let written = written.map(|written| Written { drawn, ..written });
                    cancel::check()?;
                    Ok(written)
                })?;
                for (row, written) in part.iter().zip(written) {
                    outcome.put(row, written, out)?;
                }
            }
        }
        rejects = std::mem::take(&mut outcome.rejects).finish()?;
        let refused = format!("molecules cannot be written to `{}`", path.as_str());
        Reasons::of(&rejects).check_share(molecules.rows(), fail_above, &refused)
    })?;
    let (molecules, rejected, changed) = (outcome.molecules, rejects.rows(), outcome.changed);
    let mut written = json!({ "molecules": molecules, "rejected": rejected, "changed": changed });
    if blocks.is_some() {
        written["drawn"] = outcome.drawn.into();
    }
    context.signal("written", &written)?;
    Ok(WithRejects { kept, rejects })
}

/// Returns the columns at these indices.
fn chosen<'t>(table: &'t Table, columns: &[usize]) -> Vec<(&'t Column, &'t Values)> {
    columns.iter().filter_map(|at| Some((table.columns().get(*at)?, table.data(*at)?))).collect()
}

/// Returns the index of the column with mol blocks.
///
/// # Errors
/// Fails if the column does not exist or is not text.
fn block_column(head: &Table, column: &ColumnName) -> Result<usize, StepError> {
    let indices = column_indices(head, std::slice::from_ref(column), "coordinates")?;
    match indices.first().and_then(|index| Some((*index, head.columns().get(*index)?))) {
        Some((index, Column { ty: ColumnType::Text, .. })) => Ok(index),
        _ => Err(StepError::new(format!(
            "the column `{column}`, which `coordinates` names, is not text; expected mol blocks, as `coordinates: keep` of \
             `molecules.read` gives them"
        ))),
    }
}

/// A molecule to write.
struct Row<'a> {
    /// The index in its piece of the molecules.
    index: usize,
    /// The number among all molecules, from 1.
    number: usize,
    smiles: &'a str,
    name: Option<&'a str>,
    record: Option<u64>,
    /// The mol block that the molecules have for it.
    block: Option<&'a str>,
}

/// The text of a molecule in the file.
struct Written {
    text: String,
    /// Whether its mol block is a drawing, rather than the block that the molecules have for it.
    drawn: bool,
    /// How it differs when it is read back; `None` if it does not.
    change: Option<String>,
}

fn rows(molecules: &Molecules, first: usize, blocks: Option<usize>) -> Vec<Row<'_>> {
    let blocks = blocks.and_then(|index| molecules.table().data(index));
    let block = |row: usize| match blocks {
        Some(Values::Text(values)) => values.cell(row),
        _ => None,
    };
    let molecules = molecules.iter().enumerate();
    molecules
        .map(|(index, molecule)| Row {
            index,
            number: first + index + 1,
            smiles: molecule.smiles(),
            name: molecule.name(),
            record: molecule.record().and_then(|record| record.try_into().ok()),
            block: block(index),
        })
        .collect()
}

/// The result so far.
struct Outcome<'a> {
    on_error: &'a str,
    molecules: u64,
    changed: u64,
    drawn: u64,
    rejects: Rejects,
}

impl Outcome<'_> {
    fn put(&mut self, row: &Row<'_>, written: Result<Written, String>, out: &mut dyn Write) -> Result<(), StepError> {
        let (reason, help) = match written {
            Ok(Written { text, change, drawn }) if change.is_none() || self.on_error == "write" => {
                self.molecules += 1;
                self.changed += u64::from(change.is_some());
                self.drawn += u64::from(drawn);
                return Ok(out.write_all(text.as_bytes())?);
            }
            Ok(Written { change, .. }) => (change.unwrap_or_default(), "; `on_error: write` writes it all the same"),
            Err(reason) => (reason, ""),
        };
        let name = row.name.map(one_line).unwrap_or_default();
        if self.on_error == "fail" {
            let (number, smiles) = (row.number, row.smiles);
            return Err(StepError::new(format!(
                "molecule {number}, `{smiles} {name}`, cannot be written: {reason}{help}"
            )));
        }
        self.rejects.push_record(
            row.record,
            format!("{} {name}", row.smiles).trim().as_bytes(),
            &format!("{reason}{help}"),
        );
        Ok(())
    }
}

fn can_write(step: &WriteMolecules, _: &ColumnContext<'_>) -> Vec<Misfit> {
    let columns = step.columns.as_deref().unwrap_or_default();
    let format = match is_sd(step.path.as_str(), step.format.as_deref()) {
        Ok(false) if !columns.is_empty() => Some(Misfit {
            help: Some("omit it, or write an SD file, or use `table.write`".to_owned()),
            ..Misfit::new("columns", "`columns` applies to SD files; a SMILES file has no data fields")
        }),
        Ok(false) if step.coordinates.is_some() => Some(Misfit {
            help: Some("omit it, or write an SD file".to_owned()),
            ..Misfit::new("coordinates", "`coordinates` applies to SD files; a SMILES file has no coordinates")
        }),
        Ok(_) => None,
        Err(misfit) => Some(misfit),
    };
    let share = idle_share(&step.on_error, step.fail_above);
    format.into_iter().chain(Misfit::twice("columns", columns)).chain(share).collect()
}

fn is_sd(path: &str, format: Option<&str>) -> Result<bool, Misfit> {
    if let Some(extension) = compression(path) {
        let message = format!("cannot write `{path}`: compression is not supported; remove `{extension}`");
        return Err(Misfit::new("path", message));
    }
    let extension = extension(path);
    match format.or(extension.as_deref()) {
        Some("sdf" | "sd") => Ok(true),
        Some("smi" | "smiles") => Ok(false),
        _ => Err(Misfit::new(
            "path",
            format!(
                "cannot determine the format of `{path}`: use the extension `.smi` or `.sdf`, or write `format: smi`"
            ),
        )),
    }
}

/// Returns the line of a molecule in a SMILES file.
fn smiles_line(row: &Row<'_>) -> Result<Written, String> {
    let name = row.name.unwrap_or_default();
    let line = one_line(name);
    if has_extension(&line) {
        return Err(misread(&line, "a CXSMILES extension"));
    }
    let change = (line != name)
        .then(|| "its name has a line end, or white space around it, which a SMILES file does not hold".to_owned());
    Ok(Written { text: format!("{} {line}", row.smiles).trim_end().to_owned() + "\n", drawn: false, change })
}

/// Returns whether a name after a SMILES would be parsed as a CXSMILES extension, `|…|`.
fn has_extension(name: &str) -> bool {
    name.strip_prefix('|').is_some_and(|rest| rest.contains('|'))
}

/// Describes why a name cannot be written.
fn misread(name: &str, what: &str) -> String {
    format!("its name `{name}` would be read as {what}; give it another")
}

fn one_line(name: &str) -> String {
    name.split(['\n', '\r']).map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_be_misread_is_refused() {
        let refused = |name: &str, sd: bool| {
            let row = Row { index: 0, number: 1, smiles: "CCO", name: Some(name), record: None, block: None };
            let block = || MolBlock { text: String::new(), change: None };
            if sd { sd::record(&row, block(), &[]).err() } else { smiles_line(&row).err() }
        };
        for (name, sd) in [("$$$$", true), ("$$$$ x", true), ("M  END", true), ("|1| a |2|", false), ("|&1:1|", false)]
        {
            assert!(refused(name, sd).is_some_and(|reason| reason.contains(name)), "{name}");
            assert_eq!(refused(name, !sd), None);
        }
        assert_eq!(refused("|x", false), None);
    }
}
