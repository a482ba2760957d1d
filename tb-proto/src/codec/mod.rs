//! Bytes to packets and back; the only place that names the codec crate.
//!
//! A client's half of MQTT 5 and 3.1.1. The [`Decoder`] frames and checks what a server sends before
//! anything is read from it; [`encode`] appends to the outgoing buffer. The packets that a client
//! sends and receives all day (PUBLISH, PUBACK) are read and written here; the bodies of the others
//! are `mqttbytes`', called only with what its functions take without harm.

mod body;
mod decoder;
pub(crate) mod encode;
mod filter;
mod frame;
mod incoming;
mod malformed;
mod oversized;
mod packet_identifier;
mod properties;
mod publish;
mod reason;
mod topic;
mod version;

#[cfg(test)]
mod tests;

pub(crate) use decoder::Decoder;
pub(crate) use encode::Connect;
#[cfg(test)]
pub(crate) use encode::EncodeError;
pub(crate) use filter::Filter;
pub use filter::InvalidFilter;
#[cfg(test)]
pub(crate) use incoming::ReceivedTopic;
pub(crate) use incoming::{ConnAck, ConnAckProperties, Incoming, Publish, Qos2};
pub use malformed::Malformed;
pub(crate) use packet_identifier::PacketIdentifier;
pub use reason::ReasonCode;
pub use topic::InvalidTopic;
pub(crate) use topic::Topic;
pub use version::{ProtocolVersion, QoS};

/// The largest length that a string or binary field can state.
const MAX_FIELD: usize = u16::MAX as usize;

/// The largest remaining length: four bytes of seven bits each.
const MAX_REMAINING_LENGTH: usize = 268_435_455;
