//! Says in words what became of a record.

use serde_json::{Map, Value};

use super::{Kept, ReadRecord, StepOutcome, StepTrace, WhyDropped};

/// The maximum number of values of a row that are named.
const MOST_VALUES: usize = 8;
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
        match &self.rejected {
            Some(reason) => {
                InWords::ended("rejected", format!(": {reason}; its text is `{}`", text("text").unwrap_or_default()))
            }
            None => {
                let read = text("smiles").map_or_else(|| values(&self.values), |smiles| format!("`{smiles}`"));
                InWords::went_on(format!("read as {read}"))
            }
        }
    }
}

impl StepTrace {
    /// Says what the step did with the record.
    pub fn words(&self) -> InWords {
        let step = &self.step;
        match &self.outcome {
            StepOutcome::Kept(rows) => InWords::went_on(rows.iter().map(kept).collect::<Vec<_>>().join("; ")),
            StepOutcome::Rejected(reason) => InWords::ended("rejected", format!(": {reason}")),
            StepOutcome::Dropped(why) => {
                let why: Vec<String> = why.iter().map(dropped).collect();
                InWords::ended("dropped", format!(" by `{step}`: {}", why.join("; ")))
            }
            StepOutcome::Merged { into, by } => {
                let text = format!(" by `{step}`, which kept the record with the same {by}: {}", values(into));
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

fn kept(Kept { row, values: new, alike }: &Kept) -> String {
    let made = if new.is_empty() { String::new() } else { format!(": {}", values(new)) };
    let alike = match alike {
        0 | 1 => String::new(),
        alike => format!(" ({alike} rows with these values, so the row may be that of another record)"),
    };
    format!("row {}{alike}{made}", row + 1)
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
