//! Renders a record as lines for people, and diffs two of them.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::output::{Content, PinnedOutput};
use super::side::{Side, Step};
use crate::step::InputFile;

/// The longest diff, in lines.
const LINES: usize = 40;
/// How many equal lines to show around differing ones.
const AROUND: usize = 2;
/// The longest line, in characters.
const LONGEST: usize = 140;
/// The longest cell of a row, in characters.
const CELL: usize = 24;

/// Returns the differing lines of two records, at most [`LINES`].
pub(super) fn diff(before: &Side, after: &Side) -> Vec<String> {
    let (mut was, mut is) = (lines(before, false), lines(after, false));
    if was == is {
        (was, is) = (lines(before, true), lines(after, true));
    }
    let (was, is): (Vec<&str>, Vec<&str>) =
        (was.iter().map(String::as_str).collect(), is.iter().map(String::as_str).collect());
    let diff = TextDiff::from_slices(&was, &is);
    let mut shown = Vec::new();
    for group in diff.grouped_ops(AROUND) {
        let start = group.first().map_or(0, |op| op.new_range().start);
        let step = is.get(..=start).and_then(|before| before.iter().rposition(|line| !line.starts_with(' ')));
        if let Some(step) = step.filter(|&step| step < start) {
            shown.push(format!("  {}", is[step]));
            if step + 1 < start {
                shown.push("    …".to_owned());
            }
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            shown.push(format!("{sign} {}", clipped(change.value())));
        }
    }
    if shown.len() > LINES {
        let left_out = shown.len() - (LINES - 1);
        shown.truncate(LINES - 1);
        shown.push(format!("… and {left_out} more lines"));
    }
    shown
}

fn clipped(line: &str) -> String {
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// Renders the record: the flow, then the definition, signals and outputs of each step.
fn lines(side: &Side, hashes: bool) -> Vec<String> {
    let pinned = &side.pinned;
    let mut lines = vec![format!("flow {}, {}, events {}", pinned.flow, pinned.status, pinned.event_variants)];
    lines.extend(side.definition.description.iter().map(|text| format!("  description: {text}")));
    lines.extend(side.definition.license.iter().map(|license| format!("  license: {license}")));
    lines.extend(side.definition.params.iter().map(|(name, value)| format!("  parameter {name} = {value}")));
    lines.extend(pinned.libraries.iter().map(|(name, version)| format!("  library {name} {version}")));
    for step in &side.steps {
        lines.extend(of_step(step, hashes));
    }
    if hashes {
        lines.extend(pinned.flow_fingerprint.map(|fingerprint| format!("flow fingerprint {}", short(fingerprint))));
    }
    lines
}

fn of_step(step: &Step, hashes: bool) -> Vec<String> {
    let recorded = &step.recorded;
    let mut lines = vec![format!("step {}: {} version {}", recorded.id, recorded.uses, recorded.version)];
    let mut say = |line: String| lines.push(format!("  {line}"));
    recorded.inputs.iter().for_each(|(port, wire)| say(format!("input {port} from {wire}")));
    let started = step.started.as_ref();
    for (name, value) in &recorded.params {
        let default = if step.given.contains(name) { "" } else { " (default)" };
        say(format!("parameter {name} = {value}{default}"));
        // A fingerprint covers the content of a file, not its path.
        let hashed = started.and_then(|started| started.params.get(name)).filter(|hashed| *hashed != value);
        let named = |file: &Value| {
            let (name, content) = (InputFile::name_in(file)?, InputFile::content_in(file)?);
            Some(format!("  `{name}` with content {}", short(content)))
        };
        let several =
            hashed.and_then(Value::as_array).and_then(|files| files.iter().map(named).collect::<Option<Vec<_>>>());
        match hashed.map(|hashed| (hashed, InputFile::content_in(hashed), several)) {
            Some((_, Some(content), _)) => say(format!("  with content {}", short(content))),
            Some((_, None, Some(several))) => several.into_iter().for_each(&mut say),
            Some((hashed, None, None)) => say(format!("  hashed as {hashed}")),
            None => {}
        }
    }
    for (name, value) in [
        ("retry", serde_json::to_value(&recorded.retry)),
        ("timeout in ms", serde_json::to_value(recorded.timeout_ms)),
        ("gate", serde_json::to_value(&recorded.gate)),
        ("resources", serde_json::to_value(recorded.resources)),
    ] {
        if let Some(value) = value.ok().filter(|value| !value.is_null()) {
            say(format!("{name}: {value}"));
        }
    }
    if hashes {
        say(step.fingerprint.map_or_else(|| "no fingerprint".to_owned(), |it| format!("fingerprint {}", short(it))));
    }
    step.signals.iter().for_each(|(name, data)| say(format!("signal {name} {data}")));
    step.failure.iter().for_each(|message| say(format!("failed: {message}")));
    for output in &step.outputs {
        of_output(output, hashes).into_iter().for_each(&mut say);
    }
    lines
}

fn of_output(output: &PinnedOutput, hashes: bool) -> Vec<String> {
    let head = format!("{}: {}", output.name, output.kind);
    let mut lines = match &output.content {
        Content::Value(value) | Content::Beginning(value) => vec![format!("{head} {value}")],
        Content::Table(table) => {
            let mut lines = vec![format!("{head}, {} rows", table.rows)];
            for column in &table.columns {
                let (about, unit) = (&column.column, column.column.unit.as_ref());
                let unit = unit.map(|unit| format!(" in {unit}")).unwrap_or_default();
                let provider = about.provider.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
                let ty = format!("{:?}", about.ty).to_lowercase();
                let location = if about.location { ", location" } else { "" };
                let values = if hashes { format!(", values {}", column.values) } else { String::new() };
                lines.push(format!("  column {}: {ty}{location}{unit}{provider}{values}", about.name));
            }
            for (number, row) in (1..).zip(&table.first) {
                let cells: Vec<String> = row.iter().map(cell).collect();
                lines.push(format!("  row {number}: {}", cells.join(" | ")));
            }
            lines
        }
        Content::File(file) => {
            let size = match file.lines {
                Some(lines) => format!("{lines} lines, {} bytes", file.bytes),
                None => format!("{} bytes", file.bytes),
            };
            let mut lines = vec![format!("{head} {}, {size}", file.path)];
            lines.extend((1..).zip(&file.first).map(|(number, line)| format!("  line {number}: {line}")));
            lines
        }
    };
    if hashes {
        lines.push(format!("  hash {}", short(output.hash)));
    }
    lines
}

/// Renders a cell, as JSON only if it has control characters.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::String(text) if !text.contains(char::is_control) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(CELL) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Returns the beginning of a hash.
fn short(hash: impl ToString) -> String {
    let mut text = hash.to_string();
    text.truncate(12);
    text + "…"
}
