use core::time::Duration;

use tb_proto::LinkLost;

use crate::sim::Time;

/// How the network treats what is written from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// Time from one side to the other, at least.
    pub latency: Duration,
    /// Further time, drawn anew for each piece from nothing to this. Order is kept.
    pub jitter: Duration,
    /// How writes are cut up.
    pub pieces: Pieces,
    /// Pieces arrive only at multiples of this time, so that those in between arrive as one.
    /// Nothing is held back if it is zero.
    pub coalesce: Duration,
    /// What becomes of an attempt to connect.
    pub dial: Dial,
    /// The server reads nothing before this time; up to [`capacity`](Self::capacity) bytes wait for it.
    pub stalled_until: Time,
    /// Bytes that the device may have written and the server not read.
    pub capacity: usize,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(20),
            jitter: Duration::ZERO,
            pieces: Pieces::Whole,
            coalesce: Duration::ZERO,
            dial: Dial::Accepted,
            stalled_until: Time(0),
            capacity: 64 * 1024,
        }
    }
}

/// How writes are cut up on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// Not at all.
    Whole,
    /// Into single bytes.
    OneByte,
    /// Into pieces of a drawn length of up to so many bytes.
    UpTo(usize),
}

/// What becomes of an attempt to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dial {
    /// A connection.
    Accepted,
    /// It fails at once, for this reason.
    Refused(LinkLost),
    /// Nobody answers.
    Unanswered,
}
