//! `molecules.alerts`: which patterns of a list a molecule has.

use serde_json::{Map, json};

use super::library::{PROVIDER, Pattern, Structure};
use super::molecules::Molecules;
use crate::prelude::*;
use crate::records::{lines, map_records, on_workers, shortened, text_of};
use crate::step::{ColumnContext, Columns};

/// Marks the molecules in which structural alerts occur, with the alerts' names.
///
/// The alerts are a file with one on each line: a SMARTS pattern, white space, and the alert's name up to the end of the
/// line. Empty lines and lines that begin with `#` are skipped.
///
/// Two columns are added: `alert_count`, how many alerts occur, and `alerts`, their names in the order of the file,
/// separated by `; ` and missing where there is none. Both are missing for a molecule that cannot be matched. All
/// molecules are kept; `molecules.filter` with `alert_count == 0` drops those that are marked.
///
/// The signal `alerted` counts the `molecules`, those `marked`, those `undecided`, and under `by_alert` how many have
/// each of the alerts that occur.
///
/// # Example
/// ```yaml
/// flow: without-alerts
/// steps:
///   - id: read
///     uses: molecules.read
///     with: { path: data/approved-drugs.csv }
///   - id: mark
///     uses: molecules.alerts
///     with: { path: data/alerts.smarts }
///   - id: keep
///     uses: molecules.filter
///     with: { where: "alert_count == 0" }
/// ```
///
/// # Errors
/// - The file cannot be read, or has no alerts.
/// - A line has no name or a pattern that is no SMARTS, or two have one name; the message names the line.
#[step("molecules.alerts", version = 2, columns = with_alerts)]
pub fn mark_alerts(
    molecules: Input<Molecules>,
    /// The file of alerts, plain or compressed with gzip.
    #[param(example = "data/alerts.smarts")]
    path: InputFile,
    context: &ExecutionContext<'_>,
) -> Result<Molecules, StepError> {
    let file = path.as_str();
    let text = text_of(file, path.read(context.files())?)?;
    let alerts = on_workers(|| read(file, &text))??;
    let found = map_records(context, molecules.smiles(), |smiles| occurring(smiles.as_deref()?, &alerts))?;

    let mut by_alert = Map::new();
    for (index, alert) in alerts.iter().enumerate() {
        let times = found.iter().flatten().filter(|found| found.contains(&index)).count();
        if times > 0 {
            by_alert.insert(alert.name.clone(), times.into());
        }
    }
    let marked = found.iter().flatten().filter(|found| !found.is_empty()).count();
    let undecided = found.iter().filter(|found| found.is_none()).count();
    let counts = found.iter().map(|found| found.as_ref().map(|found| found.len() as i64)).collect();
    let names = found.iter().map(|found| {
        let names: Vec<&str> = found.as_ref()?.iter().map(|index| alerts[*index].name.as_str()).collect();
        if names.is_empty() { None } else { Some(names.join("; ").into()) }
    });
    let table = molecules.table();
    let column = |name, ty| Column::new(name, ty).with_provider(PROVIDER);
    let table = table
        .with_result(column("alert_count", ColumnType::Integer), ColumnData::Integer(counts))?
        .with_result(column("alerts", ColumnType::Text), ColumnData::Text(names.collect()))?;
    let said = json!({ "molecules": molecules.len(), "marked": marked, "undecided": undecided, "by_alert": by_alert });
    context.signal("alerted", &said)?;
    Ok(Molecules::new(table)?)
}

fn with_alerts(_: &MarkAlerts, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(["alert_count", "alerts"])
}

struct Alert {
    name: String,
    pattern: Pattern,
}

/// The alerts of the file called `file`.
fn read(file: &str, text: &[u8]) -> Result<Vec<Alert>, StepError> {
    let mut alerts: Vec<Alert> = Vec::new();
    for line in lines(text) {
        let words = line.text.trim_ascii();
        if words.is_empty() || words.starts_with(b"#") {
            continue;
        }
        let wrong = |what: &str| {
            StepError::new(format!("line {} of `{file}` {what}; it reads `{}`", line.number, shortened(words)))
        };
        let words = std::str::from_utf8(words).map_err(|_| wrong("is not UTF-8 text"))?;
        let Some((smarts, name)) = words.split_once(char::is_whitespace) else {
            return Err(wrong("has a pattern and no name after it"));
        };
        let name = name.trim();
        if name.contains('\0') {
            return Err(wrong("has the character U+0000 in its name"));
        }
        if alerts.iter().any(|alert| alert.name == name) {
            return Err(wrong("has a name that an earlier line has"));
        }
        let pattern =
            Pattern::from_smarts(smarts).map_err(|error| wrong(&format!("has no usable pattern: {error}")))?;
        alerts.push(Alert { name: name.to_owned(), pattern });
    }
    if alerts.is_empty() {
        return Err(StepError::new(format!("`{file}` has no alerts")));
    }
    Ok(alerts)
}

/// The numbers of the alerts that occur; none if one cannot be told.
fn occurring(smiles: &str, alerts: &[Alert]) -> Option<Vec<usize>> {
    let structure = Structure::from_canonical(smiles).ok()?;
    let mut found = Vec::new();
    for (index, alert) in alerts.iter().enumerate() {
        if structure.has(&alert.pattern)? {
            found.push(index);
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_alerts_says_what_is_wrong_with_it() {
        let text = b"# reactive\n\n[CX3H1]=O  an aldehyde \r\nC(=O)Cl\tacyl chloride\n";
        let names: Vec<String> = read("a", text).unwrap().into_iter().map(|alert| alert.name).collect();
        assert_eq!(names, ["an aldehyde", "acyl chloride"]);
        for (text, why) in [
            (b"#\n".as_slice(), "no alerts"),
            (b"C=O\n", "line 1 of `a` has a pattern and no name"),
            (b"C=O x\n[C y\n", "line 2 of `a` has no usable pattern"),
            (b"C=O x\nN x\n", "line 2 of `a` has a name that an earlier line has"),
            (b"C=O x\xff\n", "not UTF-8"),
            (b"C=O x\0y\n", "U+0000"),
        ] {
            let said = read("a", text).err().unwrap().to_string();
            assert!(said.contains(why), "{said}");
        }
    }
}
