//! Packets as the long form of a recording writes them: an object with decoded members, of which
//! only those are read that the bytes need.

use serde::Deserialize;
use serde_json::Value;

use super::exchange::Expected;
use super::notation;
use super::template::{PlaceholderLengths, Template, TemplateError, hexadecimal};

/// The text with `null` for NaN and infinities outside strings: they are no JSON, but stand in members
/// that show what a lenient parser would read. Nothing here looks at those.
pub(crate) fn strict(text: &str) -> String {
    let mut strict = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', 'N', 'I', '-']) {
        let (before, from) = rest.split_at(at);
        strict.push_str(before);
        let not_a_number = ["NaN", "-Infinity", "Infinity"]
            .iter()
            .find_map(|it| from.strip_prefix(it));
        if let Some(after) = not_a_number {
            strict.push_str("null");
            rest = after;
        } else {
            let (token, after) = from.split_at(token_length(from));
            strict.push_str(token);
            rest = after;
        }
    }
    strict.push_str(rest);
    strict
}

/// The length of the string at the start of `text`, quotes included, or of one character.
fn token_length(text: &str) -> usize {
    let mut escaped = true;
    for (at, character) in text.char_indices() {
        match character {
            _ if at == 0 && character != '"' => return character.len_utf8(),
            '"' if !escaped => return at + 1,
            '\\' if !escaped => escaped = true,
            _ => escaped = false,
        }
    }
    text.len()
}

/// A packet in either form.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum RawPacket {
    /// The compact form.
    Notation(String),
    /// The long form.
    Described(Box<RawDescription>),
}

/// The members of the long form that matter.
#[derive(Debug, Deserialize)]
pub(crate) struct RawDescription {
    hex: Option<String>,
    hex_head: Option<String>,
    length: Option<usize>,
    payload_length: Option<usize>,
    payload_parts: Option<Vec<RawPart>>,
    payload_package: Option<RawPackagePart>,
    topic: Option<String>,
    #[serde(default)]
    qos: u8,
    #[serde(default)]
    dup: bool,
    #[serde(default)]
    retain: bool,
    packet_id: Option<u16>,
    payload: Option<RawPayload>,
}

#[derive(Debug, Deserialize)]
struct RawPart {
    text: Option<String>,
    repeat: Option<String>,
    count: Option<usize>,
}

/// A part of a package whose byte `i` is `31 i + 7` modulo 256: every recorded package that is not
/// given as text follows this rule.
#[derive(Debug, Deserialize)]
struct RawPackagePart {
    offset: usize,
    length: usize,
}

#[derive(Debug, Deserialize)]
struct RawPayload {
    protobuf: Option<Value>,
}

/// A publish whose payload has volatile parts of unknown length.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribedPublish {
    /// The topic.
    pub topic: String,
    /// Quality of service.
    pub qos: u8,
    /// The DUP flag.
    pub dup: bool,
    /// The RETAIN flag.
    pub retain: bool,
    /// The packet identifier, with QoS 1.
    pub packet_id: Option<u16>,
    /// The fields of the payload, as a list of `[field number, {kind: value}]`.
    pub protobuf: Value,
}

impl DescribedPublish {
    /// DUP, QoS and RETAIN: the lower half of the first byte.
    pub(crate) fn flags(&self) -> u8 {
        u8::from(self.dup) << 3 | self.qos << 1 | u8::from(self.retain)
    }
}

impl RawPacket {
    /// A packet that the client sends: its bytes have to be known.
    pub(crate) fn sent(&self, lengths: &PlaceholderLengths) -> Result<Template, TemplateError> {
        match self.received(lengths)? {
            Expected::Bytes(template) => Ok(template),
            Expected::Described(_) => Err(TemplateError::Incomplete("its bytes")),
        }
    }

    pub(crate) fn received(&self, lengths: &PlaceholderLengths) -> Result<Expected, TemplateError> {
        match self {
            Self::Notation(text) => notation::parse(text, lengths).map(Expected::Bytes),
            Self::Described(description) => description.read(lengths),
        }
    }
}

impl RawDescription {
    fn read(&self, lengths: &PlaceholderLengths) -> Result<Expected, TemplateError> {
        if let Some(hex) = &self.hex {
            return Template::from_hex(hex, lengths).map(Expected::Bytes);
        }
        if let Some(head) = &self.hex_head {
            return self
                .restored(head)
                .map(|bytes| Expected::Bytes(bytes.into()));
        }
        Ok(Expected::Described(DescribedPublish {
            topic: self
                .topic
                .clone()
                .ok_or(TemplateError::Incomplete("its topic"))?,
            qos: self.qos,
            dup: self.dup,
            retain: self.retain,
            packet_id: self.packet_id,
            protobuf: self
                .payload
                .as_ref()
                .and_then(|payload| payload.protobuf.clone())
                .ok_or(TemplateError::Incomplete("its payload"))?,
        }))
    }

    /// A packet of more than 4096 bytes: its first bytes, and how to make its payload.
    fn restored(&self, head: &str) -> Result<Vec<u8>, TemplateError> {
        let length = self.length.ok_or(TemplateError::Incomplete("its length"))?;
        let payload_length = self
            .payload_length
            .ok_or(TemplateError::Incomplete("the length of its payload"))?;
        let mut bytes = hexadecimal(head)?;
        bytes.truncate(length.saturating_sub(payload_length));
        if let Some(parts) = &self.payload_parts {
            for part in parts {
                bytes.extend(part.bytes()?);
            }
        } else {
            let part = self.payload_package.as_ref();
            let part = part.ok_or(TemplateError::Incomplete("the parts of its payload"))?;
            let indices = part.offset..part.offset.saturating_add(part.length);
            bytes.extend(indices.map(|index| (index as u8).wrapping_mul(31).wrapping_add(7)));
        }
        if bytes.len() == length {
            Ok(bytes)
        } else {
            Err(TemplateError::Incomplete("some bytes"))
        }
    }
}

impl RawPart {
    fn bytes(&self) -> Result<Vec<u8>, TemplateError> {
        match (&self.text, &self.repeat, self.count) {
            (Some(text), _, _) => Ok(text.clone().into_bytes()),
            (None, Some(text), Some(count)) => Ok(text.repeat(count).into_bytes()),
            _ => Err(TemplateError::Incomplete("a part of its payload")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Result<Vec<u8>, TemplateError> {
        let packet: RawPacket = serde_json::from_str(text).unwrap();
        packet
            .sent(&PlaceholderLengths::new())
            .map(|template| template.bytes().to_vec())
    }

    #[test]
    fn numbers_that_json_does_not_have_become_null() {
        assert_eq!(
            strict(r#"[NaN,-Infinity,Infinity,-1]"#),
            "[null,null,null,-1]"
        );
        let text = r#"{"t":"{\"a\":NaN}","\\":"-I\\","n":-2}"#;
        assert_eq!(strict(text), text);
        assert_eq!(strict("\"NaN"), "\"NaN");
    }

    #[test]
    fn both_forms_give_the_same_bytes() {
        let long = bytes(r#"{"packet":"PUBACK","packet_id":7,"hex":"40020007"}"#);
        assert_eq!(long, bytes(r#""<40020007>""#));
        assert_eq!(long, Ok(vec![0x40, 2, 0, 7]));
    }

    #[test]
    fn a_long_packet_is_put_together_from_its_parts() {
        let text = r#"{"hex_head":"300400017478787878","length":8,"payload_length":3,
            "payload_parts":[{"text":"{"},{"repeat":"x","count":1},{"text":"}"}]}"#;
        assert_eq!(bytes(text).unwrap(), b"\x30\x04\x00\x01t{x}");
        let package = r#"{"hex_head":"300400","length":5,"payload_length":2,
            "payload_package":{"package":"fw","offset":1,"length":2}}"#;
        assert_eq!(bytes(package).unwrap(), [0x30, 4, 0, 38, 69]);
    }

    #[test]
    fn parts_that_do_not_add_up_are_refused() {
        let text = r#"{"hex_head":"3004","length":9,"payload_length":7,"payload_parts":[]}"#;
        assert_eq!(bytes(text), Err(TemplateError::Incomplete("some bytes")));
    }

    #[test]
    fn a_publish_without_bytes_is_known_by_its_fields() {
        let text = r#"{"packet":"PUBLISH","topic":"t","qos":1,"packet_id":3,
            "payload":{"protobuf":[[1,{"text":"x"}]]}}"#;
        let packet: RawPacket = serde_json::from_str(text).unwrap();
        let none = PlaceholderLengths::new();
        assert!(
            matches!(packet.received(&none), Ok(Expected::Described(publish)) if publish.topic == "t")
        );
        assert!(packet.sent(&none).is_err());
    }
}
