//! Formats a comparison as JSON.

use serde_json::{Map, Value, json};

use super::{Change, Comparison, Difference, Example, OutputComparison, RecordDifference, Side, StepComparison};
use crate::flow::FlowStatus;

impl Comparison {
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

impl RecordDifference {
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
