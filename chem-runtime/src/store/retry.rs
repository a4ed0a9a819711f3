//! Retries operations after transient failures.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::thread;
use std::time::{Duration, Instant};

use super::{ErrorClass, PersistenceError};

/// The number of failures after which to warn the user, once. Most operations that fail twice succeed on the third
/// attempt.
const PATIENCE: u32 = 3;

/// How often to retry, and how long to wait between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The maximum number of attempts, including the first.
    pub attempts: u32,
    /// The maximum wait before the second attempt. It doubles with each further attempt.
    pub first_wait: Duration,
    /// The upper bound of every wait.
    pub longest_wait: Duration,
    /// The time after the first attempt within which further attempts may begin.
    pub within: Duration,
}

impl Default for RetryPolicy {
    /// Returns a policy of ten attempts within a minute: enough for a server restart or a failover to a standby.
    fn default() -> Self {
        Self {
            attempts: 10,
            first_wait: Duration::from_millis(50),
            longest_wait: Duration::from_secs(5),
            within: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// Never retries.
    pub const NEVER: Self =
        Self { attempts: 1, first_wait: Duration::ZERO, longest_wait: Duration::ZERO, within: Duration::ZERO };

    /// Returns the maximum wait after `failed` failures.
    fn bound(&self, failed: u32) -> Duration {
        self.first_wait.saturating_mul(1 << failed.saturating_sub(1).min(16)).min(self.longest_wait)
    }

    /// Returns a random wait up to the maximum after `failed` failures, so that writers that failed together do not
    /// retry together.
    fn wait(&self, failed: u32) -> Duration {
        let bound = self.bound(failed);
        // The hasher of a new map has a random seed.
        let random = RandomState::new().build_hasher().finish() as u32;
        bound.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

/// Calls `work` until it succeeds, fails permanently, or has failed as often as `policy` allows; then returns the last
/// error. Retries only after errors of the class [`ErrorClass::Transient`]. Passes `work` the number of failures so
/// far.
///
/// ```
/// use chem_runtime::store::{RetryPolicy, PersistenceError, with_retry};
///
/// let result = with_retry(&RetryPolicy::default(), |failed| match failed {
///     0 => Err(PersistenceError::Backend { message: "the line is busy".into(), transient: true, source: "busy".into() }),
///     _ => Ok(failed),
/// });
/// assert_eq!(result.unwrap(), 1);
/// ```
pub fn with_retry<T>(
    policy: &RetryPolicy,
    mut work: impl FnMut(u32) -> Result<T, PersistenceError>,
) -> Result<T, PersistenceError> {
    let begun = Instant::now();
    let mut failed = 0;
    loop {
        match work(failed) {
            Err(error) if error.class() == ErrorClass::Transient => {
                failed += 1;
                let wait = policy.wait(failed);
                if failed >= policy.attempts || begun.elapsed() + wait > policy.within {
                    return Err(error.after(failed, begun.elapsed()));
                }
                // `within` limits when an attempt begins, not how long it takes to fail.
                let seconds = policy.within.saturating_sub(begun.elapsed()).as_secs();
                match failed {
                    PATIENCE if seconds > 0 => {
                        let left = policy.attempts - failed;
                        tracing::warn!(
                            "the store does not answer, and is asked up to {left} more times within {seconds} s: {error}"
                        )
                    }
                    _ => tracing::debug!(failed, ?wait, error = %error, "the store failed and is asked again"),
                }
                thread::sleep(wait);
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FlowId;

    const QUICK: RetryPolicy = RetryPolicy {
        attempts: 4,
        first_wait: Duration::from_micros(10),
        longest_wait: Duration::from_micros(20),
        within: Duration::from_secs(60),
    };

    fn backend(transient: bool) -> PersistenceError {
        PersistenceError::Backend { message: "failed".into(), transient, source: "for a test".into() }
    }

    #[test]
    fn what_may_go_through_later_is_tried_until_it_does_and_not_longer_than_allowed() {
        assert_eq!(with_retry(&QUICK, |failed| if failed < 3 { Err(backend(true)) } else { Ok(failed) }).unwrap(), 3);
        let mut calls = 0;
        let result: Result<(), _> = with_retry(&QUICK, |_| {
            calls += 1;
            Err(backend(true))
        });
        // The reported time covers all attempts, not only the last.
        assert_eq!(result.unwrap_err().to_string(), "failed; it was tried 4 times in 0 s");
        assert_eq!(calls, QUICK.attempts);
    }

    #[test]
    fn what_will_fail_again_is_not_tried_again() {
        let conflict = || PersistenceError::Conflict { flow_id: FlowId::new(), expected: 0, found: 1 };
        let corrupt = || PersistenceError::Corrupt { reason: "a bit fell over".into() };
        for error in [&(|| backend(false)) as &dyn Fn() -> PersistenceError, &conflict, &corrupt] {
            let mut calls = 0;
            let result: Result<(), _> = with_retry(&QUICK, |_| {
                calls += 1;
                Err(error())
            });
            assert_eq!((result.unwrap_err().class(), calls), (error().class(), 1));
        }
    }

    #[test]
    fn waits_grow_to_their_bound_and_differ() {
        let policy = RetryPolicy::default();
        for failed in 1..100 {
            assert!(policy.wait(failed) <= policy.longest_wait);
        }
        assert!(policy.wait(1) <= policy.first_wait);
        let waits: std::collections::BTreeSet<_> = (0..20).map(|_| policy.wait(9)).collect();
        assert!(waits.len() > 1);
    }
}
