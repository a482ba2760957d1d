//! What the server says about children.

use alloc::string::ToString;

use bytes::Bytes;

use super::{ChildId, Gateway, WhichChildren};
use crate::client::rpc_calls::Callees;
use crate::client::{AlreadyServed, Client, Event, RpcMethods, RpcRefusal, RpcServer};
use crate::codec::ReasonCode;
use crate::tb::gateway::ChildDownlink;
use crate::tb::topics::Downlink;
use crate::time::Instant;

/// With this reason the server announces disconnections that never happened (C-139).
const NOISE: u8 = 129;

impl Gateway<'_> {
    /// Takes calls of the server to children; they come as
    /// [`Event::RpcRequest`](crate::Event::RpcRequest) and [name](crate::RpcRequest::child) the child.
    /// Ended with [`Client::end_rpc`].
    ///
    /// Of several takers that of the child itself comes first, and that of the method before that of
    /// all methods.
    ///
    /// # Errors
    /// [`AlreadyServed`]: for each child, and for all together, a method has one server, and one taker
    /// gets all the others.
    pub fn serve_rpc(
        &mut self,
        now: Instant,
        which: WhichChildren,
        methods: RpcMethods,
    ) -> Result<RpcServer, AlreadyServed> {
        self.client.mqtt.advance(now);
        let callees = match which {
            WhichChildren::All => Callees::Children,
            WhichChildren::One(child) => Callees::Child(child),
        };
        self.client.rpc.serve(callees, methods)
    }
}

impl Client {
    pub(in crate::client) fn handle_child_downlink(
        &mut self,
        what: Downlink,
        topic: &str,
        payload: &Bytes,
    ) {
        let Ok(downlink) = ChildDownlink::read(payload) else {
            return self.ignored(topic);
        };
        if what == Downlink::ChildAttributeResponse {
            // The number says whose it is, whatever the child is called by now.
            return match downlink.response() {
                Ok(response) => self.handle_child_response(response),
                Err(_) => self.ignored(topic),
            };
        }
        if what == Downlink::ChildDisconnected && downlink.reason == Some(NOISE) {
            return;
        }
        let Some(child) = self.children.find(&downlink.device) else {
            let name = downlink.device.chars().take(255).collect();
            let topic = topic.to_string();
            return self.events.notice(Event::UnknownChild { name, topic });
        };
        match what {
            Downlink::ChildAttributeUpdate => match downlink.update() {
                Ok(update) => {
                    let most = self.config.max_incoming_packet_size;
                    self.child_updates
                        .arrive(child, update, payload.len(), most);
                }
                Err(_) => self.ignored(topic),
            },
            Downlink::ChildRpcRequest => self.handle_child_call(child, &downlink),
            Downlink::ChildDisconnected => {
                self.lose(child);
                let reason = downlink.reason.map(ReasonCode::new);
                self.events
                    .notice(Event::ChildDisconnected { child, reason });
            }
            _ => self.ignored(topic),
        }
    }

    fn handle_child_call(&mut self, child: ChildId, call: &ChildDownlink<'_>) {
        match (call.call(), call.call_id()) {
            // The same call comes again under another name if the child was renamed meanwhile.
            (Ok(call), _) => self.arrive(Some(child), call.request_id, call.body, &call.data),
            (Err(_), Some(id)) => self.refuse_call(Some(child), id, RpcRefusal::Malformed),
            // Nobody can be answered.
            (Err(_), None) => self.ignored("v1/gateway/rpc"),
        }
    }
}
