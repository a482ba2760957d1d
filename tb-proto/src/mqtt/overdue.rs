//! An acknowledgement is missing: the connection is replaced, and less and less often if that does not
//! help.

use core::time::Duration;

use super::engine::{Mqtt, Phase};
use super::link::Link;
use super::outbox::{Content, Queue, Stage};
use super::signal::Outcome;
use super::{Cause, Rejection, UndeliveredCause};
use crate::time::Instant;

/// A connection is replaced for a missing acknowledgement at most once in this time.
pub(super) const REPLACE_INTERVAL: Duration = Duration::from_secs(60);

/// The same after many on which the server acknowledged nothing: each of them has all messages sent once
/// more to a server that may only be slow.
const LONGEST_REPLACE_INTERVAL: Duration = Duration::from_secs(300);

/// A connection was replaced because of a missing acknowledgement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replaced {
    pub(super) at: Instant,
    /// So many in a row, on which nothing was acknowledged.
    in_vain: u32,
}

impl Replaced {
    /// The time until this connection may be replaced in its turn.
    pub(super) fn interval(self, link: &Link) -> Duration {
        match link.newest_acknowledged {
            Some(_) => REPLACE_INTERVAL,
            None => {
                let doubled = REPLACE_INTERVAL * (1 << self.in_vain.min(8));
                doubled.min(LONGEST_REPLACE_INTERVAL)
            }
        }
    }
}

impl<C: Content> Mqtt<C> {
    /// The oldest written message, or SUBSCRIBE, has waited too long for its acknowledgement.
    pub(super) fn acknowledgement_overdue(&mut self) {
        let timeout = self.settings.acknowledgement_timeout;
        let Phase::Online(link) = &self.phase else {
            return;
        };
        let newest = link.newest_acknowledged;
        let is_alive = self
            .missing_acknowledgement(link)
            .is_some_and(|missing| link.last_received >= missing.alive_from);
        // What has come, and is not believed yet, is not missing.
        let doubted = link.unconfirmed.back().and_then(|&at| self.carrier(at));
        let mut overdue = link
            .subscribing_since()
            .is_some_and(|at| at + timeout <= self.now);
        let mut next = self.outbox.first(Queue::InFlight);
        while let Some(place) = next {
            next = self.outbox.behind(place);
            let Some(entry) = self.outbox.at_mut(place) else {
                break;
            };
            let Stage::InFlight {
                id: packet_id,
                at,
                order,
            } = entry.stage
            else {
                break;
            };
            if at + timeout > self.now {
                break;
            }
            if Some(packet_id) == doubted {
                continue;
            }
            // Acknowledged younger neighbours show that the server is not merely slow, and a sign of life
            // that it could have answered until now.
            if is_alive && newest > Some(order) {
                entry.unanswered += 1;
                if entry.unanswered >= 2 {
                    let id = entry.id;
                    let rejected = UndeliveredCause::Rejected(Rejection::NoAnswer);
                    if let Phase::Online(link) = &mut self.phase {
                        link.identifiers.give_up(packet_id);
                    }
                    self.settle(id, Outcome::Undelivered(rejected));
                    continue;
                }
            }
            overdue = true;
        }
        if let Phase::Online(link) = &self.phase {
            // Nothing at QoS 1 could be written here any more.
            overdue |= link.identifiers.given_up() >= link.window;
        }
        if overdue {
            let before = self.replaced.map_or(0, |replaced| replaced.in_vain);
            let in_vain = if newest.is_none() {
                before.saturating_add(1)
            } else {
                0
            };
            self.replaced = Some(Replaced {
                at: self.now,
                in_vain,
            });
            self.end_link(Cause::AcknowledgementTimeout);
        }
        self.end_drain_if_empty();
    }
}
