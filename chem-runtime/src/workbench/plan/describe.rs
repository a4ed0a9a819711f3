//! Formats a plan as JSON.

use serde_json::{Map, Value, json};

use super::{Action, Origin, OutsideFile, Plan, PlannedChild, PlannedParam, PlannedStep, Reason, ReusedFrom};

impl Plan {
    /// Returns the plan as `chem plan --format json` prints it.
    pub fn to_json(&self) -> Value {
        json!({
            "flow": self.flow,
            "definition_hash": self.definition_hash,
            "params": params(&self.params),
            "steps": self.steps.iter().map(PlannedStep::to_json).collect::<Value>(),
            "outside": self.outside.iter().map(OutsideFile::to_json).collect::<Value>(),
        })
    }
}

impl OutsideFile {
    fn to_json(&self) -> Value {
        json!({ "step": self.step, "path": self.path.display().to_string(), "written": self.written })
    }
}

impl PlannedStep {
    fn to_json(&self) -> Value {
        let (mut reused_from, mut unless_known) = (Value::Null, [].as_slice());
        match &self.action {
            Action::Reuse { source, .. } => {
                reused_from = match source {
                    ReusedFrom::Run(source) => json!(source),
                    ReusedFrom::Step(step) => json!({ "step": step }),
                };
            }
            Action::Run { unless_known: steps, .. } => unless_known = steps,
            Action::Fail { .. } | Action::Ask { .. } | Action::NotReached => {}
        }
        let mut step = json!({
            "id": self.id,
            "uses": self.uses,
            "version": self.version,
            "kind": self.kind.name(),
            "inputs": self.wiring,
            "params": params(&self.params),
            "fingerprint": self.fingerprint,
            "action": self.action.name(),
            "code_changed": self.code_changed,
            "why": self.action.why(),
            "reused_from": reused_from,
            "takes_over": self.takes_over.map(|taken| json!({
                "source": taken.source,
                "of": taken.of,
                "rows": taken.rows.map(|(rows, _)| rows),
                "computed": taken.rows.map(|(rows, all)| all - rows),
            })),
            "unless_known": unless_known,
            "unless_done_by": self.action.unless_done_by(),
        });
        if !self.children.is_empty() {
            let child = |child: &PlannedChild| json!({ "label": child.label, "plan": child.plan.to_json() });
            step["children"] = self.children.iter().map(child).collect();
        }
        step
    }
}

impl Action {
    fn unless_done_by(&self) -> &[String] {
        match self {
            Self::Reuse { unless_done_by, .. } | Self::Run { unless_done_by, .. } => unless_done_by,
            Self::Fail { .. } | Self::Ask { .. } | Self::NotReached => &[],
        }
    }

    /// Returns the reasons, component by component.
    fn why(&self) -> Value {
        match self {
            Self::Run { because, .. } => because.iter().map(Reason::to_json).collect(),
            other => other.reasons().into_iter().map(|text| json!({ "component": null, "text": text })).collect(),
        }
    }
}

impl Reason {
    fn to_json(&self) -> Value {
        match self {
            Self::Differs(difference) => difference.to_json(),
            Self::AfterFile { path, step } => {
                json!({ "component": "file", "name": path, "after": step, "text": self.to_string() })
            }
            Self::Engine(because) => json!({ "component": because.name(), "text": because.to_string() }),
        }
    }
}

fn params(params: &[PlannedParam]) -> Value {
    let param = |param: &PlannedParam| {
        let through = match &param.origin {
            Origin::Default => &[],
            Origin::File(through) | Origin::Set(through) => through.as_slice(),
        };
        (param.name.clone(), json!({ "value": param.value, "from": param.origin.name(), "through": through }))
    };
    Value::Object(params.iter().map(param).collect::<Map<String, Value>>())
}
