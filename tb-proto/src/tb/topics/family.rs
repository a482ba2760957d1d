use crate::tb::PayloadFormat;

/// Which of ThingsBoard's sets of topics a device speaks on (TB §T).
///
/// A connection uses one of them. Answers are taken on any: the server sends them on the one that was
/// used last (C-076). Claims and the question for the server's limits are on a v1 topic always; there
/// is no other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TopicFamily {
    /// `v1/devices/me/telemetry` and so on, in the payload format of the device profile (the default).
    #[default]
    V1,
    /// The short topics: `v2/t` for telemetry, some twenty bytes less in every message. In the payload
    /// format of the device profile; no set-up on the server is needed.
    V2,
    /// The short topics that name the format: `v2/t/j` with [`PayloadFormat::Json`], `v2/t/p` with
    /// [`PayloadFormat::Protobuf`], whatever the format of the device profile is.
    ///
    /// That makes a device speak JSON whose profile is for protobuf. A claim and the question for the
    /// server's limits have no such topic and are refused there; on MQTT 3.1.1, where a refusal closes the
    /// connection, switch the latter off
    /// ([`ask_session_limits`](crate::Config::ask_session_limits)). In protobuf it adds nothing: on a JSON profile the server has no schema for
    /// telemetry and attributes and refuses them (TB §11.3).
    V2Explicit,
}

impl TopicFamily {
    pub(super) const fn names(self, format: PayloadFormat) -> &'static Names {
        match (self, format) {
            (Self::V1, _) => &V1,
            (Self::V2, _) => &V2,
            (Self::V2Explicit, PayloadFormat::Json) => &V2_JSON,
            (Self::V2Explicit, PayloadFormat::Protobuf { .. }) => &V2_PROTOBUF,
        }
    }
}

/// The topics and filters of a family. Prefixes end before the number of the request.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) telemetry: &'static str,
    /// Also the filter of changes.
    pub(super) attributes: &'static str,
    pub(super) attribute_request: &'static str,
    pub(super) attribute_responses: &'static str,
    pub(super) rpc_request: &'static str,
    pub(super) rpc_requests: &'static str,
    pub(super) rpc_response: &'static str,
    pub(super) rpc_responses: &'static str,
}

pub(super) const V1: Names = Names {
    telemetry: super::TELEMETRY,
    attributes: super::ATTRIBUTES,
    attribute_request: "v1/devices/me/attributes/request/",
    attribute_responses: "v1/devices/me/attributes/response/+",
    rpc_request: super::RPC_REQUEST,
    rpc_requests: "v1/devices/me/rpc/request/+",
    rpc_response: "v1/devices/me/rpc/response/",
    rpc_responses: "v1/devices/me/rpc/response/+",
};

const V2: Names = Names {
    telemetry: "v2/t",
    attributes: "v2/a",
    attribute_request: "v2/a/req/",
    attribute_responses: "v2/a/res/+",
    rpc_request: "v2/r/req/",
    rpc_requests: "v2/r/req/+",
    rpc_response: "v2/r/res/",
    rpc_responses: "v2/r/res/+",
};

const V2_JSON: Names = Names {
    telemetry: "v2/t/j",
    attributes: "v2/a/j",
    attribute_request: "v2/a/req/j/",
    attribute_responses: "v2/a/res/j/+",
    rpc_request: "v2/r/req/j/",
    rpc_requests: "v2/r/req/j/+",
    rpc_response: "v2/r/res/j/",
    rpc_responses: "v2/r/res/j/+",
};

const V2_PROTOBUF: Names = Names {
    telemetry: "v2/t/p",
    attributes: "v2/a/p",
    attribute_request: "v2/a/req/p/",
    attribute_responses: "v2/a/res/p/+",
    rpc_request: "v2/r/req/p/",
    rpc_requests: "v2/r/req/p/+",
    rpc_response: "v2/r/res/p/",
    rpc_responses: "v2/r/res/p/+",
};
