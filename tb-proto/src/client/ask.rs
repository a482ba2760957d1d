//! Requests from the application.

use bytes::Bytes;

use super::requests::{Kind, Requests};
use super::{Client, Completion, Pending, Refused, RefusedReason, RequestError, RequestId};
use crate::codec::Topic;
use crate::tb::{AttributeQuery, AttributeValues, RpcCall, RpcResponse};
use crate::time::Instant;

impl Client {
    /// Asks the server for attributes of this device.
    ///
    /// The request is asked again on a new connection until its deadline.
    ///
    /// # Errors
    /// [`Refused`] gives the query back: a key that cannot be asked for, too many open requests, or
    /// the client is disconnecting.
    pub fn request_attributes(
        &mut self,
        now: Instant,
        query: AttributeQuery,
    ) -> Result<Pending<AttributeValues>, Refused<AttributeQuery>> {
        let now = self.mqtt.advance(now);
        let payload = match query.payload(self.config.payload_format) {
            Ok(payload) => Bytes::from(payload),
            Err(invalid) => return Err(Refused::new(query, invalid)),
        };
        let topic = self.topics.attribute_request(i32::MAX);
        if let Err(reason) = self.check_request(payload.len(), &topic) {
            return Err(Refused::new(query, reason));
        }
        let deadline = now + query.deadline_after();
        self.mqtt.subscribe(self.topics.attribute_responses());
        let id = self.requests.open_attributes(payload, deadline);
        self.advance();
        Ok(Pending::new(id))
    }

    /// Calls a method of the server's rule chain (client-side RPC).
    ///
    /// A call that was written when its connection ended is not made again unless it is idempotent:
    /// it ends with [`RequestError::LinkLost`], since it may have run.
    ///
    /// # Errors
    /// [`Refused`] gives the call back: parameters that cannot be sent, too many open requests, or
    /// the client is disconnecting.
    pub fn send_rpc_call(
        &mut self,
        now: Instant,
        call: impl Into<RpcCall>,
    ) -> Result<Pending<RpcResponse>, Refused<RpcCall>> {
        let now = self.mqtt.advance(now);
        let call = call.into();
        let parts = match call.clone().into_parts(self.config.payload_format) {
            Ok(parts) => parts,
            Err(invalid) => return Err(Refused::new(call, invalid)),
        };
        let topic = self.topics.rpc_request(i32::MAX);
        if let Err(reason) = self.check_request(parts.payload.len(), &topic) {
            return Err(Refused::new(call, reason));
        }
        self.mqtt.subscribe(self.topics.rpc_responses());
        let payload = Bytes::from(parts.payload);
        let id = self
            .requests
            .open_rpc(payload, now + parts.timeout, parts.idempotent);
        self.advance();
        Ok(Pending::new(id))
    }

    pub(super) fn check_request(&self, payload: usize, topic: &Topic) -> Result<(), RefusedReason> {
        if self.mqtt.is_draining() {
            return Err(RefusedReason::Closed);
        }
        self.check_size(payload, topic.len())?;
        if self.requests.is_full() || !self.has_room(Requests::memory(payload)) {
            return Err(RefusedReason::TooManyRequests {
                limit: self.config.max_open_requests,
            });
        }
        Ok(())
    }

    pub(super) fn cancel_request(&mut self, id: RequestId) -> bool {
        let Some(kind) = self.requests.kind(id) else {
            return false;
        };
        let Some((_, message)) = self.requests.close(id) else {
            return false;
        };
        let unwritten = match message {
            Some(message) => self.mqtt.take_back(message).is_some(),
            None => true,
        };
        self.events
            .complete(id, failed(kind, RequestError::Cancelled));
        unwritten
    }

    /// Ends a request without an answer.
    pub(super) fn fail_request(&mut self, id: RequestId, error: RequestError) {
        if let Some((kind, message)) = self.requests.close(id) {
            if let Some(message) = message {
                self.mqtt.take_back(message);
            }
            self.end_request(id, failed(kind, error));
        }
    }
}

pub(super) const fn failed(kind: Kind, error: RequestError) -> Completion {
    match kind {
        Kind::Attributes | Kind::ChildAttributes => Completion::Attributes(Err(error)),
        Kind::Rpc => Completion::RpcAnswer(Err(error)),
    }
}
