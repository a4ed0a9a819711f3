//! Writes the records of SD files.

use super::{Row, Written, one_line};
use crate::artifact::{Column, Values};
use crate::cancel::while_running;
use crate::chemistry::library::{MolBlock, Structure};
use crate::chemistry::read::{Header, begins_a_field, field_header};
use crate::prelude::*;
use crate::records::{abandonable, cell_text};

/// Checks that the column names can be read back.
///
/// # Errors
/// Names the first column that cannot.
pub(super) fn check_columns(columns: &[(&Column, &Values)]) -> Result<(), StepError> {
    let reads_back = |name: &str| {
        let header = header(name);
        !header.contains(['\n', '\r']) && field_header(header.as_bytes()) == Header::Plain(name.as_bytes())
    };
    match columns.iter().find(|(column, _)| !reads_back(&column.name)) {
        Some((column, _)) => Err(StepError::new(format!(
            "the column `{}` cannot be a data field of an SD file, because its name would not read back unchanged; rename it",
            column.name
        ))),
        None => Ok(()),
    }
}

fn header(column: &str) -> String {
    format!(">  <{column}>")
}

/// Returns the mol block of a molecule, or the reason why it cannot be drawn.
///
/// # Errors
/// Fails if the step is cancelled: the layout of the largest molecules takes up to 15 seconds and is then abandoned.
pub(super) fn block(smiles: &str) -> Result<Result<MolBlock, String>, StepError> {
    match Structure::from_smiles(smiles) {
        Ok(structure) if structure.is_slow_to_draw() => abandonable(move || structure.mol_block()),
        structure => Ok(structure.and_then(|structure| structure.mol_block())),
    }
}

/// Returns the record of a molecule, with the `$$$$` that ends it. Leaves fields out if the step is asked to stop.
///
/// # Errors
/// Returns the reason why the molecule cannot be written: its name or a value would end the record or begin a field.
pub(super) fn record(row: &Row<'_>, block: MolBlock, columns: &[(&Column, &Values)]) -> Result<Written, String> {
    let mut change = None;
    let mut name = row.name.unwrap_or_default();
    let line = one_line(name);
    if line != name {
        change = Some("its name has a line end, or white space around it, which an SD file does not hold".to_owned());
        name = &line;
    }
    if name.starts_with("$$$$") || name == "M  END" {
        return Err(super::misread(name, "the end of a record"));
    }
    change = change.or(block.change);
    // The first line of a block is the title, which the library leaves empty.
    let rest = block.text.split_once('\n').map_or("", |(_, rest)| rest);
    let mut text = format!("{name}\n{rest}");
    for (column, data) in while_running(columns) {
        let Some(value) = cell_text(data, row.index) else { continue };
        let of = |why: &str| {
            let hint = if value.ends_with("M  END\n") { "; `coordinates` writes mol blocks as structures" } else { "" };
            format!("has in the column `{}` a value that an SD file does not hold: {why}{hint}", column.name)
        };
        if value.is_empty() {
            change = change.or_else(|| Some(of("an empty text, which reads back as a missing value")));
            continue;
        }
        check(&value).map_err(of)?;
        text.push_str(&format!("{}\n{value}\n\n", header(&column.name)));
    }
    text.push_str("$$$$\n");
    Ok(Written { text, drawn: true, change })
}

/// Checks that a value reads back unchanged.
fn check(value: &str) -> Result<(), &'static str> {
    if value.contains('\r') {
        return Err("it has a carriage return, which reads back as a line end");
    }
    for line in value.split('\n') {
        if line.is_empty() {
            return Err("it has an empty line");
        }
        if line.starts_with("$$$$") {
            return Err("it has a line that begins with `$$$$`");
        }
        if begins_a_field(line.as_bytes()) {
            return Err("it has a line that would begin a field, `> <NAME>`");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chemistry::limits::MAX_DRAWN_ATOMS;
    use crate::records::on_workers;
    use crate::step::CancelToken;

    #[test]
    fn the_layout_of_a_large_molecule_is_abandoned_on_cancellation() {
        let asked = CancelToken::default();
        asked.cancel();
        let large = "C".repeat(MAX_DRAWN_ATOMS + 1);
        let stopped = asked.scope(|| on_workers(|| block(&large))).unwrap();
        assert!(stopped.is_err_and(|error| error.is_interrupted()));
        assert!(on_workers(|| block("CCO")).unwrap().unwrap().is_ok_and(|block| block.change.is_none()));
    }
}
