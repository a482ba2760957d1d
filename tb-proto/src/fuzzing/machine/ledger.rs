//! Every ticket, from the call that gave it to its one completion.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use crate::{ChildId, Completion, Delivered, Instant, RequestId, Target, Undelivered};

/// What a ticket is for.
#[derive(Debug)]
pub(super) enum Ticket {
    Message(Sent),
    /// What the application told of an update: a message with a text of the machine's own.
    Report(Sent),
    /// A child leaves.
    Goodbye(ChildId),
    Query,
    Call,
    Disconnect,
}

/// A message as it was accepted.
#[derive(Debug)]
pub(super) struct Sent {
    /// A number that stands in its payload and in no other.
    pub(super) number: u32,
    pub(super) target: Target,
    pub(super) text: String,
    pub(super) accepted: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    open: BTreeMap<RequestId, Ticket>,
    ended: BTreeSet<RequestId>,
    /// Numbers of messages that were on the wire.
    written: BTreeSet<u32>,
    /// Numbers of messages that the server has acknowledged.
    acknowledged: BTreeSet<u32>,
    /// The server sent bytes that nobody has read: it may have acknowledged anything.
    pub(super) anything_acknowledged: bool,
}

impl Ledger {
    pub(super) fn open(&mut self, id: RequestId, ticket: Ticket) {
        assert!(
            !self.ended.contains(&id),
            "{id:?} is used again for {ticket:?}"
        );
        let before = self.open.insert(id, ticket);
        assert!(
            before.is_none(),
            "{id:?} is given twice, first for {before:?}"
        );
    }

    pub(super) fn written(&mut self, number: u32) {
        self.written.insert(number);
    }

    pub(super) fn acknowledged(&mut self, number: u32) {
        self.acknowledged.insert(number);
    }

    /// The id of an open ticket, the first one at or behind a position.
    pub(super) fn nth(&self, position: u8) -> Option<RequestId> {
        self.open
            .keys()
            .nth(usize::from(position) % self.open.len().max(1))
            .copied()
    }

    /// The ids of all open tickets.
    pub(super) fn open_ids(&self) -> Vec<RequestId> {
        self.open.keys().copied().collect()
    }

    pub(super) fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    pub(super) fn open_messages(&self) -> usize {
        self.open
            .values()
            .filter(|ticket| {
                matches!(
                    ticket,
                    Ticket::Message(_) | Ticket::Report(_) | Ticket::Goodbye(_)
                )
            })
            .count()
    }

    pub(super) fn open_disconnects(&self) -> usize {
        self.open
            .values()
            .filter(|ticket| matches!(ticket, Ticket::Disconnect))
            .count()
    }

    pub(super) fn complete(&mut self, id: RequestId, completion: Completion) {
        let Some(ticket) = self.open.remove(&id) else {
            panic!("{completion:?} for {id:?}, which has ended or never was");
        };
        self.ended.insert(id);
        match (ticket, completion) {
            (Ticket::Message(sent), Completion::Delivery(Ok(delivered))) => {
                self.check_delivered(&sent, delivered);
            }
            (Ticket::Message(sent), Completion::Delivery(Err(undelivered))) => {
                self.check_given_back(id, &sent, &undelivered);
            }
            (Ticket::Report(sent), Completion::Delivery(Err(undelivered))) => {
                assert_eq!((undelivered.id, undelivered.target), (id, sent.target));
                let payload = core::str::from_utf8(&undelivered.payload).unwrap_or_default();
                assert!(payload.contains(&sent.text), "{sent:?} as {payload}");
            }
            (Ticket::Goodbye(child), Completion::Delivery(Err(undelivered))) => {
                assert_eq!(undelivered.target, Target::ChildDisconnect { child });
            }
            (Ticket::Report(_) | Ticket::Goodbye(_), Completion::Delivery(Ok(_)))
            | (Ticket::Query, Completion::Attributes(_))
            | (Ticket::Call, Completion::RpcAnswer(_))
            | (Ticket::Disconnect, Completion::Drained(_)) => {}
            (ticket, completion) => panic!("{ticket:?} ends as {completion:?}"),
        }
    }

    pub(super) fn check_all_ended(&self) {
        assert!(self.open.is_empty(), "without outcome: {:?}", self.open);
    }

    /// Acknowledged means acknowledged. Attribute messages are left out: a merged one may carry a
    /// newer value in place of their own.
    fn check_delivered(&self, sent: &Sent, delivered: Delivered) {
        if matches!(
            sent.target,
            Target::Attributes | Target::ChildAttributes { .. }
        ) {
            return;
        }
        assert!(
            self.written.contains(&sent.number),
            "{delivered:?} but never written: {sent:?}"
        );
        if matches!(delivered, Delivered::Acknowledged { .. }) && !self.anything_acknowledged {
            assert!(
                self.acknowledged.contains(&sent.number),
                "nobody acknowledged {sent:?}"
            );
        }
    }

    fn check_given_back(&self, id: RequestId, sent: &Sent, undelivered: &Undelivered) {
        assert_eq!(undelivered.id, id);
        assert_eq!(undelivered.target, sent.target);
        assert_eq!(undelivered.accepted, sent.accepted, "{sent:?}");
        let payload = core::str::from_utf8(&undelivered.payload).unwrap_or_default();
        match sent.target {
            // A time may stand around it.
            Target::Telemetry | Target::ChildTelemetry { .. } => {
                assert!(payload.contains(&sent.text), "{sent:?} as {payload}")
            }
            // The child is named, and the number of the call.
            Target::ChildRpcReply { .. } => {
                assert!(payload.contains(&sent.text), "{sent:?} as {payload}");
            }
            _ => assert_eq!(payload, sent.text),
        }
        if self.written.contains(&sent.number) {
            assert!(
                undelivered.written,
                "the server may have it: {undelivered:?}"
            );
        }
    }
}
