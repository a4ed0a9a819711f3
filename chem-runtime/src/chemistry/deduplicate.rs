//! `molecules.deduplicate`: removes duplicate molecules.

use std::collections::HashMap;

use arrow_array::Int64Array;
use rayon::prelude::*;
use serde_json::json;

use super::library::{PROVIDER, Structure};
use super::molecules::{Molecule, Molecules};
use crate::prelude::*;
use crate::records::{map_records, on_workers};
use crate::step::{Descent, DroppedRow, Explanation, OfEqual};

/// Keeps one record of each molecule.
///
/// Two records are duplicates if they have the same InChIKey, or with `by: smiles` the same canonical SMILES. The InChIKey
/// does not distinguish forms that differ by a mobile hydrogen, such as 4-hydroxypyridine and 4-pyridone; the SMILES does.
/// A molecule without an InChIKey (more than 500 heavy atoms, or a dummy atom) is compared by its SMILES.
///
/// The first of several duplicates is kept, or the last with `keep: last`; sort the molecules first to control which one
/// that is. The order is preserved. The new column `copies` contains the number of records of each molecule. If the
/// molecules were deduplicated before, their earlier `copies` are added up.
///
/// The signal `deduplicated` counts the molecules `kept` and `dropped`.
///
/// # Example
/// ```yaml
/// flow: each-once
/// steps:
///   - id: drinks
///     uses: molecules.inline
///     with: { molecules: [CCO ethanol, OCC alcohol, O water] }
///   - id: once
///     uses: molecules.deduplicate
/// ```
///
/// # Errors
/// - The data already has a column `copies` from another source.
#[step("molecules.deduplicate", version = 2, columns = columns_after, descent = descent, explain = explain)]
pub fn deduplicate_molecules(
    molecules: Input<Molecules>,
    /// The key by which duplicates are recognised.
    #[param(default = "inchi_key", one_of = ["inchi_key", "smiles"])]
    by: String,
    /// The duplicate to keep.
    #[param(default = "first", one_of = ["first", "last"])]
    keep: String,
    context: &ExecutionContext<'_>,
) -> Result<Molecules, StepError> {
    let keys: Vec<Option<String>> = match by.as_str() {
        "smiles" => vec![None; molecules.len()],
        _ => {
            let all: Vec<Molecule<'_>> = molecules.iter().collect();
            map_records(context, &all, Molecule::inchi_key)?
        }
    };
    // An InChIKey has 27 characters and two hyphens in positions where no SMILES has them, so the two never collide.
    let named = keys.iter().zip(molecules.smiles()).map(|(key, smiles)| key.as_deref().or(smiles));
    let before = copies_before(molecules.table());
    let counted = named.enumerate().map(|(row, key)| (key, before.and_then(|copies| copies.cell(row)).unwrap_or(1)));
    let (kept, copies) = unique(counted, keep == "last");
    context.signal("deduplicated", &json!({ "kept": kept.len(), "dropped": molecules.len() - kept.len() }))?;
    let column = Column::new("copies", ColumnType::Integer).with_provider(PROVIDER);
    let copies = Values::integers(copies);
    Ok(Molecules::new(molecules.table().gather(&kept).with_result(column, copies)?)?)
}

/// Returns the counts of an earlier deduplication, if there was one.
fn copies_before(table: &Table) -> Option<&Int64Array> {
    match table.column("copies")? {
        (column, Values::Integer(copies)) if column.provider.as_deref() == Some(PROVIDER) => Some(copies),
        _ => None,
    }
}

fn columns_after(_: &DeduplicateMolecules, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(["copies"])
}

fn descent(step: &DeduplicateMolecules) -> Descent<'_> {
    let of_equal = if step.keep == "last" { OfEqual::Last } else { OfEqual::First };
    Descent::Selected { of_equal, computed: &["copies"] }
}

/// Finds the record that was kept in place of another.
fn explain(step: &DeduplicateMolecules, dropped: &DroppedRow<'_>) -> Result<Option<Explanation>, StepError> {
    let kept = dropped.kept(&["smiles", "copies"])?;
    let (own, all) = (dropped.row().texts("smiles")?, kept.texts("smiles")?);
    let Some(smiles) = own.cell(0) else { return Ok(None) };
    let duplicate_of = |row, by: &str| Some(Explanation::DuplicateOf { row, by: by.to_owned() });
    // Equal SMILES are equal molecules, which have equal InChIKeys.
    if let Some(row) = (0..kept.rows()).find(|row| all.cell(*row) == Some(smiles)) {
        return Ok(duplicate_of(row, "smiles"));
    }
    let Some(copies) = copies_before(&kept).filter(|_| step.by != "smiles") else { return Ok(None) };
    let found = on_workers(|| {
        let key = key_of(smiles)?;
        // A record that was kept in place of others has at least two copies.
        let has_key = |row: &usize| {
            copies.cell(*row).is_some_and(|copies| copies > 1) && all.cell(*row).and_then(key_of).as_ref() == Some(&key)
        };
        (0..kept.rows()).into_par_iter().find_first(has_key)
    })?;
    Ok(found.and_then(|row| duplicate_of(row, "InChIKey")))
}

fn key_of(smiles: &str) -> Option<String> {
    Structure::from_canonical(smiles).ok()?.inchi_key()
}

/// Returns the row of the first, or the `last`, of equal keys, in the order of the rows, and the sum of the counts of each
/// key.
fn unique<'a>(counted: impl Iterator<Item = (Option<&'a str>, i64)>, last: bool) -> (Vec<usize>, Vec<i64>) {
    let mut indices: HashMap<Option<&str>, usize> = HashMap::new();
    let mut found: Vec<(usize, i64)> = Vec::new();
    for (row, (key, count)) in counted.enumerate() {
        match indices.get(&key) {
            Some(&index) => {
                let (kept, copies) = &mut found[index];
                *copies = copies.saturating_add(count);
                if last {
                    *kept = row;
                }
            }
            None => {
                indices.insert(key, found.len());
                found.push((row, count));
            }
        }
    }
    found.sort_unstable();
    found.into_iter().unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_or_the_last_of_equal_keys_is_kept_in_order() {
        let keys = ["a", "b", "a", "c", "b", "a"].map(|key| (Some(key), 1));
        assert_eq!(unique(keys.into_iter(), false), (vec![0, 1, 3], vec![3, 2, 1]));
        assert_eq!(unique(keys.into_iter(), true), (vec![3, 4, 5], vec![1, 2, 3]));
        let counted = [("a", 3), ("b", 2), ("a", 1)].map(|(key, count)| (Some(key), count));
        assert_eq!(unique(counted.into_iter(), false), (vec![0, 1], vec![4, 2]));
    }
}
