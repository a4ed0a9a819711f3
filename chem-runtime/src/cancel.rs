//! Cancellation: requests to stop, and checks for them in long work.
//!
//! The engine gives each step a token, and the step checks it through its context. Deeper code without a context
//! (hashing a file, decompressing, parsing, packing a table) calls [`check`], which reads the token of the step that
//! runs on this thread.

use std::cell::RefCell;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks a run to stop. Clones share one request.
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    asked: Arc<AtomicBool>,
    parent: Option<Arc<CancelToken>>,
}

thread_local! {
    static CURRENT: RefCell<Option<CancelToken>> = const { RefCell::new(None) };
}

impl CancelToken {
    /// Returns a token for a part of the run. It is cancelled with the run, and can be cancelled separately.
    pub fn child(&self) -> Self {
        Self { asked: Arc::default(), parent: Some(Arc::new(self.clone())) }
    }

    /// Requests the stop.
    pub fn cancel(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Returns whether a stop was requested, here or of a parent.
    pub fn is_cancelled(&self) -> bool {
        self.asked.load(Ordering::Relaxed) || self.parent.as_ref().is_some_and(|parent| parent.is_cancelled())
    }

    /// Runs `work` on this thread; [`check`] reads this token meanwhile.
    pub(crate) fn scope<R>(&self, work: impl FnOnce() -> R) -> R {
        let _outer = Outer(CURRENT.replace(Some(self.clone())));
        work()
    }
}

/// Restores the token of the enclosing scope on drop, also after a panic.
struct Outer(Option<CancelToken>);

impl Drop for Outer {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// The work was asked to stop. As the cause of a `StepError`, makes the step interrupted, not failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Returns the token of the step that runs on this thread, or a fresh one outside of steps.
pub(crate) fn current() -> CancelToken {
    CURRENT.with_borrow(Option::clone).unwrap_or_default()
}

/// Returns whether the step that runs on this thread is asked to stop.
pub(crate) fn is_requested() -> bool {
    #[cfg(test)]
    CHECKS.set(CHECKS.get() + 1);
    CURRENT.with_borrow(|current| current.as_ref().is_some_and(CancelToken::is_cancelled))
}

/// Returns an error if the step that runs on this thread is asked to stop. Takes nanoseconds: cheap enough for every
/// row.
pub(crate) fn check() -> Result<(), Interrupted> {
    if is_requested() { Err(Interrupted) } else { Ok(()) }
}

/// The number of cells of a row between two checks. A row may have a million of them.
const CELLS: usize = 1 << 12;

/// Checks like [`check`] at the first of every 4096 cells; `cell` is the index of a cell in its row.
pub(crate) fn check_cell(cell: usize) -> Result<(), Interrupted> {
    if cell.is_multiple_of(CELLS) { check() } else { Ok(()) }
}

/// Returns the cells of a row, or only the first of them if the step that runs on this thread is asked to stop. The
/// caller has to call [`check`] afterwards, as [`until_stopped`] does for each item.
pub(crate) fn while_running<T>(cells: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
    cells.into_iter().enumerate().map_while(|(index, cell)| check_cell(index).is_ok().then_some(cell))
}

/// Collects `items`, or returns an error if the step that runs on this thread is asked to stop first.
pub(crate) fn until_stopped<T>(items: impl IntoIterator<Item = T>) -> Result<Vec<T>, Interrupted> {
    items.into_iter().map(|item| check().map(|()| item)).collect()
}

/// A reader that fails once the step that runs on this thread is asked to stop.
pub(crate) struct Interruptible<R>(pub(crate) R);

impl<R: Read> Read for Interruptible<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        /// The most bytes to read between two checks: a decompressor would fill a buffer of any size at once.
        const PIECE: usize = 1 << 20;
        check().map_err(io::Error::other)?;
        let length = buffer.len().min(PIECE);
        self.0.read(&mut buffer[..length])
    }
}

/// Returns whether an error is, or is caused by, [`Interrupted`].
pub(crate) fn is_interruption(error: &(dyn std::error::Error + 'static)) -> bool {
    // `io::Error::source` skips the wrapped error itself.
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<Interrupted>()
        || wrapped.is_some_and(|inner| is_interruption(inner))
        || error.source().is_some_and(is_interruption)
}

#[cfg(test)]
thread_local! {
    static CHECKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Returns how often `work` checks on this thread whether it is asked to stop.
#[cfg(test)]
pub(crate) fn checks_during<T>(work: impl FnOnce() -> T) -> usize {
    CHECKS.set(0);
    work();
    CHECKS.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_asked_to_stop_in_its_own_scope_alone() {
        let token = CancelToken::default();
        token.cancel();
        assert!(check().is_ok());
        token.scope(|| {
            assert_eq!(check(), Err(Interrupted));
            CancelToken::default().scope(|| assert!(check().is_ok()));
            assert!(current().is_cancelled());
            let panicked = std::panic::catch_unwind(|| CancelToken::default().scope(|| panic!("meant")));
            assert!(panicked.is_err() && check().is_err());
        });
        assert!(check().is_ok());
    }

    #[test]
    fn an_interruption_is_known_however_it_is_wrapped() {
        let token = CancelToken::default();
        token.cancel();
        let error = token.scope(|| io::copy(&mut Interruptible(io::repeat(0)), &mut io::sink())).unwrap_err();
        assert!(is_interruption(&error));
        assert!(is_interruption(&io::Error::other(error)));
        assert!(!is_interruption(&io::Error::other("something else")));
    }
}
