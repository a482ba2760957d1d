//! What a client may be put through, and what it should not do meanwhile.

use core::fmt;

use tb_proto::{RequestId, State};

/// What happens to the identifiers in recorded answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// They are replaced by those that the client chose, so that the answers mean something to it.
    Adapted,
    /// They stay as they were: to the client they are answers to nothing, or to something else.
    AsRecorded,
}

/// What a client went through, all of which it survived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Survived {
    /// Connections that a recording served.
    pub links: usize,
    /// Packets of the recorded server that it read.
    pub packets: usize,
    /// Tickets that it gave out, each of which ended once.
    pub tickets: usize,
    /// Messages that were acknowledged.
    pub acknowledged: u64,
    /// Messages that were rejected, with the code of the server.
    pub rejected: u64,
    /// Requests and calls that a recorded server answered.
    pub answered: u64,
    /// Acknowledgements that it had no use for.
    pub unexpected_acknowledgements: u64,
    /// Connections that the server accepted, those of the obliging server included.
    pub connects: u64,
}

impl Survived {
    /// Adds what another client went through.
    pub fn add(&mut self, other: &Self) {
        self.links += other.links;
        self.packets += other.packets;
        self.tickets += other.tickets;
        self.acknowledged += other.acknowledged;
        self.rejected += other.rejected;
        self.answered += other.answered;
        self.unexpected_acknowledgements += other.unexpected_acknowledgements;
        self.connects += other.connects;
    }
}

/// What a client should not have done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Its outputs or timers do not end at one moment.
    NeverAtRest,
    /// It holds more than its configuration allows.
    TooLarge(String),
    /// A ticket ended twice, or one ended that was never given out.
    EndedTwice(RequestId),
    /// A ticket did not end.
    NeverEnded(RequestId),
    /// It does not connect to a server that would take it.
    NotConnected(State),
    /// A reading did not reach a server that acknowledges everything.
    NotDelivered,
    /// It did not shut down by the deadline.
    NotClosed(State),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverAtRest => f.write_str("it never comes to rest"),
            Self::TooLarge(what) => write!(f, "it holds too much: {what}"),
            Self::EndedTwice(id) => write!(f, "ticket {id:?} ended twice"),
            Self::NeverEnded(id) => write!(f, "ticket {id:?} never ended"),
            Self::NotConnected(state) => write!(f, "it does not connect again: {state:?}"),
            Self::NotDelivered => f.write_str("a reading was not acknowledged in the end"),
            Self::NotClosed(state) => write!(f, "it did not shut down: {state:?}"),
        }
    }
}

impl core::error::Error for Fault {}
