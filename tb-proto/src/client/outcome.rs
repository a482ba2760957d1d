//! A message has its outcome.

use alloc::boxed::Box;
use bytes::Bytes;

use super::message::{Content, target_of};
use super::{Client, Completion, RequestId, Undelivered};
use crate::mqtt::{Content as _, Delivered, Outcome, Publication, Rejection, UndeliveredCause};

impl Client {
    /// The server has a message, or it was sent as far as anybody will ever know.
    pub(super) fn delivered(&mut self, id: RequestId, delivered: Delivered) {
        match delivered {
            Delivered::Sent => self.counters.sent += 1,
            Delivered::Acknowledged { .. } => self.counters.acknowledged += 1,
        }
        if self.mqtt.is_draining() {
            self.drained.delivered += 1;
        }
        self.events
            .complete(id, Completion::Delivery(Ok(delivered)));
        if !self.flushes.is_empty() {
            self.count_for_flushes(id, true);
        }
    }

    /// Tells the outcome of a message.
    pub(super) fn finish_message(
        &mut self,
        id: RequestId,
        publication: &Publication<Content>,
        written: bool,
        outcome: Outcome,
    ) {
        let Some(target) = target_of(publication) else {
            return;
        };
        let cause = match outcome {
            Outcome::Delivered(delivered) => return self.delivered(id, delivered),
            Outcome::Undelivered(cause) => cause,
            // Only requests end with their connection, and they have no target.
            Outcome::LinkEnded { .. } => UndeliveredCause::Rejected(Rejection::CallOver),
        };
        match cause {
            UndeliveredCause::Rejected(_) => self.counters.rejected += 1,
            _ => self.counters.undelivered += 1,
        }
        if cause == UndeliveredCause::Abandoned {
            self.drained.abandoned += 1;
        }
        let undelivered = Box::new(Undelivered {
            id,
            target,
            payload: Bytes::copy_from_slice(publication.content.bytes()),
            accepted: publication.accepted,
            written,
            cause,
        });
        self.events
            .complete(id, Completion::Delivery(Err(undelivered)));
        if !self.flushes.is_empty() {
            self.count_for_flushes(id, false);
        }
    }
}
