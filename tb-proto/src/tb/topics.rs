//! The topics of a device, both families (`v1/devices/me/…` and `v2/…`).
//!
//! We speak v1 and listen to both: an answer comes on the family used last, not on that of its
//! request (C-076).

use alloc::format;

use crate::codec::Topic;

/// Telemetry, up.
pub(crate) const TELEMETRY: &str = "v1/devices/me/telemetry";
/// Client attributes up, changes of shared attributes down; also the filter of the latter.
pub(crate) const ATTRIBUTES: &str = "v1/devices/me/attributes";
/// Claiming, up; there is no short form.
pub(crate) const CLAIM: &str = "v1/devices/me/claim";
/// Filter of the answers to attribute requests.
pub(crate) const ATTRIBUTE_RESPONSES: &str = "v1/devices/me/attributes/response/+";
/// Filter of the server's RPC requests.
pub(crate) const RPC_REQUESTS: &str = "v1/devices/me/rpc/request/+";
/// Filter of the answers to our own RPC requests.
pub(crate) const RPC_RESPONSES: &str = "v1/devices/me/rpc/response/+";

const ATTRIBUTE_REQUEST: &str = "v1/devices/me/attributes/request/";
const ATTRIBUTE_RESPONSE: &str = "v1/devices/me/attributes/response/";
const RPC_REQUEST: &str = "v1/devices/me/rpc/request/";
const RPC_RESPONSE: &str = "v1/devices/me/rpc/response/";

/// Where an attribute request goes. A negative `request` is never answered (C-074).
pub(crate) fn attribute_request(request: i32) -> Topic {
    numbered(ATTRIBUTE_REQUEST, request)
}

/// Where the reply to the server's RPC request `id` goes.
pub(crate) fn rpc_reply(id: i32) -> Topic {
    numbered(RPC_RESPONSE, id)
}

/// Where an RPC request of our own goes.
pub(crate) fn rpc_request(request: i32) -> Topic {
    numbered(RPC_REQUEST, request)
}

fn numbered(prefix: &'static str, number: i32) -> Topic {
    match u32::try_from(number) {
        Ok(number) => Topic::numbered(prefix, number),
        // The server may use negative numbers for calls of its own (C-099); digits and a sign make
        // a topic.
        Err(_) => Topic::new(&format!("{prefix}{number}")).unwrap_or(Topic::from_static(TELEMETRY)),
    }
}

/// What a publish of the server is about, told by its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Downlink {
    /// Shared attributes changed or were deleted.
    AttributeUpdate,
    /// The answer to an attribute request of ours.
    AttributeResponse { request: i32 },
    /// The server calls.
    RpcRequest { id: i32 },
    /// The answer to an RPC request of ours.
    RpcResponse { request: i32 },
    /// Nothing that this client knows; protobuf topics (`…/p`) are among them.
    Unknown,
}

/// The prefix of a topic, and what it is about given the id behind it.
type Numbered = (&'static str, fn(i32) -> Downlink);

/// Prefix of each kind; what follows it is the id. The first that fits is taken, so the topics with
/// `/j/` stand before those without.
const NUMBERED: [Numbered; 9] = [
    (RPC_REQUEST, |id| Downlink::RpcRequest { id }),
    (RPC_RESPONSE, |request| Downlink::RpcResponse { request }),
    (ATTRIBUTE_RESPONSE, |request| Downlink::AttributeResponse {
        request,
    }),
    ("v2/a/res/j/", |request| Downlink::AttributeResponse {
        request,
    }),
    ("v2/a/res/", |request| Downlink::AttributeResponse {
        request,
    }),
    ("v2/r/req/j/", |id| Downlink::RpcRequest { id }),
    ("v2/r/req/", |id| Downlink::RpcRequest { id }),
    ("v2/r/res/j/", |request| Downlink::RpcResponse { request }),
    ("v2/r/res/", |request| Downlink::RpcResponse { request }),
];

/// What a publish on `topic` is about.
pub(crate) fn route(topic: &str) -> Downlink {
    if matches!(topic, ATTRIBUTES | "v2/a" | "v2/a/j") {
        return Downlink::AttributeUpdate;
    }
    NUMBERED
        .iter()
        .find_map(|(prefix, downlink)| Some(downlink(id(topic.strip_prefix(prefix)?)?)))
        .unwrap_or(Downlink::Unknown)
}

/// A decimal `i32` as the server writes it: digits, perhaps after a minus sign.
fn id(text: &str) -> Option<i32> {
    if text.starts_with('+') {
        None
    } else {
        text.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn every_downlink_of_both_families_is_recognised() {
        let response = |request| Downlink::AttributeResponse { request };
        let call = |id| Downlink::RpcRequest { id };
        let answer = |request| Downlink::RpcResponse { request };
        for (topic, expected) in [
            ("v1/devices/me/attributes", Downlink::AttributeUpdate),
            ("v2/a", Downlink::AttributeUpdate),
            ("v2/a/j", Downlink::AttributeUpdate),
            ("v1/devices/me/attributes/response/7", response(7)),
            ("v2/a/res/8", response(8)),
            ("v2/a/res/j/9", response(9)),
            ("v1/devices/me/rpc/request/0", call(0)),
            ("v2/r/req/2147483647", call(i32::MAX)),
            ("v2/r/req/j/3", call(3)),
            ("v1/devices/me/rpc/response/-5", answer(-5)),
            ("v2/r/res/1", answer(1)),
            ("v2/r/res/j/007", answer(7)),
        ] {
            assert_eq!(route(topic), expected, "{topic}");
        }
    }

    #[test]
    fn what_is_not_exactly_a_topic_of_ours_is_unknown() {
        for topic in [
            "",
            "v1/devices/me/telemetry",
            "v1/devices/me/attributes/",
            "v1/devices/me/attributes/response/",
            "v1/devices/me/attributes/response/1/2",
            "v1/devices/me/rpc/request/+5",
            "v1/devices/me/rpc/request/2147483648",
            "v1/devices/me/rpc/request/-",
            "v1/devices/me/rpc/request/ 1",
            "v1/devices/me/rpc/request/١",
            "v2/a/p",
            "v2/a/res/p/1",
            "v2/r/req/j/",
            "v2/r/req/j/j/1",
            "V2/a",
        ] {
            assert_eq!(route(topic), Downlink::Unknown, "{topic}");
        }
    }

    #[test]
    fn what_we_publish_to_carries_the_id_in_decimal() {
        assert_eq!(
            attribute_request(1).to_string(),
            "v1/devices/me/attributes/request/1"
        );
        assert_eq!(rpc_reply(0).to_string(), "v1/devices/me/rpc/response/0");
        assert_eq!(
            rpc_request(i32::MAX).to_string(),
            "v1/devices/me/rpc/request/2147483647"
        );
    }

    proptest! {
        #[test]
        fn an_id_survives_every_prefix(id: i32) {
            for (prefix, downlink) in NUMBERED {
                prop_assert_eq!(route(&format!("{prefix}{id}")), downlink(id));
            }
        }

        #[test]
        fn no_topic_panics(topic in "(v1/devices/me/|v2/)?(a|r|rpc|attributes)?(/req/|/response/)?\\PC*") {
            let _ = route(&topic);
        }
    }
}
