//! What a manifest says of a step beside what it computes: how often it may be tried, for how long, and who is to be asked
//! first. Part of the record, and of no fingerprint.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a manifest says of how a step is run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepPolicy {
    /// How often it may be tried; once if there is nothing.
    pub retry: Option<RetryPolicy>,
    /// For how long an attempt may work, in milliseconds; for ever if there is nothing.
    pub timeout_ms: Option<u64>,
    /// What a person has to be asked before it starts.
    pub gate: Option<Gate>,
}

/// How often a step may be tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// How many attempts there may be, the first one included; at least 1.
    pub attempts: u32,
    /// How long to wait before the second attempt, in milliseconds. The wait doubles with each further one.
    #[serde(default)]
    pub backoff_ms: u64,
    /// After which failures there is another attempt without being asked.
    #[serde(default)]
    pub on: RetryOn,
}

/// After which failures a step is tried again without being asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// After those that the step says may pass, and those for want of time.
    #[default]
    Transient,
    /// After all.
    Any,
}

/// The longest wait between two attempts: an hour, in milliseconds.
const LONGEST_WAIT_MS: u64 = 60 * 60 * 1000;

impl RetryPolicy {
    /// Whether a step that has had `attempts` is tried again after a failure that is `transient` or not.
    pub fn again(&self, attempts: u32, transient: bool) -> bool {
        attempts < self.attempts && (transient || self.on == RetryOn::Any)
    }

    /// How long to wait before the attempt of this number, in milliseconds: `backoff_ms` before the second, twice as long
    /// before the third, and so on, up to an hour or `backoff_ms` if that is more.
    pub fn wait_ms(&self, attempt: u32) -> u64 {
        let doublings = attempt.saturating_sub(2).min(63);
        let wait = self.backoff_ms.saturating_mul(1 << doublings);
        wait.min(LONGEST_WAIT_MS.max(self.backoff_ms))
    }
}

/// A question that a person has to answer before a step starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// The question, for people.
    pub message: String,
    /// The JSON Schema of what the answer brings along; none if it brings nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_end_at_an_hour() {
        let policy = RetryPolicy { attempts: 100, backoff_ms: 1500, on: RetryOn::Transient };
        assert_eq!([2, 3, 4].map(|attempt| policy.wait_ms(attempt)), [1500, 3000, 6000]);
        assert_eq!(policy.wait_ms(100), 3_600_000);
        let patient = RetryPolicy { backoff_ms: 7_200_000, ..policy.clone() };
        assert_eq!([2, 99].map(|attempt| patient.wait_ms(attempt)), [7_200_000; 2]);
        assert_eq!(RetryPolicy { backoff_ms: 0, ..policy }.wait_ms(5), 0);
    }
}
