//! The cores of this machine, shared out to invocations.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::units::MemoryMB;

/// The cores of this machine, counted in the MB of memory that bring them. An invocation starts when there is
/// room for its share, and holds that share until it ends. Otherwise sizes that are measured side by side
/// would take CPU time from each other, and the result would show how busy the machine is.
#[derive(Debug)]
pub(crate) struct Cores {
    /// The capacity in MB, and what is free of it. None is no limit.
    capacity: Option<(u32, Semaphore)>,
}

impl Cores {
    /// Shares out so many cores. None is no limit.
    pub(crate) fn new(cores: Option<u32>) -> Cores {
        Cores {
            capacity: cores.map(|cores| {
                let capacity = cores.saturating_mul(MemoryMB::ONE_VCPU.get());
                (capacity, Semaphore::new(capacity as usize))
            }),
        }
    }

    /// Waits, first come first served, until there is room for this memory size. A size that needs more than
    /// the whole machine waits for the whole machine.
    pub(crate) async fn acquire(&self, memory: MemoryMB) -> Option<SemaphorePermit<'_>> {
        let (capacity, free) = self.capacity.as_ref()?;
        free.acquire_many(memory.get().min(*capacity)).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(cores: &Cores) -> usize {
        cores.capacity.as_ref().unwrap().1.available_permits()
    }

    #[tokio::test]
    async fn an_invocation_holds_the_share_of_its_size() {
        let cores = Cores::new(Some(2));
        let permit = cores.acquire(MemoryMB::new(512).unwrap()).await;
        assert_eq!(free(&cores), 2 * 1769 - 512);
        drop(permit);
        assert_eq!(free(&cores), 2 * 1769);
    }

    #[tokio::test]
    async fn a_size_beyond_the_machine_holds_all_of_it() {
        let cores = Cores::new(Some(2));
        let permit = cores.acquire(MemoryMB::MAX).await;
        assert_eq!(free(&cores), 0);
        drop(permit);
    }

    #[tokio::test]
    async fn without_a_limit_no_invocation_waits() {
        let cores = Cores::new(None);
        assert!(cores.acquire(MemoryMB::MAX).await.is_none());
    }
}
