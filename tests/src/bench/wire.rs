//! As much of MQTT 3.1.1 as the minimal peer and the floor need, trusting the other side.

/// Packet types, as the upper half of the first byte.
pub(super) const CONNECT: u8 = 1;
pub(super) const PUBLISH: u8 = 3;
pub(super) const PUBACK: u8 = 4;
pub(super) const SUBSCRIBE: u8 = 8;
pub(super) const PINGREQ: u8 = 12;

/// A packet within a buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) first: u8,
    pub(super) body: &'a [u8],
}

impl<'a> Packet<'a> {
    /// The first packet of `bytes` and what follows it; none when it is not complete.
    pub(super) fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&first, rest) = bytes.split_first()?;
        let mut length = 0;
        for (index, &byte) in rest.iter().take(4).enumerate() {
            length |= usize::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                let (body, rest) = rest.get(index + 1..)?.split_at_checked(length)?;
                return Some((Self { first, body }, rest));
            }
        }
        None
    }

    pub(super) const fn kind(self) -> u8 {
        self.first >> 4
    }

    pub(super) const fn qos(self) -> u8 {
        (self.first >> 1) & 3
    }

    /// What follows the topic of a PUBLISH or, of any other packet, what follows its packet identifier.
    pub(super) fn identified(self) -> Option<([u8; 2], &'a [u8])> {
        let at = if self.kind() == PUBLISH {
            self.topic_end()?
        } else {
            0
        };
        let (identifier, rest) = self.body.get(at..)?.split_first_chunk()?;
        Some((*identifier, rest))
    }

    fn topic_end(self) -> Option<usize> {
        let (length, _) = self.body.split_first_chunk()?;
        Some(2 + usize::from(u16::from_be_bytes(*length)))
    }
}

/// Appends a PUBLISH; QoS 1 if it has an identifier.
pub(super) fn publish(out: &mut Vec<u8>, topic: &str, identifier: Option<u16>, payload: &[u8]) {
    let identifier_len = if identifier.is_some() { 2 } else { 0 };
    out.push(if identifier.is_some() { 0x32 } else { 0x30 });
    let mut length = 2 + topic.len() + identifier_len + payload.len();
    while length > 0x7f {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(&(topic.len() as u16).to_be_bytes());
    out.extend_from_slice(topic.as_bytes());
    if let Some(identifier) = identifier {
        out.extend_from_slice(&identifier.to_be_bytes());
    }
    out.extend_from_slice(payload);
}

/// The identifier after this one; 0 is none (\[MQTT-2.3.1-1\]).
pub(super) const fn next_identifier(identifier: u16) -> u16 {
    if identifier == u16::MAX {
        1
    } else {
        identifier + 1
    }
}
