//! `molecules.deduplicate`: each molecule once.

use std::collections::HashMap;

use serde_json::json;

use super::molecule::Molecule;
use super::molecules::Molecules;
use crate::prelude::*;
use crate::records::map_records;

/// Keeps each molecule once.
///
/// Two records are one molecule if they have the same InChIKey, or with `by: smiles` the same canonical SMILES. The
/// InChIKey does not tell forms apart that differ by a mobile hydrogen, such as 4-hydroxypyridine and 4-pyridone; the
/// SMILES does. A molecule without an InChIKey (one of more than 500 heavy atoms, or with a dummy atom) is compared by
/// its SMILES.
///
/// Of the records of a molecule the first is kept, or with `keep: last` the last; sort the molecules before to say which
/// is the best. They keep their order. The column `copies` is added: how many records the molecule had.
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
/// - None of its own.
#[step("molecules.deduplicate", version = 1, columns = columns_after)]
pub fn deduplicate_molecules(
    molecules: Input<Molecules>,
    /// What is the same for two records of one molecule.
    #[param(default = "inchi_key", one_of = ["inchi_key", "smiles"])]
    by: String,
    /// Which of the records of a molecule is kept.
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
    // An InChIKey has 27 characters and two hyphens at places where no SMILES has them.
    let named = keys.iter().zip(molecules.smiles()).map(|(key, smiles)| key.as_deref().or(smiles.as_deref()));
    let (kept, copies) = unique(named, keep == "last");
    context.signal("deduplicated", &json!({ "kept": kept.len(), "dropped": molecules.len() - kept.len() }))?;
    let table = molecules.table().gather(&kept);
    let copies = copies.into_iter().map(Some).collect();
    Ok(Molecules::new(table.with_column(Column::new("copies", ColumnType::Integer), ColumnData::Integer(copies))?)?)
}

fn columns_after(_: &DeduplicateMolecules, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(["copies"])
}

/// The rows of the first of equal keys, or of the last, in the order of the rows; and how many there were of each.
fn unique<'a>(keys: impl Iterator<Item = Option<&'a str>>, last: bool) -> (Vec<usize>, Vec<i64>) {
    let mut places: HashMap<Option<&str>, usize> = HashMap::new();
    let mut found: Vec<(usize, i64)> = Vec::new();
    for (row, key) in keys.enumerate() {
        match places.get(&key) {
            Some(&place) => {
                let (kept, copies) = &mut found[place];
                *copies += 1;
                if last {
                    *kept = row;
                }
            }
            None => {
                places.insert(key, found.len());
                found.push((row, 1));
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
    fn the_first_or_the_last_of_equal_keys_is_kept_in_its_place() {
        let keys = ["a", "b", "a", "c", "b", "a"].map(Some);
        assert_eq!(unique(keys.into_iter(), false), (vec![0, 1, 3], vec![3, 2, 1]));
        assert_eq!(unique(keys.into_iter(), true), (vec![3, 4, 5], vec![1, 2, 3]));
    }
}
