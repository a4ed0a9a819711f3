//! Why a step dropped a row.

use serde_json::{Map, Value};

use super::parameters::{cells, plain_params, texts_of};
use super::tables::Stored;
use super::{StepOutcome, WhyDropped};
use crate::event::RecordedStep;
use crate::flow::StepState;
use crate::step::{Expression, ParamType, ParamValue as _, RowsSpec, StepSpec, Structures, Verdict};
use crate::workbench::WorkbenchError;
use crate::workbench::tables::Row;

/// The step type that merges records: its parameter `by` says which are equal.
const DEDUPLICATE: &str = "molecules.deduplicate";

/// Returns why a row step dropped a row.
pub(super) fn of_row_step(
    spec: &StepSpec,
    recorded: &RecordedStep,
    state: &StepState,
    input: &Stored<'_>,
    row: &Row,
) -> Vec<WhyDropped> {
    let condition = spec.params.iter().find(|param| param.ty.make() == ParamType::Expression);
    let hashed = state.started.as_ref().map(|started| &started.params);
    let condition = condition.and_then(|param| Expression::read(hashed?.get(param.name)?).ok());
    let failing = condition.map(|condition| failing(&condition, input, row)).unwrap_or_default();
    if !failing.is_empty() {
        return failing;
    }
    let columns = match spec.rows {
        Some(RowsSpec::Columns(columns)) => columns,
        _ => &[],
    };
    let columns =
        columns.iter().map(|name| (*name).to_owned()).chain(texts_of(spec, &recorded.params, &[ParamType::Column]));
    let columns = cells(input, row, columns);
    vec![WhyDropped::Parameters { params: plain_params(spec, &recorded.params), columns }]
}

/// Returns the parts of a condition that do not hold for a row; empty if it holds.
fn failing(condition: &Expression, input: &Stored<'_>, row: &Row) -> Vec<WhyDropped> {
    let Some(table) = input.table_of(row) else { return Vec::new() };
    let judged = |part: &Expression| {
        let missing = match part.over_rows(&table).ok()?.test(0) {
            Verdict::False => None,
            Verdict::Missing(column) => Some(column.to_owned()),
            Verdict::True | Verdict::Error(_) => return None,
        };
        Some(WhyDropped::Condition {
            condition: part.as_str().to_owned(),
            missing,
            columns: cells(input, row, part.columns()),
            params: part.params().clone(),
        })
    };
    let Some(whole) = judged(condition) else { return Vec::new() };
    let parts = conjuncts(condition.as_str()).into_iter().map(|part| {
        let mut part = Expression::new(part).ok()?;
        for (name, value) in condition.params() {
            part = part.with_param(name, value.clone()).ok()?;
        }
        Some(part)
    });
    let parts: Option<Vec<Expression>> = parts.collect();
    let failing: Vec<WhyDropped> = parts.iter().flatten().filter_map(judged).collect();
    if failing.is_empty() { vec![whole] } else { failing }
}

/// Returns the parts of a condition that all have to hold: those between the outermost `&&`. The condition itself, if it is
/// joined by something else, or if its text alone does not show this.
fn conjuncts(condition: &str) -> Vec<&str> {
    let whole = vec![condition.trim()];
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    let mut characters = condition.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' | '?' if depth == 0 => return whole,
            '/' | '|' if depth == 0 && condition[at + 1..].starts_with(character) => return whole,
            '\'' | '"' => {
                let raw = condition[..at].ends_with(['r', 'R', 'b', 'B']);
                let triple = condition[at + 1..].starts_with(character);
                if raw || triple {
                    return whole;
                }
                loop {
                    match characters.next() {
                        Some((_, '\\')) => drop(characters.next()),
                        Some((_, found)) if found == character => break,
                        Some(_) => {}
                        None => return whole,
                    }
                }
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '&' if depth == 0 && characters.peek().is_some_and(|(_, next)| *next == '&') => {
                characters.next();
                parts.push(condition[start..at].trim());
                start = at + 2;
            }
            _ => {}
        }
    }
    parts.push(condition[start..].trim());
    parts
}

/// Returns what became of a row that a step which selects rows did not keep.
pub(super) fn of_selection(
    spec: &StepSpec,
    recorded: &RecordedStep,
    input: &Stored<'_>,
    row: &Row,
    main: &Stored<'_>,
) -> Result<StepOutcome, WorkbenchError> {
    if recorded.uses == DEDUPLICATE
        && let Some(merged) = merged(recorded, input, row, main)?
    {
        return Ok(merged);
    }
    let columns = cells(input, row, texts_of(spec, &recorded.params, &[ParamType::Column]));
    Ok(StepOutcome::Dropped(vec![WhyDropped::Parameters { params: plain_params(spec, &recorded.params), columns }]))
}

/// Returns the record that was kept in place of another; `None` if it is not found.
fn merged(
    recorded: &RecordedStep,
    input: &Stored<'_>,
    row: &Row,
    main: &Stored<'_>,
) -> Result<Option<StepOutcome>, WorkbenchError> {
    let (Some(smiles), Some(there)) = (input.index_of("smiles"), main.index_of("smiles")) else { return Ok(None) };
    let Some(Value::String(smiles)) = row.get(smiles) else { return Ok(None) };
    // Equal SMILES are equal molecules, which have equal InChIKeys.
    let same = main.equal(&[there], &[&Value::from(smiles.as_str())]).map_err(WorkbenchError::Artifact)?;
    let (found, by) = match same.first() {
        Some(found) => (Some(*found), "smiles"),
        None if recorded.params.get("by").and_then(Value::as_str) == Some("smiles") => (None, "smiles"),
        None => (same_key(smiles, there, main)?, "InChIKey"),
    };
    let Some(found) = found else { return Ok(None) };
    let values = main.row(found).map_err(WorkbenchError::Artifact)?.unwrap_or_default();
    let into: Map<String, Value> = cells(main, &values, ["name", "record", "smiles", "copies"]).into_iter().collect();
    Ok(Some(StepOutcome::Merged { into, by: by.to_owned() }))
}

/// Returns the row of a table that has the InChIKey of a SMILES.
fn same_key(smiles: &str, column: usize, main: &Stored<'_>) -> Result<Option<usize>, WorkbenchError> {
    let Some(structures) = Structures::linked() else { return Ok(None) };
    let Some(key) = (structures.inchi_key)(smiles) else { return Ok(None) };
    let copies = main.index_of("copies");
    // A record that was kept in place of others has at least two copies.
    let several = |row: &Row| {
        copies.and_then(|copies| row.get(copies)?.as_u64()).is_none_or(|copies| copies > 1)
            && row.get(column).and_then(Value::as_str).and_then(structures.inchi_key).is_some_and(|found| found == key)
    };
    Ok(main.matching(None, several).map_err(WorkbenchError::Artifact)?.first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_cut_where_all_of_its_parts_have_to_hold() {
        for (condition, parts) in [
            ("a <= 5", vec!["a <= 5"]),
            (" a <= 5 && (b || c) && name != 'x && y' ", vec!["a <= 5", "(b || c)", "name != 'x && y'"]),
            ("a && b || c", vec!["a && b || c"]),
            ("a && b ? c : d", vec!["a && b ? c : d"]),
            (r#"a && name == "it\"s" && b"#, vec!["a", r#"name == "it\"s""#, "b"]),
            ("a && name.matches(r'\\d')", vec!["a && name.matches(r'\\d')"]),
            ("a && name == '' && b", vec!["a && name == '' && b"]),
            ("a // b && c", vec!["a // b && c"]),
        ] {
            assert_eq!(conjuncts(condition), parts, "{condition}");
        }
    }
}
