//! Children are announced on every connection, before anything is sent for them (TB §9.2).
//!
//! Those of which something waits come first, then all others in their order. So many announcements
//! are on their way at a time; the server's limits pace them like everything else.

use core::time::Duration;

use super::children::Standing;
use super::{ChildId, ChildRefusal};
use crate::client::message::Content;
use crate::client::{Client, Event};
use crate::codec::{QoS, ReasonCode};
use crate::mqtt::{Lane, OnLinkEnd, Outcome, Publication, Queue, Rejection, UndeliveredCause};
use crate::tb::gateway as payload;
use crate::tb::topics::gateway as topics;

/// Announcements that wait to be written: what is more urgent later is not behind all of them.
const MOST_WAITING: usize = 16;

/// A child that the server does not take is announced again after this time. "Limit reached" is an
/// answer that the server remembers for five minutes (TB §9.10).
const RETRY: Duration = Duration::from_secs(600);

impl Client {
    /// Announces as many children as may be announced now. Returns whether there was one.
    pub(in crate::client) fn announce_children(&mut self) -> bool {
        let Some(config) = &self.config.gateway else {
            return false;
        };
        if !self.mqtt.is_online() {
            return false;
        }
        let most = config.max_announcing;
        let all = !self.mqtt.is_draining();
        let mut any = false;
        while self.children.announcing() < most
            && self.mqtt.outbox().count(Queue::OriginsUrgent) < MOST_WAITING
            && let Some(child) = self.children.next(all)
        {
            self.announce(child);
            any = true;
        }
        any
    }

    fn announce(&mut self, child: ChildId) {
        let device = payload::device(self.mqtt.outbox().name_of(child.0));
        let payload = payload::connect(device, self.children.profile(child));
        let publication = Publication {
            topic: topics::CONNECT,
            content: Content::Announcement {
                child,
                payload: payload.into(),
            },
            // The acknowledgement tells that the child is there.
            qos: QoS::AtLeastOnce,
            lane: Lane::OriginsUrgent,
            accepted: self.mqtt.now(),
            expires: None,
            on_link_end: OnLinkEnd::End,
            is_activity: true,
            origin: None,
        };
        self.children.announce(child);
        self.mqtt.submit(publication, false);
    }

    /// An announcement has its outcome.
    pub(in crate::client) fn handle_announced(
        &mut self,
        child: ChildId,
        announced: &[u8],
        outcome: Outcome,
    ) {
        let device = payload::device(self.mqtt.outbox().name_of(child.0));
        let is_as_announced = self.children.standing(child) == Some(Standing::Announcing)
            && payload::connects(announced, device);
        let refusal = match outcome {
            // The next connection begins anew.
            Outcome::LinkEnded | Outcome::Undelivered(UndeliveredCause::Abandoned) => return,
            // It was renamed or deleted meanwhile.
            _ if !is_as_announced => {
                self.children.missed();
                return;
            }
            Outcome::Delivered(_) => {
                self.children.announced(child);
                self.mqtt.outbox_mut().open_origin(child.0);
                self.requests.child_is_there(child);
                self.children.lanes_due.push(child);
                self.start_keeping_alive(child);
                return;
            }
            Outcome::Undelivered(UndeliveredCause::Rejected(Rejection::Reason(
                ReasonCode::QUOTA_EXCEEDED,
            ))) => ChildRefusal::DeviceLimit,
            Outcome::Undelivered(UndeliveredCause::Rejected(Rejection::Reason(reason))) => {
                ChildRefusal::Reason(reason)
            }
            Outcome::Undelivered(_) => ChildRefusal::NoAnswer,
        };
        self.children.refuse(child, self.mqtt.now() + RETRY);
        self.events.notice(Event::ChildRefused {
            child,
            reason: refusal,
        });
    }

    /// Something of a child waits until it is announced.
    pub(in crate::client) fn handle_held(&mut self, child: ChildId) {
        self.children.want(child);
    }

    /// The server knows that the child is gone.
    pub(in crate::client) fn handle_left(&mut self, child: ChildId) {
        if self.children.standing(child) == Some(Standing::Announced) {
            self.mqtt.outbox_mut().close_origin(child.0);
            self.children.leave(child);
            // What was accepted since then brings it back.
            if self.mqtt.outbox().queued_of(child.0) > 0 {
                self.children.want(child);
            }
        }
    }

    /// The server has lost a child: it has to be announced again.
    pub(super) fn lose(&mut self, child: ChildId) {
        if self.children.standing(child) == Some(Standing::Announced) {
            self.mqtt.outbox_mut().close_origin(child.0);
            self.children.lose(child);
            self.children.want(child);
        }
    }

    pub(in crate::client) fn forgive_children(&mut self) {
        let now = self.mqtt.now();
        if self.mqtt.is_online() {
            while self.children.forgive(now) {}
        }
    }
}
