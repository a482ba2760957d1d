//! The messages of the server.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::children::{CHILDREN, NAMES};
use super::updates::announcement;
use super::wire::Peer;
use super::{Wire, World, packets};

/// An answer to `getSessionLimits` that tells little room.
const LIMITS: &[u8] = br#"{"maxPayloadSize":400,"rateLimits":{"messages":"6:1,300:60","telemetryMessages":"3:1","telemetryDataPoints":"8:1"}}"#;

impl World {
    /// A message from the server: of two times sixteen kinds, each at QoS 0 and at QoS 1.
    pub(super) fn publish(&mut self, number: u8) -> Vec<u8> {
        let Wire::Up(_, peer) = &mut self.wire else {
            return Vec::new();
        };
        let version = peer.version();
        self.server_number = self.server_number.wrapping_add(1);
        let id = (number & 16 != 0).then_some(self.server_number);
        if number & 32 != 0 {
            let (topic, payload) = update_or_limits(peer, number % 16);
            return packets::publish(version, &topic, id, &payload);
        }
        let query = peer.queries.pop().unwrap_or(1_000);
        let call = peer.calls.pop().unwrap_or(1_000);
        let (attributes, rpc) = ("v1/devices/me/attributes", "v1/devices/me/rpc");
        let long = [b'x'; 3_000];
        let fresh = i32::from(self.server_number);
        let (topic, payload): (_, &[u8]) = match number % 16 {
            0 => (attributes.into(), br#"{"k1":1,"k2":{"a":[1,2]}}"#),
            1 => (attributes.into(), br#"{"deleted":["k1","k2"]}"#),
            2 => (
                format!("{attributes}/response/{query}"),
                br#"{"shared":{"k1":1}}"#,
            ),
            3 => (
                format!("{rpc}/request/0"),
                br#"{"method":"m0","params":{}}"#,
            ),
            4 => (
                format!("{rpc}/request/0"),
                br#"{"method":"m0","params":{"again":1}}"#,
            ),
            5 => (
                format!("{rpc}/request/{fresh}"),
                br#"{"method":"m1","params":1}"#,
            ),
            6 => (format!("{rpc}/request/{fresh}"), b"{}"),
            7 => (format!("{rpc}/response/{call}"), br#"{"answer":42}"#),
            8 => (format!("{rpc}/response/{call}"), br#"{"error":"timeout"}"#),
            9 => ("v1/devices/me/unknown".into(), b"{}"),
            10 => (format!("{attributes}/response/{query}"), b"[]"),
            11 => (attributes.into(), &long),
            12 => (
                format!("v2/r/req/{fresh}"),
                br#"{"method":"m2","params":null}"#,
            ),
            13 => (format!("{rpc}/request/-{fresh}"), br#"{"method":"m0"}"#),
            14 => (format!("v2/a/res/{query}"), br#"{"client":{"k1":1}}"#),
            _ => (attributes.into(), b"no JSON"),
        };
        packets::publish(version, &topic, id, payload)
    }
}

impl World {
    /// A message from the server about a child: of sixteen kinds for each child, at QoS 0 and at QoS 1.
    pub(super) fn publish_for_child(&mut self, number: u8) -> Vec<u8> {
        let at = usize::from(number) % CHILDREN;
        let known = self.children[at];
        let name = known.and_then(|known| self.client.gateway().name(known).map(String::from));
        let device = serde_json::Value::from(name.as_deref().unwrap_or(NAMES[at]));
        let Wire::Up(_, peer) = &mut self.wire else {
            return Vec::new();
        };
        let version = peer.version();
        self.server_number = self.server_number.wrapping_add(1);
        let fresh = self.server_number;
        let id = number.is_multiple_of(2).then_some(fresh);
        let query = peer.child_queries.pop().unwrap_or(1_000);
        let (attributes, rpc) = ("v1/gateway/attributes", "v1/gateway/rpc");
        let of_child = |rest: &str| format!(r#"{{"device":{device},{rest}}}"#);
        let notice = |method: &str, params: String| {
            let topic = format!("v1/devices/me/rpc/request/{fresh}");
            (
                topic,
                format!(r#"{{"method":"{method}","params":{params}}}"#),
            )
        };
        let to = |topic: &str, payload: String| (String::from(topic), payload);
        let (topic, payload) = match number / 3 % 16 {
            0 => to(attributes, of_child(r#""data":{"k1":1}"#)),
            1 => to(attributes, of_child(r#""data":{"deleted":["k1"]}"#)),
            2 => to(attributes, of_child(r#""data":7"#)),
            3 => to(
                rpc,
                of_child(r#""data":{"id":0,"method":"m0","params":{}}"#),
            ),
            4 => to(rpc, of_child(r#""data":{"id":0,"method":"m0","params":1}"#)),
            5 => {
                let call = format!(r#""data":{{"id":{fresh},"method":"m1"}}"#);
                to(rpc, of_child(&call))
            }
            6 => to(rpc, of_child(r#""data":{"id":4}"#)),
            7 => to(
                "v1/gateway/attributes/response",
                of_child(&format!(r#""id":{query},"value":1"#)),
            ),
            8 => to(
                "v1/gateway/attributes/response",
                of_child(&format!(r#""id":{query},"values":[]"#)),
            ),
            9 => to("v1/gateway/disconnect", of_child(r#""reason":150"#)),
            10 => to("v1/gateway/disconnect", of_child(r#""reason":129"#)),
            11 => notice("gateway_device_deleted", device.to_string()),
            12 | 13 => {
                let new = format!(
                    "{}{}",
                    NAMES[at],
                    if number.is_multiple_of(2) { "" } else { "'" }
                );
                let new = serde_json::Value::from(new);
                notice("gateway_device_renamed", format!("{{{device}:{new}}}"))
            }
            14 => to(attributes, r#"{"device":"nobody","data":{"k1":1}}"#.into()),
            _ => to(rpc, "no JSON".into()),
        };
        packets::publish(version, &topic, id, payload.as_bytes())
    }
}

/// What belongs to updates and to the limits of the session.
fn update_or_limits(peer: &mut Peer, kind: u8) -> (String, Vec<u8>) {
    const ATTRIBUTES: &str = "v1/devices/me/attributes";
    let limits = |payload: &[u8]| ("v1/devices/me/rpc/response/0".into(), payload.to_vec());
    match kind {
        0 => limits(LIMITS),
        1 => limits(br#"{"maxPayloadSize":65536,"rateLimits":{"messages":null}}"#),
        2 => limits(br#"{"error":"timeout"}"#),
        3 => (ATTRIBUTES.into(), announcement("fw", 7).into()),
        4 => (ATTRIBUTES.into(), announcement("sw", 7).into()),
        5 => (ATTRIBUTES.into(), announcement("fw", 8).into()),
        6 | 7 => {
            let query = peer.queries.pop().unwrap_or(1_000);
            let shared = announcement(if kind == 6 { "fw" } else { "sw" }, 7);
            let payload = format!(r#"{{"shared":{shared}}}"#);
            (format!("{ATTRIBUTES}/response/{query}"), payload.into())
        }
        8 => {
            let deleted = r#"{"deleted":["fw_title","fw_version","fw_size"]}"#;
            (ATTRIBUTES.into(), deleted.into())
        }
        9 => {
            let external = r#"{"fw_title":"pump","fw_version":"9","fw_url":"http://localhost/9"}"#;
            (ATTRIBUTES.into(), external.into())
        }
        10 => ("v2/fw/error".into(), b"package not found".to_vec()),
        // A chunk: right, or wrong in one way or another.
        _ => match peer.questions.pop() {
            Some(question) => question.answer(kind - 11),
            None => ("v2/fw/response/1/chunk/0".into(), b"for nobody".to_vec()),
        },
    }
}
