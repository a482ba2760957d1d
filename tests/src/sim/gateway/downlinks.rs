//! What the core sends to children, wrapped for their gateways (reference §9.7, §9.8).

use crate::sim::agenda::Job;
use crate::sim::attributes::Change;
use crate::sim::backend::DeviceId;
use crate::sim::json::{Json, quote};
use crate::sim::protobuf::{self, DeviceRpcRequest};
use crate::sim::server_rpc::Rpc;
use crate::sim::simulator::{ConnectionId, Simulator};
use crate::sim::time::Time;

const ATTRIBUTES: &str = "v1/gateway/attributes";
pub(in crate::sim) const RPC: &str = "v1/gateway/rpc";

impl Simulator {
    /// Announces a change of a child's shared attributes to its gateway.
    pub(in crate::sim) fn push_change_to_gateways(
        &mut self,
        at: Time,
        child: DeviceId,
        change: &Change,
    ) {
        let unix_ms = self.unix_ms();
        for connection in self.gateways_of(child) {
            let Some(name) = self.child_name(connection, child) else {
                continue;
            };
            let body = if self.is_protobuf_gateway(connection) {
                protobuf::for_child(name, &change.to_protobuf(unix_ms))
            } else {
                wrapped(name, &change.to_text())
            };
            let job = Job::GatewayDownlink {
                connection,
                topic: ATTRIBUTES,
                body,
            };
            self.agenda.schedule(at, job);
        }
    }

    /// An RPC request for a child; `None`: its parameters cannot be read, or the
    /// session does not know the child.
    pub(in crate::sim) fn child_rpc_payload(
        &mut self,
        connection: ConnectionId,
        child: DeviceId,
        rpc: &Rpc,
    ) -> Option<Vec<u8>> {
        let name = self.child_name(connection, child)?.to_owned();
        if self.is_protobuf_gateway(connection) {
            let now_ms = i64::try_from(self.now.as_millis()).unwrap_or(i64::MAX);
            let lasts_ms = i64::try_from(rpc.deadline.as_millis()).unwrap_or(i64::MAX) - now_ms;
            let request = DeviceRpcRequest {
                id: rpc.id,
                method: &rpc.method,
                params: &rpc.params,
                expiration_ms: self.unix_ms().saturating_add(lasts_ms),
                uuid: [self.random.next(), self.random.next()],
                oneway: rpc.oneway,
                persisted: rpc.persisted,
            };
            return Some(protobuf::for_child(&name, &request.to_bytes()));
        }
        let params = Json::parse(rpc.params.as_bytes()).ok()?;
        let mut data = format!("{{\"id\":{},\"method\":", rpc.id);
        quote(&mut data, &rpc.method);
        data.push_str(",\"params\":");
        data.push_str(&params.to_text_with_nulls());
        data.push('}');
        Some(wrapped(&name, &data))
    }

    fn is_protobuf_gateway(&self, connection: ConnectionId) -> bool {
        self.device_of(connection)
            .is_some_and(|gateway| self.protobuf_payloads(gateway).is_some())
    }
}

fn wrapped(name: &str, data: &str) -> Vec<u8> {
    let mut body = String::from("{\"device\":");
    quote(&mut body, name);
    body.push_str(",\"data\":");
    body.push_str(data);
    body.push('}');
    body.into_bytes()
}
