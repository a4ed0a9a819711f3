//! `molecules.write`: molecules as a SMILES or SD file.

mod sd;

use std::io::Write;

use serde_json::json;

use super::molecules::Molecules;
use crate::prelude::*;
use crate::records::{Rejects, column_places, extension, is_gzip_name, try_map_records};
use crate::step::{check_share, idle_share};

/// Molecules are drawn so many at a time, so that the drawings of a library need not be held together.
const AT_A_TIME: usize = 4096;

/// Writes molecules to a SMILES or SD file, so that they read back as they are.
///
/// A SMILES file (`.smi`, `.smiles`) has a line for each molecule: the canonical SMILES, a space and the name. An SD
/// file (`.sdf`, `.sd`) has a mol block for each, V2000 unless it has more than 999 atoms or bonds, laid out in the
/// plane; the first line of the block is the name, and the other columns are data under their names, but for those
/// whose value is missing. A dummy atom, `*`, is the atom `R` of a mol block. A double bond without a configuration that
/// its drawing would give one is crossed.
///
/// Each molecule of an SD file is read again as it is written. One that the file does not hold is kept apart in the output
/// `rejects`, with its record, its SMILES and name, and the reason: it cannot be drawn; it would read back as another,
/// as those with a stereocentre of another shape than a tetrahedron's (`@SP`, `@TB`, `@OH`), with one at a phosphorus that
/// bears a hydrogen (`[P@H]`), or with a quadruple bond; its name has a line end or white space around it; a value has an
/// empty line or a carriage return, is empty text, or has a line that begins with `$$$$` or would begin a field. So is a
/// name that begins with `$$$$` or is `M  END`, and in a SMILES file one that begins with `|…|`, which would be read as a
/// CXSMILES extension.
///
/// The file appears whole or not at all, and takes the place of one that was there before. The signal `written` counts
/// the `molecules` in the file, those `rejected`, and those `changed`, which `on_error: write` lets pass.
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
/// - For an SD file: the name of a column would read back as another, as one with a `<`, a `>` or a line end.
/// - With `on_error: fail`, the first molecule that the file does not hold; the message has its number and the reason.
/// - More than the share `fail_above` of the molecules would be kept apart; the message has the numbers and the commonest
///   reason, and no file is written. Or `fail_above` is given with `on_error: fail`.
/// - The file or its directory cannot be written, or `path` is a directory.
#[step("molecules.write", version = 2, kind = Sink, check = can_write)]
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
    /// Whether a molecule that the file does not hold as it is is kept apart (`reject`), fails the step (`fail`), or is
    /// written, where it can be, as what then reads back as another (`write`).
    #[param(default = "reject", one_of = ["reject", "fail", "write"])]
    on_error: String,
    /// The share of the molecules, from 0 to 1, above which keeping them apart fails the step. A share that is equal does not.
    /// Left out, any number may be kept apart.
    #[param(min = 0.0, max = 1.0, example = "0.05")]
    fail_above: Option<f64>,
    context: &ExecutionContext<'_>,
) -> Result<WithRejects<FileWritten>, StepError> {
    let sd = is_sd(path.as_str(), format.as_deref())?;
    let table = molecules.table();
    let columns = match &columns {
        Some(columns) => column_places(table, columns, "columns")?,
        None => (3..table.columns().len()).collect(),
    };
    let columns: Vec<(&Column, &ColumnData)> =
        columns.into_iter().filter_map(|at| Some((table.columns().get(at)?, table.data(at)?))).collect();
    if sd {
        sd::check_columns(&columns)?;
    }
    let mut rejects = Table::default();
    let mut outcome = Outcome { on_error: &on_error, molecules: 0, changed: 0, rejects: Rejects::default() };
    let kept = path.write(context.files(), |out| {
        for part in rows(&molecules).chunks(AT_A_TIME) {
            let written = try_map_records(context, part, |row| {
                if !sd {
                    return Ok(smiles_line(row));
                }
                Ok(sd::block(row.smiles)?.and_then(|block| sd::record(row, block, &columns)))
            })?;
            for (row, written) in part.iter().zip(written) {
                outcome.put(row, written, out)?;
            }
        }
        rejects = std::mem::take(&mut outcome.rejects).finish()?;
        check_share(&rejects, table.rows(), fail_above, &format!("molecules cannot be written to `{}`", path.as_str()))
    })?;
    let (molecules, rejected, changed) = (outcome.molecules, rejects.rows(), outcome.changed);
    context.signal("written", &json!({ "molecules": molecules, "rejected": rejected, "changed": changed }))?;
    Ok(WithRejects { kept, rejects })
}

/// A molecule to write.
struct Row<'a> {
    index: usize,
    smiles: &'a str,
    name: Option<&'a str>,
    record: Option<u64>,
}

/// A molecule as it stands in the file.
struct Written {
    text: String,
    /// Why it reads back as something else. `None` if it does not.
    change: Option<String>,
}

fn rows(molecules: &Molecules) -> Vec<Row<'_>> {
    let molecules = molecules.iter().enumerate();
    molecules
        .map(|(index, molecule)| Row {
            index,
            smiles: molecule.smiles(),
            name: molecule.name(),
            record: molecule.record().and_then(|record| record.try_into().ok()),
        })
        .collect()
}

/// What has become of the molecules so far.
struct Outcome<'a> {
    on_error: &'a str,
    molecules: u64,
    changed: u64,
    rejects: Rejects,
}

impl Outcome<'_> {
    fn put(&mut self, row: &Row<'_>, written: Result<Written, String>, out: &mut dyn Write) -> Result<(), StepError> {
        let (reason, help) = match written {
            Ok(Written { text, change }) if change.is_none() || self.on_error == "write" => {
                self.molecules += 1;
                self.changed += u64::from(change.is_some());
                return Ok(out.write_all(text.as_bytes())?);
            }
            Ok(Written { change, .. }) => (change.unwrap_or_default(), "; `on_error: write` writes it all the same"),
            Err(reason) => (reason, ""),
        };
        let name = row.name.map(one_line).unwrap_or_default();
        if self.on_error == "fail" {
            let (number, smiles) = (row.index + 1, row.smiles);
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
            help: Some("leave it out, or write an SD file or, with `table.write`, a table".to_owned()),
            ..Misfit::new("columns", "`columns` names the data of an SD file, and a SMILES file has no place for them")
        }),
        Ok(_) => None,
        Err(misfit) => Some(misfit),
    };
    let share = idle_share(&step.on_error, step.fail_above);
    format.into_iter().chain(Misfit::twice("columns", columns)).chain(share).collect()
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

/// The line of a molecule in a SMILES file.
fn smiles_line(row: &Row<'_>) -> Result<Written, String> {
    let name = row.name.unwrap_or_default();
    let shown = one_line(name);
    if has_extension(&shown) {
        return Err(misread(&shown, "a CXSMILES extension"));
    }
    let change = (shown != name)
        .then(|| "its name has a line end, or white space around it, which a SMILES file does not hold".to_owned());
    Ok(Written { text: format!("{} {shown}", row.smiles).trim_end().to_owned() + "\n", change })
}

/// Whether a name behind a SMILES would be taken for a CXSMILES extension, `|…|`.
fn has_extension(name: &str) -> bool {
    name.strip_prefix('|').is_some_and(|rest| rest.contains('|'))
}

/// Why a name cannot be written.
fn misread(name: &str, what: &str) -> String {
    format!("its name `{name}` would be read as {what}; give it another")
}

fn one_line(name: &str) -> String {
    name.split(['\n', '\r']).map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chemistry::library::MolBlock;

    #[test]
    fn a_name_that_would_not_be_read_as_one_is_refused() {
        let refused = |name: &str, sd: bool| {
            let row = Row { index: 0, smiles: "CCO", name: Some(name), record: None };
            let block = || MolBlock { text: String::new(), change: None };
            if sd { sd::record(&row, block(), &[]).err() } else { smiles_line(&row).err() }
        };
        for (name, sd) in [("$$$$", true), ("$$$$ x", true), ("M  END", true), ("|1| a |2|", false), ("|&1:1|", false)]
        {
            assert!(refused(name, sd).is_some_and(|said| said.contains(name)), "{name}");
            assert_eq!(refused(name, !sd), None);
        }
        assert_eq!(refused("|x", false), None);
    }
}
