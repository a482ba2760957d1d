//! Server-side RPC calls on their way to whoever answers them.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::{Arc, Weak};
use core::fmt;

use tb_proto::{Params, Refused, RefusedReason, RpcReply, RpcServer};

use super::Channel;
use crate::shared::Shared;
use crate::ticket::Delivery;
use crate::wakes::Wakes;

/// So many calls wait for a receiver; further ones are answered with an error and counted.
const CALLS: usize = 64;

/// The sending end of one stream of RPC calls.
#[derive(Debug)]
pub(crate) struct RpcTaker {
    pub(crate) server: RpcServer,
    pub(crate) channel: Arc<Channel<RpcRequest>>,
}

impl RpcTaker {
    /// Puts the call down for its receiver, or gives it back if too many wait there.
    pub(crate) fn push(
        &self,
        request: tb_proto::RpcRequest,
        child: Option<&str>,
        shared: &Weak<Shared>,
        wakes: &mut Wakes,
    ) -> Result<(), tb_proto::RpcRequest> {
        // Only the driver adds calls, under the lock of the machine: the number can but shrink.
        if self.channel.len() >= CALLS {
            return Err(request);
        }
        let call = RpcRequest {
            request: Some(request),
            child: child.map(ToString::to_string),
            shared: Weak::clone(shared),
        };
        self.channel.update(wakes, |items| items.push_back(call));
        Ok(())
    }
}

/// The server calls a method of this device, or of a child of this gateway.
///
/// It is answered once: [`reply`](Self::reply) consumes it. Dropped without an answer it replies
/// `{"error": …}`, so that nobody waits in vain. ThingsBoard does not say whether it waits for the
/// answer; an answer nobody waits for does no harm.
#[must_use = "an unanswered call is answered with an error"]
pub struct RpcRequest {
    /// `None` once it was answered.
    request: Option<tb_proto::RpcRequest>,
    child: Option<String>,
    shared: Weak<Shared>,
}

impl RpcRequest {
    /// Answers with any value that serialises to JSON, given by reference, or an [`RpcReply`].
    ///
    /// The ticket ends like that of any message: as acknowledged when the server has the answer.
    /// Dropping the ticket does not take the answer back.
    ///
    /// # Errors
    /// [`Refused`] gives the call back, to be answered otherwise: the value did not serialise, the
    /// queue is full, the call is over (the server waits for some time only), or the client is shut down.
    pub fn reply(self, reply: impl Into<RpcReply>) -> Result<Delivery, Refused<Self>> {
        // Serialised here: code of the application never runs under the lock.
        self.send(reply.into())
    }

    /// Answers `{"error": message}`.
    ///
    /// # Errors
    /// As [`reply`](Self::reply).
    pub fn reply_error(self, message: impl fmt::Display) -> Result<Delivery, Refused<Self>> {
        self.send(RpcReply::error(message.to_string()))
    }

    /// The name of the method.
    pub fn method(&self) -> &str {
        self.request
            .as_ref()
            .map_or("", tb_proto::RpcRequest::method)
    }

    /// The name of the child that is called; `None`: the device itself.
    pub fn child(&self) -> Option<&str> {
        self.child.as_deref()
    }

    /// The parameters, parsed on demand.
    pub fn params(&self) -> &Params {
        static NONE: Params = Params::NULL;
        self.request
            .as_ref()
            .map_or(&NONE, tb_proto::RpcRequest::params)
    }

    /// The server's number of the call. It starts again when the server restarts: no key for a table.
    pub fn request_id(&self) -> i32 {
        self.request
            .as_ref()
            .map_or(0, tb_proto::RpcRequest::request_id)
    }

    fn send(mut self, reply: RpcReply) -> Result<Delivery, Refused<Self>> {
        let refused = |call, reason| {
            Err(Refused {
                item: Box::new(call),
                reason,
            })
        };
        let Some(shared) = self.shared.upgrade() else {
            return refused(self, RefusedReason::Closed);
        };
        let Some(request) = self.request.take() else {
            return refused(self, RefusedReason::CallOver);
        };
        let sent = shared.open((request, reply), |state, now, (request, reply)| {
            state.machine.send_rpc_reply(now, request, reply)
        });
        match sent {
            Ok(pending) => Ok(Delivery::new(shared, pending)),
            Err(Refused { item, reason }) => {
                self.request = Some(item.0);
                refused(self, reason)
            }
        }
    }
}

impl Drop for RpcRequest {
    fn drop(&mut self) {
        if let (Some(request), Some(shared)) = (self.request.take(), self.shared.upgrade()) {
            let reply = RpcReply::error("the device did not answer");
            shared.with(|state, now| state.refuse_call(now, request, reply));
        }
    }
}

impl fmt::Debug for RpcRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcRequest")
            .field("request_id", &self.request_id())
            .field("method", &self.method())
            .finish_non_exhaustive()
    }
}
