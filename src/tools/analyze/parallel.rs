//! Work for all cores.

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};

/// Whether it takes longer to sort and sum so many figures than to start a thread.
pub(super) fn is_much(figures: usize) -> bool {
    figures > 20_000
}

/// Returns the results of `work` in the order of `items`. If it is `much`, as many threads as there are cores take the
/// items in turn.
pub(super) fn in_parallel<T: Send, R: Send>(
    items: Vec<T>,
    much: bool,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    if !much {
        return items.into_iter().map(work).collect();
    }
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let items = Mutex::new(items.into_iter().enumerate());
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work_off =
        || -> Vec<(usize, R)> { std::iter::from_fn(next).map(|(at, item)| (at, work(item))).collect() };
    let mut results = std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores).map(|_| scope.spawn(work_off)).collect();
        let mut results = work_off();
        for other in others {
            results.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}
