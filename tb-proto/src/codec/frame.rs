//! The fixed header: what can be judged before a body has arrived.

use super::{Malformed, ProtocolVersion, QoS, Qos2};

/// A fixed header that is allowed to come from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FixedHeader {
    pub(super) kind: Kind,
    /// Bytes of this header: 2 to 5.
    pub(super) len: usize,
    /// Bytes that follow: the remaining length.
    pub(super) body: usize,
}

/// What a server may send, with what the flag bits tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    ConnAck,
    Publish { qos: QoS, retain: bool, dup: bool },
    PubAck,
    Qos2(Qos2),
    SubAck,
    UnsubAck,
    PingResp,
    Disconnect,
    Auth,
}

impl FixedHeader {
    /// The header at the start of `bytes`; `None` if more bytes are needed to tell.
    ///
    /// Each byte is judged as soon as it is there, so a stream that can never become MQTT ends before
    /// its body is collected.
    pub(super) fn read(bytes: &[u8], version: ProtocolVersion) -> Result<Option<Self>, Malformed> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let kind = Kind::of(first, version)?;
        let Some((body, length_len)) = variable_byte_integer(rest)? else {
            return Ok(None);
        };
        if !kind.body_range(version).contains(&body) {
            return Err(Malformed::BodyLength(first >> 4));
        }
        Ok(Some(Self {
            kind,
            len: 1 + length_len,
            body,
        }))
    }

    /// Bytes of the whole packet. Both parts are small: this cannot overflow.
    pub(super) const fn packet_len(&self) -> usize {
        self.len + self.body
    }
}

impl Kind {
    fn of(first: u8, version: ProtocolVersion) -> Result<Self, Malformed> {
        let number = first >> 4;
        let kind = match (number, version) {
            (2, _) => Self::ConnAck,
            (3, _) => return Self::publish(first),
            (4, _) => Self::PubAck,
            (5, _) => Self::Qos2(Qos2::Received),
            (6, _) => Self::Qos2(Qos2::Release),
            (7, _) => Self::Qos2(Qos2::Complete),
            (9, _) => Self::SubAck,
            (11, _) => Self::UnsubAck,
            (13, _) => Self::PingResp,
            (14, ProtocolVersion::V5) => Self::Disconnect,
            (15, ProtocolVersion::V5) => Self::Auth,
            _ => return Err(Malformed::PacketType(number)),
        };
        // [MQTT-3.6.1-1]: PUBREL alone has a bit set.
        let flags = match kind {
            Self::Qos2(Qos2::Release) => 0b0010,
            _ => 0,
        };
        if first & 0x0F == flags {
            Ok(kind)
        } else {
            Err(Malformed::Flags(first))
        }
    }

    fn publish(first: u8) -> Result<Self, Malformed> {
        let dup = first & 0b1000 != 0;
        let qos = match (first >> 1) & 0b11 {
            0 if dup => return Err(Malformed::DupAtQoS0),
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            2 => return Err(Malformed::QoS2),
            _ => return Err(Malformed::QoS3),
        };
        Ok(Self::Publish {
            qos,
            retain: first & 1 != 0,
            dup,
        })
    }

    /// The lengths that the body can have at all.
    fn body_range(self, version: ProtocolVersion) -> core::ops::RangeInclusive<usize> {
        let v5 = version == ProtocolVersion::V5;
        let (least, most) = match self {
            Self::ConnAck | Self::PubAck | Self::Qos2(_) if v5 => (2, usize::MAX),
            Self::ConnAck | Self::PubAck | Self::Qos2(_) => (2, 2),
            // Length of the topic, one character of it, packet identifier, property length.
            Self::Publish { qos, .. } => (
                3 + 2 * usize::from(qos.bits()) + usize::from(v5),
                usize::MAX,
            ),
            // Packet identifier, property length, any number of codes.
            Self::SubAck => (2 + usize::from(v5), usize::MAX),
            Self::UnsubAck if v5 => (3, usize::MAX),
            Self::UnsubAck => (2, 2),
            Self::PingResp => (0, 0),
            Self::Disconnect | Self::Auth => (0, usize::MAX),
        };
        least..=most
    }
}

/// Reads a variable byte integer: its value and its length; `None` if it is not complete.
#[inline]
pub(super) fn variable_byte_integer(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    match bytes.first() {
        Some(&byte) if byte < 0x80 => Ok(Some((byte.into(), 1))),
        _ => long_variable_byte_integer(bytes),
    }
}

fn long_variable_byte_integer(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let mut value = 0;
    for (i, &byte) in bytes.iter().enumerate().take(4) {
        value |= usize::from(byte & 0x7F) << (7 * i);
        if byte & 0x80 == 0 {
            // [MQTT-1.5.5-1]: a last byte of zero says nothing that was not said without it.
            if byte == 0 && i > 0 {
                return Err(Malformed::VariableByteInteger);
            }
            return Ok(Some((value, i + 1)));
        }
    }
    if bytes.len() >= 4 {
        return Err(Malformed::VariableByteInteger);
    }
    Ok(None)
}
