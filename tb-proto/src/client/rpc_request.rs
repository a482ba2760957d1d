//! A call that the server makes to this device, or to a child of it.

use alloc::string::String;

use super::rpc_calls::CallNumber;
use super::{ChildId, RpcServer};
use crate::tb::Params;

/// The server calls a method of this device, or of a child of this gateway.
///
/// It is answered once, by [`send_rpc_reply`](crate::Client::send_rpc_reply), which consumes it; so
/// it cannot be cloned. ThingsBoard does not tell whether it waits for the answer (one-way or
/// two-way), and an answer nobody waits for is harmless: answer always.
#[derive(Debug, PartialEq)]
#[must_use = "an unanswered call makes the caller wait for its time-out"]
pub struct RpcRequest {
    pub(crate) key: u64,
    pub(crate) server: RpcServer,
    pub(crate) child: Option<ChildId>,
    pub(crate) request_id: i32,
    pub(crate) method: String,
    pub(crate) params: Params,
}

impl RpcRequest {
    pub(super) const fn number(&self) -> CallNumber {
        CallNumber {
            child: self.child,
            request_id: self.request_id,
        }
    }

    /// The server's number of the call, of each child its own. It starts again at 0 when the server restarts: no key for a table.
    pub const fn request_id(&self) -> i32 {
        self.request_id
    }

    /// The child that is called. `None`: this device itself.
    pub const fn child(&self) -> Option<ChildId> {
        self.child
    }

    /// The name of the method.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The parameters, parsed on demand.
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// Which taker it is for.
    pub const fn server(&self) -> RpcServer {
        self.server
    }
}
