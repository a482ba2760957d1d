//! A message from acceptance to outcome.

use alloc::vec::Vec;
use core::time::Duration;

use super::Origin;
use super::list::Links;
use super::slab::SlotIndex;
use crate::codec::{Filter, PacketIdentifier, QoS, Topic};
use crate::mqtt::Outcome;
use crate::mqtt::pacing::Cost;
use crate::time::Instant;

/// What a message carries; the layer above says what it means.
pub(crate) trait Content {
    /// The payload.
    fn bytes(&self) -> &[u8];

    /// Bytes of memory that it holds.
    fn memory(&self) -> usize;

    /// What the server's rate limits charge for it.
    fn cost(&self) -> Cost;

    /// What they charge for a subscription, and again for its end.
    fn filter_cost(filter: &Filter) -> Cost;

    /// What precedes and follows the payload of a message of an origin whose payloads begin with
    /// `name`. Both are part of the payload that is sent.
    fn around<'a>(&self, _name: &'a [u8]) -> (&'a [u8], &'static [u8]) {
        (b"", b"")
    }

    /// Whether the server may close the connection although it acknowledged this, even if it has no
    /// [origin](Publication::origin).
    fn is_of_gateway(&self) -> bool {
        false
    }

    /// Bytes that it takes of a payload that messages of several origins share, at the most; `beside`:
    /// it is not the first of its origin there. `None`: it shares none.
    fn shared_len(&self, _name: &[u8], _beside: bool) -> Option<usize> {
        None
    }

    /// The payload that these messages share; those of one origin stand next to each other.
    fn share(_messages: &[Shared<'_, Self>]) -> Vec<u8>
    where
        Self: Sized,
    {
        Vec::new()
    }

    /// Whether the server opens a session of somebody for it, and has to close that one, too.
    fn opens_session(&self) -> bool {
        false
    }

    /// Whether nothing of its origin may be written behind it on this connection.
    fn closes_origin(&self) -> bool {
        false
    }

    /// Whether its place among others of its kind means nothing, because it carries its time.
    fn has_time(&self) -> bool {
        false
    }

    /// Whether nobody asks for anything of it once it has been delivered.
    fn is_over_when_delivered(&self) -> bool {
        false
    }

    /// Whether it can be sent in parts.
    fn can_be_cut(&self) -> bool {
        false
    }

    /// Whether parts have been cut off: then only the rest is to be sent, in parts.
    fn is_cut(&self) -> bool {
        false
    }

    /// Cuts off the next part within these limits. `id` is its own.
    fn next_part(&mut self, _id: MessageId, _limits: PartLimits) -> NextPart<Self>
    where
        Self: Sized,
    {
        let size = self.bytes().len();
        NextPart::TooLarge { size }
    }
}

/// A message that shares its packet with others.
#[derive(Debug)]
pub(crate) struct Shared<'a, C> {
    pub(crate) origin: Origin,
    /// What payloads of the origin begin with.
    pub(crate) name: &'a [u8],
    pub(crate) content: &'a C,
}

/// What one part of a message may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartLimits {
    /// Of the payload.
    pub(crate) bytes: usize,
    /// At least 1.
    pub(crate) data_points: u32,
}

/// What comes next of a message that travels in parts.
#[derive(Debug)]
pub(crate) enum NextPart<C> {
    Part(C),
    /// So many parts are on their way that the next one waits.
    Later,
    /// There are no more; the last ones are on their way.
    AllUnderWay,
    /// There are no more, and all have their outcomes.
    Settled(Outcome),
    /// It cannot be cut so that it fits: so many bytes are the least.
    TooLarge {
        size: usize,
    },
}

/// The name of a message, never used twice: a sequence number, and its place in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct MessageId(u64);

impl MessageId {
    /// Places are below 2^20 ([`Config::max_queued_messages`](crate::Config::max_queued_messages)
    /// ends at a million); the layer above uses the bit behind them for ids of its own.
    const PLACE_BITS: u32 = 21;

    pub(super) fn new(sequence: u64, place: SlotIndex) -> Self {
        Self(sequence << Self::PLACE_BITS | u64::from(place.get()))
    }

    pub(crate) const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    pub(crate) const fn raw(self) -> u64 {
        self.0
    }

    pub(super) const fn place(self) -> SlotIndex {
        SlotIndex::new((self.0 & ((1 << Self::PLACE_BITS) - 1)) as u32)
    }
}

/// What happens to an unsettled message when the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnLinkEnd {
    /// It is sent again, until it has its outcome or expires.
    Resend,
    /// It is sent again, but only for so long after the first end.
    ResendFor(Duration),
    /// It ends with the connection; its owner decides what follows.
    End,
}

/// How important a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Requests, replies and what the application wants to go first.
    Urgent,
    /// The next part of a message that is being cut up, and what the machine has to know first.
    First,
    /// What was accepted on this connection while older messages wait for the server's rate limits.
    Live,
    Normal,
    /// What is urgent of origins: they have limits of their own, which hold up nothing else.
    OriginsUrgent,
    /// All else of origins.
    Origins,
}

impl Lane {
    /// The lane beside this one that messages of origins take.
    pub(super) const fn of_origins(self) -> Self {
        match self {
            Self::Urgent => Self::OriginsUrgent,
            Self::Live | Self::Normal => Self::Origins,
            Self::First | Self::OriginsUrgent | Self::Origins => self,
        }
    }
}

/// A message as the layer above hands it over.
#[derive(Debug)]
pub(crate) struct Publication<C> {
    pub(crate) topic: Topic,
    pub(crate) content: C,
    pub(crate) qos: QoS,
    pub(crate) lane: Lane,
    pub(crate) accepted: Instant,
    pub(crate) expires: Option<Instant>,
    pub(crate) on_link_end: OnLinkEnd,
    /// Whether ThingsBoard counts it as activity of the session (TB §14.4).
    pub(crate) is_activity: bool,
    /// On whose behalf it is sent; it waits until that one is open on the connection. `None`: the
    /// client's own, which waits for nobody.
    pub(crate) origin: Option<Origin>,
}

impl<C: Content> Publication<C> {
    /// Whether it goes to the part of the server that acknowledges first and closes then (TB §9.10).
    pub(crate) fn is_of_gateway(&self) -> bool {
        self.origin.is_some() || self.content.is_of_gateway()
    }

    /// What the server's rate limits charge for it.
    pub(crate) fn cost(&self) -> Cost {
        let cost = self.content.cost();
        match self.origin {
            Some(_) => cost.of_children(),
            None => cost,
        }
    }

    pub(crate) fn payload_len(&self) -> usize {
        self.content.bytes().len()
    }
}

/// Where in its life a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Accepted, but the layer above holds it back.
    Parked,
    /// Accepted, and part of another message whose outcome will be its own.
    Joined,
    /// Waiting to be written for the first time.
    Ready(Lane),
    /// Waiting to be written again, because the connection that carried it ended.
    Again,
    /// Suspected of making the server hang up: waiting to travel alone, and not before this time.
    Suspect { not_before: Instant },
    /// Its turn came while its origin was not open.
    Held,
    /// Written at QoS 1, not acknowledged.
    InFlight {
        id: PacketIdentifier,
        at: Instant,
        order: u64,
    },
    /// It has its outcome; the layer above has yet to take it.
    Settled,
}

/// The list that a message is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    InFlight,
    Again,
    Suspect,
    Urgent,
    First,
    Live,
    Normal,
    OriginsUrgent,
    Origins,
    Parked,
    Joined,
    /// Each origin has a list of its own.
    Held,
}

impl Queue {
    pub(super) const COUNT: usize = Self::ALL.len();

    pub(super) const ALL: [Self; 12] = [
        Self::InFlight,
        Self::Again,
        Self::Suspect,
        Self::Urgent,
        Self::First,
        Self::Live,
        Self::Normal,
        Self::OriginsUrgent,
        Self::Origins,
        Self::Parked,
        Self::Joined,
        Self::Held,
    ];
}

impl Stage {
    /// The list that it is in; a settled one is in none.
    pub(crate) const fn queue(self) -> Option<Queue> {
        Some(match self {
            Self::Parked => Queue::Parked,
            Self::Joined => Queue::Joined,
            Self::Ready(Lane::Urgent) => Queue::Urgent,
            Self::Ready(Lane::First) => Queue::First,
            Self::Ready(Lane::Live) => Queue::Live,
            Self::Ready(Lane::Normal) => Queue::Normal,
            Self::Ready(Lane::OriginsUrgent) => Queue::OriginsUrgent,
            Self::Ready(Lane::Origins) => Queue::Origins,
            Self::Again => Queue::Again,
            Self::Held => Queue::Held,
            Self::Suspect { .. } => Queue::Suspect,
            Self::InFlight { .. } => Queue::InFlight,
            Self::Settled => return None,
        })
    }
}

/// What is known against a message (TB §0.2: the server hangs up on what it does not like).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Suspicion {
    /// It may have caused the end of the last connection that carried it, in company.
    pub(crate) blamed: bool,
    /// Sessions that it ended while travelling alone.
    pub(crate) strikes: u8,
    /// Since it became a suspect another message on its topic was acknowledged: the topic is not to blame.
    pub(crate) topic_works: bool,
    /// Rounds of waiting for that proof.
    pub(crate) rounds: u8,
    /// The server refused it together with others: it shares no packet any more.
    pub(crate) apart: bool,
}

#[derive(Debug)]
pub(crate) struct Entry<C> {
    pub(crate) id: MessageId,
    pub(crate) publication: Publication<C>,
    pub(crate) stage: Stage,
    /// What its content costs: asked for at every turn of its way.
    pub(super) cost: Cost,
    /// Connections that carried it.
    pub(crate) writes: u32,
    /// Times that it was not acknowledged although younger neighbours were.
    pub(crate) unanswered: u8,
    pub(crate) suspicion: Suspicion,
    pub(super) links: Links,
}

impl<C> Entry<C> {
    /// Whether something went wrong with it, or with its company: alone it shows whose fault that was.
    pub(crate) const fn is_in_doubt(&self) -> bool {
        self.unanswered > 0 || self.suspicion.apart || self.suspicion.blamed
    }
}
