use std::collections::BTreeMap;

use tb_proto::{
    ChildId, Completion, Delivered, Drained, Flushed, ProtocolVersion, QoS, RequestError,
    RequestId, Target, Undelivered, UndeliveredCause,
};

use super::messages;
use crate::sim::Time;

/// What an application is owed: every ticket that it got, and how it ended.
#[derive(Debug, Default)]
pub struct Ledger {
    tickets: BTreeMap<RequestId, Ticket>,
    /// In the order of acceptance.
    issued: Vec<RequestId>,
}

/// One accepted call.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// What it was.
    pub kind: Kind,
    /// The child that it is for, if it is for one.
    pub child: Option<ChildId>,
    /// When it was accepted.
    pub accepted: Time,
    /// How it ended, once it has.
    pub ending: Option<Ending>,
}

/// What a call was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A reading with this number.
    Telemetry {
        /// Unique in the world.
        number: u64,
        /// As asked for.
        qos: QoS,
        /// Whether it has a time to live.
        expires: bool,
    },
    /// A client attribute with this number as its value.
    Attribute {
        /// Unique in the world.
        number: u64,
        /// Whether it has a time to live.
        expires: bool,
        /// As asked for.
        qos: QoS,
    },
    /// A claim with this number as its secret.
    Claim {
        /// Unique in the world.
        number: u64,
    },
    /// A question for the outcomes of what was accepted before.
    Flush,
    /// A child leaves.
    Goodbye,
    /// The reply to a server-side call.
    Reply,
    /// What an update has come to.
    Report,
    /// An attribute request.
    AttributeRequest,
    /// A client-side RPC call.
    RpcCall,
    /// A disconnect.
    Disconnect,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// The server acknowledged it.
    Acknowledged(ProtocolVersion),
    /// It left at QoS 0.
    Sent,
    /// It did not reach the server.
    Undelivered(UndeliveredCause),
    /// A request was answered; the text of the answer.
    Answered(String),
    /// A request was not answered.
    Failed(RequestError),
    /// Disconnected.
    Drained(Drained),
    /// Everything that was accepted before has been told of.
    Flushed(Flushed),
}

impl Ledger {
    pub(super) fn issue(&mut self, id: RequestId, kind: Kind, accepted: Time) {
        self.issue_for(None, id, kind, accepted);
    }

    pub(super) fn issue_for(
        &mut self,
        child: Option<ChildId>,
        id: RequestId,
        kind: Kind,
        accepted: Time,
    ) {
        let ticket = Ticket {
            kind,
            child,
            accepted,
            ending: None,
        };
        let before = self.tickets.insert(id, ticket);
        assert!(before.is_none(), "the id {id:?} was given twice");
        self.issued.push(id);
    }

    /// Books the end of a ticket, and checks that it is the first one and of the right kind.
    pub(super) fn complete(&mut self, id: RequestId, completion: &Completion) -> &Ticket {
        let ticket = self.tickets.get_mut(&id);
        let ticket = ticket.unwrap_or_else(|| panic!("{id:?} ended, which nobody was given"));
        assert_eq!(ticket.ending, None, "{id:?} ended again: {completion:?}");
        ticket.ending = Some(match (&ticket.kind, completion) {
            (
                Kind::Telemetry { .. }
                | Kind::Attribute { .. }
                | Kind::Claim { .. }
                | Kind::Goodbye
                | Kind::Reply
                | Kind::Report,
                Completion::Delivery(outcome),
            ) => match outcome {
                Ok(Delivered::Sent) => Ending::Sent,
                Ok(Delivered::Acknowledged { version }) => Ending::Acknowledged(*version),
                Ok(other) => panic!("{id:?} ended as {other:?}"),
                Err(undelivered) => {
                    check_given_back(id, ticket, undelivered);
                    Ending::Undelivered(undelivered.cause)
                }
            },
            (Kind::AttributeRequest, Completion::Attributes(Ok(values))) => {
                Ending::Answered(format!("{values:?}"))
            }
            (Kind::AttributeRequest, Completion::Attributes(Err(error)))
            | (Kind::RpcCall, Completion::RpcAnswer(Err(error))) => Ending::Failed(error.clone()),
            (Kind::RpcCall, Completion::RpcAnswer(Ok(answer))) => {
                Ending::Answered(String::from_utf8_lossy(answer.as_bytes()).into_owned())
            }
            (Kind::Disconnect, Completion::Drained(drained)) => Ending::Drained(*drained),
            (Kind::Flush, Completion::Flushed(flushed)) => Ending::Flushed(*flushed),
            (kind, completion) => panic!("{id:?}, a {kind:?}, ended as {completion:?}"),
        });
        ticket
    }

    /// Every ticket, in the order of acceptance.
    pub fn tickets(&self) -> impl DoubleEndedIterator<Item = (RequestId, &Ticket)> {
        self.issued.iter().map(|id| (*id, &self.tickets[id]))
    }

    /// Tickets without an ending.
    #[must_use]
    pub fn open(&self) -> Vec<(RequestId, &Ticket)> {
        self.tickets()
            .filter(|(_, ticket)| ticket.ending.is_none())
            .collect()
    }

    /// The endings of all tickets that have one, in the order of acceptance.
    pub fn endings(&self) -> impl Iterator<Item = &Ending> {
        self.tickets()
            .filter_map(|(_, ticket)| ticket.ending.as_ref())
    }

    /// How the ticket ended that was issued so many-th, from 0.
    #[must_use]
    pub fn ending(&self, position: usize) -> Option<&Ending> {
        self.tickets
            .get(self.issued.get(position)?)?
            .ending
            .as_ref()
    }

    /// The position at which a ticket was issued, from 0.
    #[must_use]
    pub fn position(&self, id: RequestId) -> Option<usize> {
        self.issued.iter().rposition(|&issued| issued == id)
    }

    /// How many tickets ended like this.
    #[must_use]
    pub fn count(&self, ending: impl Fn(&Ending) -> bool) -> usize {
        self.endings().filter(|&known| ending(known)).count()
    }

    /// How many were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.count(|ending| matches!(ending, Ending::Acknowledged(_)))
    }
}

/// What did not reach the server comes back: what it was, all of it, and since when.
fn check_given_back(id: RequestId, ticket: &Ticket, undelivered: &Undelivered) {
    assert_eq!(undelivered.id, id);
    assert_eq!(
        undelivered.accepted.as_micros(),
        ticket.accepted.0,
        "{id:?}: time of acceptance"
    );
    assert_eq!(undelivered.target.child(), ticket.child, "{id:?}");
    let number = match (&ticket.kind, undelivered.target) {
        (Kind::Telemetry { number, .. }, Target::Telemetry | Target::ChildTelemetry { .. })
        | (Kind::Attribute { number, .. }, Target::Attributes | Target::ChildAttributes { .. })
        | (Kind::Claim { number }, Target::Claim | Target::ChildClaim { .. }) => number,
        (Kind::Reply, Target::RpcReply { .. } | Target::ChildRpcReply { .. })
        | (Kind::Goodbye, Target::ChildDisconnect { .. })
        | (Kind::Report, Target::Telemetry) => return,
        (kind, target) => panic!("{id:?}, a {kind:?}, comes back as {target:?}"),
    };
    let text = String::from_utf8_lossy(&undelivered.payload);
    let whole = [
        format!(":{number}}}"),
        format!(":{number},"),
        format!(":\"{number}\","),
    ]
    .iter()
    .any(|value| text.contains(value))
        || messages::number(&undelivered.payload) == Some(*number);
    assert!(
        whole,
        "{id:?} comes back without its value {number}: {text}"
    );
}
