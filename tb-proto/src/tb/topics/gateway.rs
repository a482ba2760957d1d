//! The topics of a gateway's children (TB §9). There is one family, and the child is in the payload.

use crate::codec::{Filter, Topic};

use super::Downlink;

pub(crate) const CONNECT: Topic = Topic::from_static("v1/gateway/connect");
pub(crate) const DISCONNECT: Topic = Topic::from_static(DISCONNECTED);
pub(crate) const TELEMETRY: Topic = Topic::from_static("v1/gateway/telemetry");
pub(crate) const ATTRIBUTES: Topic = Topic::from_static(UPDATES);
pub(crate) const CLAIM: Topic = Topic::from_static("v1/gateway/claim");
pub(crate) const ATTRIBUTE_REQUEST: Topic = Topic::from_static("v1/gateway/attributes/request");
pub(crate) const RPC: Topic = Topic::from_static(CALLS);

/// Client attributes up, changes of shared attributes down.
const UPDATES: &str = "v1/gateway/attributes";
/// Calls down, replies up.
const CALLS: &str = "v1/gateway/rpc";
const RESPONSES: &str = "v1/gateway/attributes/response";
/// Both ways; it cannot be subscribed to, and need not be.
const DISCONNECTED: &str = "v1/gateway/disconnect";

/// What a gateway subscribes to.
pub(crate) fn filters() -> [Filter; 3] {
    [UPDATES, RESPONSES, CALLS].map(Filter::from_static)
}

/// What a publish on `topic` is about.
pub(super) fn route(topic: &str) -> Option<Downlink> {
    Some(match topic {
        UPDATES => Downlink::ChildAttributeUpdate,
        RESPONSES => Downlink::ChildAttributeResponse,
        CALLS => Downlink::ChildRpcRequest,
        DISCONNECTED => Downlink::ChildDisconnected,
        _ => return None,
    })
}
