//! Whether packets that a server sent are those that were recorded.

use core::fmt;

use serde_json::Value;

use super::exchange::{Expected, Protocol};
use super::json::json_agrees;
use super::long_form::DescribedPublish;
use super::packet::PacketView;
use super::protobuf;
use super::template::Template;

/// Where the packets of a step differ from those recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// A packet that was recorded and did not come, readable.
    pub missing: Option<String>,
    /// A packet that came instead, or too much, readable.
    pub surplus: Option<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.missing, &self.surplus) {
            (Some(missing), Some(surplus)) => write!(f, "recorded {missing}, but came {surplus}"),
            (Some(missing), None) => write!(f, "recorded {missing}, but nothing came"),
            (None, Some(surplus)) => write!(f, "nothing more recorded, but came {surplus}"),
            (None, None) => f.write_str("packet identifiers differ"),
        }
    }
}

/// Compares packets one by one.
pub fn compare_in_order(
    expected: &[Expected],
    actual: &[Vec<u8>],
    protocol: Protocol,
) -> Result<(), Mismatch> {
    for place in 0..expected.len().max(actual.len()) {
        let (expected, actual) = (expected.get(place), actual.get(place));
        if let (Some(expected), Some(actual)) = (expected, actual)
            && agrees(expected, actual, protocol, Identifiers::Compared)
        {
            continue;
        }
        return Err(Mismatch {
            missing: expected.map(|expected| describe(expected, protocol)),
            surplus: actual.map(|actual| PacketView::new(actual, protocol).to_string()),
        });
    }
    Ok(())
}

/// Compares packets as a set. The server gives packet identifiers to its publishes in the order of
/// its threads, so these are compared as a set of their own.
pub fn compare_in_any_order(
    expected: &[Expected],
    actual: &[Vec<u8>],
    protocol: Protocol,
) -> Result<(), Mismatch> {
    let mut unclaimed: Vec<&Vec<u8>> = actual.iter().collect();
    let mut missing = None;
    for expected in expected {
        let found = unclaimed
            .iter()
            .position(|actual| agrees(expected, actual, protocol, Identifiers::Ignored));
        match found {
            Some(place) => {
                unclaimed.remove(place);
            }
            None => missing = missing.or_else(|| Some(describe(expected, protocol))),
        }
    }
    if missing.is_some() || !unclaimed.is_empty() {
        let surplus = unclaimed
            .first()
            .map(|actual| PacketView::new(actual, protocol).to_string());
        return Err(Mismatch { missing, surplus });
    }
    let mut recorded: Vec<_> = expected
        .iter()
        .map(|expected| publish_id(expected, protocol))
        .collect();
    let mut given: Vec<_> = actual
        .iter()
        .map(|actual| PacketView::new(actual, protocol).publish()?.packet_id)
        .collect();
    recorded.sort_unstable();
    given.sort_unstable();
    if recorded == given {
        Ok(())
    } else {
        Err(Mismatch {
            missing: None,
            surplus: None,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Identifiers {
    Compared,
    Ignored,
}

fn agrees(expected: &Expected, actual: &[u8], protocol: Protocol, ids: Identifiers) -> bool {
    match expected {
        Expected::Bytes(template) => {
            template.matches(actual) || publish_agrees(template, actual, protocol, ids)
        }
        Expected::Described(publish) => described_agrees(publish, actual, protocol, ids),
    }
}

/// Everything before the payload exactly, JSON objects and arrays by value, other payloads exactly.
fn publish_agrees(
    template: &Template,
    actual: &[u8],
    protocol: Protocol,
    ids: Identifiers,
) -> bool {
    let recorded = PacketView::new(template.bytes(), protocol);
    let (Some(recorded), Some(actual)) = (
        recorded.publish(),
        PacketView::new(actual, protocol).publish(),
    ) else {
        return false;
    };
    let payload = template.tail(template.bytes().len() - recorded.payload.len());
    recorded.flags == actual.flags
        && recorded.topic == actual.topic
        && recorded.properties == actual.properties
        && (ids == Identifiers::Ignored || recorded.packet_id == actual.packet_id)
        && match payload.text().and_then(|text| structured(&text)) {
            Some(recorded) => serde_json::from_slice(actual.payload)
                .is_ok_and(|actual: Value| json_agrees(&recorded, &actual)),
            None => payload.matches(actual.payload),
        }
}

/// A payload counts as JSON if it is an object or an array.
fn structured(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}

fn described_agrees(
    recorded: &DescribedPublish,
    actual: &[u8],
    protocol: Protocol,
    ids: Identifiers,
) -> bool {
    PacketView::new(actual, protocol)
        .publish()
        .is_some_and(|actual| {
            actual.topic == recorded.topic.as_bytes()
                && actual.flags == recorded.flags()
                && actual.properties.unwrap_or_default().is_empty()
                && (ids == Identifiers::Ignored || actual.packet_id == recorded.packet_id)
                && protobuf::agrees(&recorded.protobuf, actual.payload)
        })
}

fn publish_id(expected: &Expected, protocol: Protocol) -> Option<u16> {
    match expected {
        Expected::Bytes(template) => {
            PacketView::new(template.bytes(), protocol)
                .publish()?
                .packet_id
        }
        Expected::Described(publish) => publish.packet_id,
    }
}

fn describe(expected: &Expected, protocol: Protocol) -> String {
    match expected {
        Expected::Bytes(template) => PacketView::new(template.bytes(), protocol).to_string(),
        Expected::Described(publish) => {
            format!(
                "PUBLISH {:?} qos {} {}",
                publish.topic, publish.qos, publish.protobuf
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::notation;
    use crate::replay::template::PlaceholderLengths;

    fn expected(texts: &[&str]) -> Vec<Expected> {
        let lengths = PlaceholderLengths::from([("generated_token".to_owned(), 3)]);
        let read = |text: &&str| Expected::Bytes(notation::parse(text, &lengths).unwrap());
        texts.iter().map(read).collect()
    }

    fn actual(packets: &[&[u8]]) -> Vec<Vec<u8>> {
        packets.iter().map(|packet| packet.to_vec()).collect()
    }

    const V311: Protocol = Protocol::V311;

    #[test]
    fn json_is_compared_by_value() {
        let expected = expected(&["<3210 0001>t<0001>{\"a\":1,\"b\":2}"]);
        let spelled = actual(&[b"\x32\x14\x00\x01t\x00\x01{ \"b\":2, \"a\":1 }"]);
        assert_eq!(compare_in_order(&expected, &spelled, V311), Ok(()));
        let other = actual(&[b"\x32\x10\x00\x01t\x00\x01{\"a\":1,\"b\":3}"]);
        assert!(compare_in_order(&expected, &other, V311).is_err());
    }

    #[test]
    fn what_is_no_object_is_compared_byte_by_byte() {
        let expected = expected(&["<3005 0001>t<31 20>"]);
        assert!(compare_in_order(&expected, &actual(&[b"\x30\x04\x00\x01t1"]), V311).is_err());
        assert_eq!(
            compare_in_order(&expected, &actual(&[b"\x30\x05\x00\x01t1 "]), V311),
            Ok(())
        );
    }

    #[test]
    fn flags_topic_and_identifier_have_to_be_the_same() {
        let expected = expected(&["<3207 0001>t<0001>{}"]);
        for other in [
            &b"\x30\x05\x00\x01t{}"[..],
            b"\x3a\x07\x00\x01t\x00\x01{}",
            b"\x32\x07\x00\x01u\x00\x01{}",
            b"\x32\x07\x00\x01t\x00\x02{}",
        ] {
            assert!(
                compare_in_order(&expected, &actual(&[other]), V311).is_err(),
                "{other:?}"
            );
        }
    }

    #[test]
    fn properties_have_to_be_the_same() {
        let expected = expected(&["<3208 0001>t<000100>{}"]);
        let with_property = actual(&[b"\x32\x0a\x00\x01t\x00\x01\x02\x01\x01{}"]);
        assert!(compare_in_order(&expected, &with_property, Protocol::V5).is_err());
    }

    #[test]
    fn a_volatile_token_inside_json_takes_any_value() {
        let expected = expected(&["<300f 0001>t{\"c\":\"{{generated_token}}\"}"]);
        let came = actual(&[b"\x30\x0f\x00\x01t{ \"c\":\"aB9\"}"]);
        assert_eq!(compare_in_order(&expected, &came, V311), Ok(()));
    }

    #[test]
    fn any_order_allows_swapped_identifiers_but_not_other_ones() {
        let expected = expected(&["<3207 0001>t<0001>{}", "<3207 0001>u<0002>{}", "<40020007>"]);
        let swapped = actual(&[
            &[0x40, 2, 0, 7],
            b"\x32\x07\x00\x01u\x00\x01{}",
            b"\x32\x07\x00\x01t\x00\x02{}",
        ]);
        assert_eq!(compare_in_any_order(&expected, &swapped, V311), Ok(()));
        assert!(compare_in_order(&expected, &swapped, V311).is_err());
        let other = actual(&[
            &[0x40, 2, 0, 7],
            b"\x32\x07\x00\x01u\x00\x01{}",
            b"\x32\x07\x00\x01t\x00\x01{}",
        ]);
        assert!(compare_in_any_order(&expected, &other, V311).is_err());
    }

    #[test]
    fn missing_and_surplus_packets_are_named() {
        let recorded = expected(&["<40020007>"]);
        let nothing = compare_in_order(&recorded, &[], V311).unwrap_err();
        assert_eq!(
            nothing.to_string(),
            "recorded PUBACK 40020007, but nothing came"
        );
        let more = compare_in_any_order(&[], &actual(&[&[0xd0, 0]]), V311).unwrap_err();
        assert_eq!(
            more.to_string(),
            "nothing more recorded, but came PINGRESP d000"
        );
    }
}
