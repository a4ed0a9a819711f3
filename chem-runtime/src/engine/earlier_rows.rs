//! Finds an earlier result of a row step on other rows, from which a run takes over what has not changed.

use super::CoreEngineError;
use super::results::{EarlierResult, EarlierResults, ResultKey};
use super::reuse::ReusePolicy;
use crate::event::StepStarted;
use crate::flow::StepIdentity;
use crate::step::{EarlierRows, StepDefinition};
use crate::store::EventStore;

/// Returns the newest result of the work of `step` on other rows, if `policy` allows to take it over. It must have been
/// computed by the same code, and its run must confirm it: see `results.rs`. `started` is how the step starts; the caller
/// takes the untrusted results from `earlier`.
///
/// # Errors
/// Errors of the store.
pub(crate) fn earlier_rows(
    policy: &ReusePolicy,
    store: &dyn EventStore,
    step: &dyn StepDefinition,
    started: &StepStarted,
    earlier: &mut EarlierResults,
) -> Result<Option<EarlierRows>, CoreEngineError> {
    let port = step.inputs().iter().find(|port| port.rows && started.inputs.contains_key(port.name));
    let Some(port) = port.filter(|_| policy.takes_over_rows(step)) else { return Ok(None) };
    let key = ResultKey::Work(StepIdentity::of(started).work_key(port.name)?);
    earlier.find(store, key, |source, EarlierResult { finished, inputs }| {
        let by_same_code = finished.code.as_deref() == step.code();
        // A result without a cache key lacks rows: see `engine/run/execute.rs`.
        let is_whole = finished.cache_key.is_some();
        let outcomes = finished.rows.as_ref().and_then(|rows| rows.outcomes).filter(|_| by_same_code && is_whole);
        let found = outcomes.zip(inputs.get(port.name)).map(|(outcomes, input)| EarlierRows {
            source,
            input: *input,
            outputs: finished.outputs.clone(),
            outcomes,
        });
        Ok(found)
    })
}
