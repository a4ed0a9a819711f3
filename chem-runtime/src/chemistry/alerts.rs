//! `molecules.alerts`: structural alerts.

use serde_json::json;

use super::library::{PROVIDER, Pattern, Structure};
use super::molecules::Molecules;
use super::substructure::found_in;
use crate::cancel;
use crate::prelude::*;
use crate::records::{first_lines, lines, on_workers, shortened, text_of};
use crate::step::{ColumnContext, Columns};

/// Marks molecules that contain structural alerts.
///
/// The file contains one alert per line: a SMARTS pattern, white space, and the name of the alert up to the end of the
/// line. Empty lines and lines that begin with `#` are skipped.
///
/// Molecules have implicit hydrogens, but published lists often contain explicit ones, `[#1]`. A pattern that requires one
/// is refused unless `merge_hydrogens` defines its meaning, as in `molecules.substructure`. As there, the search for a
/// pattern in a molecule fails after 2,000,000 steps.
///
/// Two columns are added: `alert_count`, the number of alerts that occur, and `alerts`, their names in the order of the
/// file, separated by `; `, and missing if there are none. Both are missing for a molecule that cannot be matched. All
/// molecules are kept; `molecules.filter` with `alert_count == 0` drops the marked ones.
///
/// The signal `alerted` counts the `molecules`, those `marked`, those `undecided`, and under `by_alert` the molecules with
/// each alert.
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
/// - The file cannot be read, or contains no alerts.
/// - The name on a line is missing, contains `; `, or is a duplicate. Or the pattern is not a valid SMARTS, or requires a
///   hydrogen atom and `merge_hydrogens` is not set. The message names the line.
/// - The search for a pattern takes more than 2,000,000 steps in one molecule; the message names both.
#[step("molecules.alerts", version = 3, rows = ["smiles"], columns = with_alerts, check = can_read)]
pub fn mark_alerts(
    molecules: Rows<Molecules>,
    /// The file with the alerts, plain or compressed with gzip.
    #[param(example = "data/alerts.smarts")]
    path: InputFile,
    /// How to interpret a hydrogen atom in a pattern: `true` merges it into its neighbour, so that `C[#1]` becomes
    /// `[C;!H0]`, like RDKit's `MergeQueryHs`; `false` matches only explicit hydrogens such as deuterium.
    merge_hydrogens: Option<bool>,
    context: &ExecutionContext<'_>,
) -> Result<RowWork<Molecules>, StepError> {
    let file = path.as_str();
    let text = text_of(file, path.read(context.files())?)?;
    let alerts = on_workers(|| read(file, &text, merge_hydrogens))??;
    let work = molecules.each(move |batch, tally| {
        let (mut counts, mut names) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
        for smiles in batch.texts("smiles")? {
            let found = smiles.map_or(Ok(None), |smiles| occurring(smiles, &alerts))?;
            match found.as_deref() {
                None => tally.add("undecided", 1),
                Some([]) => {}
                Some(found) => {
                    tally.add("marked", 1);
                    found.iter().for_each(|index| tally.add_under("by_alert", &alerts[*index].name, 1));
                }
            }
            counts.push(found.as_ref().map(|found| found.len() as i64));
            let named = found.unwrap_or_default().into_iter().map(|index| alerts[index].name.as_str());
            let named: Vec<&str> = named.collect();
            names.push((!named.is_empty()).then(|| named.join(BETWEEN).into()));
        }
        Ok(BatchOutput::all().with(ColumnData::Integer(counts)).with(ColumnData::Text(names)))
    });
    let column = |name, ty| Column::new(name, ty).with_provider(PROVIDER);
    let columns = [column("alert_count", ColumnType::Integer), column("alerts", ColumnType::Text)];
    Ok(work.with_results(columns)?.signal("alerted", |tally, rows| {
        json!({
            "molecules": rows.input,
            "marked": tally.count("marked"),
            "undecided": tally.count("undecided"),
            "by_alert": tally.counts("by_alert"),
        })
    }))
}

/// Checks the first lines of a file that already exists. A run checks all of them.
fn can_read(step: &MarkAlerts, context: &ColumnContext<'_>) -> Vec<Misfit> {
    let Some(text) = context.beginning(&step.path).and_then(first_lines) else { return Vec::new() };
    let checked = on_workers(|| alerts_in(step.path.as_str(), &text, step.merge_hydrogens).err());
    checked.ok().flatten().map(|error| Misfit::new("path", error.to_string())).into_iter().collect()
}

fn with_alerts(_: &MarkAlerts, context: &ColumnContext<'_>) -> Columns {
    context.first_input().with(["alert_count", "alerts"])
}

/// The separator of the names in one value.
const BETWEEN: &str = "; ";

struct Alert {
    name: String,
    pattern: Pattern,
}

/// Parses the alerts in the text of `file`.
///
/// # Errors
/// Fails if there are none, or if a line is invalid.
fn read(file: &str, text: &[u8], merge_hydrogens: Option<bool>) -> Result<Vec<Alert>, StepError> {
    let alerts = alerts_in(file, text, merge_hydrogens)?;
    if alerts.is_empty() {
        return Err(StepError::new(format!("`{file}` has no alerts")));
    }
    Ok(alerts)
}

/// Parses the alerts in a part of the text of `file`.
fn alerts_in(file: &str, text: &[u8], merge_hydrogens: Option<bool>) -> Result<Vec<Alert>, StepError> {
    let mut alerts: Vec<Alert> = Vec::new();
    for line in lines(text) {
        let words = line.text.trim_ascii();
        if words.is_empty() || words.starts_with(b"#") {
            continue;
        }
        let wrong = |what: &str| {
            StepError::new(format!("line {} of `{file}` {what}; the line is `{}`", line.number, shortened(words)))
        };
        let words = std::str::from_utf8(words).map_err(|_| wrong("is not UTF-8 text"))?;
        let Some((smarts, name)) = words.split_once(char::is_whitespace) else {
            return Err(wrong("has a pattern but no name"));
        };
        let name = name.trim();
        if name.contains('\0') {
            return Err(wrong("has the character U+0000 in its name"));
        }
        if name.contains(BETWEEN) {
            return Err(wrong("has `; ` in its name, which separates names in the column `alerts`; rename it"));
        }
        if alerts.iter().any(|alert| alert.name == name) {
            return Err(wrong("has a duplicate name"));
        }
        let pattern = Pattern::for_molecules(smarts, merge_hydrogens).map_err(|error| {
            let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
            wrong(&format!("has no usable pattern: {error}{help}"))
        })?;
        alerts.push(Alert { name: name.to_owned(), pattern });
    }
    Ok(alerts)
}

/// Returns the indices of the alerts that occur; `None` if an alert cannot be searched for.
fn occurring(smiles: &str, alerts: &[Alert]) -> Result<Option<Vec<usize>>, StepError> {
    let Ok(structure) = Structure::from_canonical(smiles) else { return Ok(None) };
    let mut found = Vec::new();
    for (index, alert) in alerts.iter().enumerate() {
        cancel::check()?;
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
            (b"C=O\n", "line 1 of `a` has a pattern but no name"),
            (b"C=O x\n[C y\n", "line 2 of `a` has no usable pattern"),
            (b"C=O x\nN x\n", "line 2 of `a` has a duplicate name"),
            (b"C=O x\xff\n", "not UTF-8"),
            (b"C=O x\0y\n", "U+0000"),
            (b"C=O x; y\n", "line 1 of `a` has `; ` in its name"),
            (b"C=O x\n[#6][#1] y\n", "line 2 of `a` has no usable pattern: the pattern requires a hydrogen atom"),
        ] {
            let error = read("a", text, None).err().unwrap().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
