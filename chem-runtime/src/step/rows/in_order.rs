//! Works on many items on all cores, and passes on the results in the order of the items, a bounded number ahead.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};

use rayon::ThreadPool;

use crate::step::error::StepError;

/// The number of items for each thread that are worked on or wait for an earlier one.
const AHEAD: usize = 4;

/// Calls `work` on each item that `next` returns, on the threads of `pool`, and `take` on the results in the order of the
/// items, on this thread. At most [`AHEAD`] items for each thread are in memory.
///
/// # Errors
/// Returns the first error in the order of the items, or that of `take`. Then no more items are begun.
pub(crate) fn in_order<I: Send, O: Send>(
    pool: &ThreadPool,
    mut next: impl FnMut() -> Result<Option<I>, StepError>,
    work: impl Fn(I) -> Result<O, StepError> + Sync,
    mut take: impl FnMut(O) -> Result<(), StepError>,
) -> Result<(), StepError> {
    let (sender, receiver) = channel();
    let (work, stopped) = (&work, &AtomicBool::new(false));
    let most = AHEAD * pool.current_num_threads();
    pool.in_place_scope(|scope| {
        let (mut begun, mut taken, mut more) = (0_usize, 0_usize, true);
        let mut waiting: BTreeMap<usize, Result<O, StepError>> = BTreeMap::new();
        let result = 'all: loop {
            while more && begun - taken < most {
                match next() {
                    Ok(Some(item)) => {
                        let answer = Answer { index: begun, sender: Some(sender.clone()) };
                        scope.spawn(move |_| {
                            if !stopped.load(Ordering::Relaxed) {
                                answer.send(work(item));
                            }
                        });
                    }
                    Ok(None) => {
                        more = false;
                        break;
                    }
                    Err(error) => {
                        more = false;
                        waiting.insert(begun, Err(error));
                    }
                }
                begun += 1;
            }
            if begun == taken {
                break Ok(());
            }
            // `sender` keeps the channel open; an item whose work panicked has no result.
            if !waiting.contains_key(&taken) {
                match receiver.recv() {
                    Ok((index, Some(answer))) => drop(waiting.insert(index, answer)),
                    Ok((_, None)) | Err(_) => {
                        break Err(StepError::new("the work on some rows ended without a result"));
                    }
                }
            }
            while let Some(answer) = waiting.remove(&taken) {
                taken += 1;
                if let Err(error) = answer.and_then(&mut take) {
                    break 'all Err(error);
                }
            }
        };
        stopped.store(true, Ordering::Relaxed);
        result
    })
}

/// The index of an item, and its result; `None` if there is none.
type Sent<O> = (usize, Option<Result<O, StepError>>);

/// Sends the result of an item, or on drop that there is none.
struct Answer<O> {
    index: usize,
    /// `None` once the result was sent.
    sender: Option<Sender<Sent<O>>>,
}

impl<O> Answer<O> {
    fn send(mut self, result: Result<O, StepError>) {
        if let Some(sender) = self.sender.take() {
            // Nothing receives it once an earlier item has failed.
            let _ = sender.send((self.index, Some(result)));
        }
    }
}

impl<O> Drop for Answer<O> {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            let _ = sender.send((self.index, None));
        }
    }
}
