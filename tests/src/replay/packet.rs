//! A look at MQTT packets that takes whatever comes: what has no sense is shown as bytes.

use core::fmt;

use super::exchange::Protocol;

/// What the start of some bytes is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// A whole packet of that length in bytes, fixed header included.
    Whole(usize),
    /// The start of a packet.
    NeedMore,
    /// A remaining length of more than four bytes [MQTT-2.2.3].
    Malformed,
}

/// Finds the end of the first packet.
pub fn split_packet(bytes: &[u8]) -> Framing {
    let mut remaining = 0_usize;
    for (place, shift) in [(1, 0), (2, 7), (3, 14), (4, 21)] {
        let Some(&byte) = bytes.get(place) else {
            return Framing::NeedMore;
        };
        remaining |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let length = place + 1 + remaining;
            return if bytes.len() < length {
                Framing::NeedMore
            } else {
                Framing::Whole(length)
            };
        }
    }
    Framing::Malformed
}

/// The type of a packet, from the upper half of its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of the standard")]
pub enum Kind {
    Reserved,
    Connect,
    ConnAck,
    Publish,
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    Subscribe,
    SubAck,
    Unsubscribe,
    UnsubAck,
    PingReq,
    PingResp,
    Disconnect,
    Auth,
}

impl Kind {
    /// The type that the first byte of a packet says.
    pub fn of(first: u8) -> Self {
        match first >> 4 {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => Self::Reserved,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Reserved => "RESERVED",
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }
}

/// One whole packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketView<'a> {
    bytes: &'a [u8],
    protocol: Protocol,
}

/// The parts of a PUBLISH, and where in the packet they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishView<'a> {
    /// DUP, QoS and RETAIN: the lower half of the first byte.
    pub flags: u8,
    /// The topic, which need not be UTF-8 here.
    pub topic: &'a [u8],
    /// The packet identifier, with QoS 1 and 2.
    pub packet_id: Option<u16>,
    /// The properties without their length; `None` before MQTT 5.
    pub properties: Option<&'a [u8]>,
    /// The payload.
    pub payload: &'a [u8],
}

impl PublishView<'_> {
    /// Quality of service; 3 is possible here.
    pub fn qos(&self) -> u8 {
        self.flags >> 1 & 3
    }
}

impl<'a> PacketView<'a> {
    /// Looks at a packet that [`split_packet`] found.
    pub fn new(bytes: &'a [u8], protocol: Protocol) -> Self {
        Self { bytes, protocol }
    }

    /// Its type.
    pub fn kind(&self) -> Kind {
        self.bytes
            .first()
            .map_or(Kind::Reserved, |&first| Kind::of(first))
    }

    /// What follows the fixed header.
    pub fn body(&self) -> &'a [u8] {
        let length_bytes = self
            .bytes
            .iter()
            .skip(1)
            .take(4)
            .take_while(|byte| **byte & 0x80 != 0)
            .count();
        self.bytes.get(length_bytes + 2..).unwrap_or_default()
    }

    /// The parts of a PUBLISH; `None` if it is none, or too short to be one.
    pub fn publish(&self) -> Option<PublishView<'a>> {
        if self.kind() != Kind::Publish {
            return None;
        }
        let flags = self.bytes.first()? & 0x0f;
        let (topic, rest) = prefixed(self.body())?;
        let (packet_id, rest) = if flags & 0x06 == 0 {
            (None, rest)
        } else {
            let (id, rest) = rest.split_first_chunk::<2>()?;
            (Some(u16::from_be_bytes(*id)), rest)
        };
        let (properties, payload) = if self.protocol.has_properties() {
            let (length, rest) = variable_length(rest)?;
            let (properties, payload) = rest.split_at_checked(length)?;
            (Some(properties), payload)
        } else {
            (None, rest)
        };
        Some(PublishView {
            flags,
            topic,
            packet_id,
            properties,
            payload,
        })
    }

    /// The packet identifier of whatever packet has one in front, or of a PUBLISH.
    pub fn packet_id(&self) -> Option<u16> {
        match self.kind() {
            Kind::Publish => self.publish()?.packet_id,
            Kind::PubAck
            | Kind::PubRec
            | Kind::PubRel
            | Kind::PubComp
            | Kind::Subscribe
            | Kind::SubAck
            | Kind::Unsubscribe
            | Kind::UnsubAck => self
                .body()
                .first_chunk::<2>()
                .map(|id| u16::from_be_bytes(*id)),
            _ => None,
        }
    }
}

impl fmt::Display for PacketView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(publish) = self.publish() else {
            return write!(f, "{} {}", self.kind().name(), Hexadecimal(self.bytes));
        };
        write!(
            f,
            "PUBLISH {:?} qos {}",
            String::from_utf8_lossy(publish.topic),
            publish.qos()
        )?;
        if publish.flags & 0x08 != 0 {
            f.write_str(" dup")?;
        }
        if publish.flags & 0x01 != 0 {
            f.write_str(" retain")?;
        }
        if let Some(id) = publish.packet_id {
            write!(f, " id {id}")?;
        }
        if let Some(properties) = publish
            .properties
            .filter(|properties| !properties.is_empty())
        {
            write!(f, " properties {}", Hexadecimal(properties))?;
        }
        match core::str::from_utf8(publish.payload) {
            Ok(text) if text.len() <= SHOWN => write!(f, " {text:?}"),
            _ => write!(f, " {}", Hexadecimal(publish.payload)),
        }
    }
}

/// How many bytes a report shows of a long part.
const SHOWN: usize = 400;

struct Hexadecimal<'a>(&'a [u8]);

impl fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.iter().take(SHOWN) {
            write!(f, "{byte:02x}")?;
        }
        if self.0.len() > SHOWN {
            write!(f, "… ({} bytes)", self.0.len())
        } else {
            Ok(())
        }
    }
}

/// A field with two bytes of length in front.
fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn variable_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (place, shift) in [(0, 0), (1, 7), (2, 14), (3, 21)] {
        let byte = *bytes.get(place)?;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_split_at_their_remaining_length() {
        assert_eq!(split_packet(&[0xc0, 0, 0x40]), Framing::Whole(2));
        assert_eq!(split_packet(&[0x30, 3, 0, 1]), Framing::NeedMore);
        assert_eq!(split_packet(&[0x30, 0x80]), Framing::NeedMore);
        assert_eq!(split_packet(&[]), Framing::NeedMore);
        assert_eq!(split_packet(&[0x30, 0x80, 0x01]), Framing::NeedMore);
        assert_eq!(
            split_packet(&[0x10, 0xff, 0xff, 0xff, 0xff, 1]),
            Framing::Malformed
        );
    }

    #[test]
    fn a_publish_falls_into_its_parts() {
        let bytes = b"\x32\x0a\x00\x01t\x00\x07\x02\x01\x00{}";
        let publish = PacketView::new(bytes, Protocol::V5).publish().unwrap();
        assert_eq!(publish.topic, b"t");
        assert_eq!(publish.packet_id, Some(7));
        assert_eq!(publish.properties, Some(&[1, 0][..]));
        assert_eq!(publish.payload, b"{}");
        let older = PacketView::new(bytes, Protocol::V311).publish().unwrap();
        assert_eq!(older.payload, b"\x02\x01\x00{}");
    }

    #[test]
    fn without_qos_there_is_no_packet_identifier() {
        let view = PacketView::new(b"\x30\x05\x00\x01t{}", Protocol::V311);
        assert_eq!(view.packet_id(), None);
        assert_eq!(view.to_string(), r#"PUBLISH "t" qos 0 "{}""#);
    }

    #[test]
    fn a_truncated_publish_is_shown_as_bytes() {
        let view = PacketView::new(&[0x32, 3, 0, 9, 1], Protocol::V311);
        assert_eq!(view.publish(), None);
        assert_eq!(view.to_string(), "PUBLISH 3203000901");
    }

    #[test]
    fn acknowledgements_have_the_identifier_in_front() {
        assert_eq!(
            PacketView::new(&[0x40, 2, 1, 2], Protocol::V5).packet_id(),
            Some(258)
        );
        assert_eq!(PacketView::new(&[0xd0, 0], Protocol::V5).packet_id(), None);
        assert_eq!(
            PacketView::new(&[0x40, 1, 1], Protocol::V5).packet_id(),
            None
        );
    }
}
