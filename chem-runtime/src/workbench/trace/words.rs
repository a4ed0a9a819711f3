//! Says in words what became of a record.

use serde_json::{Map, Value};

use super::{
    Ancestor, Ancestry, CameFrom, Group, Kept, Parent, Partner, ReadRecord, StepOutcome, StepTrace, WhyDropped,
    WrittenText,
};

/// The maximum number of values of a row that are named.
const MOST_VALUES: usize = 8;
/// The maximum number of rows that are named.
const MOST_ROWS: usize = 5;
/// The longest value to show, in characters.
const SHOWN: usize = 80;

/// What became of a record, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InWords {
    /// How the record ended, such as `dropped`; `None` if it did not.
    pub end: Option<&'static str>,
    /// What follows that word, or says what happened instead.
    pub text: String,
}

impl InWords {
    fn ended(end: &'static str, text: String) -> Self {
        Self { end: Some(end), text }
    }

    fn went_on(text: String) -> Self {
        Self { end: None, text }
    }

    /// Returns both parts as one text.
    pub fn plain(&self) -> String {
        format!("{}{}", self.end.unwrap_or_default(), self.text)
    }
}

impl ReadRecord {
    /// Returns the name and the place of the record: ``aspirin, record 3 of `data/drugs.csv` ``.
    pub fn place(&self) -> String {
        let Self { name, record, line, files, .. } = self;
        let mut parts: Vec<String> = name.iter().cloned().collect();
        let of = if files.is_empty() { String::new() } else { format!(" of `{}`", files.join("`, `")) };
        match (record, line) {
            (Some(record), _) => parts.push(format!("record {record}{of}")),
            (None, Some(line)) => parts.push(format!("line {line}{of}")),
            (None, None) => parts.extend(Some(of.trim_start().to_owned()).filter(|of| !of.is_empty())),
        }
        parts.join(", ")
    }

    /// Says what was read, or why the source rejected it.
    pub fn words(&self) -> InWords {
        let text = |name: &str| self.values.get(name).and_then(Value::as_str);
        let line = self.line.map(|line| format!(" in line {line}")).unwrap_or_default();
        match &self.rejected {
            Some(reason) => {
                let written = match &self.written {
                    WrittenText::Text(text) => text.as_str(),
                    WrittenText::Unknown | WrittenText::Unread(_) => text("text").unwrap_or_default(),
                };
                InWords::ended("rejected", format!(": {reason}; its text{line} is `{}`", shortened(written)))
            }
            None => {
                let read = text("smiles").map_or_else(|| values(&self.values), |smiles| format!("`{smiles}`"));
                InWords::went_on(match &self.written {
                    WrittenText::Text(text) => format!("read as {read}, written{line} as `{}`", shortened(text)),
                    WrittenText::Unknown => format!("read as {read}"),
                    WrittenText::Unread(reason) => format!("read as {read}; its text is not shown: {reason}"),
                })
            }
        }
    }
}

impl StepTrace {
    /// Says what the step did with the record.
    pub fn words(&self) -> InWords {
        let step = &self.step;
        match &self.outcome {
            StepOutcome::Kept(rows) => {
                let last = if self.last { "in the result: " } else { "" };
                InWords::went_on(format!("{last}{}", some(rows, kept)))
            }
            StepOutcome::Grouped(groups) => {
                let last = if self.last { "in the result: " } else { "" };
                InWords::went_on(format!("{last}{}", some(groups, grouped)))
            }
            StepOutcome::Used(what) => InWords::went_on(what.clone()),
            StepOutcome::Rejected(reason) => InWords::ended("rejected", format!(": {reason}")),
            StepOutcome::Dropped(why) => {
                let why: Vec<String> = why.iter().map(dropped).collect();
                InWords::ended("dropped", format!(" by `{step}`: {}", why.join("; ")))
            }
            StepOutcome::Merged { into, row, by } => {
                let into = values(into);
                let text =
                    format!(" by `{step}`, which kept the record with the same {by}: {into}, in row {}", row + 1);
                InWords::ended("merged", text)
            }
            StepOutcome::Given(files) if files.is_empty() => InWords::went_on("given to this step".to_owned()),
            StepOutcome::Given(files) => {
                InWords::went_on(format!("given to this step, which wrote `{}`", files.join("`, `")))
            }
            StepOutcome::Unfollowed(reason) => InWords::went_on(reason.clone()),
            StepOutcome::NotFinished(status) => {
                InWords::went_on(format!("the step is {}", status.name().replace('_', " ")))
            }
        }
    }
}

impl Ancestry {
    /// Returns the name of the row: ``row 3 of `best` ``.
    pub fn place(&self) -> String {
        format!("row {} of `{}`", self.row + 1, self.of)
    }
}

impl Ancestor {
    /// Says from which rows the row comes.
    pub fn words(&self) -> InWords {
        let row = self.row + 1;
        InWords::went_on(match &self.from {
            CameFrom::Unknown(reason) => format!("row {row}: the inputs were {reason}"),
            CameFrom::Rows(parents) if parents.is_empty() => format!("row {row} comes from no row that is known"),
            CameFrom::Rows(parents) => {
                let from: Vec<String> = parents.iter().map(parent).collect();
                format!("row {row} comes from {}", from.join(" and "))
            }
        })
    }
}

fn parent(Parent { of, rows, count, all }: &Parent) -> String {
    let mut named: Vec<String> = rows.iter().take(MOST_ROWS).map(|row| (row + 1).to_string()).collect();
    if *count > named.len() {
        named.push("…".to_owned());
    }
    let named = named.join(", ");
    match (count, all) {
        (1, _) => format!("row {named} of `{of}`"),
        (_, true) => format!("{count} rows of `{of}`: {named}"),
        (_, false) => format!("one of {count} equal rows of `{of}`: {named}"),
    }
}

/// Names the first of several rows or groups.
fn some<T>(all: &[T], one: fn(&T) -> String) -> String {
    let mut parts: Vec<String> = all.iter().take(MOST_ROWS).map(one).collect();
    if all.len() > MOST_ROWS {
        parts.push(format!("{} more rows", all.len() - MOST_ROWS));
    }
    parts.join("; ")
}

fn grouped(Group { row, key, members, values: measures }: &Group) -> String {
    let of = match (members, key.is_empty()) {
        (_, true) => format!("one of all {members} rows"),
        (1, false) => format!("the only row with {}", values(key)),
        (_, false) => format!("one of {members} rows with {}", values(key)),
    };
    let made = if measures.is_empty() { String::new() } else { format!(": {}", values(measures)) };
    format!("{of}, which became row {}{made}", row + 1)
}

fn kept(Kept { row, values: new, replaced, alike, partner }: &Kept) -> String {
    let partner = match partner {
        None => String::new(),
        Some(Partner { of, missing: true, .. }) => format!(" without a row of `{of}`, which has none with this key"),
        Some(Partner { of, row: Some(row), .. }) => format!(" with row {} of `{of}`", row + 1),
        Some(Partner { of, unread: Some(reason), .. }) => format!(" with `{of}`, whose row is not named: {reason}"),
        Some(Partner { of, .. }) => format!(" with `{of}`"),
    };
    // A new column without a value says nothing of the row.
    let new: Map<String, Value> = new
        .iter()
        .filter(|(name, value)| !value.is_null() || replaced.contains_key(*name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let made = if new.is_empty() { String::new() } else { format!(": {}", values(&new)) };
    let before = if replaced.is_empty() { String::new() } else { format!(", before {}", values(replaced)) };
    let alike = match alike {
        0 | 1 => String::new(),
        alike => format!(" ({alike} rows with these values, so the row may be that of another record)"),
    };
    format!("row {}{partner}{alike}{made}{before}", row + 1)
}

fn dropped(why: &WhyDropped) -> String {
    match why {
        WhyDropped::Condition { condition, missing: Some(column), .. } => {
            format!("{column} has no value, which `{condition}` needs")
        }
        WhyDropped::Condition { condition, missing: None, columns, params } => {
            let found = values(&columns.clone().into_iter().collect());
            let limits = values(&params.clone().into_iter().collect());
            let limits = if params.is_empty() { String::new() } else { format!(" with {limits}") };
            format!("{found}, and `{condition}` does not hold{limits}")
        }
        WhyDropped::Told { words, .. } => words.clone(),
        WhyDropped::Parameters { params, columns } => {
            let found = values(&columns.clone().into_iter().collect());
            let found = if columns.is_empty() { String::new() } else { format!("{found}; ") };
            format!("{found}the step has {}", values(params))
        }
    }
}

/// Names the first values of a row.
fn values(values: &Map<String, Value>) -> String {
    let value = |value: &Value| match value {
        Value::Null => "missing".to_owned(),
        Value::String(text) => format!("`{}`", shortened(text)),
        other => shortened(&other.to_string()),
    };
    let first = values.iter().take(MOST_VALUES).map(|(name, of)| format!("{name} {}", value(of)));
    let mut parts: Vec<String> = first.collect();
    if values.len() > MOST_VALUES {
        parts.push(format!("{} more values", values.len() - MOST_VALUES));
    }
    if parts.is_empty() { "no parameters".to_owned() } else { parts.join(", ") }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
