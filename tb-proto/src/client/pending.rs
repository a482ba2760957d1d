//! Tickets for things that end later.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;

/// The name of one message or request, never used twice in the life of a client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(crate) u64);

impl RequestId {
    /// The bit that tells requests from messages; places in the outbox stay below it.
    const REQUEST: u64 = 1 << 20;

    /// The id of the `sequence`-th request (attributes, RPC call, disconnect).
    pub(super) const fn of_request(sequence: u64) -> Self {
        Self(sequence << 21 | Self::REQUEST)
    }

    pub(super) const fn is_request(self) -> bool {
        self.0 & Self::REQUEST != 0
    }

    /// A number that stands for this id in tables and logs.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A ticket: exactly one [`Event::Completed`](crate::Event::Completed) with this id will follow, and
/// its completion is a `T` or the error that belongs to `T`.
///
/// It is only a name: dropping it changes nothing.
#[must_use = "the outcome comes as an event with the id of this ticket"]
pub struct Pending<T> {
    id: RequestId,
    answer: PhantomData<fn() -> T>,
}

impl<T> Pending<T> {
    pub(crate) const fn new(id: RequestId) -> Self {
        Self {
            id,
            answer: PhantomData,
        }
    }

    /// The id under which the outcome will be reported.
    pub const fn id(&self) -> RequestId {
        self.id
    }
}

impl<T> Clone for Pending<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Pending<T> {}

impl<T> PartialEq for Pending<T> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<T> Eq for Pending<T> {}

impl<T> Hash for Pending<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl<T> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pending({:?})", self.id)
    }
}
