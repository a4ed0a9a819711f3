//! What was done, as a record: what each step let through and why, what was refused, fingerprints, and how to do it
//! again.

use serde_json::{Map, Value};

use super::html::{SHOWN, clipped, counted, escape, is_hidden, shown, words};
use super::past::{Change, Passage};
use crate::artifact::Table;
use crate::fingerprint::ArtifactHash;
use crate::step::{Expression, History, InputFile, MAIN_OUTPUT, PastStep};

/// So many refused records of a step are shown.
const REJECTS: usize = 100;

/// The section with what each step let through; nothing if nothing is known of them.
pub(super) fn way(passages: &[Passage<'_>]) -> String {
    if passages.is_empty() {
        return String::new();
    }
    let most = passages.iter().map(|passage| passage.went).max().unwrap_or(1).max(1);
    let steps: String = passages.iter().map(|passage| passed(passage, most)).collect();
    format!(
        "<section id=\"way\"><h2>How they were chosen</h2>\
         <p class=\"lead\">Each step, how many rows went on from it, and what it took out.</p>\
         <ol class=\"way\">{steps}</ol></section>"
    )
}

fn passed(passage: &Passage<'_>, most: usize) -> String {
    let Passage { step, went, change, rejects, .. } = passage;
    let Change { removed, in_part, names, unnamed, without, added, multiplied } = change;
    let refused = rejects.as_ref().map_or(0, |rejects| rejects.rows());
    let mut told = Vec::new();
    if *removed > 0 {
        let without = without.iter().map(|(column, rows)| {
            let have = if *rows == 1 { "has" } else { "have" };
            format!("{rows} of them {have} no `{}`", escape(column))
        });
        let in_part = (*in_part > 0).then(|| format!("{in_part} of them rows of molecules of which others went on"));
        let removed = std::iter::once(format!("<strong>{removed} removed</strong>"));
        told.push(removed.chain(without).chain(in_part).collect::<Vec<_>>().join(", "));
    }
    if *added > 0 {
        let many = counted(*multiplied, "molecule is", "molecules are");
        let why = if *multiplied > 0 { format!(", as {many} in more rows than before") } else { String::new() };
        told.push(format!("{added} added{why}"));
    }
    if refused > 0 {
        told.push(format!("<a href=\"#rejects\">{}</a>", counted(refused, "record refused", "records refused")));
    }
    let told = if told.is_empty() { String::new() } else { format!("<p class=\"gone\">{}</p>", told.join(", ")) };
    let names = if names.is_empty() {
        String::new()
    } else {
        let names: Vec<String> =
            names.iter().map(|name| format!("<bdi>{}</bdi>", escape(&clipped(name, SHOWN)))).collect();
        let more = if *unnamed > 0 { format!(", and {unnamed} more") } else { String::new() };
        format!("<details><summary>What was removed</summary><p>{}{more}</p></details>", names.join(", "))
    };
    let width = 100.0 * *went as f64 / most as f64;
    format!(
        "<li><div class=\"what\"><h3>{}</h3><p class=\"uses\">{}</p></div>\
         <div class=\"bar\" aria-hidden=\"true\"><span style=\"width:{width:.2}%\"></span></div>\
         <p class=\"count\">{went}</p><div class=\"why\">{}{told}{names}</div></li>",
        escape(&step.id),
        escape(&step.uses),
        params(step)
    )
}

/// The parameters of a step as words and values.
fn params(step: &PastStep) -> String {
    let params = step.params.iter().filter(|(_, value)| !value.as_array().is_some_and(Vec::is_empty));
    let param = |(name, value): (&String, &Value)| {
        format!("<div><dt>{}</dt><dd><code>{}</code></dd></div>", words(name), escape(&param_value(value)))
    };
    let params: String = params.map(param).collect();
    if params.is_empty() { String::new() } else { format!("<dl class=\"params\">{params}</dl>") }
}

/// A parameter as it is hashed, as one would say it.
fn param_value(value: &Value) -> String {
    if let Some(hash) = InputFile::content_in(value) {
        return format!("file {}…", hash.get(..16).unwrap_or(hash));
    }
    if let Some((cel, Some(params))) = Expression::parts_of(value) {
        let params: Vec<String> = params.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        return format!("{cel}   with {}", params.join(", "));
    }
    match value {
        Value::Object(_) => clipped(&value.to_string(), SHOWN),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(shown).collect();
            clipped(&items.join(", "), SHOWN)
        }
        other => shown(other).unwrap_or_else(|| "–".to_owned()),
    }
}

/// The section with the records that were refused; nothing if there are none.
pub(super) fn rejects(passages: &[Passage<'_>]) -> String {
    let refused = passages.iter().filter_map(|passage| Some((passage.step, passage.rejects.as_ref()?)));
    let tables: String = refused.map(|(step, rejects)| reject_table(step, rejects)).collect();
    if tables.is_empty() {
        return String::new();
    }
    format!(
        "<section id=\"rejects\"><h2>Refused records</h2>\
         <p class=\"lead\">Records that could not be used, and why. Nothing else is known of them.</p>{tables}</section>"
    )
}

fn reject_table(step: &PastStep, rejects: &Table) -> String {
    let head: String =
        rejects.columns().iter().map(|column| format!("<th scope=\"col\">{}</th>", words(&column.name))).collect();
    let cell = |value: &Value| format!("<td><bdi>{}</bdi></td>", escape(&shown(value).unwrap_or_default()));
    let row = |row| format!("<tr>{}</tr>", rejects.row(row).iter().map(cell).collect::<String>());
    let rows: String = (0..rejects.rows().min(REJECTS)).map(row).collect();
    let told = match rejects.rows() {
        all if all > REJECTS => format!("the first {REJECTS} of {all}"),
        all => counted(all, "record", "records"),
    };
    format!(
        "<div class=\"wide\"><table><caption>{}: {told}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>",
        escape(&step.id)
    )
}

/// The section with fingerprints, and a manifest that does the same work. The report, called `report`, has the
/// parameters `own`, and drew the molecules with the hash `drawn`.
pub(super) fn again(history: &History, report: &str, drawn: Option<ArtifactHash>, own: &Map<String, Value>) -> String {
    let row = |step: &PastStep| {
        let result = step.outputs.first().map(|output| output.hash.to_string()).unwrap_or_default();
        format!(
            "<tr><th scope=\"row\">{}</th><td>{} <span class=\"unit\">version {}</span></td>\
             <td><code>{}</code></td><td><code>{result}</code></td></tr>",
            escape(&step.id),
            escape(&step.uses),
            step.version,
            step.fingerprint
        )
    };
    let rows: String = history.steps.iter().map(row).collect();
    format!(
        "<section id=\"again\"><h2>How to repeat this</h2>\
         <p class=\"lead\">A result\u{2019}s hash names its every value. A fingerprint says what a step did: with which \
         parameters, on which input, in a flow of which steps. Run the flow again with the same files, on any machine, and \
         both come out as they stand here, and so does this page.</p>\
         <p class=\"lead\">The manifest below has the steps that lead to this page, and no others. With the same files it \
         gives the same results. It gives the same fingerprints and the same page too if the flow had no other steps; if \
         it had others, such as one that writes a table, the fingerprints differ, and with them the page, since each covers the names of all steps \
         of its flow.</p>\
         <div class=\"wide\"><table class=\"prints\"><thead><tr><th scope=\"col\">step</th><th scope=\"col\">type</th>\
         <th scope=\"col\">fingerprint</th><th scope=\"col\">result</th></tr></thead><tbody>{rows}</tbody></table></div>\
         <details><summary>A manifest that gives the same results</summary><pre><code>{}</code></pre></details></section>",
        escape(&manifest(history, report, drawn, own))
    )
}

/// A manifest with the steps of the history and the report. A file stands as the hash of its content.
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
    // All steps of the history lead to the one that feeds the report, so that is the last.
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

/// A step of a manifest without its parameters. Each input is a port, and the step and the output that feed it.
fn head<'a>(id: &str, uses: &str, inputs: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> String {
    let input = |(port, step, output)| match output {
        MAIN_OUTPUT => format!("{port}: {step}"),
        output => format!("{port}: {step}.{output}"),
    };
    let inputs: Vec<String> = inputs.map(input).collect();
    let inputs = if inputs.is_empty() { String::new() } else { format!("    inputs: {{ {} }}\n", inputs.join(", ")) };
    format!("  - id: {id}\n    uses: {uses}\n{inputs}")
}

/// A parameter of a step, with what a comment can tell of the files in it.
fn param(name: &str, value: &Value) -> String {
    let mut hashes = Vec::new();
    let value = seen(&written(value, &mut hashes));
    match hashes.as_slice() {
        [] => format!("      {name}: {value}\n"),
        hashes => format!("      {name}: {value}  # its SHA-256 is {}\n", hashes.join(", ")),
    }
}

/// A parameter as it is hashed, as a manifest has it: `FILE` stands for a file, whose hash goes to `hashes`, and what
/// would be a placeholder says that it is none.
fn written(value: &Value, hashes: &mut Vec<String>) -> Value {
    if let Some(hash) = InputFile::content_in(value) {
        hashes.push(hash.to_owned());
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

/// A value as YAML, in which each character can be seen, so that it is the same when it is copied from a page.
fn seen(value: &Value) -> String {
    let mut yaml = String::new();
    for character in value.to_string().chars() {
        match character {
            // Such a character stands only in texts, which are in quotes.
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
