//! Packets to bytes, appended to the outgoing buffer. On an error nothing was appended.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::BytesMut;
use mqttbytes::{v4, v5};

use super::{
    Filter, MAX_FIELD, MAX_REMAINING_LENGTH, PacketIdentifier, ProtocolVersion, QoS, Topic,
};

/// CONNECT. There is no will: ThingsBoard does nothing with one.
#[derive(Clone, Copy)]
pub(crate) struct Connect<'a> {
    pub(crate) version: ProtocolVersion,
    /// 0 switches keep alive off.
    pub(crate) keep_alive_secs: u16,
    pub(crate) clean_start: bool,
    /// Empty lets the server choose, which MQTT 3.1.1 allows with `clean_start` only.
    pub(crate) client_id: &'a str,
    pub(crate) username: Option<&'a str>,
    /// MQTT 3.1.1 allows it with a user name only.
    pub(crate) password: Option<&'a str>,
    /// QoS 1 messages that the server may leave unacknowledged; MQTT 5 only, never 0.
    pub(crate) receive_maximum: Option<u16>,
    /// Bytes of the largest packet that the server may send; MQTT 5 only, never 0.
    pub(crate) maximum_packet_size: Option<u32>,
}

/// Why a packet cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EncodeError {
    /// More than 65,535 bytes in the client identifier, user name or password \[MQTT-1.5.4\].
    FieldTooLong,
    /// A remaining length over 268,435,455.
    PacketTooLong,
    /// \[MQTT-3.1.2-22\] of MQTT 3.1.1
    PasswordWithoutUsername,
    /// A user name or password that is there but empty.
    EmptyCredential,
    /// \[MQTT-3.1.3-8\] of MQTT 3.1.1
    EmptyClientIdentifier,
    /// A Receive Maximum or Maximum Packet Size of 0.
    LimitZero,
    /// \[MQTT-3.8.3-2\], \[MQTT-3.10.3-2\]
    NoFilter,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FieldTooLong => {
                "client identifier, user name and password have at most 65,535 bytes each"
            }
            Self::PacketTooLong => "a packet has at most 268,435,455 bytes after its header",
            Self::PasswordWithoutUsername => "MQTT 3.1.1 takes no password without a user name",
            Self::EmptyCredential => "leave a user name or password out instead of making it empty",
            Self::EmptyClientIdentifier => {
                "MQTT 3.1.1 takes an empty client identifier with a clean session only"
            }
            Self::LimitZero => "receive maximum and maximum packet size are at least 1",
            Self::NoFilter => "SUBSCRIBE and UNSUBSCRIBE need at least one topic filter",
        })
    }
}

impl core::error::Error for EncodeError {}

/// Appends CONNECT.
pub(crate) fn connect(connect: &Connect<'_>, out: &mut BytesMut) -> Result<(), EncodeError> {
    connect.check()?;
    // mqttbytes sets the connect flags at an index that it counts from the start of the buffer.
    let mut packet = BytesMut::new();
    let written = match connect.version {
        ProtocolVersion::V3_1_1 => connect.to_v4().write(&mut packet),
        ProtocolVersion::V5 => connect.to_v5().write(&mut packet),
    };
    written.map_err(|_| EncodeError::PacketTooLong)?;
    out.extend_from_slice(&packet);
    Ok(())
}

impl Connect<'_> {
    fn check(&self) -> Result<(), EncodeError> {
        let old = self.version == ProtocolVersion::V3_1_1;
        let fields = [Some(self.client_id), self.username, self.password];
        if fields.iter().flatten().any(|field| field.len() > MAX_FIELD) {
            return Err(EncodeError::FieldTooLong);
        }
        // What mqttbytes cannot write: it takes empty for absent.
        if self.username == Some("") || self.password == Some("") {
            return Err(EncodeError::EmptyCredential);
        }
        if old && self.password.is_some() && self.username.is_none() {
            return Err(EncodeError::PasswordWithoutUsername);
        }
        if old && self.client_id.is_empty() && !self.clean_start {
            return Err(EncodeError::EmptyClientIdentifier);
        }
        if self.receive_maximum == Some(0) || self.maximum_packet_size == Some(0) {
            return Err(EncodeError::LimitZero);
        }
        Ok(())
    }

    fn to_v4(self) -> v4::Connect {
        let mut packet = v4::Connect::new(self.client_id);
        packet.keep_alive = self.keep_alive_secs;
        packet.clean_session = self.clean_start;
        packet.login = self.has_login().then(|| v4::Login {
            username: String::from(self.username.unwrap_or_default()),
            password: String::from(self.password.unwrap_or_default()),
        });
        packet
    }

    fn to_v5(self) -> v5::Connect {
        let mut packet = v5::Connect::new(self.client_id);
        packet.keep_alive = self.keep_alive_secs;
        packet.clean_session = self.clean_start;
        packet.login = self.has_login().then(|| v5::Login {
            username: String::from(self.username.unwrap_or_default()),
            password: String::from(self.password.unwrap_or_default()),
        });
        packet.properties = Some(v5::ConnectProperties {
            session_expiry_interval: None,
            receive_maximum: self.receive_maximum,
            max_packet_size: self.maximum_packet_size,
            topic_alias_max: None,
            request_response_info: None,
            request_problem_info: None,
            user_properties: Vec::new(),
            authentication_method: None,
            authentication_data: None,
        });
        packet
    }

    const fn has_login(&self) -> bool {
        self.username.is_some() || self.password.is_some()
    }
}

/// PUBLISH, at QoS 1 if there is a packet identifier. Its length is known before anything is written, to
/// be compared with the server's Maximum Packet Size.
pub(crate) struct Publish<'a> {
    version: ProtocolVersion,
    topic: &'a Topic,
    id: Option<PacketIdentifier>,
    payload: &'a [&'a [u8]],
    remaining_length: usize,
}

impl<'a> Publish<'a> {
    /// `payload` is in parts. `None` if there is no packet that large.
    #[inline]
    pub(crate) fn new(
        version: ProtocolVersion,
        topic: &'a Topic,
        id: Option<PacketIdentifier>,
        payload: &'a [&'a [u8]],
    ) -> Option<Self> {
        let payload_len = payload
            .iter()
            .try_fold(0usize, |sum, part| sum.checked_add(part.len()))?;
        Some(Self {
            version,
            topic,
            id,
            payload,
            remaining_length: publish_body_len(version, topic, id.is_some(), payload_len)?,
        })
    }

    /// Bytes of the whole packet.
    pub(crate) const fn len(&self) -> usize {
        1 + remaining_length_len(self.remaining_length) + self.remaining_length
    }

    /// Appends it.
    #[inline]
    pub(crate) fn write(&self, out: &mut BytesMut) {
        out.reserve(self.len());
        self.write_head(out);
        self.topic.write_to(out);
        // MQTT 5: no properties. One append of a known size, as this is done for every reading.
        match (self.id.map(|id| id.get().to_be_bytes()), self.version) {
            (Some([high, low]), ProtocolVersion::V5) => out.extend_from_slice(&[high, low, 0]),
            (Some(id), ProtocolVersion::V3_1_1) => out.extend_from_slice(&id),
            (None, ProtocolVersion::V5) => out.extend_from_slice(&[0]),
            (None, ProtocolVersion::V3_1_1) => {}
        }
        // Only what is of a child has something around it.
        for part in self.payload.iter().filter(|part| !part.is_empty()) {
            out.extend_from_slice(part);
        }
    }

    /// Appends the fixed header and the length of the topic: again one append of a known size.
    fn write_head(&self, out: &mut BytesMut) {
        let first = if self.id.is_some() { 0x32 } else { 0x30 };
        let body = self.remaining_length;
        let [a, b, c, d] = [0, 7, 14, 21].map(|shift| (body >> shift & 0x7F) as u8);
        let [x, y] = (self.topic.len() as u16).to_be_bytes();
        match remaining_length_len(body) {
            1 => out.extend_from_slice(&[first, a, x, y]),
            2 => out.extend_from_slice(&[first, a | 0x80, b, x, y]),
            3 => out.extend_from_slice(&[first, a | 0x80, b | 0x80, c, x, y]),
            _ => out.extend_from_slice(&[first, a | 0x80, b | 0x80, c | 0x80, d, x, y]),
        }
    }
}

/// Appends PUBLISH, at QoS 1 if there is a packet identifier. Gives the bytes written.
#[cfg(any(test, feature = "_fuzzing"))]
pub(crate) fn publish(
    version: ProtocolVersion,
    topic: &Topic,
    id: Option<PacketIdentifier>,
    payload: &[&[u8]],
    out: &mut BytesMut,
) -> Result<usize, EncodeError> {
    let packet = Publish::new(version, topic, id, payload).ok_or(EncodeError::PacketTooLong)?;
    packet.write(out);
    Ok(packet.len())
}

/// Length of a packet with this *remaining length*, fixed header included.
pub(crate) fn packet_len(remaining_length: usize) -> Option<usize> {
    (1 + remaining_length_len(remaining_length)).checked_add(remaining_length)
}

/// Bytes of a whole PUBLISH, to compare with the server's Maximum Packet Size; `None` if there is no
/// such packet.
pub(crate) fn publish_len(
    version: ProtocolVersion,
    topic: &Topic,
    qos1: bool,
    payload_len: usize,
) -> Option<usize> {
    let body = publish_body_len(version, topic, qos1, payload_len)?;
    Some(1 + remaining_length_len(body) + body)
}

fn publish_body_len(
    version: ProtocolVersion,
    topic: &Topic,
    qos1: bool,
    payload_len: usize,
) -> Option<usize> {
    let properties = usize::from(version == ProtocolVersion::V5);
    let head = 2 + topic.len() + 2 * usize::from(qos1) + properties;
    head.checked_add(payload_len)
        .filter(|&body| body <= MAX_REMAINING_LENGTH)
}

const fn remaining_length_len(body: usize) -> usize {
    match body {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// Appends PUBACK with success, which both versions write in the same way.
pub(crate) fn puback(_version: ProtocolVersion, id: PacketIdentifier, out: &mut BytesMut) {
    let [high, low] = id.get().to_be_bytes();
    out.extend_from_slice(&[0x40, 2, high, low]);
}

/// How many of these filters, the first ones, go into one SUBSCRIBE or UNSUBSCRIBE of at most `limit`
/// bytes, fixed header included.
pub(crate) fn filters_that_fit<'a>(
    version: ProtocolVersion,
    filters: impl IntoIterator<Item = &'a Filter>,
    limit: usize,
) -> usize {
    // Packet identifier and property length.
    let start = 2 + usize::from(version == ProtocolVersion::V5);
    filters
        .into_iter()
        .scan(start, |body, filter| {
            // Length, text, and the options that SUBSCRIBE alone has.
            *body += 2 + filter.as_str().len() + 1;
            Some(*body)
        })
        .take_while(|&body| {
            body <= MAX_REMAINING_LENGTH && 1 + remaining_length_len(body) + body <= limit
        })
        .count()
}

/// Appends SUBSCRIBE.
pub(crate) fn subscribe(
    version: ProtocolVersion,
    id: PacketIdentifier,
    filters: &[(&Filter, QoS)],
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    check_filters(filters.iter().map(|(filter, _)| filter.as_str().len() + 3))?;
    let path = |filter: &Filter| String::from(filter.as_str());
    let written = match version {
        ProtocolVersion::V3_1_1 => {
            let mut packet = v4::Subscribe::empty_subscribe();
            packet.pkid = id.get();
            for &(filter, qos) in filters {
                packet.add(path(filter), mqttbytes_qos(qos));
            }
            packet.write(out)
        }
        ProtocolVersion::V5 => {
            let mut packet = v5::Subscribe::empty_subscribe();
            packet.pkid = id.get();
            for &(filter, qos) in filters {
                packet.add(path(filter), mqttbytes_qos(qos));
            }
            packet.write(out)
        }
    };
    written.map(drop).map_err(|_| EncodeError::PacketTooLong)
}

/// Appends UNSUBSCRIBE.
pub(crate) fn unsubscribe(
    version: ProtocolVersion,
    id: PacketIdentifier,
    filters: &[&Filter],
    out: &mut BytesMut,
) -> Result<(), EncodeError> {
    check_filters(filters.iter().map(|filter| filter.as_str().len() + 2))?;
    let filters = filters.iter().map(|filter| String::from(filter.as_str()));
    let written = match version {
        ProtocolVersion::V3_1_1 => v4::Unsubscribe {
            pkid: id.get(),
            topics: filters.collect(),
        }
        .write(out),
        ProtocolVersion::V5 => v5::Unsubscribe {
            pkid: id.get(),
            filters: filters.collect(),
            properties: None,
        }
        .write(out),
    };
    written.map(drop).map_err(|_| EncodeError::PacketTooLong)
}

/// Checks a list of filters, given as the bytes that each takes, before anything is written.
fn check_filters(mut lens: impl ExactSizeIterator<Item = usize>) -> Result<(), EncodeError> {
    if lens.len() == 0 {
        return Err(EncodeError::NoFilter);
    }
    // Packet identifier and property length.
    lens.try_fold(3usize, |sum, len| sum.checked_add(len))
        .filter(|&body| body <= MAX_REMAINING_LENGTH)
        .map(drop)
        .ok_or(EncodeError::PacketTooLong)
}

const fn mqttbytes_qos(qos: QoS) -> mqttbytes::QoS {
    match qos {
        QoS::AtMostOnce => mqttbytes::QoS::AtMostOnce,
        QoS::AtLeastOnce => mqttbytes::QoS::AtLeastOnce,
    }
}

/// Appends PINGREQ.
pub(crate) fn pingreq(out: &mut BytesMut) {
    out.extend_from_slice(&[0xC0, 0]);
}

/// Appends DISCONNECT with reason 0, normal disconnection, which both versions write in the same way.
pub(crate) fn disconnect(_version: ProtocolVersion, out: &mut BytesMut) {
    out.extend_from_slice(&[0xE0, 0]);
}
