//! A message over a limit of the server is cut into parts, one at a time, when its turn comes.

use super::engine::{Mqtt, Phase};
use super::link::Link;
use super::outbox::{
    Content, Entry, Lane, MessageId, NextPart, PartLimits, Publication, SlotIndex,
};
use super::signal::Outcome;
use super::{Rejection, UndeliveredCause};
use crate::codec::{QoS, encode};

impl<C: Content> Mqtt<C> {
    /// Cuts the next part off a message that is over a limit. Returns whether anything came of it:
    /// otherwise so many parts are on their way that the message waits.
    pub(super) fn cut(&mut self, place: SlotIndex) -> bool {
        let Phase::Online(link) = &self.phase else {
            return false;
        };
        let Some(Entry {
            id, publication, ..
        }) = self.outbox.at(place)
        else {
            return false;
        };
        let (id, limit) = (*id, packet_limit(link, self.max_packet_size));
        let acknowledged = publication.qos.min(link.max_qos) == QoS::AtLeastOnce;
        let packet = |payload| {
            encode::publish_len(link.version, &publication.topic, acknowledged, payload)
                .unwrap_or(usize::MAX)
        };
        let (before, after) = self.outbox.around(publication);
        let overhead = packet(0) + before.len() + after.len();
        // The length of the length grows with the payload, by three bytes at the most.
        let room = limit.saturating_sub(overhead);
        let bytes = (0..=3)
            .map(|growth| room.saturating_sub(growth))
            .find(|&payload| packet(payload + before.len() + after.len()) <= limit);
        let limits = PartLimits {
            bytes: bytes.unwrap_or(0),
            data_points: self
                .pacer
                .max_data_points(publication.origin.is_some())
                .unwrap_or(u32::MAX),
        };
        let mut next = NextPart::Later;
        self.outbox
            .edit(id, |whole| next = whole.content.next_part(id, limits));
        match next {
            NextPart::Part(content) => {
                // From now on it has been written in part, and cannot be taken back.
                self.outbox.carried(id);
                self.insert_part(id, content);
            }
            NextPart::Later => return false,
            NextPart::AllUnderWay => self.outbox.join_parts(id),
            NextPart::Settled(outcome) => self.settle(id, outcome),
            NextPart::TooLarge { size } => {
                let size = size.saturating_add(overhead);
                let rejected = UndeliveredCause::Rejected(Rejection::TooLarge { size, limit });
                self.settle(id, Outcome::Undelivered(rejected));
            }
        }
        true
    }

    fn insert_part(&mut self, whole: MessageId, content: C) {
        let Some(Entry { publication, .. }) = self.outbox.get(whole) else {
            return;
        };
        let part = Publication {
            topic: publication.topic.clone(),
            content,
            lane: Lane::First,
            ..*publication
        };
        self.outbox.insert(part, false);
    }
}

/// The largest packet that this server takes, fixed header included: what it said in CONNACK, and
/// what is known of its limit on the *remaining length*.
pub(super) fn packet_limit(link: &Link, max_packet_size: usize) -> usize {
    let whole = encode::packet_len(max_packet_size).unwrap_or(usize::MAX);
    link.max_packet.map_or(whole, |limit| limit.min(whole))
}
