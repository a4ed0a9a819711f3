//! What was done, as a record: what each step let through and why, what was refused, fingerprints, and how to do it
//! again.

use serde_json::{Map, Value};

use super::html::{SHOWN, clipped, counted, escape, shown, words};
use super::past::{Change, Passage};
use crate::artifact::Table;
use crate::step::InputFile;
use crate::step::{History, PastStep};

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
    match value {
        Value::Object(members) => match (members.get("cel"), members.get("params")) {
            (Some(Value::String(cel)), Some(Value::Object(params))) => {
                let params: Vec<String> = params.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                format!("{cel}   with {}", params.join(", "))
            }
            _ => clipped(&value.to_string(), SHOWN),
        },
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

/// The section with fingerprints, and a manifest that does the same work.
pub(super) fn again(history: &History, report: &str) -> String {
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
         <p class=\"lead\">A fingerprint says what a step did: with which parameters, on which input. A result's hash names \
         its every value. Run the flow again with the same files, on any machine, and both come out as they stand here: \
         <code>chem run {}.yaml</code> prints them.</p>\
         <div class=\"wide\"><table class=\"prints\"><thead><tr><th scope=\"col\">step</th><th scope=\"col\">type</th>\
         <th scope=\"col\">fingerprint</th><th scope=\"col\">result</th></tr></thead><tbody>{rows}</tbody></table></div>\
         <details><summary>A manifest that does the same work</summary><pre><code>{}</code></pre></details></section>",
        escape(&history.flow),
        escape(&manifest(history, report))
    )
}

/// A manifest with the steps of the history. A file stands as the hash of its content.
fn manifest(history: &History, report: &str) -> String {
    let mut flow_params = Map::new();
    let mut steps = String::new();
    for step in &history.steps {
        steps.push_str(&format!("  - id: {}\n    uses: {}\n", step.id, step.uses));
        if !step.inputs.is_empty() {
            let input = |(port, from): (&String, &crate::step::PastInput)| match from.output.as_str() {
                crate::step::MAIN_OUTPUT => format!("{port}: {}", from.step),
                output => format!("{port}: {}.{output}", from.step),
            };
            let inputs: Vec<String> = step.inputs.iter().map(input).collect();
            steps.push_str(&format!("    inputs: {{ {} }}\n", inputs.join(", ")));
        }
        if step.params.is_empty() {
            continue;
        }
        steps.push_str("    with:\n");
        for (name, value) in &step.params {
            steps.push_str(&match (
                InputFile::content_in(value),
                value.get("cel"),
                value.get("params").and_then(Value::as_object),
            ) {
                (Some(hash), ..) => format!("      {name}: FILE  # its SHA-256 is {hash}\n"),
                (None, Some(cel), Some(params)) => {
                    flow_params.extend(params.clone());
                    format!("      {name}: {cel}\n")
                }
                _ => format!("      {name}: {value}\n"),
            });
        }
    }
    let params: String = flow_params.iter().map(|(name, value)| format!("  {name}: {value}\n")).collect();
    let params = if params.is_empty() { params } else { format!("params:\n{params}") };
    let flow = Value::from(history.flow.as_str());
    format!(
        "flow: {flow}\n{params}steps:\n{steps}  - id: {report}\n    uses: report.write\n    with: {{ path: report.html }}\n"
    )
}
