//! What happened to the processes and machines that worked on a run, and says nothing about its data: processes that died, workers
//! that were gone, machines without disk space.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::engine::{DIED, GONE, OUT_OF_SPACE, OutOfSpace};
use crate::event::{FlowEvent, FlowEventKind, FlowId};

/// The most incidents of a kind that a line names.
#[cfg(any(feature = "cli", feature = "ui", test))]
const NAMED: usize = 3;

/// Something that happened to a process or a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// The run whose log has it.
    pub flow_id: FlowId,
    /// The id of the step that ran.
    pub step: String,
    /// The kind, as the signal is called.
    pub signal: String,
    /// What is known, as the log has it.
    pub data: Value,
    /// When it was recorded.
    pub ts: Timestamp,
}

/// The kinds of incidents, each with what a person calls several of them.
const KINDS: [(&str, &str); 3] = [
    (DIED, "processes that died"),
    (GONE, "submissions whose workers were gone before all children had ended"),
    (OUT_OF_SPACE, "machines without disk space"),
];

impl Incident {
    /// Returns the incident that an event of the run records; `None` for any other event.
    pub(super) fn of(flow_id: FlowId, event: &FlowEvent) -> Option<Self> {
        let FlowEventKind::StepSignal(signal) = &event.kind else { return None };
        let is_incident = KINDS.iter().any(|(kind, _)| *kind == signal.signal);
        is_incident.then(|| Self {
            flow_id,
            step: signal.step_id.clone(),
            signal: signal.signal.clone(),
            data: signal.data.clone(),
            ts: event.ts,
        })
    }

    /// Returns the incidents that the log of a run records, in their order.
    pub(super) fn all(flow_id: FlowId, events: &[FlowEvent]) -> Vec<Self> {
        events.iter().filter_map(|event| Self::of(flow_id, event)).collect()
    }

    /// Returns the incident as scripts read it.
    pub fn to_json(&self) -> Value {
        let Self { flow_id, step, signal, data, ts } = self;
        json!({ "flow_id": flow_id, "step": step, "signal": signal, "ts": ts, "data": data })
    }

    /// Describes the incident, such as `process 7 on n1, of job 4_2`.
    pub fn words(&self) -> String {
        let text = |name: &str| match &self.data[name] {
            Value::String(text) => text.clone(),
            Value::Null => "?".to_owned(),
            other => other.to_string(),
        };
        match self.signal.as_str() {
            DIED => {
                let job = self.job().map(|job| format!(", of job {job}")).unwrap_or_default();
                format!("process {} on `{}`{job}", text("process"), text("host"))
            }
            GONE => format!("job {} of {}: {}", text("job"), text("scheduler"), text("workers")),
            _ => match serde_json::from_value::<OutOfSpace>(self.data.clone()) {
                Ok(found) => found.summary(),
                Err(_) => self.data.to_string(),
            },
        }
    }

    /// Returns whether `other` is the same one: a process dies at several children at once, and a machine lacks space for several.
    #[cfg(any(feature = "cli", feature = "ui", test))]
    fn is(&self, other: &Self) -> bool {
        let same = |names: &[&str]| names.iter().all(|name| self.data[*name] == other.data[*name]);
        self.signal == other.signal
            && match self.signal.as_str() {
                DIED => same(&["host", "process", "job"]),
                OUT_OF_SPACE => same(&["host", "directory"]),
                _ => false,
            }
    }

    /// Returns the job of Slurm in which a process died; `None` if it is no death, or the process was in no job.
    fn job(&self) -> Option<&str> {
        self.data["job"].as_str().filter(|_| self.signal == DIED)
    }
}

/// Says of each kind of incident how many there were and which were the last, on a line of its own, and how to ask Slurm about
/// processes that died in its jobs. `at` names the run and the step of an incident.
#[cfg(any(feature = "cli", feature = "ui", test))]
pub(crate) fn lines(incidents: &[&Incident], at: &dyn Fn(&Incident) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    for (kind, title) in KINDS {
        let mut of_kind: Vec<&Incident> = Vec::new();
        for incident in incidents.iter().filter(|incident| incident.signal == kind) {
            of_kind.retain(|known| !known.is(incident));
            of_kind.push(incident);
        }
        let last = &of_kind[of_kind.len().saturating_sub(NAMED)..];
        let named = last.iter().map(|incident| format!("{} at {}", incident.words(), at(incident)));
        let named = named.collect::<Vec<_>>().join("; ");
        match of_kind.len() {
            0 => continue,
            count if count > last.len() => lines.push(format!("{title}: {count}; the last: {named}")),
            count => lines.push(format!("{title}: {count}: {named}")),
        }
        let mut jobs: Vec<&str> = last.iter().filter_map(|incident| incident.job()).collect();
        jobs.dedup();
        if !jobs.is_empty() {
            let jobs = jobs.join(",");
            let fields = "JobID,State,ExitCode,DerivedExitCode,MaxRSS,NodeList,Reason";
            lines.push(format!("what became of the job: `sacct --jobs={jobs} --format={fields}`"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incident(signal: &str, data: Value) -> Incident {
        let (flow_id, ts) = (FlowId::new(), Timestamp::UNIX_EPOCH);
        Incident { flow_id, step: "score".into(), signal: signal.into(), data, ts }
    }

    #[test]
    fn incidents_are_counted_by_kind_and_the_last_are_named() {
        let died = |process: u32| incident(DIED, json!({ "deaths": 1, "host": "n1", "process": process }));
        let of_job = incident(DIED, json!({ "deaths": 1, "host": "n2", "process": 9, "job": "7_3" }));
        let gone = incident(GONE, json!({ "job": "7", "scheduler": "slurm", "workers": "2 CANCELLED" }));
        let full = json!({ "host": "n3", "directory": "/scratch", "available": 0, "total": 1 << 20 });
        let full = incident(OUT_OF_SPACE, full);
        let all = [died(1), died(1), died(2), gone, died(3), of_job, full];
        let all: Vec<&Incident> = all.iter().collect();
        assert_eq!(
            lines(&all, &|incident| format!("`{}`", incident.step)),
            [
                "processes that died: 4; the last: process 2 on `n1` at `score`; process 3 on `n1` at `score`; process 9 on `n2`, of \
             job 7_3 at `score`",
                "what became of the job: `sacct --jobs=7_3 --format=JobID,State,ExitCode,DerivedExitCode,MaxRSS,NodeList,Reason`",
                "submissions whose workers were gone before all children had ended: 1: job 7 of slurm: 2 CANCELLED at `score`",
                "machines without disk space: 1: `n3` has 0 B of 1024 KiB free in `/scratch` at `score`",
            ]
        );
        assert_eq!(lines(&[], &|_| String::new()), [""; 0]);
    }
}
