use core::fmt;

use super::InvalidPayload;
use super::protobuf::is_field_number;

/// In which format a device speaks with the server: that of its device profile (TB §11.1).
///
/// A connection speaks one. What is in the other is refused before it is accepted
/// ([`InvalidPayload::JsonOnProtobuf`](crate::InvalidPayload::JsonOnProtobuf),
/// [`InvalidPayload::ProtobufOnJson`](crate::InvalidPayload::ProtobufOnJson)). Coming from the server,
/// both are understood: a profile can be set to send JSON on the v1 topics although it takes protobuf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadFormat {
    /// JSON (the default).
    #[default]
    Json,
    /// Protobuf. Telemetry and attributes are messages of the profile's schemas, made by the
    /// application: [`Telemetry::protobuf`](crate::Telemetry::protobuf),
    /// [`Attributes::protobuf`](crate::Attributes::protobuf). Claims, attribute requests, answers,
    /// changes and calls to the server are fixed messages of ThingsBoard: the same calls and the same
    /// types as with JSON serve for them. The server's calls and the replies to them are taken to be of
    /// the schemas that a profile has unless they are changed; see [`Params`](crate::Params) and
    /// [`RpcReply`](crate::RpcReply).
    Protobuf {
        /// The number of the field `ts` in the profile's telemetry schema, from 1 to 536,870,911.
        ///
        /// A schema can only state a time if its root message has a field `optional int64 ts` and a
        /// field `values` that is a message (TB §11.4). With this number, telemetry that was given no
        /// time gets the time of its acceptance written in front of it, as with JSON; a time that the
        /// message has of its own holds. `None`: messages are sent as they are, and the server takes
        /// the time of arrival for those without one.
        ///
        /// **A message of such a schema must not stay without a time**: the server then stores
        /// everything in `values` as a single value of that name. It stays without one when no
        /// plausible wall clock came in time
        /// ([`Config::wall_clock_wait`](crate::Config::wall_clock_wait), counted in
        /// [`Event::Unstamped`](crate::Event::Unstamped)), or with
        /// [`Telemetry::unstamped`](crate::Telemetry::unstamped) or
        /// [`Config::stamp(false)`](crate::Config::stamp).
        ts_field: Option<u32>,
    },
}

impl PayloadFormat {
    /// Whether the format can be spoken.
    pub(crate) fn check(self) -> Result<(), InvalidTsField> {
        match self {
            Self::Protobuf {
                ts_field: Some(number),
            } if !is_field_number(number) => Err(InvalidTsField { number }),
            _ => Ok(()),
        }
    }

    /// Whether it is JSON.
    pub(crate) const fn is_json(self) -> bool {
        matches!(self, Self::Json)
    }

    /// Where the time of a protobuf message goes.
    pub(crate) const fn ts_field(self) -> Option<u32> {
        match self {
            Self::Json => None,
            Self::Protobuf { ts_field } => ts_field,
        }
    }
}

/// No field of a protobuf message has this number: it is outside 1 to 536,870,911, or one of 19,000 to
/// 19,999, which protobuf keeps for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidTsField {
    /// The number.
    pub number: u32,
}

impl fmt::Display for InvalidTsField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no field of a protobuf message has the number {}; give that of `ts` in the telemetry schema",
            self.number
        )
    }
}

impl core::error::Error for InvalidTsField {}

/// What the bytes of a payload are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Protobuf,
}

impl Encoding {
    /// Whether a connection that speaks `format` takes it.
    pub(crate) const fn check(self, format: PayloadFormat) -> Result<(), InvalidPayload> {
        match (self, format) {
            (Self::Json, PayloadFormat::Json)
            | (Self::Protobuf, PayloadFormat::Protobuf { .. }) => Ok(()),
            (Self::Json, PayloadFormat::Protobuf { .. }) => Err(InvalidPayload::JsonOnProtobuf),
            (Self::Protobuf, PayloadFormat::Json) => Err(InvalidPayload::ProtobufOnJson),
        }
    }
}
