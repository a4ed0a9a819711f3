//! Formats a comparison as JSON and in words.

use serde_json::{Map, Value, json};

use super::{Change, Comparison, Difference, Example, OutputComparison, RecordDifference, Side, StepComparison};
use crate::flow::FlowStatus;

impl Comparison {
    /// Says how the parameters of the flows differ.
    pub fn params_in_words(&self) -> String {
        in_words(&self.params)
    }

    /// Returns the comparison as `chem diff --format json` prints it.
    pub fn to_json(&self) -> Value {
        let all = |differences: &[Difference]| differences.iter().map(Difference::to_json).collect::<Value>();
        let step = |step: &StepComparison| {
            json!({
                "step": step.step,
                "why": all(&step.why),
                "outputs": step.outputs.iter().map(OutputComparison::to_json).collect::<Value>(),
            })
        };
        json!({
            "equal": self.is_empty(),
            "before": self.before.to_json(),
            "after": self.after.to_json(),
            "definition": { "added": self.added, "removed": self.removed, "reordered": self.reordered },
            "params": all(&self.params),
            "parted": self.parted().map(|parted| json!({ "step": parted.step, "why": all(&parted.why) })),
            "steps": self.steps.iter().map(step).collect::<Value>(),
        })
    }
}

impl Side {
    fn to_json(&self) -> Value {
        json!({
            "flow_id": self.flow_id.map(|flow_id| flow_id.to_string()),
            "flow": self.flow,
            "status": self.status.map(FlowStatus::name),
            "flow_fingerprint": self.flow_fingerprint,
        })
    }
}

impl OutputComparison {
    fn to_json(&self) -> Value {
        let (kind, change) = match &self.change {
            Change::Records(records) => ("records", records.to_json()),
            Change::Value { path, before, after } => {
                ("value", json!({ "path": path, "before": before, "after": after }))
            }
            Change::OneSided => ("one_sided", Value::Null),
            Change::Unreadable(reason) => ("unreadable", json!(reason)),
        };
        json!({ "output": self.output, "before": self.before, "after": self.after, "kind": kind, "change": change })
    }
}

impl Change {
    /// Describes the change; of records, what their counts do not say.
    pub fn details(&self) -> String {
        match self {
            Self::Records(records) => records.details().join(", "),
            Self::Value { path, before, after } => format!("{path}: {before} → {after}"),
            Self::OneSided => "only one of the two has this output".to_owned(),
            Self::Unreadable(reason) => reason.clone(),
        }
    }
}

impl StepComparison {
    /// Says what the step was given other than before.
    pub fn why_in_words(&self) -> String {
        in_words(&self.why)
    }

    /// Says why the step differs, if it is the first that does.
    pub fn why_parted(&self) -> String {
        if self.why.is_empty() { "the same work has another result".to_owned() } else { self.why_in_words() }
    }
}

impl RecordDifference {
    /// Returns the number of records that differ and are not among the examples.
    pub fn more(&self) -> usize {
        (self.added + self.removed + self.changed).saturating_sub(self.examples.len())
    }

    /// Describes the differences between the records other than their counts.
    fn details(&self) -> Vec<String> {
        let mut words: Vec<String> =
            self.by_column.iter().map(|(column, count)| format!("{column} in {count}")).collect();
        words.extend(self.columns_added.iter().map(|column| format!("column {column} added")));
        words.extend(self.columns_removed.iter().map(|column| format!("column {column} removed")));
        words.extend(self.reordered.then(|| "the same records in another order".to_owned()));
        words
    }

    /// Describes the differences between the records with their counts.
    pub fn in_words(&self) -> String {
        let counts = [("added", self.added), ("removed", self.removed), ("changed", self.changed)];
        let mut words: Vec<String> =
            counts.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{count} {what}")).collect();
        words.extend(self.details());
        words.join(", ")
    }

    fn to_json(&self) -> Value {
        json!({
            "added": self.added,
            "removed": self.removed,
            "changed": self.changed,
            "by_column": self.by_column,
            "reordered": self.reordered,
            "key": self.key,
            "columns_added": self.columns_added,
            "columns_removed": self.columns_removed,
            "examples": self.examples.iter().map(Example::to_json).collect::<Value>(),
        })
    }
}

impl Example {
    fn to_json(&self) -> Value {
        match self {
            Self::Added(record) => json!({ "change": "added", "record": record }),
            Self::Removed(record) => json!({ "change": "removed", "record": record }),
            Self::Changed(key, columns) => {
                let columns: Map<String, Value> = columns
                    .iter()
                    .map(|(column, (before, after))| (column.clone(), json!({ "before": before, "after": after })))
                    .collect();
                json!({ "change": "changed", "key": key, "columns": columns })
            }
        }
    }
}

fn in_words(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
