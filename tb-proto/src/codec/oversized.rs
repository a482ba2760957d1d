//! A message over the limit: read as far as it takes to acknowledge it, then passed over.

use super::frame::FixedHeader;
use super::incoming::{Incoming, ReceivedTopic};
use super::publish::topic_name;
use super::{Malformed, QoS};

/// Where we are in such a message.
#[derive(Debug)]
pub(super) struct Oversized {
    qos: QoS,
    len: usize,
    /// Bytes of the packet that are still to come.
    left: usize,
    /// The longest topic that is held.
    limit: usize,
    topic: Option<ReceivedTopic>,
    packet_id: Option<u16>,
    next: Field,
}

/// What the next byte belongs to.
#[derive(Debug)]
enum Field {
    TopicLength,
    Topic {
        len: usize,
    },
    /// A topic that is itself over the limit.
    LongTopic {
        left: usize,
    },
    PacketIdentifier,
    Rest,
}

impl Oversized {
    /// A PUBLISH whose fixed header has been read.
    pub(super) const fn new(qos: QoS, header: FixedHeader, limit: usize) -> Self {
        Self {
            qos,
            len: header.packet_len(),
            left: header.body,
            limit,
            topic: None,
            packet_id: None,
            next: Field::TopicLength,
        }
    }

    /// What is known of it, once all of it has passed.
    pub(super) fn take_report(&mut self) -> Option<Incoming> {
        (self.left == 0).then(|| Incoming::OversizedPublish {
            topic: self.topic.take(),
            packet_id: self.packet_id,
            qos: self.qos,
            len: self.len,
        })
    }

    /// Takes what is known of it from the start of `bytes` and gives back what is still needed: a
    /// field that is not complete, or what follows the packet.
    pub(super) fn read<'a>(&mut self, mut bytes: &'a [u8]) -> Result<&'a [u8], Malformed> {
        while let Some(rest) = self.read_field(bytes)? {
            bytes = rest;
        }
        Ok(bytes)
    }

    /// One field; `None` if it is not complete or there is no further one.
    fn read_field<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
        match self.next {
            Field::TopicLength => {
                let Some((len, rest)) = bytes.split_first_chunk::<2>() else {
                    return Ok(None);
                };
                self.begin_topic(usize::from(u16::from_be_bytes(*len)))?;
                Ok(Some(rest))
            }
            Field::Topic { len } => {
                let Some((name, rest)) = bytes.split_at_checked(len) else {
                    return Ok(None);
                };
                self.topic = Some(ReceivedTopic::checked(topic_name(name)?));
                self.left = self.left.saturating_sub(len);
                self.next = self.after_topic();
                Ok(Some(rest))
            }
            Field::LongTopic { left } => {
                let (passed, rest) = split_at_most(bytes, left);
                self.left = self.left.saturating_sub(passed);
                self.next = match left - passed {
                    0 => self.after_topic(),
                    left => Field::LongTopic { left },
                };
                Ok((passed > 0).then_some(rest))
            }
            Field::PacketIdentifier => {
                let Some((id, rest)) = bytes.split_first_chunk::<2>() else {
                    return Ok(None);
                };
                self.packet_id = Some(u16::from_be_bytes(*id));
                self.left = self.left.saturating_sub(2);
                self.next = Field::Rest;
                Ok(Some(rest))
            }
            Field::Rest => {
                let (passed, rest) = split_at_most(bytes, self.left);
                self.left -= passed;
                Ok((passed > 0).then_some(rest))
            }
        }
    }

    fn begin_topic(&mut self, len: usize) -> Result<(), Malformed> {
        self.left = self.left.saturating_sub(2);
        let identifier = 2 * usize::from(self.qos.bits());
        if len + identifier > self.left {
            return Err(Malformed::CutShort);
        }
        self.next = if len > self.limit {
            Field::LongTopic { left: len }
        } else {
            Field::Topic { len }
        };
        Ok(())
    }

    const fn after_topic(&self) -> Field {
        match self.qos {
            QoS::AtMostOnce => Field::Rest,
            QoS::AtLeastOnce => Field::PacketIdentifier,
        }
    }
}

/// How many of the first `most` bytes are there, and what follows them.
fn split_at_most(bytes: &[u8], most: usize) -> (usize, &[u8]) {
    match bytes.split_at_checked(most) {
        Some((_, rest)) => (most, rest),
        None => (bytes.len(), &[]),
    }
}
