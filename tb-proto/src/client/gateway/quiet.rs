//! Quiet children are kept alive: the server drops a child without a word that has said nothing for ten
//! minutes, whatever its gateway says (C-140).
//!
//! A question for a single attribute is the least that counts as its own.

use core::time::Duration;

use super::ChildId;
use super::children::Standing;
use crate::client::Client;
use crate::client::message::Content;
use crate::codec::QoS;
use crate::mqtt::{Lane, OnLinkEnd, Publication};
use crate::tb::gateway as payload;
use crate::tb::topics::gateway as topics;

/// The number of these questions; those of the application begin at 1.
pub(super) const REQUEST: i32 = 0;

/// An attribute that no child has, so that the answer is short.
const QUESTION: &[u8] = br#","client":true,"key":"-"}"#;

impl Client {
    /// A child was announced: from now on it must not be quiet for too long.
    pub(super) fn start_keeping_alive(&mut self, child: ChildId) {
        if let Some(interval) = self.keep_alive_of_children() {
            let due = self.mqtt.now() + spread(child, interval);
            self.children.keep_alive_at(child, due);
        }
    }

    /// Asks a question for each child that has been quiet for too long.
    pub(in crate::client) fn keep_children_alive(&mut self) {
        let Some(interval) = self.keep_alive_of_children() else {
            return;
        };
        let now = self.mqtt.now();
        while self.mqtt.is_online()
            && let Some(child) = self.children.next_quiet(now)
        {
            if self.children.standing(child) != Some(Standing::Announced) {
                continue;
            }
            let last = self.mqtt.outbox().last_written_of(child.0);
            let due = last + interval;
            if due > now {
                self.children.keep_alive_at(child, due);
                continue;
            }
            self.children.keep_alive_at(child, now + interval);
            let device = payload::device(self.mqtt.outbox().name_of(child.0));
            let question = payload::numbered(REQUEST, device, QUESTION);
            let publication = Publication {
                topic: topics::ATTRIBUTE_REQUEST,
                content: Content::KeepAlive(question.into()),
                qos: QoS::AtLeastOnce,
                lane: Lane::Normal,
                accepted: now,
                expires: None,
                on_link_end: OnLinkEnd::End,
                is_activity: true,
                origin: Some(child.0),
            };
            self.mqtt.submit(publication, false);
        }
    }

    fn keep_alive_of_children(&self) -> Option<Duration> {
        self.config.gateway.as_ref()?.keep_alive
    }
}

/// Children are announced together and shall not ask together: each waits for between half of the
/// interval and all of it the first time.
fn spread(child: ChildId, interval: Duration) -> Duration {
    let hash = (child.get() as u32).wrapping_mul(0x9E37_79B9) >> 16;
    interval / 2 + interval * hash / (2 << 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::Origin;

    #[test]
    fn children_do_not_ask_together() {
        let interval = Duration::from_secs(300);
        let mut each: alloc::vec::Vec<_> = (0..10_000)
            .map(|at| spread(ChildId(Origin::at(at).unwrap()), interval).as_secs())
            .collect();
        each.sort_unstable();
        assert!(each[0] >= 150 && each[9_999] <= 300);
        let busiest = each.chunk_by(|a, b| a == b).map(<[_]>::len).max();
        assert!(busiest < Some(100), "{busiest:?} in one second");
    }
}
