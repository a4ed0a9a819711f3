//! Formats the result of an audit, as text and as JSON.

use std::fmt;

use serde_json::{Value, json};

use super::{Audit, Finding};

impl Audit {
    /// Returns whether all runs can be replayed, all reused results match their source, and all artifacts match their hash.
    pub fn is_sound(&self) -> bool {
        self.unsound_artifacts.is_empty() && !self.findings.iter().any(|finding| finding.kind.is_fault())
    }

    /// Returns the result as JSON, for scripts.
    pub fn to_json(&self) -> Value {
        let finding = |finding: &Finding| {
            json!({
                "kind": finding.kind.name(),
                "fault": finding.kind.is_fault(),
                "flow_id": finding.event.map(|event| event.flow_id),
                "position": finding.event.map(|event| event.position),
                "reason": finding.reason,
            })
        };
        let artifact = |(hash, reason)| json!({ "hash": hash, "reason": reason });
        json!({
            "sound": self.is_sound(),
            "runs": { "sound": self.sound_runs, "unsound": self.unsound_runs },
            "artifacts": { "sound": self.sound_artifacts, "unsound": self.unsound_artifacts.len() },
            "findings": self.findings.iter().map(finding).collect::<Value>(),
            "unsound_artifacts": self.unsound_artifacts.iter().map(artifact).collect::<Value>(),
        })
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))?;
        self.unsound_artifacts.values().try_for_each(|reason| writeln!(f, "{reason}"))?;
        write!(f, "sound: {} and {}", runs(self.sound_runs), artifacts(self.sound_artifacts))?;
        if !self.is_sound() {
            let unsound = (runs(self.unsound_runs), artifacts(self.unsound_artifacts.len()));
            write!(f, "\nnot sound: {} and {}", unsound.0, unsound.1)?;
            let reused = self.findings.iter().filter(|it| it.kind == super::FindingKind::Reuse).count();
            if reused > 0 {
                write!(f, ", {reused} reused results")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event {
            Some(event) => write!(f, "event {} of run {}: {}", event.position, event.flow_id, self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

fn runs(number: usize) -> String {
    format!("{number} {}", if number == 1 { "run" } else { "runs" })
}

fn artifacts(number: usize) -> String {
    format!("{number} {}", if number == 1 { "artifact" } else { "artifacts" })
}
