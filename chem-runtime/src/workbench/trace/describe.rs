//! Formats a trace as JSON.

use serde_json::{Value, json};

use super::{
    Ancestor, Ancestry, CameFrom, Group, Kept, Parent, Partner, ReadRecord, RecordTrace, StepOutcome, StepTrace, Trace,
    WhyDropped, WrittenText,
};

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

impl Ancestry {
    /// Returns the ancestry as `chem trace --row --format json` prints it.
    pub fn to_json(&self) -> Value {
        json!({
            "flow_id": self.flow_id.to_string(),
            "of": self.of,
            "uses": self.uses,
            "row": self.row,
            "values": self.values,
            "steps": self.steps.iter().map(Ancestor::to_json).collect::<Value>(),
            "records": self.sources.iter().map(ReadRecord::to_json).collect::<Value>(),
            "more": self.more,
        })
    }
}

impl Ancestor {
    fn to_json(&self) -> Value {
        let mut object = json!({ "step": self.step, "uses": self.uses, "output": self.output, "row": self.row });
        object["words"] = json!(self.words().plain());
        match &self.from {
            CameFrom::Rows(parents) => object["from"] = parents.iter().map(Parent::to_json).collect(),
            CameFrom::Unknown(reason) => object["reason"] = json!(reason),
        }
        object
    }
}

impl Parent {
    fn to_json(&self) -> Value {
        json!({ "of": self.of, "rows": self.rows, "count": self.count, "all": self.all })
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
            "text": match &self.written {
                WrittenText::Text(text) => Some(text),
                WrittenText::Unknown | WrittenText::Unread(_) => None,
            },
            "unread": match &self.written {
                WrittenText::Unread(reason) => Some(reason),
                WrittenText::Unknown | WrittenText::Text(_) => None,
            },
            "words": self.words().plain(),
        })
    }
}

impl StepTrace {
    fn to_json(&self) -> Value {
        let mut object =
            json!({ "step": self.step, "uses": self.uses, "outcome": self.outcome.name(), "last": self.last });
        object["words"] = json!(self.words().plain());
        match &self.outcome {
            StepOutcome::Kept(rows) => object["rows"] = rows.iter().map(Kept::to_json).collect(),
            StepOutcome::Rejected(reason) | StepOutcome::Unfollowed(reason) => object["reason"] = json!(reason),
            StepOutcome::Dropped(why) => object["why"] = why.iter().map(WhyDropped::to_json).collect(),
            StepOutcome::Grouped(groups) => object["groups"] = groups.iter().map(Group::to_json).collect(),
            StepOutcome::Used(what) => object["reason"] = json!(what),
            StepOutcome::Merged { into, row, by } => {
                object["into"] = json!(into);
                object["row"] = json!(row);
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
            Self::Grouped(_) => "grouped",
            Self::Used(_) => "used",
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
        let mut object = json!({ "row": self.row, "values": self.values, "alike": self.alike });
        if !self.replaced.is_empty() {
            object["replaced"] = json!(self.replaced);
        }
        if let Some(Partner { of, row, missing, unread }) = &self.partner {
            object["partner"] = json!({ "of": of, "row": row, "missing": missing });
            if let Some(unread) = unread {
                object["partner"]["unread"] = json!(unread);
            }
        }
        object
    }
}

impl Group {
    fn to_json(&self) -> Value {
        json!({ "row": self.row, "key": self.key, "members": self.members, "values": self.values })
    }
}

impl WhyDropped {
    fn to_json(&self) -> Value {
        match self {
            Self::Condition { condition, missing, columns, params } => {
                json!({ "condition": condition, "missing": missing, "columns": columns, "params": params })
            }
            Self::Told { words, values } => json!({ "because": words, "values": values }),
            Self::Parameters { params, columns } => json!({ "params": params, "columns": columns }),
        }
    }
}
