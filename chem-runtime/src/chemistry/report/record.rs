//! Sections that record what was done: what each step let through and why, what was refused, fingerprints, and how to
//! repeat it.

use serde_json::{Map, Value};

use super::past::{Change, Passage};
use super::value::{SHOWN, clipped, counted, shown, words};
use crate::artifact::Table;
use crate::fingerprint::ArtifactHash;
use crate::html::is_hidden;
use crate::step::{Expression, History, InputFile, MAIN_OUTPUT, PastStep};

/// The most refused records to show for a step.
const REJECTS: usize = 100;

/// A step on the way to the page: what it passed on, and what it did to the other rows.
pub(super) struct Passed<'a> {
    pub(super) step: &'a str,
    pub(super) uses: &'a str,
    pub(super) went: usize,
    /// The length of its bar, in percent of the longest.
    pub(super) width: f64,
    /// Its parameters as words and values.
    pub(super) params: Vec<(String, String)>,
    pub(super) changes: Vec<RowChange>,
    /// The names of some molecules that it removed; `unnamed` counts the others.
    pub(super) names: Vec<String>,
    pub(super) unnamed: usize,
}

/// What a step did to some of its rows, in words.
pub(super) enum RowChange {
    Removed { rows: usize, details: Vec<String> },
    Added(String),
    Refused(String),
}

/// Builds the section with what each step passed on.
pub(super) fn way<'a>(passages: &'a [Passage<'_>]) -> Vec<Passed<'a>> {
    let most = passages.iter().map(|passage| passage.went).max().unwrap_or(1).max(1);
    passages.iter().map(|passage| passed(passage, most)).collect()
}

fn passed<'a>(passage: &'a Passage<'_>, most: usize) -> Passed<'a> {
    let Passage { step, went, change, rejects, .. } = passage;
    let refused = rejects.as_ref().map_or(0, |rejects| rejects.rows());
    let mut changes = Vec::new();
    if change.removed > 0 {
        let without = change.without.iter().map(|(column, rows)| {
            let have = if *rows == 1 { "has" } else { "have" };
            format!("{rows} of them {have} no `{column}`")
        });
        let in_part = change.in_part;
        let in_part = (in_part > 0).then(|| format!("{in_part} of them rows of molecules of which others went on"));
        changes.push(RowChange::Removed { rows: change.removed, details: without.chain(in_part).collect() });
    }
    if change.added > 0 {
        let Change { added, multiplied, .. } = change;
        let many = counted(*multiplied, "molecule is", "molecules are");
        let why = if *multiplied > 0 { format!(", as {many} in more rows than before") } else { String::new() };
        changes.push(RowChange::Added(format!("{added} added{why}")));
    }
    if refused > 0 {
        changes.push(RowChange::Refused(counted(refused, "record refused", "records refused")));
    }
    Passed {
        step: &step.id,
        uses: &step.uses,
        went: *went,
        width: 100.0 * *went as f64 / most as f64,
        params: params(step),
        changes,
        names: change.names.iter().map(|name| clipped(name, SHOWN)).collect(),
        unnamed: change.unnamed,
    }
}

/// Returns the parameters of a step as words and values.
fn params(step: &PastStep) -> Vec<(String, String)> {
    let params = step.params.iter().filter(|(_, value)| !value.as_array().is_some_and(Vec::is_empty));
    params.map(|(name, value)| (words(name), param_value(value))).collect()
}

/// Renders a parameter for a reader, given its hashed form.
fn param_value(value: &Value) -> String {
    if let Some(hash) = InputFile::content_in(value) {
        let name = InputFile::name_in(value).map_or_else(String::new, |name| format!("{name} "));
        return format!("file {name}{}…", hash.get(..16).unwrap_or(hash));
    }
    if let Some((cel, Some(params))) = Expression::parts_of(value) {
        let params: Vec<String> = params.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        return format!("{cel}   with {}", params.join(", "));
    }
    match value {
        Value::Object(_) => clipped(&value.to_string(), SHOWN),
        Value::Array(items) => {
            let file = |item: &Value| InputFile::content_in(item).map(|_| param_value(item));
            let items: Vec<String> = items.iter().filter_map(|item| file(item).or_else(|| shown(item))).collect();
            clipped(&items.join(", "), SHOWN)
        }
        other => shown(other).unwrap_or_else(|| "–".to_owned()),
    }
}

/// The records that a step refused.
pub(super) struct Rejects<'a> {
    pub(super) step: &'a str,
    pub(super) summary: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// Builds the section with the refused records.
pub(super) fn rejects<'a>(passages: &'a [Passage<'_>]) -> Vec<Rejects<'a>> {
    passages.iter().filter_map(|passage| Some(reject_table(&passage.step.id, passage.rejects.as_ref()?))).collect()
}

fn reject_table<'a>(step: &'a str, rejects: &Table) -> Rejects<'a> {
    let row = |row| rejects.row(row).iter().map(|value| shown(value).unwrap_or_default()).collect();
    let summary = match rejects.rows() {
        all if all > REJECTS => format!("the first {REJECTS} of {all}"),
        all => counted(all, "record", "records"),
    };
    Rejects {
        step,
        summary,
        columns: rejects.columns().iter().map(|column| words(&column.name)).collect(),
        rows: (0..rejects.rows().min(REJECTS)).map(row).collect(),
    }
}

/// The section with fingerprints, and a manifest that does the same work.
pub(super) struct Again<'a> {
    pub(super) steps: &'a [PastStep],
    pub(super) manifest: String,
}

/// Builds the section on how to repeat the flow. The step `report` has the parameters `own` and drew the molecules with
/// the hash `drawn`.
pub(super) fn again<'a>(
    history: &'a History,
    report: &str,
    drawn: Option<ArtifactHash>,
    own: &Map<String, Value>,
) -> Again<'a> {
    Again { steps: &history.steps, manifest: manifest(history, report, drawn, own) }
}

/// Renders a manifest with the steps of the history and the report. A file is shown as `FILE` with the hash of its
/// content.
fn manifest(history: &History, report: &str, drawn: Option<ArtifactHash>, own: &Map<String, Value>) -> String {
    let mut flow_params = Map::new();
    let mut steps = String::new();
    for step in &history.steps {
        let inputs = step.inputs.iter().map(|(port, from)| (port.as_str(), from.step.as_str(), from.output.as_str()));
        steps.push_str(&head(&step.id, &step.uses, inputs));
        if !step.params.is_empty() {
            steps.push_str("    with:\n");
        }
        for (name, value) in &step.params {
            let (value, named) = match Expression::parts_of(value) {
                Some((cel, Some(params))) => (&cel.into(), params.clone()),
                _ => (value, Map::new()),
            };
            flow_params.extend(named);
            steps.push_str(&param(name, value));
        }
    }
    // All steps of the history lead to the one that feeds the report, so that one is the last.
    let fed = history.steps.last().map(|step| {
        let main = step.output(MAIN_OUTPUT).filter(|main| Some(main.hash) == drawn);
        let output = main.or_else(|| step.outputs.iter().find(|output| Some(output.hash) == drawn));
        ("molecules", step.id.as_str(), output.map_or(MAIN_OUTPUT, |output| output.name.as_str()))
    });
    steps.push_str(&head(report, "report.write", fed.into_iter()));
    steps.push_str("    with:\n      path: report.html\n");
    steps.extend(own.iter().map(|(name, value)| param(name, value)));
    let params: String = flow_params.iter().map(|(name, value)| format!("  {name}: {}\n", seen(value))).collect();
    let params = if params.is_empty() { params } else { format!("params:\n{params}") };
    format!("flow: {}\n{params}steps:\n{steps}", seen(&Value::from(history.flow.as_str())))
}

/// Renders a step of a manifest without its parameters. Each input is a port, and the step and the output that feed it.
fn head<'a>(id: &str, uses: &str, inputs: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> String {
    let input = |(port, step, output)| match output {
        MAIN_OUTPUT => format!("{port}: {step}"),
        output => format!("{port}: {step}.{output}"),
    };
    let inputs: Vec<String> = inputs.map(input).collect();
    let inputs = if inputs.is_empty() { String::new() } else { format!("    inputs: {{ {} }}\n", inputs.join(", ")) };
    format!("  - id: {id}\n    uses: {uses}\n{inputs}")
}

/// Renders a parameter of a step, with a comment that lists the hashes of its files.
fn param(name: &str, value: &Value) -> String {
    let mut hashes = Vec::new();
    let value = seen(&written(value, &mut hashes));
    match hashes.as_slice() {
        [] => format!("      {name}: {value}\n"),
        hashes => format!("      {name}: {value}  # its SHA-256 is {}\n", hashes.join(", ")),
    }
}

/// Converts a parameter from its hashed form to that of a manifest. `FILE` replaces a file, whose hash is added to
/// `hashes`, and `${` is escaped.
fn written(value: &Value, hashes: &mut Vec<String>) -> Value {
    if let Some(hash) = InputFile::content_in(value) {
        hashes.push(hash.to_owned());
        if let Some(name) = InputFile::name_in(value) {
            return name.replace("${", "$${").into();
        }
        let extension = value.get("extension").and_then(Value::as_str);
        return extension.map_or_else(|| "FILE".to_owned(), |extension| format!("FILE.{extension}")).into();
    }
    match value {
        Value::String(text) => text.replace("${", "$${").into(),
        Value::Array(items) => items.iter().map(|item| written(item, hashes)).collect(),
        Value::Object(members) => {
            let member = |(name, member): (&String, &Value)| (name.clone(), written(member, hashes));
            Value::Object(members.iter().map(member).collect())
        }
        other => other.clone(),
    }
}

/// Renders a value as JSON, which is YAML too, with hidden characters escaped, so that it survives a page.
pub(super) fn seen(value: &Value) -> String {
    let mut yaml = String::new();
    for character in value.to_string().chars() {
        match character {
            // Such characters occur only in strings, which are quoted.
            hidden if is_hidden(hidden) => yaml.push_str(&format!("\\u{:04x}", u32::from(hidden))),
            character => yaml.push(character),
        }
    }
    yaml
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_written_so_that_they_read_as_what_they_are() {
        let hash = "ab".repeat(32);
        let file = json!({ "sha256": hash, "extension": "csv" });
        assert_eq!(param("path", &file), format!("      path: \"FILE.csv\"  # its SHA-256 is {hash}\n"));
        let files = json!({ "model": { "sha256": hash } });
        assert_eq!(param("files", &files), format!("      files: {{\"model\":\"FILE\"}}  # its SHA-256 is {hash}\n"));
        assert_eq!(param("notes", &json!("${x} \u{202e}\n")), "      notes: \"$${x} \\u202e\\n\"\n");
    }
}
