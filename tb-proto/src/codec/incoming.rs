//! The packets that a server sends.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

use bytes::Bytes;

use super::{PacketIdentifier, QoS};

/// A packet from the server. Reason codes are the numbers on the wire: what they mean depends on the
/// packet, and a server may use one that this SDK does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// Rare and large: the others are not to be moved about with its size.
    ConnAck(Box<ConnAck>),
    Publish(Publish),
    /// A PUBLISH over the decoder's limit: all of it has passed, its payload was never held.
    OversizedPublish {
        /// `None` if the topic alone is longer than what is held of such a packet.
        topic: Option<ReceivedTopic>,
        /// `None` at QoS 0. As in [`Publish`] it can be 0.
        packet_id: Option<u16>,
        qos: QoS,
        /// Bytes of the whole packet.
        len: usize,
    },
    PubAck {
        id: PacketIdentifier,
        /// 0 on MQTT 3.1.1, which has no reason codes here.
        reason: u8,
    },
    /// Part of a QoS 2 exchange, which we never begin.
    Qos2 {
        kind: Qos2,
        id: PacketIdentifier,
    },
    SubAck {
        id: PacketIdentifier,
        /// One for each filter; 0x80 and above is a refusal in both versions.
        codes: Vec<u8>,
    },
    UnsubAck {
        id: PacketIdentifier,
        /// One for each filter; empty on MQTT 3.1.1.
        codes: Vec<u8>,
    },
    PingResp,
    /// MQTT 5 only.
    Disconnect {
        reason: u8,
        reason_string: Option<String>,
    },
    /// MQTT 5 only. We never ask for an authentication exchange, so it is the server's mistake.
    Auth,
}

/// The answer to CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnAck {
    /// ThingsBoard sets it with refusals too, so it is told as it came.
    pub(crate) session_present: bool,
    /// 0 is acceptance. A server that does not speak MQTT 5 answers with a code of MQTT 3.1.1 (1 to
    /// 5), even to an MQTT 5 CONNECT.
    pub(crate) code: u8,
    pub(crate) properties: ConnAckProperties,
}

/// The properties of CONNACK that a client obeys or reports. All are `None` on MQTT 3.1.1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnAckProperties {
    /// QoS 1 messages that may be unacknowledged at a time; never 0.
    pub(crate) receive_maximum: Option<u16>,
    /// Bytes of the largest packet that the server takes, fixed header included; never 0.
    pub(crate) maximum_packet_size: Option<u32>,
    /// 0 or 1.
    pub(crate) maximum_qos: Option<u8>,
    /// Seconds, in place of those we asked for.
    pub(crate) server_keep_alive: Option<u16>,
    pub(crate) assigned_client_identifier: Option<String>,
    pub(crate) reason_string: Option<String>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) topic: ReceivedTopic,
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
    /// 0 at QoS 0. ThingsBoard numbers its messages with 16 bits that wrap to 0 (C-043), so a QoS 1
    /// message may carry 0 too; it cannot be acknowledged.
    pub(crate) packet_id: u16,
    pub(crate) retain: bool,
    pub(crate) dup: bool,
}

/// The packets of a QoS 2 exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Qos2 {
    /// PUBREC
    Received,
    /// PUBREL
    Release,
    /// PUBCOMP
    Complete,
}

/// The topic of a message: UTF-8, not empty, without wildcards or U+0000.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct ReceivedTopic(String);

impl ReceivedTopic {
    /// `name` has passed the checks of a topic name.
    pub(super) fn checked(name: &str) -> Self {
        Self(String::from(name))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for ReceivedTopic {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for ReceivedTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for ReceivedTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
