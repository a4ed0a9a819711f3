//! Splits measured values with a relation, such as `>10`, into the relation and the number.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value;

use super::typing::type_name;
use crate::artifact::ColumnType;
use crate::cancel::while_running;
use crate::step::{Misfit, PathPart};

/// The relations as they are written, longest first, each with the one that the column of relations holds.
const RELATIONS: [(&str, &str); 11] = [
    (">>", ">>"),
    ("<<", "<<"),
    (">=", ">="),
    ("<=", "<="),
    ("≥", ">="),
    ("≤", "<="),
    (">", ">"),
    ("<", "<"),
    ("~", "~"),
    ("≈", "~"),
    ("=", "="),
];

/// Returns the name of the column with the relations of the values in the column `name`.
pub(super) fn relation_column(name: &str) -> String {
    format!("{name}_relation")
}

/// Returns `names` with a column of relations behind each column that `is_qualified`, or the name that two columns would
/// have.
pub(crate) fn with_relations(
    names: impl IntoIterator<Item = String>,
    mut is_qualified: impl FnMut(usize, &str) -> bool,
) -> Result<Vec<String>, String> {
    let (mut all, mut known) = (Vec::new(), HashSet::new());
    for (index, name) in names.into_iter().enumerate() {
        let relation = is_qualified(index, &name).then(|| relation_column(&name));
        for name in [Some(name), relation].into_iter().flatten() {
            if !known.insert(name.clone()) {
                return Err(name);
            }
            all.push(name);
        }
    }
    Ok(all)
}

/// Reports a column of `qualified` that is named twice, or that `types` declares to be something other than numbers.
pub(crate) fn misfits_of_qualified(qualified: &[String], types: &BTreeMap<String, ColumnType>) -> Vec<Misfit> {
    let other = |name: &str| types.get(name).filter(|ty| !matches!(ty, ColumnType::Integer | ColumnType::Float));
    let no_number = qualified.iter().enumerate().filter_map(|(at, name)| {
        let message =
            format!("`{name}` has numbers with relations, and `types` declares it as {}", type_name(*other(name)?));
        Some(Misfit::new("qualified", message).at(PathPart::Index(at)).with_help("omit the column in one of them"))
    });
    Misfit::twice("qualified", qualified).into_iter().chain(no_number).collect()
}

/// Splits each cell whose column `is_qualified` into its number and its relation; only the first of them if the step is
/// asked to stop.
pub(crate) fn split_cells(cells: &mut Vec<Value>, is_qualified: impl Fn(usize) -> bool) {
    let mut split = Vec::with_capacity(cells.len() + 1);
    for (index, cell) in while_running(std::mem::take(cells)).enumerate() {
        if is_qualified(index) {
            let (relation, number) = relation_and_number(cell);
            split.extend([number, relation]);
        } else {
            split.push(cell);
        }
    }
    *cells = split;
}

/// Splits a cell. A number without a relation is exact, `=`.
fn relation_and_number(cell: Value) -> (Value, Value) {
    let Value::String(text) = &cell else {
        let relation = if cell.is_null() { Value::Null } else { "=".into() };
        return (relation, cell);
    };
    split_text(text).map_or((Value::Null, Value::Null), |(relation, number)| (relation.into(), number.into()))
}

/// Splits a text into its relation and its number; `None` if it is blank. A number without a relation is exact, `=`. What
/// follows a relation is left to the conversion to a number; a relation alone stays with the number, so that it is refused
/// there.
pub(super) fn split_text(text: &str) -> Option<(&'static str, &str)> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let found = RELATIONS.iter().find_map(|(written, relation)| {
        let number = text.strip_prefix(written)?.trim_start();
        (!number.is_empty()).then_some((*relation, number))
    });
    Some(found.unwrap_or(("=", text)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_a_relation_and_a_number() {
        for (cell, relation, number) in [
            (json!(">10"), json!(">"), json!("10")),
            (json!("< 0.1"), json!("<"), json!("0.1")),
            (json!("≥5"), json!(">="), json!("5")),
            (json!(">=5"), json!(">="), json!("5")),
            (json!("<<1e-9"), json!("<<"), json!("1e-9")),
            (json!(" ~ 5 "), json!("~"), json!("5")),
            (json!("=5"), json!("="), json!("5")),
            (json!("5"), json!("="), json!("5")),
            (json!(5.5), json!("="), json!(5.5)),
            (json!(">"), json!("="), json!(">")),
            (json!(">=>5"), json!(">="), json!(">5")),
            (json!("abc"), json!("="), json!("abc")),
            (json!(" "), json!(null), json!(null)),
            (json!(null), json!(null), json!(null)),
        ] {
            assert_eq!(relation_and_number(cell.clone()), (relation, number), "{cell}");
        }
    }

    #[test]
    fn relations_follow_their_numbers() {
        let names = |names: [&str; 3]| with_relations(names.map(str::to_owned), |_, name| name == "ic50");
        assert_eq!(names(["a", "ic50", "b"]).unwrap(), ["a", "ic50", "ic50_relation", "b"]);
        assert_eq!(names(["ic50_relation", "ic50", "b"]), Err("ic50_relation".to_owned()));
        let mut cells = vec![json!("x"), json!("<5"), json!("y")];
        split_cells(&mut cells, |index| index == 1);
        assert_eq!(cells, [json!("x"), json!("5"), json!("<"), json!("y")]);
    }
}
