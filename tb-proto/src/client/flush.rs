//! Waiting for everything that was accepted so far.

use alloc::vec::Vec;

use super::message::target_of;
use super::{Client, Completion, Pending, RequestId};
use crate::mqtt::MessageId;
use crate::time::Instant;

/// Flushes that are waited for at a time; a further one tells at once how things stand.
const MOST: usize = 1_000;

/// What became of the messages that were accepted before a [`Client::flush`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flushed {
    /// Acknowledged, or sent at QoS 0.
    pub delivered: u64,
    /// Ended without being delivered: rejected, expired, dropped, cancelled, abandoned. Each has told
    /// its own ticket why.
    pub undelivered: u64,
    /// Still without outcome at the deadline. They stay in the queue.
    pub left: u64,
}

#[derive(Debug, Default)]
pub(super) struct Flushes(Vec<Flush>);

#[derive(Debug)]
struct Flush {
    ticket: RequestId,
    /// Messages below it were accepted before.
    end: MessageId,
    deadline: Instant,
    so_far: Flushed,
}

impl Flushes {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.0.iter().map(|flush| flush.deadline).min()
    }

    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Client {
    /// Asks to be told when everything that was accepted before has its outcome, or at `deadline`.
    ///
    /// Nothing is hurried but what waits to be [coalesced](crate::Config::coalesce) or
    /// [combined](crate::GatewayConfig::combine). Unlike
    /// [`disconnect`](Self::disconnect) it ends nothing.
    pub fn flush(&mut self, now: Instant, deadline: Instant) -> Pending<Flushed> {
        self.mqtt.advance(now);
        self.send_together();
        self.release_children();
        let ticket = self.requests.next_id();
        let outbox = self.mqtt.outbox();
        let waiting = outbox
            .entries()
            .filter(|entry| target_of(&entry.publication).is_some());
        let so_far = Flushed {
            left: waiting.count() as u64,
            ..Flushed::default()
        };
        if so_far.left == 0 || self.flushes.0.len() >= MOST {
            self.events.complete(ticket, Completion::Flushed(so_far));
        } else {
            self.flushes.0.push(Flush {
                ticket,
                end: outbox.next_id(),
                deadline,
                so_far,
            });
        }
        self.advance();
        Pending::new(ticket)
    }

    /// A message has its outcome.
    pub(super) fn count_for_flushes(&mut self, id: RequestId, delivered: bool) {
        let id = MessageId::from_raw(id.0);
        for flush in &mut self.flushes.0 {
            if id < flush.end {
                flush.so_far.left = flush.so_far.left.saturating_sub(1);
                if delivered {
                    flush.so_far.delivered += 1;
                } else {
                    flush.so_far.undelivered += 1;
                }
            }
        }
        self.end_flushes(|flush| flush.so_far.left == 0);
    }

    pub(super) fn end_overdue_flushes(&mut self) {
        let now = self.mqtt.now();
        if !self.flushes.is_empty() {
            self.end_flushes(|flush| flush.deadline <= now);
        }
    }

    fn end_flushes(&mut self, is_over: impl Fn(&Flush) -> bool) {
        let events = &mut self.events;
        self.flushes.0.retain(|flush| {
            let over = is_over(flush);
            if over {
                events.complete(flush.ticket, Completion::Flushed(flush.so_far));
            }
            !over
        });
    }
}
