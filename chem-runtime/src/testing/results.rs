//! Describes how two results of a step differ.

use serde_json::Value;

use super::output::{Content, PinnedFile, PinnedOutput, PinnedTable};
use crate::step::MAIN_OUTPUT;
use crate::workbench::first_difference;

/// The longest value that is shown in full, in characters.
const SHOWN: usize = 60;
/// How many differing rows and lines are shown.
const ROWS: usize = 3;

/// A difference between two values of an output.
pub(super) struct OutputChange {
    /// The difference, in one line.
    pub(super) summary: String,
    /// The first differing rows or lines.
    pub(super) rows: Vec<String>,
}

impl From<String> for OutputChange {
    fn from(summary: String) -> Self {
        Self { summary, rows: Vec::new() }
    }
}

/// Describes each output of a step that differs.
pub(super) fn changes(before: &[PinnedOutput], after: &[PinnedOutput]) -> Vec<OutputChange> {
    let mut found = Vec::new();
    for is in after {
        match before.iter().find(|was| was.name == is.name) {
            Some(was) if was.hash == is.hash => {}
            Some(was) => {
                let mut change = change(was, is);
                change.summary = format!("{} {}", name(is), change.summary);
                found.push(change);
            }
            None => found.push(format!("{} was added", name(is)).into()),
        }
    }
    let gone = before.iter().filter(|was| !after.iter().any(|is| is.name == was.name));
    found.extend(gone.map(|was| format!("{} was removed", name(was)).into()));
    found
}

fn name(output: &PinnedOutput) -> String {
    if output.name == MAIN_OUTPUT { "main output".to_owned() } else { format!("output `{}`", output.name) }
}

fn change(was: &PinnedOutput, is: &PinnedOutput) -> OutputChange {
    if was.kind != is.kind {
        return format!("is of kind `{}` instead of `{}`", is.kind, was.kind).into();
    }
    let found = match (&was.content, &is.content) {
        (Content::Value(was), Content::Value(is)) | (Content::Beginning(was), Content::Beginning(is)) => {
            value_change(was, is).map(Into::into)
        }
        (Content::Table(was), Content::Table(is)) => table_change(was, is),
        (Content::File(was), Content::File(is)) => file_change(was, is),
        _ => None,
    };
    let by_hash = || format!("differs where the snapshot has only its hash: {} → {}", short(was), short(is)).into();
    found.unwrap_or_else(by_hash)
}

fn short(output: &PinnedOutput) -> String {
    output.hash.to_string().chars().take(12).collect()
}

/// Describes the first difference between two values. Returns `None` if they are equal.
pub(super) fn value_change(was: &Value, is: &Value) -> Option<String> {
    let (path, inner_was, inner_is) = first_difference(was, is)?;
    let is_short = |value: &Value| value.to_string().chars().count() <= SHOWN;
    if path == "$" || is_short(was) && is_short(is) {
        return Some(arrow(was, is));
    }
    Some(format!("at `{path}` {}", arrow(&inner_was, &inner_is)))
}

/// Renders `was → is`, each shortened.
pub(super) fn arrow(was: &Value, is: &Value) -> String {
    let (was, is) = (was.to_string(), is.to_string());
    let same = was.chars().zip(is.chars()).take_while(|(one, other)| one == other).count();
    // Skip most of a long common prefix, which would hide the difference.
    let from = if same + 10 > SHOWN { same - 10 } else { 0 };
    format!("`{}` → `{}`", cut(&was, from), cut(&is, from))
}

/// Shortens `text` to the characters from `from` on.
pub(super) fn cut(text: &str, from: usize) -> String {
    let mut rest = text.chars().skip(from);
    let mut shown = if from == 0 { String::new() } else { "…".to_owned() };
    shown.extend(rest.by_ref().take(SHOWN));
    if rest.next().is_some() {
        shown.push('…');
    }
    shown
}

fn table_change(was: &PinnedTable, is: &PinnedTable) -> Option<OutputChange> {
    let mut said = Vec::new();
    let names = |table: &PinnedTable| -> Vec<String> {
        table.columns.iter().map(|column| column.column.name.to_string()).collect()
    };
    let (old, new) = (names(was), names(is));
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|name| !those.contains(name)).map(|name| format!("`{name}`")).collect()
    };
    for (names, what) in [(only(&new, &old), "has the new column"), (only(&old, &new), "lacks the column")] {
        if !names.is_empty() {
            said.push(format!("{what}{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", ")));
        }
    }
    if said.is_empty() && old != new {
        said.push("has its columns in another order".to_owned());
    }
    let mut providers = Vec::new();
    for (is, was) in
        is.columns.iter().filter_map(|is| Some((is, was.columns.iter().find(|was| was.column.name == is.column.name)?)))
    {
        let (name, was, is) = (&is.column.name, &was.column, &is.column);
        if was.ty != is.ty {
            said.push(format!("has column `{name}` of type {:?} instead of {:?}", is.ty, was.ty).to_lowercase());
        }
        let text = |text: &Option<String>| text.as_deref().map_or(Value::Null, Value::from);
        if was.unit != is.unit {
            said.push(format!("has column `{name}` with unit {}", arrow(&text(&was.unit), &text(&is.unit))));
        }
        if was.location != is.location {
            let what = if is.location { "that locates rows" } else { "that no longer locates rows" };
            said.push(format!("has column `{name}` {what}"));
        }
        let provider = (text(&was.provider), text(&is.provider));
        if was.provider != is.provider && !providers.contains(&provider) {
            said.push(format!("has column `{name}` computed by {}", arrow(&provider.0, &provider.1)));
            providers.push(provider);
        }
    }
    if was.rows != is.rows {
        said.push(format!("has {} rows → {} rows", was.rows, is.rows));
    }
    let rows = rows_that_differ(was, is, &old, &new);
    match rows.first() {
        Some(row) => said.push(format!("differs first in {row}")),
        None => {
            let behind: Vec<String> = is
                .columns
                .iter()
                .filter(|is| was.columns.iter().any(|was| was.column.name == is.column.name && was.values != is.values))
                .map(|column| format!("`{}`", column.column.name))
                .collect();
            if was.rows == is.rows && !behind.is_empty() {
                said.push(format!("differs in {} after row {}", behind.join(", "), is.first.len()));
            }
        }
    }
    (!said.is_empty()).then(|| OutputChange { summary: said.join("; "), rows })
}

/// Describes the first differing rows: by their differing cells, or in full if most cells differ.
fn rows_that_differ(was: &PinnedTable, is: &PinnedTable, old: &[String], new: &[String]) -> Vec<String> {
    let shared: Vec<(&String, usize, usize)> = new
        .iter()
        .enumerate()
        .filter_map(|(index, name)| Some((name, old.iter().position(|other| other == name)?, index)))
        .collect();
    let mut found = Vec::new();
    for (number, (before, after)) in (1..).zip(was.first.iter().zip(&is.first)) {
        let cells: Vec<(&String, &Value, &Value)> = shared
            .iter()
            .filter_map(|(name, from, to)| Some((*name, before.get(*from)?, after.get(*to)?)))
            .filter(|(_, was, is)| was != is)
            .collect();
        if cells.is_empty() {
            continue;
        }
        let row = row_label(number, before, after);
        found.push(if cells.len() > 2 && cells.len() * 2 > shared.len() {
            let whole = |cells: &[Value]| cells.iter().map(Value::to_string).collect::<Vec<_>>().join(", ");
            format!("{row}: `{}` → `{}`", cut(&whole(before), 0), cut(&whole(after), 0))
        } else {
            let cell = |(name, was, is): &(&String, &Value, &Value)| format!("{name} {}", arrow(was, is));
            format!("{row}: {}", cells.iter().map(cell).collect::<Vec<_>>().join(", "))
        });
        if found.len() == ROWS {
            break;
        }
    }
    found
}

/// Returns the number of a row, with its first cell if that is a text and the same on both sides: mostly a name.
fn row_label(number: usize, before: &[Value], after: &[Value]) -> String {
    match (before.first(), after.first()) {
        (Some(Value::String(was)), Some(Value::String(is))) if was == is && !was.is_empty() => {
            format!("row {number} ({})", cut(was, 0))
        }
        _ => format!("row {number}"),
    }
}

fn file_change(was: &PinnedFile, is: &PinnedFile) -> Option<OutputChange> {
    let mut said = Vec::new();
    if was.path != is.path {
        said.push(format!("is the file `{}` instead of `{}`", is.path, was.path));
    }
    match (was.lines, is.lines) {
        (Some(before), Some(after)) if before != after => {
            said.push(format!("(`{}`) has {before} lines → {after} lines", is.path));
        }
        _ if was.bytes != is.bytes => {
            said.push(format!("(`{}`) has {} bytes → {} bytes", is.path, was.bytes, is.bytes))
        }
        _ => {}
    }
    let lines = (1..).zip(was.first.iter().zip(&is.first)).filter(|(_, (was, is))| was != is);
    let rows: Vec<String> = lines
        .take(ROWS)
        .map(|(number, (was, is))| format!("line {number}: {}", arrow(&was.as_str().into(), &is.as_str().into())))
        .collect();
    match rows.first() {
        Some(row) => said.push(format!("differs first in {row}")),
        None if said.is_empty() && was.sha256 != is.sha256 => {
            said.push(format!("(`{}`) differs after line {}", is.path, is.first.len()));
        }
        None => {}
    }
    (!said.is_empty()).then(|| OutputChange { summary: said.join("; "), rows })
}
