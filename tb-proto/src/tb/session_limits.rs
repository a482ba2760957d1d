//! What the server says of its limits: the answer to `getSessionLimits` (TB §5.2).

use alloc::string::String;

use serde_json::{Map, Value};

use crate::mqtt::{RateLimit, RateLimits};

/// The limits that the server told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionLimits {
    /// The largest *remaining length* of a packet in bytes (TB §14.1).
    pub(crate) max_packet_size: Option<usize>,
    pub(crate) rates: RateLimits,
    /// Those of the children of a gateway together.
    pub(crate) children: RateLimits,
}

/// Reads the answer. `None` if it tells no limits: an older server answers with an error, and another
/// one might answer anything. `maxInflightMessages` bounds what precedes CONNACK, and nothing does.
pub(crate) fn parse(answer: &[u8]) -> Option<SessionLimits> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let rates = answer.get("rateLimits")?.as_object()?;
    let children = answer.get("gatewayRateLimits").and_then(Value::as_object);
    // A limit that cannot be read limits nothing, as in the server.
    let limit = |limits: &Map<String, Value>, name| -> RateLimit {
        let text = limits.get(name).and_then(Value::as_str);
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    };
    let all = |limits| RateLimits {
        messages: limit(limits, "messages"),
        telemetry_messages: limit(limits, "telemetryMessages"),
        data_points: limit(limits, "telemetryDataPoints"),
    };
    let max_packet_size = answer.get("maxPayloadSize").and_then(Value::as_u64);
    Some(SessionLimits {
        max_packet_size: max_packet_size
            .and_then(|size| usize::try_from(size).ok())
            .filter(|&size| size > 0),
        rates: all(rates),
        children: children.map(all).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn the_answer_of_the_reference_is_read() {
        let answer = br#"{"maxPayloadSize":65536,"maxInflightMessages":100,"rateLimits":{"messages":"20:1,600:60","telemetryMessages":null,"telemetryDataPoints":""}}"#;
        let limits = parse(answer).unwrap();
        assert_eq!(limits.max_packet_size, Some(65_536));
        assert_eq!(limits.rates.messages.to_string(), "20:1,600:60");
        assert!(limits.rates.telemetry_messages.is_unlimited());
        assert!(limits.rates.data_points.is_unlimited());
        assert!(limits.children.are_unlimited());
    }

    #[test]
    fn a_gateway_is_told_the_limits_of_its_children_too() {
        let answer = br#"{"rateLimits":{"messages":null},"gatewayRateLimits":{"messages":"100:1","telemetryDataPoints":"5000:1"}}"#;
        let limits = parse(answer).unwrap();
        assert!(limits.rates.are_unlimited());
        assert_eq!(limits.children.messages.to_string(), "100:1");
        assert_eq!(limits.children.data_points.to_string(), "5000:1");
    }

    #[test]
    fn an_error_tells_no_limits() {
        for answer in [
            &br#"{"error":"timeout"}"#[..],
            b"",
            b"[]",
            b"null",
            br#"{"rateLimits":7}"#,
        ] {
            assert_eq!(parse(answer), None);
        }
    }
}
