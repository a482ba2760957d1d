//! What is written next.

use bytes::Bytes;

use super::engine::{Mqtt, Phase};
use super::identifiers::Owner;
use super::link::{CHUNK, Link};
use super::outbox::{Content, Queue, SlotIndex};
use super::signal::Outcome;
use super::timers::Timer;
use super::{Delivered, Rejection, UndeliveredCause};
use crate::codec::{QoS, encode};

impl<C: Content> Mqtt<C> {
    /// The next bytes for the connection that was opened last. Many messages are coalesced into one
    /// chunk; what is written here counts as written to the server.
    pub(crate) fn poll_transmit(&mut self) -> Option<Bytes> {
        if self.is_online() {
            self.fill();
        }
        match &mut self.phase {
            Phase::Handshake(link) | Phase::Online(link) => link.take_chunk(),
            Phase::Leaving { link, then } => {
                let then = *then;
                let chunk = link.take_chunk();
                if chunk.is_none() {
                    self.left(then);
                }
                chunk
            }
            _ => None,
        }
    }

    fn fill(&mut self) {
        let Phase::Online(link) = &mut self.phase else {
            return;
        };
        link.write_subscriptions(self.now);
        while let Phase::Online(link) = &self.phase
            && link.out.len() < CHUNK
            && let Some(next) = self.next_message(link)
        {
            self.write(next);
        }
        self.arm_suspects();
        self.rearm();
        self.end_drain_if_empty();
    }

    /// The message whose turn it is, if the connection can take one.
    ///
    /// Urgent messages come first, then those that a lost connection carried, then the others in the
    /// order of acceptance. A suspect travels alone: the others wait until nothing is on its way, and
    /// again until its fate is known.
    fn next_message(&self, link: &Link) -> Option<Next> {
        if self.paused_until.is_some_and(|until| until > self.now) || link.trial.is_some() {
            return None;
        }
        let in_flight = self.outbox.count(Queue::InFlight);
        if let Some(suspect) = self.due_suspect(link) {
            return (in_flight == 0).then_some(Next {
                place: suspect,
                alone: true,
            });
        }
        let place = [Queue::Urgent, Queue::Again, Queue::Normal]
            .into_iter()
            .find_map(|queue| self.outbox.first(queue))?;
        let qos = self.outbox.at(place)?.publication.qos;
        // To the server, what was given up is still on its way [MQTT-3.3.4-9].
        let on_their_way = in_flight + link.identifiers.given_up();
        (qos == QoS::AtMostOnce || on_their_way < link.window).then_some(Next {
            place,
            alone: false,
        })
    }

    /// Gives the message its packet identifier and its frame, in the version of this connection.
    fn write(&mut self, Next { place, alone }: Next) {
        let Self {
            phase: Phase::Online(link),
            outbox,
            now,
            ..
        } = self
        else {
            return;
        };
        let Some(entry) = outbox.at(place) else {
            return;
        };
        let id = entry.id;
        let publication = &entry.publication;
        if publication.expires.is_some_and(|expires| expires <= *now) {
            self.settle(id, Outcome::Undelivered(UndeliveredCause::Expired));
            return;
        }
        let acknowledged = publication.qos.min(link.max_qos) == QoS::AtLeastOnce;
        let size = encode::publish_len(
            link.version,
            &publication.topic,
            acknowledged,
            publication.payload_len(),
        );
        let limit = link.max_packet.unwrap_or(usize::MAX);
        let fits = size.is_some_and(|size| size <= limit);
        let packet_id = (acknowledged && fits)
            .then(|| link.identifiers.take(Owner::Message(place)))
            .flatten();
        if acknowledged && fits && packet_id.is_none() {
            // All 65,535 identifiers wait for the server; the acknowledgement time-out frees them.
            return;
        }
        let written = fits
            && encode::publish(
                link.version,
                &publication.topic,
                packet_id,
                &publication.content.parts(),
                &mut link.out,
            )
            .is_ok();
        if !written {
            if let Some(packet_id) = packet_id {
                link.identifiers.release(packet_id);
            }
            let size = size.unwrap_or(usize::MAX);
            let rejection = Rejection::TooLarge { size, limit };
            self.settle(
                id,
                Outcome::Undelivered(UndeliveredCause::Rejected(rejection)),
            );
            return;
        }
        if publication.is_activity {
            link.last_activity = *now;
        }
        link.burst.count(*now);
        if entry.writes > 0 {
            self.counters.resent += 1;
        }
        let Some(packet_id) = packet_id else {
            // Out of the machine on a live connection is all that will ever be known of QoS 0.
            self.settle(id, Outcome::Delivered(Delivered::Sent));
            return;
        };
        link.order += 1;
        outbox.written(place, packet_id, *now, link.order);
        if alone {
            let until = *now + super::suspects::TRIAL;
            link.trial = Some((id, until));
            self.timers.set(Timer::Suspect, until);
        }
    }
}

#[derive(Clone, Copy)]
struct Next {
    place: SlotIndex,
    /// A suspect: nothing else is written until its fate is known.
    alone: bool,
}
