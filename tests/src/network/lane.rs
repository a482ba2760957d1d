use crate::sim::Time;

use super::transport::Cut;

/// One direction of a path.
#[derive(Clone, Debug)]
pub(super) struct Lane {
    /// Nothing that was sent later arrives before.
    pub(super) last_arrival: Time,
    /// Bytes written and not arrived.
    pub(super) in_flight: usize,
    /// The path breaks when so many more bytes have been written to this lane.
    pub(super) breaks_after: Option<(u64, Cut)>,
    pub(super) state: LaneState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LaneState {
    Flowing,
    /// What is written vanishes; what is on its way arrives.
    Closing,
    /// What is on its way vanishes too; the receiving side may still be told of the end.
    Broken,
    /// The receiving side has been told of the end, or has left.
    Ended,
}

impl Lane {
    pub(super) const fn new(now: Time) -> Self {
        Self {
            last_arrival: now,
            in_flight: 0,
            breaks_after: None,
            state: LaneState::Flowing,
        }
    }
}
