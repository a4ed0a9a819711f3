//! Formats a trace as JSON.

use serde_json::{Value, json};

use super::{Kept, ReadRecord, RecordTrace, StepOutcome, StepTrace, Trace, WhyDropped};

impl Trace {
    /// Returns the trace as `chem trace --format json` prints it.
    pub fn to_json(&self) -> Value {
        json!({
            "flow_id": self.flow_id.to_string(),
            "records": self.records.iter().map(RecordTrace::to_json).collect::<Value>(),
            "more": self.more,
        })
    }
}

impl RecordTrace {
    fn to_json(&self) -> Value {
        json!({ "read": self.origin.to_json(), "steps": self.steps.iter().map(StepTrace::to_json).collect::<Value>() })
    }
}

impl ReadRecord {
    fn to_json(&self) -> Value {
        json!({
            "step": self.step,
            "uses": self.uses,
            "files": self.files,
            "record": self.record,
            "line": self.line,
            "name": self.name,
            "values": self.values,
            "rejected": self.rejected,
        })
    }
}

impl StepTrace {
    fn to_json(&self) -> Value {
        let mut object = json!({ "step": self.step, "uses": self.uses, "outcome": self.outcome.name() });
        match &self.outcome {
            StepOutcome::Kept(rows) => object["rows"] = rows.iter().map(Kept::to_json).collect(),
            StepOutcome::Rejected(reason) | StepOutcome::Unfollowed(reason) => object["reason"] = json!(reason),
            StepOutcome::Dropped(why) => object["why"] = why.iter().map(WhyDropped::to_json).collect(),
            StepOutcome::Merged { into, by } => {
                object["into"] = json!(into);
                object["by"] = json!(by);
            }
            StepOutcome::Given(files) => object["files"] = json!(files),
            StepOutcome::NotFinished(status) => object["status"] = json!(status.name()),
        }
        object
    }
}

impl StepOutcome {
    /// Returns the name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kept(_) => "kept",
            Self::Rejected(_) => "rejected",
            Self::Dropped(_) => "dropped",
            Self::Merged { .. } => "merged",
            Self::Given(_) => "given",
            Self::Unfollowed(_) => "unfollowed",
            Self::NotFinished(_) => "not_finished",
        }
    }
}

impl Kept {
    fn to_json(&self) -> Value {
        json!({ "row": self.row, "values": self.values, "alike": self.alike })
    }
}

impl WhyDropped {
    fn to_json(&self) -> Value {
        match self {
            Self::Condition { condition, missing, columns, params } => {
                json!({ "condition": condition, "missing": missing, "columns": columns, "params": params })
            }
            Self::Parameters { params, columns } => json!({ "params": params, "columns": columns }),
        }
    }
}
