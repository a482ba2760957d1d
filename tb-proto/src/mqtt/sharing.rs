//! Messages of several origins share a packet, where that is wanted.
//!
//! ```text
//!   Origins │ a1 b1 a2 c1 │ ──▶ one PUBLISH of a1, a2, b1, c1 ──acknowledged──▶ all four
//!                                          │ refused, or blamed for the end of the connection
//!                                          ▼
//!                             each in a packet of its own
//! ```
//!
//! The packet is only how they travel: each is a message of its own before and after, with its place in
//! the order, its expiry and its outcome.

use alloc::vec::Vec;

use super::cutting::packet_limit;
use super::engine::{Mqtt, Phase};
use super::identifiers::Owner;
use super::link::Link;
use super::link_end::QUOTA_TRIES_OF_CHILD;
use super::outbox::{Content, Entry, OnLinkEnd, Origin, Queue, Shared, SlotIndex, Stage};
use super::pacing::{Cost, Permission, Tokens};
use super::signal::{Progress, Signal};
use crate::codec::{PacketIdentifier, QoS, ReasonCode, encode};

/// Messages that may be passed over in search of those that share a packet.
const MOST_PASSED: usize = 256;

/// What a packet that is shared may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// Of the payload.
    pub(crate) bytes: usize,
    pub(crate) data_points: u32,
}

/// A message that travels in company.
#[derive(Clone, Copy, Debug)]
struct Member {
    place: SlotIndex,
    /// What the server charges for it there.
    cost: Cost,
}

/// What the payload of a packet comes to.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    bytes: usize,
    data_points: u32,
    tokens: Tokens,
}

impl<C: Content> Mqtt<C> {
    /// Writes a message in one packet with those behind it that may share it, or alone if there are
    /// none. Returns whether anything came of it.
    pub(super) fn write_together(&mut self, first: SlotIndex, queue: Queue) -> bool {
        let members = match &self.phase {
            Phase::Online(link) => self.members(link, first),
            _ => Vec::new(),
        };
        if members.len() < 2 {
            return self.write(first, queue);
        }
        self.write_packet(first, &members)
    }

    /// The server has answered to the packet that this message was the first of, or the only one.
    pub(super) fn acknowledged_together(&mut self, first: SlotIndex, reason: ReasonCode) {
        let Some(id) = self.carrier(first) else {
            return;
        };
        if reason.is_error()
            && self.outbox.behind(first).and_then(|at| self.carrier(at)) == Some(id)
        {
            return self.take_apart(first, id, reason);
        }
        let (mut next, mut members) = (Some(first), 0);
        while let Some(place) = next.filter(|&place| self.carrier(place) == Some(id)) {
            next = self.outbox.behind(place);
            members += 1;
            if let Progress::Delivered { id, delivered } = self.acknowledged(place, reason) {
                self.signals.push_back(Signal::Delivered { id, delivered });
            }
        }
        self.came_along(members);
    }

    /// The messages that share a packet with the first one, in their order, itself included. Fewer than
    /// two if it shares none.
    fn members(&self, link: &Link, first: SlotIndex) -> Vec<Member> {
        let mut members: Vec<Member> = Vec::new();
        let (Some(sharing), Some(entry)) = (self.settings.sharing, self.outbox.at(first)) else {
            return members;
        };
        if self.outbox.behind(first).is_none() || !self.may_share(link, entry) {
            return members;
        }
        let topic = &entry.publication.topic;
        let limit = packet_limit(link, self.max_packet_size);
        let owed = self.pacer.is_limited().then(|| self.owed(link));
        let fits = |size: Size| {
            let packet = encode::publish_len(link.version, topic, true, size.bytes);
            size.bytes <= sharing.bytes
                && size.data_points <= sharing.data_points
                && packet.is_some_and(|packet| packet <= limit)
        };
        // What is over a limit may be paid all the same, but alone.
        let is_payable = |size: Size| {
            owed.is_none_or(|owed| {
                self.pacer.can_hold(size.tokens)
                    && self.pacer.permission(self.now, owed, size.tokens) == Permission::Now
            })
        };
        // Both sorted. What comes behind a message that is passed over does not overtake it.
        let (mut there, mut passed_over): (Vec<Origin>, Vec<Origin>) = (Vec::new(), Vec::new());
        let (mut size, mut passed) = (Size::default(), 0);
        let mut next = Some(first);
        while passed < MOST_PASSED
            && let Some(place) = next
            && let Some(entry) = self.outbox.at(place)
        {
            next = self.outbox.behind(place);
            let Some(origin) = entry.publication.origin else {
                passed += 1;
                continue;
            };
            let beside = there.binary_search(&origin);
            let with = (entry.publication.topic == *topic
                && passed_over.binary_search(&origin).is_err()
                && self.may_share(link, entry))
            .then(|| self.with(size, entry, origin, beside.is_ok()))
            .flatten();
            match (with, beside) {
                (Some((with, cost)), beside) if fits(with) && is_payable(with) => {
                    if let Err(at) = beside {
                        there.insert(at, origin);
                    }
                    size = with;
                    members.push(Member { place, cost });
                }
                // There is no token for one more child, but those that are there need none.
                (Some((with, _)), Err(_)) if fits(with) && !members.is_empty() => {
                    passed += 1;
                    pass_over(&mut passed_over, origin);
                }
                // It is the first one of the next packet.
                (Some(_), _) => break,
                // The first one shares none.
                (None, _) if members.is_empty() => break,
                (None, _) => {
                    passed += 1;
                    pass_over(&mut passed_over, origin);
                }
            }
        }
        members
    }

    /// Whether a message may travel in company, on this connection and now.
    fn may_share(&self, link: &Link, entry: &Entry<C>) -> bool {
        let publication = &entry.publication;
        // Of several at QoS 0 the server says that they were disconnected (C-139).
        publication.qos.min(link.max_qos) == QoS::AtLeastOnce
            && publication.on_link_end == OnLinkEnd::Resend
            && publication.expires.is_none_or(|expires| expires > self.now)
            && self.outbox.waits_for_origin(entry).is_none()
            && !entry.is_in_doubt()
    }

    /// What a payload comes to with one more message, and what the server charges for that one.
    fn with(
        &self,
        size: Size,
        entry: &Entry<C>,
        origin: Origin,
        beside: bool,
    ) -> Option<(Size, Cost)> {
        let publication = &entry.publication;
        let name = self.outbox.name_of(origin);
        let bytes = publication.content.shared_len(name, beside)?;
        // Each origin is charged for one message with values; without any it is another kind.
        let Cost::OfChildren {
            messages: 0,
            telemetry_messages,
            data_points,
        } = publication.cost()
        else {
            return None;
        };
        let cost = Cost::OfChildren {
            messages: 0,
            telemetry_messages: if beside { 0 } else { telemetry_messages },
            data_points,
        };
        let mut tokens = size.tokens;
        tokens += cost;
        let size = Size {
            bytes: size.bytes.saturating_add(bytes),
            data_points: size.data_points.saturating_add(data_points),
            tokens,
        };
        Some((size, cost))
    }

    fn write_packet(&mut self, first: SlotIndex, members: &[Member]) -> bool {
        let Self {
            phase: Phase::Online(link),
            outbox,
            now,
            ..
        } = self
        else {
            return false;
        };
        let Some(topic) = outbox.at(first).map(|entry| &entry.publication.topic) else {
            return false;
        };
        let shared = members.iter().filter_map(|member| {
            let publication = &outbox.at(member.place)?.publication;
            let origin = publication.origin?;
            Some(Shared {
                origin,
                name: outbox.name_of(origin),
                content: &publication.content,
            })
        });
        let mut shared: Vec<_> = shared.collect();
        // Those of one origin stay in their order.
        shared.sort_by_key(|message| message.origin);
        let payload = C::share(&shared);
        let Some(id) = link.identifiers.take(Owner::Messages(first)) else {
            // All 65,535 wait for the server; the acknowledgement time-out frees them.
            return false;
        };
        let payload = [&payload[..]];
        let Some(packet) = encode::Publish::new(link.version, topic, Some(id), &payload) else {
            // No packet is as large as that, and this one had been measured.
            link.identifiers.release(id);
            return false;
        };
        link.make_room_for_many();
        packet.write(&mut link.out);
        link.last_activity = *now;
        link.order += 1;
        link.along += members.len().saturating_sub(1);
        for &Member { place, cost } in members {
            link.burst.count(*now);
            if outbox.at(place).is_some_and(|entry| entry.writes > 0) {
                self.counters.resent += 1;
            }
            outbox.written_together(place, id, *now, link.order, cost);
        }
        true
    }

    /// The server refused a packet: its messages go on in packets of their own. If it only has no quota
    /// for them now, they may stay together for a while.
    fn take_apart(&mut self, first: SlotIndex, id: PacketIdentifier, reason: ReasonCode) {
        let is_transient = self.is_transient(first, reason);
        let mut members = Vec::new();
        let mut next = Some(first);
        while let Some(place) = next.filter(|&place| self.carrier(place) == Some(id)) {
            next = self.outbox.behind(place);
            members.push(place);
        }
        if let Phase::Online(link) = &mut self.phase
            && let Some(Entry {
                stage: Stage::InFlight { order, .. },
                ..
            }) = self.outbox.at(first)
        {
            link.newest_acknowledged = link.newest_acknowledged.max(Some(*order));
        }
        if is_transient {
            self.pause_after_refusal();
        } else {
            self.topic_works(first);
        }
        // The last one first: each goes to the front.
        for &place in members.iter().rev() {
            if let Some(entry) = self.outbox.at_mut(place) {
                entry.suspicion.apart |= !is_transient || entry.writes >= QUOTA_TRIES_OF_CHILD;
            }
            self.outbox.again_first(place);
        }
        self.came_along(members.len());
    }

    /// So many messages of one packet are in flight no more.
    fn came_along(&mut self, members: usize) {
        if let Phase::Online(link) = &mut self.phase {
            link.along = link.along.saturating_sub(members.saturating_sub(1));
        }
    }

    /// The packet in which a message is on its way.
    pub(super) fn carrier(&self, place: SlotIndex) -> Option<PacketIdentifier> {
        match self.outbox.at(place)?.stage {
            Stage::InFlight { id, .. } => Some(id),
            _ => None,
        }
    }
}

fn pass_over(passed_over: &mut Vec<Origin>, origin: Origin) {
    if let Err(at) = passed_over.binary_search(&origin) {
        passed_over.insert(at, origin);
    }
}
