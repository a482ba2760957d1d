//! A message has its outcome.

use alloc::boxed::Box;

use super::message::Content;
use super::{Client, Completion, RequestId, Undelivered};
use crate::mqtt::{Delivered, Entry, Outcome, Publication, Rejection, Settled, UndeliveredCause};

impl Client {
    /// Ends a message that was taken out of the outbox.
    pub(super) fn complete_message(&mut self, entry: Entry<Content>, cause: UndeliveredCause) {
        let Entry {
            id,
            publication,
            writes,
            ..
        } = entry;
        let outcome = Outcome::Undelivered(cause);
        self.handle_settled(Settled {
            id,
            publication,
            written: writes > 0,
            outcome,
        });
    }

    /// Tells the outcome of a message.
    pub(super) fn finish_message(
        &mut self,
        id: RequestId,
        publication: &Publication<Content>,
        written: bool,
        outcome: Outcome,
    ) {
        let Some(target) = publication.content.target() else {
            return;
        };
        let outcome = match outcome {
            Outcome::Delivered(delivered) => {
                match delivered {
                    Delivered::Sent => self.counters.sent += 1,
                    Delivered::Acknowledged { .. } => self.counters.acknowledged += 1,
                }
                if self.mqtt.is_draining() {
                    self.drained.delivered += 1;
                }
                Ok(delivered)
            }
            Outcome::Undelivered(cause) => {
                match cause {
                    UndeliveredCause::Rejected(_) => self.counters.rejected += 1,
                    _ => self.counters.undelivered += 1,
                }
                if cause == UndeliveredCause::Abandoned {
                    self.drained.abandoned += 1;
                }
                Err(cause)
            }
            // Only requests end with their connection, and they have no target.
            Outcome::LinkEnded => Err(UndeliveredCause::Rejected(Rejection::CallOver)),
        };
        let completion = Completion::Delivery(outcome.map_err(|cause| {
            Box::new(Undelivered {
                id,
                target,
                payload: publication.content.payload(),
                accepted: publication.accepted,
                written,
                cause,
            })
        }));
        self.events.complete(id, completion);
    }
}
