//! The receive buffer, and packets out of it.

use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

use super::frame::{FixedHeader, Kind};
use super::incoming::{Incoming, Publish};
use super::oversized::Oversized;
use super::{Malformed, PacketIdentifier, ProtocolVersion, body, publish};

/// Capacity that an empty buffer keeps. More goes back: most connections are idle most of the time.
const RETAINED: usize = 4 * 1024;

/// A smaller payload is always copied out of the buffer, whatever else is in it.
const SMALL_PAYLOAD: usize = 4 * 1024;

/// Turns the bytes of one connection into packets, wherever they are cut.
///
/// Memory follows what has arrived, never what a header announces: at most one incomplete packet
/// within the limit, and the last chunk.
#[derive(Debug)]
pub(crate) struct Decoder {
    version: ProtocolVersion,
    limit: usize,
    buffer: Vec<u8>,
    /// Where the first unread byte of `buffer` is.
    start: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The next byte begins a packet.
    Packet,
    /// In the middle of a message over the limit.
    Oversized(Oversized),
    /// The stream cannot be read any further.
    Failed(Malformed),
}

impl Decoder {
    /// A decoder for a new connection. `limit` is the size of the largest packet that is delivered,
    /// fixed header included. A larger PUBLISH is skipped, any other larger packet is malformed.
    pub(crate) const fn new(version: ProtocolVersion, limit: usize) -> Self {
        Self {
            version,
            limit,
            buffer: Vec::new(),
            start: 0,
            state: State::Packet,
        }
    }

    /// Takes the next bytes of the connection. Poll until there is nothing more before the next push,
    /// or the chunks add up.
    pub(crate) fn push(&mut self, data: &[u8]) {
        if !matches!(self.state, State::Failed(_)) {
            self.make_room(data.len());
            self.buffer.extend_from_slice(data);
        }
    }

    /// The next packet; `None` if it has not arrived completely.
    ///
    /// A payload of at least 4 KiB that fills half of the buffer is handed out without a copy; the
    /// buffer goes with it. Any other is copied. So a payload that is kept holds at most twice its size.
    ///
    /// # Errors
    ///
    /// The stream is no MQTT. It stays so: every later call gives the same error.
    pub(crate) fn poll(&mut self) -> Result<Option<Incoming>, Malformed> {
        let polled = match self.state {
            State::Packet => self.poll_packet(),
            State::Oversized(_) => self.poll_oversized(),
            State::Failed(why) => return Err(why),
        };
        match &polled {
            Ok(None) => self.give_memory_back(),
            Ok(Some(_)) => {}
            Err(why) => {
                self.state = State::Failed(*why);
                self.buffer = Vec::new();
                self.start = 0;
            }
        }
        polled
    }

    /// Bytes of memory held.
    pub(crate) fn buffered(&self) -> usize {
        self.buffer.capacity()
    }

    /// The next packet, if it is PUBACK in its shortest form, which a client under load receives for every
    /// message.
    #[inline]
    pub(crate) fn poll_puback(&mut self) -> Option<PacketIdentifier> {
        let (State::Packet, [0x40, 2, high, low, ..]) = (&self.state, self.unread()) else {
            return None;
        };
        let id = PacketIdentifier::new(u16::from_be_bytes([*high, *low]))?;
        if self.limit < 4 {
            return None;
        }
        self.start += 4;
        Some(id)
    }

    fn poll_packet(&mut self) -> Result<Option<Incoming>, Malformed> {
        let Some(header) = FixedHeader::read(self.unread(), self.version)? else {
            return Ok(None);
        };
        if header.packet_len() > self.limit {
            return self.begin_oversized(header);
        }
        let end = self.start + header.packet_len();
        let Some(body) = self.buffer.get(self.start + header.len..end) else {
            return Ok(None);
        };
        self.start = end;
        match header.kind {
            Kind::Publish { qos, retain, dup } => {
                let head = publish::Head::read(body, qos, self.version)?;
                Ok(Some(Incoming::Publish(Publish {
                    topic: head.topic,
                    payload: self.take_payload(head.payload_len),
                    qos,
                    packet_id: head.packet_id,
                    retain,
                    dup,
                })))
            }
            Kind::PubAck => {
                let (id, reason) = body::acknowledgement(body)?;
                Ok(Some(Incoming::PubAck { id, reason }))
            }
            Kind::Qos2(kind) => {
                let (id, _) = body::acknowledgement(body)?;
                Ok(Some(Incoming::Qos2 { kind, id }))
            }
            Kind::ConnAck => body::connack(body, self.version).map(Some),
            Kind::SubAck => body::suback(body, self.version).map(Some),
            Kind::UnsubAck => body::unsuback(body, self.version).map(Some),
            Kind::PingResp => Ok(Some(Incoming::PingResp)),
            Kind::Disconnect => body::disconnect(body).map(Some),
            Kind::Auth => body::auth(body).map(Some),
        }
    }

    /// The last `len` bytes of the packet that was just read.
    fn take_payload(&mut self, len: usize) -> Bytes {
        let end = self.start;
        let begin = end - len;
        if len < SMALL_PAYLOAD || len < self.buffer.capacity() / 2 {
            return Bytes::copy_from_slice(self.buffer.get(begin..end).unwrap_or_default());
        }
        let rest = self.unread().to_vec();
        let mut buffer = mem::replace(&mut self.buffer, rest);
        self.start = 0;
        buffer.truncate(end);
        Bytes::from(buffer).split_off(begin)
    }

    fn begin_oversized(&mut self, header: FixedHeader) -> Result<Option<Incoming>, Malformed> {
        let Kind::Publish { qos, .. } = header.kind else {
            return Err(Malformed::TooLarge(header.packet_len()));
        };
        self.start += header.len;
        self.state = State::Oversized(Oversized::new(qos, header, self.limit));
        self.poll_oversized()
    }

    fn poll_oversized(&mut self) -> Result<Option<Incoming>, Malformed> {
        let State::Oversized(message) = &mut self.state else {
            return Ok(None);
        };
        let unread = self.buffer.get(self.start..).unwrap_or_default();
        let rest = message.read(unread)?.len();
        self.start = self.buffer.len() - rest;
        let report = message.take_report();
        if report.is_some() {
            self.state = State::Packet;
        }
        Ok(report)
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Makes room for `more` bytes. What was read is dropped once that moves no more bytes than it
    /// frees, so that the cost of a byte does not depend on how many packets share a chunk.
    fn make_room(&mut self, more: usize) {
        let unread = self.buffer.len() - self.start;
        let needed = unread.saturating_add(more);
        let capacity = self.buffer.capacity();
        if needed > capacity {
            // Twofold growth, but not beyond what an incomplete packet can need.
            let target = needed.max(self.limit.min(capacity.saturating_mul(2)));
            let mut larger = Vec::with_capacity(target);
            larger.extend_from_slice(self.unread());
            self.buffer = larger;
            self.start = 0;
        } else if self.start >= unread || capacity - self.buffer.len() < more {
            self.buffer.copy_within(self.start.., 0);
            self.buffer.truncate(unread);
            self.start = 0;
        }
    }

    fn give_memory_back(&mut self) {
        if self.start < self.buffer.len() {
            return;
        }
        self.start = 0;
        if self.buffer.capacity() > RETAINED {
            self.buffer = Vec::new();
        } else {
            self.buffer.clear();
        }
    }
}
