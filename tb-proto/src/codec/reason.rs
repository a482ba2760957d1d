//! The reason codes of MQTT 5 and the return codes of MQTT 3.1.1.

use core::fmt;

/// A reason code of MQTT 5, from CONNACK, PUBACK, SUBACK, UNSUBACK or DISCONNECT.
///
/// A server can send a number that is not named here: [`is_error`](Self::is_error) tells the two
/// halves apart whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonCode(u8);

impl ReasonCode {
    /// Success; in SUBACK granted QoS 0, in DISCONNECT normal disconnection.
    pub const SUCCESS: Self = Self(0x00);
    /// Granted QoS 1.
    pub const GRANTED_QOS_1: Self = Self(0x01);
    /// Granted QoS 2.
    pub const GRANTED_QOS_2: Self = Self(0x02);
    /// The message was accepted, but nobody had subscribed to it.
    pub const NO_MATCHING_SUBSCRIBERS: Self = Self(0x10);
    /// There was nothing to unsubscribe.
    pub const NO_SUBSCRIPTION_EXISTED: Self = Self(0x11);
    /// The server does not say why, or no other code fits.
    pub const UNSPECIFIED_ERROR: Self = Self(0x80);
    /// A packet could not be read.
    pub const MALFORMED_PACKET: Self = Self(0x81);
    /// A packet was not allowed at this moment or in this form.
    pub const PROTOCOL_ERROR: Self = Self(0x82);
    /// The packet is valid, but this server does not take it.
    pub const IMPLEMENTATION_SPECIFIC_ERROR: Self = Self(0x83);
    /// The server does not speak this version of MQTT.
    pub const UNSUPPORTED_PROTOCOL_VERSION: Self = Self(0x84);
    /// The server does not take this client identifier.
    pub const CLIENT_IDENTIFIER_NOT_VALID: Self = Self(0x85);
    /// The server does not know this user name (an access token) or password.
    pub const BAD_USER_NAME_OR_PASSWORD: Self = Self(0x86);
    /// The client may not do this.
    pub const NOT_AUTHORIZED: Self = Self(0x87);
    /// The server cannot serve at present.
    pub const SERVER_UNAVAILABLE: Self = Self(0x88);
    /// The server has too much to do; try later.
    pub const SERVER_BUSY: Self = Self(0x89);
    /// An administrator has shut this client out.
    pub const BANNED: Self = Self(0x8A);
    /// The server says that it shuts down; ThingsBoard also says it for other causes.
    pub const SERVER_SHUTTING_DOWN: Self = Self(0x8B);
    /// The authentication method is not supported.
    pub const BAD_AUTHENTICATION_METHOD: Self = Self(0x8C);
    /// The server heard nothing for one and a half keep-alive times.
    pub const KEEP_ALIVE_TIMEOUT: Self = Self(0x8D);
    /// Another connection uses the same identity.
    pub const SESSION_TAKEN_OVER: Self = Self(0x8E);
    /// The server does not take this topic filter.
    pub const TOPIC_FILTER_INVALID: Self = Self(0x8F);
    /// The server does not take messages on this topic.
    pub const TOPIC_NAME_INVALID: Self = Self(0x90);
    /// The packet identifier still belongs to another packet.
    pub const PACKET_IDENTIFIER_IN_USE: Self = Self(0x91);
    /// The packet identifier belongs to no packet.
    pub const PACKET_IDENTIFIER_NOT_FOUND: Self = Self(0x92);
    /// More messages were unacknowledged than the server allows.
    pub const RECEIVE_MAXIMUM_EXCEEDED: Self = Self(0x93);
    /// A topic alias was not allowed.
    pub const TOPIC_ALIAS_INVALID: Self = Self(0x94);
    /// A packet was over the maximum packet size.
    pub const PACKET_TOO_LARGE: Self = Self(0x95);
    /// Messages came too fast.
    pub const MESSAGE_RATE_TOO_HIGH: Self = Self(0x96);
    /// A limit of the server or its administrator was exceeded.
    pub const QUOTA_EXCEEDED: Self = Self(0x97);
    /// An administrator ended the connection; ThingsBoard does so when credentials change.
    pub const ADMINISTRATIVE_ACTION: Self = Self(0x98);
    /// The server cannot read the payload.
    pub const PAYLOAD_FORMAT_INVALID: Self = Self(0x99);
    /// The server keeps no messages.
    pub const RETAIN_NOT_SUPPORTED: Self = Self(0x9A);
    /// The server does not support this QoS.
    pub const QOS_NOT_SUPPORTED: Self = Self(0x9B);
    /// The client should use another server for now.
    pub const USE_ANOTHER_SERVER: Self = Self(0x9C);
    /// The client should use another server from now on.
    pub const SERVER_MOVED: Self = Self(0x9D);
    /// The server has no shared subscriptions.
    pub const SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: Self = Self(0x9E);
    /// Connections came too fast.
    pub const CONNECTION_RATE_EXCEEDED: Self = Self(0x9F);
    /// The connection lasted as long as it may.
    pub const MAXIMUM_CONNECT_TIME: Self = Self(0xA0);
    /// The server has no subscription identifiers.
    pub const SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED: Self = Self(0xA1);
    /// The server takes no filters with wildcards.
    pub const WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED: Self = Self(0xA2);

    /// The code with this number.
    pub const fn new(code: u8) -> Self {
        Self(code)
    }

    /// The number on the wire.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Whether it says that something failed: 0x80 and above.
    pub const fn is_error(self) -> bool {
        self.0 >= 0x80
    }

    /// The code of MQTT 5 that says the same as a CONNACK return code of MQTT 3.1.1 (1 to 5; others
    /// stay as they are).
    pub(crate) const fn from_return_code(code: u8) -> Self {
        match code {
            1 => Self::UNSUPPORTED_PROTOCOL_VERSION,
            2 => Self::CLIENT_IDENTIFIER_NOT_VALID,
            3 => Self::SERVER_UNAVAILABLE,
            4 => Self::BAD_USER_NAME_OR_PASSWORD,
            5 => Self::NOT_AUTHORIZED,
            code => Self(code),
        }
    }

    /// The specification's name, in lower case.
    const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::SUCCESS => "success",
            Self::GRANTED_QOS_1 => "granted QoS 1",
            Self::GRANTED_QOS_2 => "granted QoS 2",
            Self::NO_MATCHING_SUBSCRIBERS => "no matching subscribers",
            Self::NO_SUBSCRIPTION_EXISTED => "no subscription existed",
            Self::UNSPECIFIED_ERROR => "unspecified error",
            Self::MALFORMED_PACKET => "malformed packet",
            Self::PROTOCOL_ERROR => "protocol error",
            Self::IMPLEMENTATION_SPECIFIC_ERROR => "implementation specific error",
            Self::UNSUPPORTED_PROTOCOL_VERSION => "unsupported protocol version",
            Self::CLIENT_IDENTIFIER_NOT_VALID => "client identifier not valid",
            Self::BAD_USER_NAME_OR_PASSWORD => "bad user name or password",
            Self::NOT_AUTHORIZED => "not authorized",
            Self::SERVER_UNAVAILABLE => "server unavailable",
            Self::SERVER_BUSY => "server busy",
            Self::BANNED => "banned",
            Self::SERVER_SHUTTING_DOWN => "server shutting down",
            Self::BAD_AUTHENTICATION_METHOD => "bad authentication method",
            Self::KEEP_ALIVE_TIMEOUT => "keep alive timeout",
            Self::SESSION_TAKEN_OVER => "session taken over",
            Self::TOPIC_FILTER_INVALID => "topic filter invalid",
            Self::TOPIC_NAME_INVALID => "topic name invalid",
            Self::PACKET_IDENTIFIER_IN_USE => "packet identifier in use",
            Self::PACKET_IDENTIFIER_NOT_FOUND => "packet identifier not found",
            Self::RECEIVE_MAXIMUM_EXCEEDED => "receive maximum exceeded",
            Self::TOPIC_ALIAS_INVALID => "topic alias invalid",
            Self::PACKET_TOO_LARGE => "packet too large",
            Self::MESSAGE_RATE_TOO_HIGH => "message rate too high",
            Self::QUOTA_EXCEEDED => "quota exceeded",
            Self::ADMINISTRATIVE_ACTION => "administrative action",
            Self::PAYLOAD_FORMAT_INVALID => "payload format invalid",
            Self::RETAIN_NOT_SUPPORTED => "retain not supported",
            Self::QOS_NOT_SUPPORTED => "QoS not supported",
            Self::USE_ANOTHER_SERVER => "use another server",
            Self::SERVER_MOVED => "server moved",
            Self::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED => "shared subscriptions not supported",
            Self::CONNECTION_RATE_EXCEEDED => "connection rate exceeded",
            Self::MAXIMUM_CONNECT_TIME => "maximum connect time",
            Self::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED => {
                "subscription identifiers not supported"
            }
            Self::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED => "wildcard subscriptions not supported",
            _ => return None,
        })
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name().unwrap_or("unknown reason");
        write!(f, "{name} (0x{:02X})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_code_shows_its_name_and_its_number() {
        assert_eq!(
            ReasonCode::NOT_AUTHORIZED.to_string(),
            "not authorized (0x87)"
        );
        assert_eq!(ReasonCode::new(0xC0).to_string(), "unknown reason (0xC0)");
    }

    #[test]
    fn an_unknown_code_of_the_upper_half_is_an_error_too() {
        assert!(ReasonCode::new(0xC0).is_error());
        assert!(ReasonCode::UNSPECIFIED_ERROR.is_error());
        assert!(!ReasonCode::new(0x7F).is_error());
    }

    #[test]
    fn the_return_codes_of_the_old_version_say_the_same_as_reason_codes() {
        let reasons = [1, 2, 3, 4, 5].map(|code| ReasonCode::from_return_code(code).get());
        assert_eq!(reasons, [0x84, 0x85, 0x88, 0x86, 0x87]);
        assert_eq!(ReasonCode::from_return_code(0), ReasonCode::SUCCESS);
    }
}
