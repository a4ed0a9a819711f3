//! The execution policy of a step: retries, time limit, gate, resources and shards. Recorded in the log, but not part of any
//! fingerprint.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The execution policy of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepPolicy {
    /// When to retry; `None` for a single attempt.
    pub retry: Option<RetryPolicy>,
    /// The time limit of one attempt, in milliseconds; `None` for no limit.
    pub timeout_ms: Option<u64>,
    /// The question to answer before the step starts.
    pub gate: Option<Gate>,
    /// What the step needs of a machine; `None` if it does not say.
    pub resources: Option<Resources>,
    /// How the step runs in shards; `None` if it runs as a whole.
    pub shards: Option<Shards>,
}

/// A row step runs in shards: each part of its rows in a child run, which also runs the other steps of its group. Neither the
/// outputs nor any fingerprint depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shards {
    /// The id of the first step of the group. The steps of a group are consecutive.
    pub group: String,
    /// The output that is cut into shards, as `step` or `step.output`.
    pub over: String,
    /// The number of rows of a shard, about; at least 1.
    pub rows: usize,
}

/// When and how often to retry a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// The maximum number of attempts, including the first; at least 1.
    pub attempts: u32,
    /// The wait before the second attempt, in milliseconds. It doubles before each further attempt.
    #[serde(default)]
    pub backoff_ms: u64,
    /// The failures to retry after.
    #[serde(default)]
    pub on: RetryOn,
}

/// The failures after which a step is retried automatically.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// Transient failures and timeouts.
    #[default]
    Transient,
    /// All failures.
    Any,
}

/// The maximum wait between two attempts: an hour, in milliseconds.
const MAX_WAIT_MS: u64 = 60 * 60 * 1000;

impl RetryPolicy {
    /// Returns whether to retry after `attempts` attempts, the last of which failed.
    pub fn again(&self, attempts: u32, transient: bool) -> bool {
        attempts < self.attempts && (transient || self.on == RetryOn::Any)
    }

    /// Returns the wait before the attempt with this number, in milliseconds: `backoff_ms` before the second, twice as long
    /// before the third, and so on, up to an hour, or `backoff_ms` if that is longer.
    pub fn wait_ms(&self, attempt: u32) -> u64 {
        let doublings = attempt.saturating_sub(2).min(63);
        let wait = self.backoff_ms.saturating_mul(1 << doublings);
        wait.min(MAX_WAIT_MS.max(self.backoff_ms))
    }
}

/// What a step needs of the machine that runs it, or what a worker has. A member that is `None` is not asked for, or not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// The number of processor cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// The number of GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<u32>,
    /// The memory, in MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// The time for which a job is asked for, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ms: Option<u64>,
}

impl Resources {
    /// Returns what is enough for both.
    pub fn and(self, other: Self) -> Self {
        Self {
            cpus: self.cpus.max(other.cpus),
            gpus: self.gpus.max(other.gpus),
            memory_mib: self.memory_mib.max(other.memory_mib),
            time_ms: self.time_ms.max(other.time_ms),
        }
    }

    /// Returns whether a worker that has this can run a step that needs `needed`. What a worker does not say it has enough of.
    pub fn are_enough_for(self, needed: Self) -> bool {
        fn enough<N: PartialOrd>(has: Option<N>, needed: Option<N>) -> bool {
            has.zip(needed).is_none_or(|(has, needed)| has >= needed)
        }
        enough(self.cpus, needed.cpus)
            && enough(self.gpus, needed.gpus)
            && enough(self.memory_mib, needed.memory_mib)
            && enough(self.time_ms, needed.time_ms)
    }
}

/// A question that a person answers before a step starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// The text of the question.
    pub message: String,
    /// The JSON Schema of the data in an approval; `None` if it contains no data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Value>,
    /// The principals one of whom must sign a decision; empty if it need not be signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signed_by: Vec<String>,
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
