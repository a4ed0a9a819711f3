//! `molecules.alerts`: which patterns of a list a molecule has.

use serde_json::{Map, json};

use super::library::{PROVIDER, Pattern, Structure};
use super::molecules::Molecules;
use super::substructure::found_in;
use crate::prelude::*;
use crate::records::{first_lines, lines, on_workers, shortened, text_of, try_map_records};
use crate::step::{ColumnContext, Columns};

/// Marks the molecules in which structural alerts occur, with the alerts' names.
///
/// The alerts are a file with one on each line: a SMARTS pattern, white space, and the alert's name up to the end of the
/// line. Empty lines and lines that begin with `#` are skipped.
///
/// Molecules have their hydrogens as counts and not as atoms, and published lists often write them as atoms, `[#1]`. A
/// pattern that asks for one is refused unless `merge_hydrogens` says what it means, as in `molecules.substructure`. Looking
/// for a pattern in a molecule ends with an error after 2,000,000 steps, as there.
///
/// Two columns are added: `alert_count`, how many alerts occur, and `alerts`, their names in the order of the file,
/// separated by `; `, which no name contains, and missing where there is none. Both are missing for a molecule that cannot be matched. All
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
/// - A line has no name, one with `; ` in it, or one that an earlier line has; or a pattern that is no SMARTS, or that asks
///   for a hydrogen atom while `merge_hydrogens` is left out. The message names the line.
/// - Looking for a pattern takes more than 2,000,000 steps in one molecule; the message names both.
#[step("molecules.alerts", version = 3, columns = with_alerts, check = can_read)]
pub fn mark_alerts(
    molecules: Input<Molecules>,
    /// The file of alerts, plain or compressed with gzip.
    #[param(example = "data/alerts.smarts")]
    path: InputFile,
    /// What a hydrogen atom of a pattern means: `true`, one that its neighbour counts, so that `C[#1]` is `[C;!H0]`, as by
    /// RDKit's `MergeQueryHs`; `false`, one that stays an atom, which ordinary hydrogens do not.
    merge_hydrogens: Option<bool>,
    context: &ExecutionContext<'_>,
) -> Result<Molecules, StepError> {
    let file = path.as_str();
    let text = text_of(file, path.read(context.files())?)?;
    let alerts = on_workers(|| read(file, &text, merge_hydrogens))??;
    let found = try_map_records(context, molecules.smiles(), |smiles| match smiles.as_deref() {
        Some(smiles) => occurring(context, smiles, &alerts),
        None => Ok(None),
    })?;

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
        if names.is_empty() { None } else { Some(names.join(BETWEEN).into()) }
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

/// Looks at the first lines of a file that is there already. A run looks at all of them.
fn can_read(step: &MarkAlerts, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let Some(text) = context.beginning(&step.path).and_then(first_lines) else { return Vec::new() };
    let checked = on_workers(|| alerts_in(step.path.as_str(), &text, step.merge_hydrogens).err());
    checked.ok().flatten().map(|error| Misfit::new("path", error.to_string())).into_iter().collect()
}

fn with_alerts(_: &MarkAlerts, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(["alert_count", "alerts"])
}

/// What stands between the names of alerts in one value.
const BETWEEN: &str = "; ";

struct Alert {
    name: String,
    pattern: Pattern,
}

/// The alerts of the file called `file`, of which there is one.
fn read(file: &str, text: &[u8], merge_hydrogens: Option<bool>) -> Result<Vec<Alert>, StepError> {
    let alerts = alerts_in(file, text, merge_hydrogens)?;
    if alerts.is_empty() {
        return Err(StepError::new(format!("`{file}` has no alerts")));
    }
    Ok(alerts)
}

/// The alerts on these lines of the file called `file`.
fn alerts_in(file: &str, text: &[u8], merge_hydrogens: Option<bool>) -> Result<Vec<Alert>, StepError> {
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
        if name.contains(BETWEEN) {
            return Err(wrong(
                "has `; ` in its name, which stands between names in the column `alerts`; write it another way",
            ));
        }
        if alerts.iter().any(|alert| alert.name == name) {
            return Err(wrong("has a name that an earlier line has"));
        }
        let pattern = Pattern::for_molecules(smarts, merge_hydrogens).map_err(|error| {
            let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
            wrong(&format!("has no usable pattern: {error}{help}"))
        })?;
        alerts.push(Alert { name: name.to_owned(), pattern });
    }
    Ok(alerts)
}

/// The numbers of the alerts that occur; none if one cannot be told.
fn occurring(context: &ExecutionContext<'_>, smiles: &str, alerts: &[Alert]) -> Result<Option<Vec<usize>>, StepError> {
    let Ok(structure) = Structure::from_canonical(smiles) else { return Ok(None) };
    let mut found = Vec::new();
    for (index, alert) in alerts.iter().enumerate() {
        context.check_cancelled()?;
        match found_in(&structure, smiles, &alert.pattern, &alert.name)? {
            Some(true) => found.push(index),
            Some(false) => {}
            None => return Ok(None),
        }
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_alerts_says_what_is_wrong_with_it() {
        let text = b"# reactive\n\n[CX3H1]=O  an aldehyde \r\nC(=O)Cl\tacyl chloride\n";
        let names: Vec<String> = read("a", text, None).unwrap().into_iter().map(|alert| alert.name).collect();
        assert_eq!(names, ["an aldehyde", "acyl chloride"]);
        for (text, why) in [
            (b"#\n".as_slice(), "no alerts"),
            (b"C=O\n", "line 1 of `a` has a pattern and no name"),
            (b"C=O x\n[C y\n", "line 2 of `a` has no usable pattern"),
            (b"C=O x\nN x\n", "line 2 of `a` has a name that an earlier line has"),
            (b"C=O x\xff\n", "not UTF-8"),
            (b"C=O x\0y\n", "U+0000"),
            (b"C=O x; y\n", "line 1 of `a` has `; ` in its name"),
            (b"C=O x\n[#6][#1] y\n", "line 2 of `a` has no usable pattern: the pattern asks for a hydrogen atom"),
        ] {
            let said = read("a", text, None).err().unwrap().to_string();
            assert!(said.contains(why), "{said}");
        }
    }
}
