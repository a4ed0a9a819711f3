//! Why a step dropped a row.

use serde_json::{Map, Value};

use super::parameters::{cells, plain_params, texts_of};
use super::step::Ran;
use super::tables::Stored;
use super::{StepOutcome, WhyDropped};
use crate::step::{DroppedRow, Explanation, Expression, ParamType, ParamValue as _, RowsSpec, Verdict};
use crate::workbench::WorkbenchError;
use crate::workbench::tables::Row;

/// Returns what became of a row that did not come out of a step.
pub(super) fn of_dropped(
    ran: &Ran<'_>,
    input: &Stored<'_>,
    row: &Row,
    main: &Stored<'_>,
) -> Result<StepOutcome, WorkbenchError> {
    let (spec, params) = (ran.spec, &ran.recorded.params);
    let condition = spec.params.iter().find(|param| param.ty.make() == ParamType::Expression);
    let hashed = ran.state.started.as_ref().map(|started| &started.params);
    let condition = condition.and_then(|param| Expression::read(hashed?.get(param.name)?).ok());
    let failing = condition.map(|condition| failing(ran, &condition, input, row)).unwrap_or_default();
    if !failing.is_empty() {
        return Ok(StepOutcome::Dropped(failing));
    }
    if let (Ok(definition), Some(table)) = (ran.definition(), input.table_of(row)) {
        let kept = |columns: &[&str]| Ok(main.only(columns)?);
        match definition.explain(&DroppedRow::new(&table, input.rows(), &kept)) {
            Ok(None) => {}
            Ok(Some(Explanation::Because { words, values })) => {
                return Ok(StepOutcome::Dropped(vec![WhyDropped::Told { words, values }]));
            }
            Ok(Some(Explanation::DuplicateOf { row, by })) => {
                let values = main.row(row).map_err(WorkbenchError::Artifact)?.unwrap_or_default();
                let into = cells(main, &values, ["name", "record", "smiles", "copies"]).into_iter().collect();
                return Ok(StepOutcome::Merged { into, row, by });
            }
            Err(error) => {
                let words = format!("the reason cannot be computed: {error}");
                return Ok(StepOutcome::Dropped(vec![WhyDropped::Told { words, values: Map::new() }]));
            }
        }
    }
    let columns = match spec.rows {
        Some(RowsSpec::Columns(columns)) => columns,
        _ => &[],
    };
    let columns = columns.iter().map(|name| (*name).to_owned()).chain(texts_of(spec, params, &[ParamType::Column]));
    let columns = cells(input, row, columns);
    Ok(StepOutcome::Dropped(vec![WhyDropped::Parameters { params: plain_params(spec, params), columns }]))
}

/// Spells a value in a sentence.
pub(super) fn spelled(value: &Value) -> String {
    match value {
        Value::Null => "missing".to_owned(),
        Value::String(text) => format!("`{text}`"),
        other => other.to_string(),
    }
}

/// Returns the parts of a condition that do not hold for a row; empty if it holds.
fn failing(ran: &Ran<'_>, condition: &Expression, input: &Stored<'_>, row: &Row) -> Vec<WhyDropped> {
    let Some(table) = input.table_of(row) else { return Vec::new() };
    let judged = |part: &Expression| {
        let missing = match part.over_rows(&table).ok()?.test(0) {
            Verdict::False => None,
            Verdict::Missing(column) => Some(column.to_owned()),
            Verdict::True | Verdict::Error(_) => return None,
        };
        let mut columns = cells(input, row, part.columns());
        let reasons: Vec<String> = part.columns().filter_map(|column| ran.reason_column(column)).collect();
        columns.extend(cells(input, row, reasons).into_iter().filter(|(_, value)| !value.is_null()));
        Some(WhyDropped::Condition {
            condition: part.as_str().to_owned(),
            missing,
            columns,
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
