//! Attribute requests for children.

use super::{ChildId, Gateway, quiet};
use crate::client::Client;
use crate::client::requests::Requests;
use crate::client::{Completion, Pending, Refused, RefusedReason, RequestError};
use crate::tb::gateway::ChildResponse;
use crate::tb::topics::gateway as topics;
use crate::tb::{AttributeQuery, AttributeValues};
use crate::time::Instant;

impl Gateway<'_> {
    /// Asks the server for client or for shared attributes of a child.
    ///
    /// The request waits until the child is announced, and is asked again on a new connection, until
    /// its deadline.
    ///
    /// # Errors
    /// [`Refused`] gives the query back: one that asks for all attributes or for both kinds at once, a
    /// key that cannot be asked for, a child of another client, too many open requests, or the client
    /// is disconnecting.
    pub fn request_attributes(
        &mut self,
        now: Instant,
        child: ChildId,
        query: AttributeQuery,
    ) -> Result<Pending<AttributeValues>, Refused<AttributeQuery>> {
        let client = &mut *self.client;
        let now = client.mqtt.advance(now);
        if !client.children.contains(child) {
            return Err(Refused::new(query, RefusedReason::UnknownChild));
        }
        let question = match query.of_child() {
            Ok(question) => question,
            Err(invalid) => return Err(Refused::new(query, invalid)),
        };
        let deadline = now + query.deadline_after();
        let bytes = Requests::memory_of_child(&question) + client.around_child(Some(child));
        if let Err(reason) = client.check_request(bytes, &topics::ATTRIBUTE_REQUEST) {
            return Err(Refused::new(query, reason));
        }
        let id = client.requests.open_for_child(child, question, deadline);
        client.children.revive(child);
        if client.mqtt.is_online() && client.mqtt.outbox().is_open(child.0) {
            client.requests.child_is_there(child);
        } else {
            client.children.want(child);
        }
        client.advance();
        Ok(Pending::new(id))
    }
}

impl Client {
    /// The answer to a request for a child.
    pub(super) fn handle_child_response(&mut self, response: ChildResponse) {
        // Nobody waits for it: that it was asked is all.
        if response.request == quiet::REQUEST {
            return;
        }
        let Some((id, question)) = self.requests.take_child_question(response.request) else {
            self.counters.unexpected_answers += 1;
            return;
        };
        let values = question.values(response.value, response.values);
        let answered: Result<AttributeValues, RequestError> = Ok(values);
        self.answered(id, Completion::Attributes(answered));
    }
}
