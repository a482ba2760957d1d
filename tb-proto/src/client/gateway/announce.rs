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

/// One that closes the connection is tried again after this: it costs all others their connection.
const RETRY_ALONE: Duration = Duration::from_secs(3_600);

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
        let draining = self.mqtt.is_draining();
        let mut any = false;
        let now = self.mqtt.now();
        while self.children.doubts.may_announce(now)
            && self.children.announcing() < most
            && self.mqtt.outbox().count(Queue::OriginsUrgent) < MOST_WAITING
            && let Some(child) = {
                let outbox = self.mqtt.outbox();
                let waits = |child: ChildId| outbox.queued_of(child.0) > 0;
                self.children.next(|child| !draining || waits(child))
            }
        {
            if self.children.doubts.closes(child) {
                self.announce_alone(child);
            } else {
                self.announce(child);
            }
            any = true;
        }
        any
    }

    fn announce(&mut self, child: ChildId) {
        let announcement = self.announcement(child);
        self.children.announce(child);
        self.children.doubts.announced(self.mqtt.now());
        self.mqtt.submit(announcement, false);
    }

    pub(super) fn announcement(&self, child: ChildId) -> Publication<Content> {
        let device = payload::device(self.mqtt.outbox().name_of(child.0));
        let payload = payload::connect(device, self.children.profile(child));
        Publication {
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
        }
    }

    /// An announcement, one beside others or one that travelled alone, has its outcome.
    pub(in crate::client) fn handle_announced(
        &mut self,
        child: ChildId,
        announced: &[u8],
        alone: bool,
        outcome: Outcome,
    ) {
        let device = payload::device(self.mqtt.outbox().name_of(child.0));
        let standing = if alone {
            Standing::Suspected
        } else {
            Standing::Announcing
        };
        // Otherwise it was renamed or deleted meanwhile.
        let is_as_announced =
            self.children.standing(child) == Some(standing) && payload::connects(announced, device);
        match outcome {
            // The next connection begins anew.
            Outcome::LinkEnded { blamed } => {
                if blamed && is_as_announced {
                    self.blame(child);
                }
                return;
            }
            Outcome::Undelivered(UndeliveredCause::Abandoned) => return,
            _ if alone => {}
            _ => self.children.answered(),
        }
        if !is_as_announced {
            return;
        }
        self.children.doubts.remove(child);
        let (refusal, pause) = match outcome {
            // Believed late, and in the same moment in which the connection ended.
            Outcome::Delivered(_) if !self.mqtt.is_online() => return self.children.lose(child),
            Outcome::Delivered(_) => {
                self.children.announced(child);
                self.mqtt.outbox_mut().open_origin(child.0);
                self.requests.child_is_there(child);
                self.children.lanes_due.push(child);
                self.start_keeping_alive(child);
                return;
            }
            Outcome::Undelivered(UndeliveredCause::Rejected(rejection)) => match rejection {
                Rejection::Reason(ReasonCode::QUOTA_EXCEEDED) => (ChildRefusal::DeviceLimit, RETRY),
                Rejection::Reason(reason) => (ChildRefusal::Reason(reason), RETRY),
                Rejection::ClosesConnection => {
                    self.children.doubts.convict(child);
                    (ChildRefusal::ClosesConnection, RETRY_ALONE)
                }
                _ => (ChildRefusal::NoAnswer, RETRY),
            },
            _ => (ChildRefusal::NoAnswer, RETRY),
        };
        self.children.refuse(child, self.mqtt.now() + pause);
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
