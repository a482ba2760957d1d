//! Payload formats: which one a topic takes, and which one it brings (reference §11.3).

use super::backend::DeviceId;
use super::failures::Failure;
use super::protobuf::Schema;
use super::setup::{PayloadType, ProfileSetup};
use super::simulator::Simulator;
use super::topics::Family;

/// The payload format of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Protobuf,
}

/// What a device profile says about payloads.
#[derive(Clone, Debug)]
pub(super) enum Payloads {
    Json,
    Protobuf(Box<ProtobufPayloads>),
}

/// The schemas of a profile and its two switches. A schema that is missing or that cannot be read makes
/// its messages fail.
#[derive(Clone, Debug)]
pub(super) struct ProtobufPayloads {
    pub(super) telemetry: Option<Schema>,
    pub(super) attributes: Option<Schema>,
    pub(super) rpc_request: Option<Schema>,
    pub(super) rpc_response: Option<Schema>,
    /// What is no protobuf is tried as JSON.
    json_compat: bool,
    /// The v1 topics bring JSON.
    json_downlink: bool,
}

const DEFAULT_TELEMETRY: &str =
    "message Telemetry { optional double temperature = 1; optional double humidity = 2; }";
const DEFAULT_ATTRIBUTES: &str =
    "message Attributes { optional string firmwareVersion = 1; optional string serialNumber = 2; }";

impl Payloads {
    pub(super) fn new(setup: &ProfileSetup) -> Self {
        let schema = |text: Option<&str>| Schema::parse(text?).ok();
        match setup.payload {
            PayloadType::Json => Self::Json,
            PayloadType::Protobuf => Self::Protobuf(Box::new(ProtobufPayloads {
                telemetry: schema(setup.telemetry_proto.as_deref().or(Some(DEFAULT_TELEMETRY))),
                attributes: schema(
                    setup
                        .attributes_proto
                        .as_deref()
                        .or(Some(DEFAULT_ATTRIBUTES)),
                ),
                rpc_request: schema(setup.rpc_request_proto.as_deref()),
                rpc_response: schema(setup.rpc_response_proto.as_deref()),
                json_compat: setup.json_compat,
                json_downlink: setup.json_compat && setup.json_downlink,
            })),
        }
    }

    /// A JSON profile has no schemas.
    pub(super) const fn protobuf(&self) -> Option<&ProtobufPayloads> {
        match self {
            Self::Json => None,
            Self::Protobuf(payloads) => Some(payloads),
        }
    }
}

impl Simulator {
    /// Formats in which an uplink is tried, one after the other.
    pub(super) fn uplink_formats(&self, device: DeviceId, family: Family) -> &'static [Format] {
        match (family, &self.backend.profile_of(device).payloads) {
            (Family::V2Json, _) | (Family::V1 | Family::V2, Payloads::Json) => &[Format::Json],
            (Family::V1 | Family::V2, Payloads::Protobuf(payloads)) if payloads.json_compat => {
                &[Format::Protobuf, Format::Json]
            }
            (Family::V2Proto, _) | (Family::V1 | Family::V2, Payloads::Protobuf(_)) => {
                &[Format::Protobuf]
            }
        }
    }

    pub(super) fn downlink_format(&self, device: DeviceId, family: Family) -> Format {
        match (family, &self.backend.profile_of(device).payloads) {
            (Family::V2Json, _) | (Family::V1 | Family::V2, Payloads::Json) => Format::Json,
            (Family::V1, Payloads::Protobuf(payloads)) if payloads.json_downlink => Format::Json,
            (Family::V2Proto, _) | (Family::V1 | Family::V2, Payloads::Protobuf(_)) => {
                Format::Protobuf
            }
        }
    }

    /// Reads an uplink in the first format in which it is none of class A.
    pub(super) fn read_uplink<T>(
        &self,
        device: DeviceId,
        family: Family,
        read: impl Fn(Format) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let formats = self.uplink_formats(device, family).iter();
        let mut outcomes = formats.map(|&format| read(format));
        outcomes
            .find(|outcome| !matches!(outcome, Err(Failure::Adaptor)))
            .unwrap_or(Err(Failure::Adaptor))
    }

    pub(super) fn protobuf_payloads(&self, device: DeviceId) -> Option<&ProtobufPayloads> {
        self.backend.profile_of(device).payloads.protobuf()
    }
}
