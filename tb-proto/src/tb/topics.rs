//! The topics of a device, both families (`v1/devices/me/…` and `v2/…`).
//!
//! We speak one and listen to both: an answer comes on the family used last, not on that of its
//! request (C-076).

mod custom;
mod family;
pub(crate) mod gateway;

pub use custom::{InvalidTopics, Topics};
pub use family::TopicFamily;

pub(crate) use custom::{Answers, DeviceTopics};

use alloc::format;

use super::PackageType;
use crate::codec::Topic;

/// Telemetry, up.
pub(crate) const TELEMETRY: &str = "v1/devices/me/telemetry";
/// Client attributes up, changes of shared attributes down; also the filter of the latter.
pub(crate) const ATTRIBUTES: &str = "v1/devices/me/attributes";
/// Claiming, up; there is no short form.
pub(crate) const CLAIM: &str = "v1/devices/me/claim";
/// A request for provisioning, up.
pub(crate) const PROVISION_REQUEST: &str = "/provision/request";
/// The answer to it; also its filter.
pub(crate) const PROVISION_RESPONSE: &str = "/provision/response";

/// Telemetry in JSON, whatever the format of the profile.
pub(crate) const JSON_TELEMETRY: &str = "v2/t/j";
/// Where the server says that it hands out no chunks, of software neither (C-122).
pub(crate) const UPDATE_ERRORS: &str = "v2/fw/error";

const RPC_REQUEST: &str = "v1/devices/me/rpc/request/";

/// Where the server is asked for its limits, whatever family is spoken otherwise: on the short topics
/// the question is a call like any other (C-102).
pub(crate) fn session_limits_request(request: i32) -> Topic {
    numbered(RPC_REQUEST, request)
}

/// Whether a filter brings answers to requests, or what is for children: the core of the server never hears of it (TB §T.6).
pub(crate) fn is_for_answers(filter: &str) -> bool {
    const ANSWERS: [&str; 5] = [
        "v1/gateway/",
        "v1/devices/me/attributes/response/",
        "v1/devices/me/rpc/response/",
        "v2/a/res/",
        "v2/r/res/",
    ];
    ANSWERS.iter().any(|prefix| filter.starts_with(prefix))
}

/// Filter of the chunks of a package.
pub(crate) const fn chunks(package_type: PackageType) -> &'static str {
    match package_type {
        PackageType::Firmware => "v2/fw/response/+/chunk/+",
        PackageType::Software => "v2/sw/response/+/chunk/+",
    }
}

/// Where chunk `chunk` is asked for under the download's number. These topics have no v1 form.
pub(crate) fn chunk_request(package_type: PackageType, request: i32, chunk: u32) -> Topic {
    let short = package_type.short();
    // Letters, slashes and digits make a topic.
    Topic::new(&format!("v2/{short}/request/{request}/chunk/{chunk}"))
        .unwrap_or(Topic::from_static(TELEMETRY))
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
    /// A chunk of a package.
    Chunk {
        package_type: PackageType,
        request: i32,
        chunk: u32,
    },
    /// The server hands out no chunks, and closes the connection.
    UpdateError,
    /// Shared attributes of a child changed or were deleted.
    ChildAttributeUpdate,
    /// The answer to an attribute request for a child.
    ChildAttributeResponse,
    /// The server calls a child.
    ChildRpcRequest,
    /// The server has disconnected a child, or says so.
    ChildDisconnected,
    /// Nothing that this client knows.
    Unknown,
}

/// The prefix of a topic, and what it is about given the id behind it.
type Numbered = (&'static str, fn(i32) -> Downlink);

/// Prefix of each kind; what follows it is the id. A topic that names its format (`/j/`, `/p/`) does
/// not fit the prefix without: a letter is no id. Payloads say themselves which format they are in.
const NUMBERED: [Numbered; 12] = [
    (RPC_REQUEST, |id| Downlink::RpcRequest { id }),
    ("v1/devices/me/rpc/response/", RPC_RESPONSE),
    ("v1/devices/me/attributes/response/", ATTRIBUTE_RESPONSE),
    ("v2/a/res/", ATTRIBUTE_RESPONSE),
    ("v2/a/res/j/", ATTRIBUTE_RESPONSE),
    ("v2/a/res/p/", ATTRIBUTE_RESPONSE),
    ("v2/r/req/", |id| Downlink::RpcRequest { id }),
    ("v2/r/req/j/", |id| Downlink::RpcRequest { id }),
    ("v2/r/req/p/", |id| Downlink::RpcRequest { id }),
    ("v2/r/res/", RPC_RESPONSE),
    ("v2/r/res/j/", RPC_RESPONSE),
    ("v2/r/res/p/", RPC_RESPONSE),
];

const RPC_RESPONSE: fn(i32) -> Downlink = |request| Downlink::RpcResponse { request };
const ATTRIBUTE_RESPONSE: fn(i32) -> Downlink = |request| Downlink::AttributeResponse { request };

/// What a publish on `topic` is about.
pub(crate) fn route(topic: &str) -> Downlink {
    if matches!(topic, ATTRIBUTES | "v2/a" | "v2/a/j" | "v2/a/p") {
        return Downlink::AttributeUpdate;
    }
    NUMBERED
        .iter()
        .find_map(|(prefix, downlink)| Some(downlink(id(topic.strip_prefix(prefix)?)?)))
        .or_else(|| update(topic))
        .or_else(|| gateway::route(topic))
        .unwrap_or(Downlink::Unknown)
}

/// The topics of firmware and software.
fn update(topic: &str) -> Option<Downlink> {
    let topic = topic.strip_prefix("v2/")?;
    let (package_type, topic) = PackageType::ALL
        .into_iter()
        .find_map(|it| Some((it, topic.strip_prefix(it.short())?)))?;
    if topic == "/error" {
        return Some(Downlink::UpdateError);
    }
    let (request, chunk) = topic.strip_prefix("/response/")?.split_once("/chunk/")?;
    Some(Downlink::Chunk {
        package_type,
        request: id(request)?,
        chunk: u32::try_from(id(chunk)?).ok()?,
    })
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
    use proptest::prelude::*;

    #[test]
    fn every_downlink_of_both_families_is_recognised() {
        let response = |request| Downlink::AttributeResponse { request };
        let call = |id| Downlink::RpcRequest { id };
        let answer = |request| Downlink::RpcResponse { request };
        let chunk = |package_type, request, chunk| Downlink::Chunk {
            package_type,
            request,
            chunk,
        };
        for (topic, expected) in [
            ("v1/devices/me/attributes", Downlink::AttributeUpdate),
            ("v2/a", Downlink::AttributeUpdate),
            ("v2/a/j", Downlink::AttributeUpdate),
            ("v2/a/p", Downlink::AttributeUpdate),
            ("v1/devices/me/attributes/response/7", response(7)),
            ("v2/a/res/8", response(8)),
            ("v2/a/res/j/9", response(9)),
            ("v2/a/res/p/10", response(10)),
            ("v1/devices/me/rpc/request/0", call(0)),
            ("v2/r/req/2147483647", call(i32::MAX)),
            ("v2/r/req/j/3", call(3)),
            ("v2/r/req/p/4", call(4)),
            ("v1/devices/me/rpc/response/-5", answer(-5)),
            ("v2/r/res/1", answer(1)),
            ("v2/r/res/j/007", answer(7)),
            ("v2/fw/error", Downlink::UpdateError),
            ("v2/sw/error", Downlink::UpdateError),
            (
                "v2/fw/response/3/chunk/0",
                chunk(PackageType::Firmware, 3, 0),
            ),
            (
                "v2/sw/response/2147483647/chunk/2147483647",
                chunk(PackageType::Software, i32::MAX, i32::MAX as u32),
            ),
            ("v2/r/res/p/-1", answer(-1)),
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
            "v2/a/x",
            "v2/a/res/x/1",
            "v2/r/req/j/",
            "v2/r/req/j/p/1",
            "v2/r/req/j/j/1",
            "V2/a",
            "v2/fw/response/1",
            "v2/fw/response/1/chunk/",
            "v2/fw/response/1/chunk/-1",
            "v2/fw/response/1/chunk/1/2",
            "v2/fw/response//chunk/1",
            "v2/fw/request/1/chunk/1",
            "v2/hw/error",
            "v2/fw/error/1",
        ] {
            assert_eq!(route(topic), Downlink::Unknown, "{topic}");
        }
    }

    #[test]
    fn a_chunk_is_asked_for_by_number() {
        use alloc::string::ToString;

        assert_eq!(
            chunk_request(PackageType::Software, 7, 12).to_string(),
            "v2/sw/request/7/chunk/12"
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
