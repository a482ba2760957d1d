//! PUBLISH from the server.
//!
//! Read here and not by `mqttbytes`, which refuses packet identifier 0 (C-043), takes part of the
//! properties for payload after two Subscription Identifiers, and keeps the whole receive buffer
//! alive for one payload.

use super::incoming::ReceivedTopic;
use super::properties::{self, Allowed, field};
use super::{Malformed, ProtocolVersion, QoS, topic};

/// What precedes the payload in the body of a PUBLISH.
pub(super) struct Head {
    pub(super) topic: ReceivedTopic,
    /// 0 at QoS 0.
    pub(super) packet_id: u16,
    /// The payload is all the rest of the body.
    pub(super) payload_len: usize,
}

impl Head {
    pub(super) fn read(body: &[u8], qos: QoS, version: ProtocolVersion) -> Result<Self, Malformed> {
        let (name, rest) = field(body)?;
        let name = topic_name(name)?;
        let (packet_id, rest) = match qos {
            QoS::AtMostOnce => (0, rest),
            QoS::AtLeastOnce => packet_identifier(rest)?,
        };
        let payload = match version {
            ProtocolVersion::V3_1_1 => rest,
            ProtocolVersion::V5 => {
                let (block, payload) = properties::split(rest)?;
                Allowed::PUBLISH.check(block)?;
                payload
            }
        };
        Ok(Self {
            topic: ReceivedTopic::checked(name),
            packet_id,
            payload_len: payload.len(),
        })
    }
}

/// The two bytes of a packet identifier, which may be 0 here (C-043), and what follows them.
fn packet_identifier(bytes: &[u8]) -> Result<(u16, &[u8]), Malformed> {
    let (id, rest) = bytes.split_first_chunk::<2>().ok_or(Malformed::CutShort)?;
    Ok((u16::from_be_bytes(*id), rest))
}

/// The topic of a message. An empty one would need a topic alias, and we allow none.
pub(super) fn topic_name(bytes: &[u8]) -> Result<&str, Malformed> {
    let name = core::str::from_utf8(bytes).map_err(|_| Malformed::Text)?;
    topic::check(name).map_err(Malformed::Topic)?;
    Ok(name)
}
