//! Pages of a list of runs, some of which may be unreadable.

use super::error::{ErrorClass, PersistenceError, UnreadableRun};
use super::summary::FlowSummary;

/// Adds the run that begins with the event `seq` to a page of a list. Returns whether to continue: a page ends before an
/// unreadable run.
///
/// # Errors
/// Returns [`PersistenceError::UnreadableRun`] if the run cannot be read and is the first of the page.
pub(super) fn add_to_page(
    page: &mut Vec<FlowSummary>,
    run: Result<FlowSummary, PersistenceError>,
    seq: u64,
) -> Result<bool, PersistenceError> {
    match run {
        Ok(run) => {
            page.push(run);
            Ok(true)
        }
        Err(error) if error.class() != ErrorClass::Corrupt => Err(error),
        Err(error) if page.is_empty() => Err(PersistenceError::UnreadableRun(UnreadableRun::new(seq, error))),
        Err(_) => Ok(false),
    }
}
