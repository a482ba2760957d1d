//! A queue between the driver and one receiver (or several that share it).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::task::{Context, Poll, Waker};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::wakes::{Wakes, replace};

/// It has a lock of its own, so that receiving does not disturb those who send. The lock of the
/// machine may be held when this one is taken, never the other way round, and nothing of the
/// application runs under it.
#[derive(Debug)]
pub(crate) struct Channel<T>(Mutex<Queue<T>>);

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<T>,
    /// One for each receiver that waits.
    wakers: Vec<(u64, Option<Waker>)>,
    next_key: u64,
    closed: bool,
}

impl<T> Default for Channel<T> {
    fn default() -> Self {
        Self(Mutex::new(Queue {
            items: VecDeque::new(),
            wakers: Vec::new(),
            next_key: 0,
            closed: false,
        }))
    }
}

impl<T> Channel<T> {
    /// A further receiver; the key is its own.
    pub(crate) fn join(&self) -> u64 {
        let mut queue = self.lock();
        let key = queue.next_key;
        queue.next_key += 1;
        queue.wakers.push((key, None));
        key
    }

    /// Gives back the waker, to be dropped without a lock.
    pub(crate) fn leave(&self, key: u64) -> Option<Waker> {
        let mut queue = self.lock();
        let index = queue
            .wakers
            .iter()
            .position(|(waiting, _)| *waiting == key)?;
        queue.wakers.swap_remove(index).1
    }

    /// The receiver does not wait any more. Gives back the waker, to be dropped without a lock.
    pub(crate) fn forget_waker(&self, key: u64) -> Option<Waker> {
        self.lock().slot(key)?.take()
    }

    /// Changes the items by whatever rule bounds them, and wakes the receivers if there is one.
    pub(crate) fn update<R>(
        &self,
        wakes: &mut Wakes,
        change: impl FnOnce(&mut VecDeque<T>) -> R,
    ) -> R {
        let mut queue = self.lock();
        let result = change(&mut queue.items);
        if !queue.items.is_empty() {
            queue.wake(wakes);
        }
        result
    }

    pub(crate) fn close(&self, wakes: &mut Wakes) {
        let mut queue = self.lock();
        queue.closed = true;
        queue.wake(wakes);
    }

    /// The next item; `None` when it is empty and closed.
    pub(crate) fn poll(&self, key: u64, cx: &Context<'_>) -> Poll<Option<T>> {
        let mut queue = self.lock();
        if let Some(item) = queue.items.pop_front() {
            if queue.items.is_empty() && queue.items.capacity() > 64 {
                queue.items = VecDeque::new();
            }
            return Poll::Ready(Some(item));
        }
        if queue.closed {
            return Poll::Ready(None);
        }
        let replaced = queue.slot(key).and_then(|slot| replace(slot, cx.waker()));
        drop(queue);
        drop(replaced);
        Poll::Pending
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// All items, to be dropped without a lock.
    pub(crate) fn drain(&self) -> VecDeque<T> {
        core::mem::take(&mut self.lock().items)
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        // Nothing that runs under this lock leaves the queue half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Queue<T> {
    fn slot(&mut self, key: u64) -> Option<&mut Option<Waker>> {
        self.wakers
            .iter_mut()
            .find(|(waiting, _)| *waiting == key)
            .map(|(_, waker)| waker)
    }

    fn wake(&mut self, wakes: &mut Wakes) {
        wakes.extend(self.wakers.iter_mut().filter_map(|(_, waker)| waker.take()));
    }
}
